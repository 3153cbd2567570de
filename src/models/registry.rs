//! Registers models and versions, and writes the command that makes a version's index.

use super::errors;
use super::lookup::{Model, Version, lock_model, type_schema};
use super::names::{PATTERN, is_valid, quoted};
use super::serving_view::{self, Grants};
use super::source::{Source, check_key_name};
use super::version_table;
use crate::error::{Error, Result, SqlState};
use crate::guc;
use crate::hnsw::layout::Shape;
use crate::pg::encoding;
use crate::pg::function::Raw;
use crate::pg::settings::SettingsLevel;
use crate::pg::spi::{Param, Session};
use pgrx::pg_sys::{self, Oid};
use std::ffi::CString;

/// Most dimensions of a version.
const MAX_DIM: i32 = 16_000;
/// The index's own default of `m`.
const DEFAULT_M: usize = 16;

/// Makes the view of a new model and its row; returns the view.
/// # Errors
/// Those of `annex.register_model`, see the README.
pub fn register_model(
    session: &Session,
    name: &str,
    source: Oid,
    (key, content): (&str, &str),
    description: Option<&str>,
) -> Result<Oid> {
    if !is_valid(name) {
        return Err(errors::invalid(format!("invalid model name \"{name}\""))
            .with_hint(format!("Model names match {PATTERN}.")));
    }
    if !session
        .lookup("SELECT 1 FROM annex.model WHERE model = $1", &[name.into()])?
        .is_empty()
    {
        let message = format!("model \"{name}\" already exists");
        return Err(Error::new(SqlState::DuplicateObject, message));
    }
    check_key_name(key)?;
    let source = Source::read(session, source, key, content)?;
    let bare_view = format!("{name}_embeddings");
    let view = format!("{}.{bare_view}", source.schema);
    serving_view::create(session, &source, &view)?;
    serving_view::copy_grants(session, source.oid, &view, Grants::Select)?;
    let rows = session.query(
        "INSERT INTO annex.model (model, source, key_column, content_column, serving_view, description)
         VALUES ($1, $2::pg_catalog.regclass, $3::pg_catalog.name, $4::pg_catalog.name, $5::pg_catalog.regclass, $6)
         RETURNING serving_view::pg_catalog.oid",
        &[
            name.into(),
            source.oid.into(),
            key.into(),
            content.into(),
            Param::from(&view),
            description.into(),
        ],
    )?;
    let missing = || Error::new(SqlState::InternalError, "the model's row was not inserted");
    rows.first().and_then(|row| row.oid(0)).ok_or_else(missing)
}

/// What the caller says of a new version.
#[derive(Debug)]
pub struct NewVersion {
    /// Dimensions of its vectors.
    pub dim: i32,
    /// `l2`, `cosine` or `ip`.
    pub metric: String,
    /// Where the model's files are.
    pub artifact_uri: Option<String>,
    /// Their hash.
    pub artifact_sha256: Option<Vec<u8>>,
    /// A `jsonb` object.
    pub params: Raw,
    /// What it was trained on.
    pub data_ref: Option<String>,
    /// What trained it.
    pub code_ref: Option<String>,
    /// A table that holds embeddings already.
    pub embeddings: Option<Oid>,
}

impl NewVersion {
    fn check(&self, session: &Session) -> Result<()> {
        if !(1..=MAX_DIM).contains(&self.dim) {
            let message = format!("dimension must be between 1 and {MAX_DIM}");
            return Err(errors::invalid(message).with_detail(format!("It is {}.", self.dim)));
        }
        if !["l2", "cosine", "ip"].contains(&self.metric.as_str()) {
            let message = format!("unrecognized metric \"{}\"", self.metric);
            return Err(errors::invalid(message).with_hint("Metrics are l2, cosine and ip."));
        }
        if let Some(hash) = &self.artifact_sha256
            && hash.len() != 32
        {
            return Err(errors::invalid("artifact_sha256 must be 32 bytes")
                .with_detail(format!("It has {} bytes.", hash.len())));
        }
        let is_object = session.lookup(
            "SELECT jsonb_typeof($1) = 'object'",
            &[Param::raw(self.params)],
        )?;
        if !is_object.first().is_some_and(|row| row.is_true(0)) {
            return Err(errors::invalid("params must be a JSON object"));
        }
        let wrong = session.lookup(WRONG_PARAMETER, &[Param::raw(self.params)])?;
        if let Some(row) = wrong.first() {
            let (name, largest) = (
                row.text(0).unwrap_or_default(),
                row.int(1).unwrap_or_default(),
            );
            return Err(errors::invalid(format!(
                "params.{name} must be a number between 0 and {largest}"
            ))
            .with_detail(format!("It is {}.", row.text(2).unwrap_or_default())));
        }
        Ok(())
    }
}

/// Makes the table of a new version, or checks the given one; inserts the row, rebuilds the view, returns the number.
/// # Errors
/// Those of `annex.register_version`, see the README.
pub fn register_version(session: &Session, name: &str, new: &NewVersion) -> Result<i32> {
    new.check(session)?;
    let settings = SettingsLevel::begin();
    limit_waiting(session, &settings)?;
    let model = Model::read(session, name)?;
    lock_model(session, name)?;
    let rows = session.lookup(
        "SELECT coalesce(max(version), 0) + 1 FROM annex.version WHERE model = $1",
        &[name.into()],
    )?;
    let number = rows.first().and_then(|row| row.int(0)).unwrap_or(1);
    let earlier = Version::unretired(session, name)?;
    let table = match new.embeddings {
        Some(table) => version_table::check(session, &model, table, new.dim)?,
        None => version_table::create(session, &model, number, new.dim)?,
    };
    // Before any grant.
    version_table::secure(session, &model, &table)?;
    match earlier.iter().rev().find(|version| version.table.is_some()) {
        Some(newest) => {
            serving_view::copy_grants(session, newest.embeddings, &table, Grants::All)?;
        }
        None => {
            serving_view::copy_grants(session, model.source.oid, &table, Grants::Select)?;
        }
    }
    session.execute(
        "INSERT INTO annex.version (model, version, dim, metric, embeddings, artifact_uri, artifact_sha256, params, data_ref, code_ref)
         VALUES ($1, $2, $3, $4, $5::pg_catalog.regclass, $6, $7, $8, $9, $10)",
        &[
            name.into(),
            number.into(),
            new.dim.into(),
            Param::from(&new.metric),
            Param::from(&table),
            new.artifact_uri.as_deref().into(),
            Param::bytes(new.artifact_sha256.as_deref()),
            Param::raw(new.params),
            new.data_ref.as_deref().into(),
            new.code_ref.as_deref().into(),
        ],
    )?;
    serving_view::rebuild(session, &model)?;
    Ok(number)
}

/// Lets what rebuilds the view wait for readers no longer than `annex.ddl_lock_timeout`: everybody who comes later waits behind it.
/// # Errors
/// PostgreSQL's own are raised.
pub fn limit_waiting(session: &Session, settings: &SettingsLevel) -> Result<()> {
    let set = session.lookup("SELECT current_setting('lock_timeout') <> '0'", &[])?;
    if !set.first().is_some_and(|row| row.is_true(0)) {
        // Digits hold no NUL.
        let value = CString::new(guc::DDL_LOCK_TIMEOUT.get().to_string()).unwrap_or_default();
        settings.set(c"lock_timeout", &value);
    }
    Ok(())
}

/// The command that makes a version's index.
/// # Errors
/// 42704 and 55000 as everywhere, 54000 for more dimensions than a page of the index can hold. Options are judged
/// by the command itself.
pub fn index_ddl(
    session: &Session,
    name: &str,
    number: i32,
    m: Option<i32>,
    ef_construction: Option<i32>,
) -> Result<String> {
    let model = Model::read(session, name)?;
    let version = Version::read(session, name, number)?;
    let table = version.table(&model.name)?;
    let max_dims = m.map_or(DEFAULT_M, |m| usize::try_from(m).unwrap_or(0));
    if usize::try_from(version.dim).unwrap_or(0) > Shape::max_dims(max_dims) {
        let message = format!("an hnsw index cannot hold {} dimensions", version.dim);
        return Err(Error::new(SqlState::ProgramLimitExceeded, message));
    }
    let rows = session.lookup(
        "SELECT relname::text FROM pg_class WHERE oid = $1",
        &[version.embeddings.into()],
    )?;
    let bare_table = rows.first().and_then(|row| row.text(0)).unwrap_or_default();
    let name = format!("{bare_table}_embedding_idx");
    // Cut off, it could be the table's own name: PostgreSQL shall choose one.
    let index = match encoding::server_bytes(&name).len() < pg_sys::NAMEDATALEN as usize {
        true => format!(" {}", quoted(&name)),
        false => String::new(),
    };
    let options: Vec<String> = [("m", m), ("ef_construction", ef_construction)]
        .into_iter()
        .filter_map(|(option, value)| value.map(|value| format!("{option} = {value}")))
        .collect();
    let with = match options.is_empty() {
        true => String::new(),
        false => format!(" WITH ({})", options.join(", ")),
    };
    let schema = type_schema(session)?;
    let metric = &version.metric;
    Ok(format!(
        "CREATE INDEX CONCURRENTLY{index} ON {table} USING hnsw (embedding {schema}.vector_{metric}_ops){with}"
    ))
}

const WRONG_PARAMETER: &str = "
    SELECT p.name, p.largest, $1 ->> p.name
    FROM (VALUES ('min_coverage', 100), ('min_recall', 1), ('sentinel_min', 1)) p (name, largest)
    WHERE jsonb_exists($1, p.name) AND CASE jsonb_typeof($1 -> p.name)
        WHEN 'number' THEN ($1 ->> p.name)::numeric NOT BETWEEN 0 AND p.largest ELSE true END
    LIMIT 1";
