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

/// Deletes what has expired, as far as the caller may. Measures the coverage of every unretired version whose tables exist and are open
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
    Ok(())
}

const MAY_RECORD: &str = "
    SELECT has_any_column_privilege('annex.measurement', 'INSERT')
        AND NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";

const READABLE: &str = "
    SELECT v.model, v.version
    FROM annex.version v
    JOIN annex.model m ON m.model = v.model
    JOIN pg_class s ON s.oid = m.source::oid
    JOIN pg_class e ON e.oid = v.embeddings::oid
    WHERE NOT EXISTS (SELECT FROM annex.retirement r WHERE r.model = v.model AND r.version = v.version)
        AND has_table_privilege(s.oid, 'SELECT') AND has_table_privilege(e.oid, 'SELECT')
    ORDER BY v.model, v.version";
