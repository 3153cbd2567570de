//! Checks that a model still is what it was, and keeps the measurements fresh.

use super::coverage::{self, Coverage};
use super::lookup::{Model, Version, check_model, type_schema};
use super::sampling;
use crate::error::{Error, Result, SqlState};
use crate::pg::function::Raw;
use crate::pg::spi::{Param, Session};

/// Cosine similarity of a vector to the one that the text must give; recorded if the caller may.
/// # Errors
/// 42704 and 55000 as everywhere, 42704 if the text is no sentinel, 22000 for other dimensions, 23514 for too low a similarity.
pub fn check_sentinel(
    session: &Session,
    name: &str,
    number: i32,
    content: &str,
    embedding: Raw,
) -> Result<f64> {
    check_model(session, name)?;
    let version = Version::read(session, name, number)?;
    let schema = type_schema(session)?;
    let sql = format!(
        "SELECT 1 - {schema}.cosine_distance(embedding, $4) FROM annex.sentinel
         WHERE model = $1 AND version = $2 AND content = $3"
    );
    let parameters = [
        name.into(),
        number.into(),
        content.into(),
        Param::raw(embedding),
    ];
    let rows = session.lookup(&sql, &parameters)?;
    let Some(similarity) = rows.first().and_then(|row| row.double(0)) else {
        return Err(Error::new(
            SqlState::UndefinedObject,
            format!("version {number} of model \"{name}\" has no sentinel for this text"),
        ));
    };
    let minimum = version.minimum.sentinel;
    // NaN, which a zero vector gives, is no similarity.
    if similarity.is_nan() || similarity < minimum {
        return Err(Error::new(
            SqlState::CheckViolation,
            format!(
                "sentinel of version {number} of model \"{name}\" has similarity {similarity:.6}, at least {minimum} required"
            ),
        )
        .with_hint("Make sure that the model that made the vector is the one that was registered."));
    }
    let may_record = session.lookup(MAY_RECORD, &[])?;
    if may_record.first().is_some_and(|row| row.is_true(0)) {
        session.execute(
            "INSERT INTO annex.measurement (model, version, kind, value) VALUES ($1, $2, 'sentinel', $3)",
            &[name.into(), number.into(), similarity.into()],
        )?;
    }
    Ok(similarity)
}

/// Deletes what has expired, as far as the caller may. Records the time of searches where it is counted, and measures the coverage of every unretired version whose tables exist and are open
/// to the caller in full. A model whose source has lost a column is left out: it must not keep the others from being measured.
/// # Errors
/// PostgreSQL's own are raised.
pub fn maintain(session: &Session) -> Result<()> {
    sampling::trim(session)?;
    for row in session.lookup(READABLE, &[])? {
        if let (Some(name), Some(number)) = (row.text(0), row.int(1)) {
            let model = Model::read(session, &name);
            let version = Version::read(session, &name, number);
            let (Ok(model), Ok(version)) = (model, version) else {
                // So is one with a column that the caller must not cast, and a version that was retired just now.
                continue;
            };
            if coverage::is_hidden(session, &model, &version)? {
                continue;
            }
            Coverage::count(session, &model, &version)?.record(session, &name, number)?;
        }
    }
    record_latency(session)
}

/// Appends for each index that was scanned since the last time the mean time of these scans, if they are counted (see
/// `hnsw::scan_meter`) and the caller may. Counts that are lower than the last ones began anew since.
fn record_latency(session: &Session) -> Result<()> {
    let may_record = session.lookup(MAY_RECORD, &[])?;
    if !may_record.first().is_some_and(|row| row.is_true(0)) {
        return Ok(());
    }
    for row in session.lookup(SCANNED, &[])? {
        let parameters = [
            row.text(0).as_deref().into(),
            row.int(1).into(),
            row.double(2).into(),
            row.bigint(3).into(),
            row.text(4).as_deref().into(),
        ];
        session.execute(
            "INSERT INTO annex.measurement (model, version, kind, value, n, detail)
             VALUES ($1, $2, 'latency', $3, $4, $5::pg_catalog.jsonb)",
            &parameters,
        )?;
    }
    Ok(())
}

const MAY_RECORD: &str = "
    SELECT has_any_column_privilege('annex.measurement', 'INSERT')
        AND NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";

const SCANNED: &str = "
    SELECT v.model, v.version, (t.total_ms - since.total_ms) / (t.scans - since.scans), t.scans - since.scans,
        jsonb_build_object('index', i.relname, 'oid', i.oid::bigint, 'scans', t.scans, 'total_ms', t.total_ms)::text
    FROM annex.version v
    JOIN pg_index x ON x.indrelid = v.embeddings::oid
    JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_am a ON a.oid = i.relam AND a.amname = 'hnsw'
    CROSS JOIN LATERAL annex.scan_totals(i.oid) t
    LEFT JOIN LATERAL (
        SELECT (m.detail ->> 'scans')::bigint AS scans, (m.detail ->> 'total_ms')::float8 AS total_ms
        FROM annex.measurement m
        WHERE m.model = v.model AND m.version = v.version AND m.kind = 'latency' AND m.detail ->> 'oid' = i.oid::text
        ORDER BY m.id DESC LIMIT 1
    ) last ON last.scans <= t.scans AND last.total_ms <= t.total_ms
    CROSS JOIN LATERAL (SELECT coalesce(last.scans, 0) AS scans, coalesce(last.total_ms, 0) AS total_ms) since
    WHERE NOT EXISTS (SELECT FROM annex.retirement r WHERE r.model = v.model AND r.version = v.version) AND t.scans > since.scans
    ORDER BY v.model, v.version, i.oid";

const READABLE: &str = "
    SELECT v.model, v.version
    FROM annex.version v
    JOIN annex.model m ON m.model = v.model
    JOIN pg_class s ON s.oid = m.source::oid
    JOIN pg_class e ON e.oid = v.embeddings::oid
    WHERE NOT EXISTS (SELECT FROM annex.retirement r WHERE r.model = v.model AND r.version = v.version)
        AND has_table_privilege(s.oid, 'SELECT') AND has_table_privilege(e.oid, 'SELECT')
    ORDER BY v.model, v.version";
