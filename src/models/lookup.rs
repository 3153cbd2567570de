//! Reads the registry: models, versions, the newest deployment of an alias.

use super::errors;
use super::source::Source;
use crate::error::{Error, Result, SqlState};
use crate::pg::spi::{Access, Session};
use pgrx::pg_sys::Oid;

/// A required argument.
/// # Errors
/// 22004 if it is NULL.
pub fn required<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| Error::null_argument(name))
}

/// A registered model whose source exists.
#[derive(Debug, Clone)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// What it embeds.
    pub source: Source,
    /// Qualified name of the view that serves it; `None` if it was dropped.
    pub view: Option<String>,
}

impl Model {
    /// Finds a model by its name.
    /// # Errors
    /// 42704 if there is none, 55000 if its source was dropped, and those of [`Source::read`] if its columns were.
    pub fn read(session: &Session, name: &str) -> Result<Self> {
        let rows = session.lookup(MODEL, &[name.into()])?;
        let row = rows.first().ok_or_else(|| errors::no_model(name))?;
        let text = |column| row.text(column).unwrap_or_default();
        let source = match row.oid(0) {
            Some(source) => Source::read(session, source, &text(1), &text(2))?,
            None => return Err(errors::relation_gone(name, "Its source was dropped.")),
        };
        Ok(Self {
            name: name.to_owned(),
            source,
            view: row.text(3),
        })
    }
}

/// A registered version.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its number.
    pub number: i32,
    /// Dimensions of its vectors.
    pub dim: i32,
    /// `l2`, `cosine` or `ip`.
    pub metric: String,
    /// The table of its embeddings, as registered.
    pub embeddings: Oid,
    /// Qualified name of that table; `None` if it was dropped.
    pub table: Option<String>,
    /// Whether it is retired.
    pub is_retired: bool,
    /// What the hash of the stored artifact must be.
    pub artifact_sha256: Option<Vec<u8>>,
    /// Least coverage in percent, least recall, least similarity of a sentinel.
    pub minimum: Minimum,
}

/// The limits of `version.params`, or their defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minimum {
    /// Percent of the source's texts that have a current embedding.
    pub coverage: f64,
    /// Recall of the index.
    pub recall: f64,
    /// Cosine similarity of a sentinel's vectors.
    pub sentinel: f64,
}

impl Version {
    /// All versions of a model that are not retired, oldest first.
    /// # Errors
    /// PostgreSQL's own are raised.
    pub fn unretired(session: &Session, model: &str) -> Result<Vec<Self>> {
        let mut versions = Self::read_all(session, model, None)?;
        versions.retain(|version| !version.is_retired);
        Ok(versions)
    }

    /// One version that is not retired.
    /// # Errors
    /// 42704 if there is none, 55000 if it is retired.
    pub fn read(session: &Session, model: &str, number: i32) -> Result<Self> {
        let version = Self::read_all(session, model, Some(number))?.pop();
        let version = version.ok_or_else(|| errors::no_version(model, number))?;
        if version.is_retired {
            return Err(errors::retired(model, number));
        }
        Ok(version)
    }

    fn read_all(session: &Session, model: &str, number: Option<i32>) -> Result<Vec<Self>> {
        let rows = session.lookup(VERSIONS, &[model.into(), number.into()])?;
        let version = |row: &crate::pg::spi::Row| {
            Some(Self {
                number: row.int(0)?,
                dim: row.int(1)?,
                metric: row.text(2)?,
                embeddings: row.oid(3)?,
                table: row.text(4),
                is_retired: row.is_true(5),
                artifact_sha256: row.bytes(6),
                minimum: Minimum {
                    coverage: row.double(7)?,
                    recall: row.double(8)?,
                    sentinel: row.double(9)?,
                },
            })
        };
        Ok(rows.iter().filter_map(version).collect())
    }

    /// Qualified name of the table of embeddings.
    /// # Errors
    /// 55000 if it was dropped.
    pub fn table(&self, model: &str) -> Result<&str> {
        let gone = || {
            let number = self.number;
            errors::relation_gone(
                model,
                format!("The table of embeddings of version {number} was dropped."),
            )
        };
        self.table.as_deref().ok_or_else(gone)
    }
}

/// A row of `annex.deployment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployment {
    /// Its number.
    pub id: i64,
    /// What the alias points to; `None` if it was removed.
    pub version: Option<i32>,
    /// The row that a rollback returns to.
    pub undo: Option<i64>,
}

impl Deployment {
    /// The row in force for an alias.
    /// # Errors
    /// PostgreSQL's own are raised.
    pub fn newest(session: &Session, model: &str, alias: &str) -> Result<Option<Self>> {
        let rows = session.lookup(NEWEST, &[model.into(), alias.into()])?;
        Ok(rows.first().and_then(Self::of))
    }

    /// The row that a rollback of `self` returns to: the first one back whose version is not retired.
    /// # Errors
    /// PostgreSQL's own are raised.
    pub fn rollback_target(&self, session: &Session, model: &str) -> Result<Option<Self>> {
        let rows = session.lookup(ROLLBACK_TARGET, &[model.into(), self.undo.into()])?;
        Ok(rows.first().and_then(Self::of))
    }

    fn of(row: &crate::pg::spi::Row) -> Option<Self> {
        Some(Self {
            id: row.bigint(0)?,
            version: row.int(1),
            undo: row.bigint(2),
        })
    }
}

/// Schema of the extension's types, quoted.
/// # Errors
/// XX000 if the extension is not there.
pub fn type_schema(session: &Session) -> Result<String> {
    let rows = session.lookup(TYPE_SCHEMA, &[])?;
    let missing = || Error::new(SqlState::InternalError, "extension \"annex\" was not found");
    rows.first().and_then(|row| row.text(0)).ok_or_else(missing)
}

/// Whether there is such a model, for functions that need nothing of its source.
/// # Errors
/// 42704 if there is none.
pub fn check_model(session: &Session, name: &str) -> Result<()> {
    let sql = "SELECT 1 FROM annex.model WHERE model = $1";
    if session.lookup(sql, &[name.into()])?.is_empty() {
        return Err(errors::no_model(name));
    }
    Ok(())
}

/// Says first of all who may not, before anything is told about the model. `table` is one of the schema `annex`.
/// # Errors
/// 42501.
pub fn check_may_insert(session: &Session, table: &str) -> Result<()> {
    let qualified = format!("annex.{table}");
    match session.lookup(MAY_INSERT, &[(&qualified).into()])?.first() {
        Some(row) if row.is_true(0) => Ok(()),
        _ => Err(errors::denied(format!(
            "permission denied for table {table}"
        ))),
    }
}

/// Locks the row of a model, so that nobody retires a version of it or registers one meanwhile. Returns a session that sees
/// which ones are retired now: a transaction in REPEATABLE READ may have begun before.
/// # Errors
/// PostgreSQL's own are raised.
pub fn lock_against_retirement(session: &Session, model: &str) -> Result<Session> {
    session.lookup(LOCK_SHARED, &[model.into()])?;
    Ok(Session::begin(Access::Latest))
}

/// Locks the row of a model, so that nobody else registers or retires a version of it, or moves an alias of it.
/// # Errors
/// PostgreSQL's own are raised.
pub fn lock_model(session: &Session, model: &str) -> Result<()> {
    session.lookup(LOCK, &[model.into()]).map(drop)
}

const MODEL: &str = "
    SELECT c.oid, m.key_column::text, m.content_column::text,
        (SELECT format('%I.%I', n.nspname, w.relname) FROM pg_class w JOIN pg_namespace n ON n.oid = w.relnamespace
            WHERE w.oid = m.serving_view::oid)
    FROM annex.model m LEFT JOIN pg_class c ON c.oid = m.source::oid
    WHERE m.model = $1";

const VERSIONS: &str = "
    SELECT v.version, v.dim, v.metric, v.embeddings::oid,
        (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid = v.embeddings::oid),
        r.model IS NOT NULL, v.artifact_sha256,
        coalesce((v.params ->> 'min_coverage')::float8, 100),
        coalesce((v.params ->> 'min_recall')::float8, 0.9),
        coalesce((v.params ->> 'sentinel_min')::float8, 0.999)
    FROM annex.version v LEFT JOIN annex.retirement r ON r.model = v.model AND r.version = v.version
    WHERE v.model = $1 AND ($2 IS NULL OR v.version = $2)
    ORDER BY v.version";

const NEWEST: &str = "
    SELECT id, version, undo FROM annex.deployment WHERE model = $1 AND alias = $2 ORDER BY id DESC LIMIT 1";

/// UNION, not UNION ALL: rows written by hand may form a circle.
const ROLLBACK_TARGET: &str = "
    WITH RECURSIVE chain AS (
        SELECT d.id, d.version, d.undo FROM annex.deployment d WHERE d.id = $2 AND d.model = $1 AND d.alias = 'champion'
        UNION
        SELECT d.id, d.version, d.undo FROM chain c JOIN annex.deployment d ON d.id = c.undo
        WHERE d.model = $1 AND d.alias = 'champion'
    )
    SELECT c.id, c.version, c.undo FROM chain c
    WHERE NOT EXISTS (SELECT FROM annex.retirement r WHERE r.model = $1 AND r.version = c.version)
    ORDER BY c.id DESC LIMIT 1";

const TYPE_SCHEMA: &str = "
    SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'annex'";

const MAY_INSERT: &str = "SELECT has_any_column_privilege($1, 'INSERT')";

const LOCK_SHARED: &str = "SELECT 1 FROM annex.model WHERE model = $1 FOR KEY SHARE";
const LOCK: &str = "SELECT 1 FROM annex.model WHERE model = $1 FOR UPDATE";
