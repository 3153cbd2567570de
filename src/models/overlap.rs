//! How alike two versions answer: the share of neighbours on which they agree, for rows that both hold.

use super::errors;
use super::lookup::{Model, Version, type_schema};
use crate::error::Result;
use crate::pg::settings::SettingsLevel;
use crate::pg::spi::Session;

/// Most neighbours of a row that are compared.
const MAX_K: i32 = 1000;

/// The distance operator of a version's metric.
pub fn operator(version: &Version) -> &'static str {
    match version.metric.as_str() {
        "l2" => "<->",
        "ip" => "<#>",
        _ => "<=>",
    }
}

/// The mean share of the `k` nearest rows on which two versions agree, over `n` rows that follow from their keys; rows that
/// only one version holds are left out. Between 0 and 1; `None` if there are no two rows that both hold.
/// # Errors
/// 42704 and 55000 as everywhere, 22023 for `k` or `n` out of range.
pub fn overlap(
    session: &Session,
    name: &str,
    numbers: (i32, i32),
    k: i32,
    n: i32,
) -> Result<Option<f64>> {
    if !(1..=MAX_K).contains(&k) {
        let message = format!("k must be between 1 and {MAX_K}");
        return Err(errors::invalid(message).with_detail(format!("It is {k}.")));
    }
    if n < 1 {
        return Err(errors::invalid("n must be at least 1").with_detail(format!("It is {n}.")));
    }
    let model = Model::read(session, name)?;
    let first = Version::read(session, name, numbers.0)?;
    let second = Version::read(session, name, numbers.1)?;
    let (table1, table2) = (first.table(name)?, second.table(name)?);
    let (key, equal) = (model.source.key_name(), &model.source.key.equal);
    let schema = type_schema(session)?;
    let nearest = |table: &str, other: &str, embedding: &str, version: &Version| {
        format!(
            "SELECT x.{key} AS key FROM {table} x
             WHERE NOT (x.{key} {equal} q.key) AND EXISTS (SELECT FROM {other} y WHERE y.{key} {equal} x.{key})
             ORDER BY x.embedding OPERATOR({schema}.{operator}) q.{embedding} LIMIT $1",
            operator = operator(version)
        )
    };
    let nearest1 = nearest(table1, table2, "embedding1", &first);
    let nearest2 = nearest(table2, table1, "embedding2", &second);
    let pairs = format!("{table1} a JOIN {table2} b ON b.{key} {equal} a.{key}");
    // Of fewer than k others all are neighbours.
    let common = format!("SELECT pg_catalog.count(*) FROM (SELECT FROM {pairs} LIMIT $1) c");
    let rows = session.query(&common, &[(i64::from(k) + 1).into()])?;
    let neighbors = rows.first().and_then(|row| row.bigint(0)).unwrap_or(0) - 1;
    if neighbors < 1 {
        return Ok(None);
    }
    let sql = format!(
        "WITH q AS MATERIALIZED (
             SELECT a.{key} AS key, a.embedding AS embedding1, b.embedding AS embedding2 FROM {pairs}
             ORDER BY annex.bucket('annex.overlap', a.{key}::pg_catalog.text), a.{key} LIMIT $2
         )
         SELECT pg_catalog.avg(agreed.count::pg_catalog.float8 OPERATOR(pg_catalog./) $1::pg_catalog.float8)
         FROM q, LATERAL (
             SELECT pg_catalog.count(*) AS count FROM ({nearest1}) l JOIN ({nearest2}) r ON l.key {equal} r.key
         ) agreed"
    );
    // A scan that ends at hnsw.ef_search could not return more neighbours than that, nor go on past rows that are left out.
    let settings = SettingsLevel::canonical_text();
    settings.set(c"hnsw.iterative_scan", c"strict_order");
    let rows = session.query(&sql, &[neighbors.into(), i64::from(n).into()])?;
    drop(settings);
    Ok(rows.first().and_then(|row| row.double(0)))
}
