//! How much of the source a version has embedded: counted, never estimated.

use super::json;
use super::lookup::{Model, Version};
use crate::error::Result;
use crate::pg::settings::SettingsLevel;
use crate::pg::spi::{Row, Session};

/// How far a version is: total, current, stale, missing, percent.
/// # Errors
/// 55000 if its table was dropped.
pub fn row(session: &Session, model: &Model, version: &Version) -> Result<Row> {
    let table = version.table(&model.name)?;
    let source = &model.source;
    let (key, content, equal) = (source.key_name(), &source.content, &source.key.equal);
    // Named operators all have one precedence: hence every parenthesis.
    let sql = format!(
        "SELECT n.total, n.current, n.embedded OPERATOR(pg_catalog.-) n.current, n.total OPERATOR(pg_catalog.-) n.embedded,
             CASE WHEN n.total OPERATOR(pg_catalog.=) 0 THEN 100.00
                  ELSE pg_catalog.round((100.0 OPERATOR(pg_catalog.*) n.current::pg_catalog.numeric)
                       OPERATOR(pg_catalog./) n.total::pg_catalog.numeric, 2) END
         FROM (
             SELECT pg_catalog.count(*) AS total, pg_catalog.count(v.content_hash) AS embedded,
                 pg_catalog.count(*) FILTER (WHERE v.content_hash OPERATOR(pg_catalog.=)
                     annex.content_hash(s.{content}::pg_catalog.text)) AS current
             FROM {from} s LEFT JOIN {table} v ON v.{key} {equal} s.{key}
             WHERE s.{content} IS NOT NULL
         ) n",
        from = source.name
    );
    // Hashes are of texts in the form in which `pending` hands them out.
    let settings = SettingsLevel::canonical_text();
    let row = session.query(&sql, &[])?.pop();
    drop(settings);
    Ok(row.unwrap_or_default())
}

/// Whether row security hides rows of source or embeddings from the caller: what he counts is not the coverage then.
/// # Errors
/// PostgreSQL's own are raised.
pub fn is_hidden(session: &Session, model: &Model, version: &Version) -> Result<bool> {
    let rows = session.lookup(
        "SELECT row_security_active($1) OR row_security_active($2)",
        &[model.source.oid.into(), version.embeddings.into()],
    )?;
    Ok(rows.first().is_some_and(|row| row.is_true(0)))
}

/// Coverage of a version, as counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// Texts of the source.
    pub total: i64,
    /// Of these, those with an embedding of what they say now.
    pub current: i64,
    /// Those edited since.
    pub stale: i64,
    /// Those without an embedding.
    pub missing: i64,
}

impl Coverage {
    /// Counts.
    /// # Errors
    /// 55000 if the table was dropped.
    pub fn count(session: &Session, model: &Model, version: &Version) -> Result<Self> {
        let row = row(session, model, version)?;
        let count = |column| row.bigint(column).unwrap_or(0);
        Ok(Self {
            total: count(0),
            current: count(1),
            stale: count(2),
            missing: count(3),
        })
    }

    /// Current ones in percent of all; 100 if there is no text.
    pub fn percent(&self) -> f64 {
        match self.total {
            0 => 100.0,
            total => 100.0 * self.current as f64 / total as f64,
        }
    }

    /// Appends it to the measurements.
    /// # Errors
    /// PostgreSQL's own are raised.
    pub fn record(&self, session: &Session, model: &str, version: i32) -> Result<()> {
        let detail = json::object([
            ("stale", self.stale.to_string()),
            ("missing", self.missing.to_string()),
        ]);
        session.execute(
            "INSERT INTO annex.measurement (model, version, kind, value, n, detail)
             VALUES ($1, $2, 'coverage', $3, $4, $5::pg_catalog.jsonb)",
            &[
                model.into(),
                version.into(),
                self.percent().into(),
                self.total.into(),
                (&detail).into(),
            ],
        )?;
        Ok(())
    }
}
