//! Fills versions while others serve: what is to be embedded, storing it, and how far it is.
//!
//! Nothing is locked while a model runs: a worker asks for rows, embeds them and puts them back with the hash of the text they
//! were made of. Whatever happened meanwhile, the hash tells whether the embedding is that of the text.

use super::coverage;
use super::errors;
use super::lookup::{Model, Version};
use super::source::Source;
use crate::error::{Error, Result};
use crate::pg::row_set::Cell;
use crate::pg::settings::SettingsLevel;
use crate::pg::spi::{Param, Row, Session};
use crate::types::datum::VectorValue;

/// Which rows one worker asks for.
#[derive(Debug, Clone)]
pub struct Slice {
    /// Most rows.
    pub n: i32,
    /// Which worker of `workers` asks, from 0.
    pub worker: i32,
    /// How many workers share the work.
    pub workers: i32,
    /// Only keys greater than this one, as text.
    pub after: Option<String>,
}

impl Slice {
    fn check(&self) -> Result<()> {
        let Self {
            worker, workers, ..
        } = *self;
        if worker < 0 || worker >= workers {
            return Err(errors::invalid("worker must be between 0 and workers - 1")
                .with_detail(format!("Worker is {worker}, workers is {workers}.")));
        }
        if self.n < 0 {
            return Err(
                errors::invalid("n must not be negative").with_detail(format!("It is {}.", self.n))
            );
        }
        Ok(())
    }

    /// The condition on the key, with $2, $3 and $4 for worker, workers and after.
    fn condition(&self, source: &Source) -> String {
        let key = source.key_name();
        let mut sql = String::new();
        if self.workers > 1 {
            sql += &format!(
                " AND pg_catalog.floor(annex.bucket('annex.worker', s.{key}::pg_catalog.text)
                      OPERATOR(pg_catalog.*) $3) OPERATOR(pg_catalog.=) $2"
            );
        }
        if self.after.is_some() {
            let (greater, kind) = (&source.key.greater, &source.key.plain_type);
            sql += &format!(" AND s.{key} {greater} $4::{kind}");
        }
        sql
    }
}

/// Texts to embed, as (key, content, hash): those without an embedding, then those that were edited since; each in the order
/// of the key. Hashes nothing that needs no work as long as there are missing ones.
/// # Errors
/// 42704 and 55000 as everywhere, 22023 for a slice that cannot be.
pub fn pending(session: &Session, name: &str, number: i32, slice: &Slice) -> Result<Vec<Row>> {
    slice.check()?;
    let model = Model::read(session, name)?;
    let version = Version::read(session, name, number)?;
    let table = version.table(name)?;
    let source = &model.source;
    let (key, content, equal) = (source.key_name(), &source.content, &source.key.equal);
    let condition = slice.condition(source);
    let select = format!(
        "SELECT s.{key}::pg_catalog.text, s.{content}::pg_catalog.text, annex.content_hash(s.{content}::pg_catalog.text)"
    );
    // The typed NULLs name parameters that the condition may not use.
    let missing = format!(
        "{select} FROM {from} s
         WHERE s.{content} IS NOT NULL AND NOT EXISTS (SELECT FROM {table} v WHERE v.{key} {equal} s.{key}){condition}
         ORDER BY s.{key} LIMIT $1",
        from = source.name
    );
    let stale = format!(
        "{select} FROM {from} s JOIN {table} v ON v.{key} {equal} s.{key}
         WHERE s.{content} IS NOT NULL
           AND v.content_hash OPERATOR(pg_catalog.<>) annex.content_hash(s.{content}::pg_catalog.text){condition}
         ORDER BY s.{key} LIMIT $1",
        from = source.name
    );
    let parameters = |limit: i64| -> [Param; 4] {
        [
            limit.into(),
            f64::from(slice.worker).into(),
            f64::from(slice.workers).into(),
            slice.after.as_deref().into(),
        ]
    };
    // Keys and texts, their slices and hashes, must be the same in every session.
    let settings = SettingsLevel::canonical_text();
    let wanted = i64::from(slice.n);
    let mut rows = session.query(&missing, &parameters(wanted))?;
    let left = wanted - rows.len() as i64;
    if left > 0 {
        rows.extend(session.query(&stale, &parameters(left))?);
    }
    drop(settings);
    Ok(rows)
}

/// One embedding to store.
#[derive(Debug)]
pub struct Embedding<'a> {
    /// Key of the source row, as text.
    pub key: &'a str,
    /// The vector.
    pub vector: &'a VectorValue<'a>,
    /// Hash of the text it was made of.
    pub content_hash: &'a [u8],
}

/// Stores an embedding; false if there is no such source row. The same call twice leaves the same state.
/// # Errors
/// 42704 and 55000 as everywhere, 22000 for other dimensions, 22023 for a hash that is none and for a zero vector that has no cosine.
pub fn put(session: &Session, name: &str, number: i32, embedding: &Embedding) -> Result<bool> {
    let model = Model::read(session, name)?;
    let version = Version::read(session, name, number)?;
    let table = version.table(name)?;
    let expected = usize::try_from(version.dim).unwrap_or(0);
    let elements = embedding.vector.elements();
    if elements.len() != expected {
        return Err(Error::unexpected_dimensions(expected, elements.len()));
    }
    if version.metric == "cosine" && elements.iter().all(|&element| element == 0.0) {
        return Err(
            errors::invalid("a cosine version cannot hold a zero vector")
                .with_detail(format!("It was given for key \"{}\".", embedding.key)),
        );
    }
    if embedding.content_hash.len() != 32 {
        return Err(errors::invalid("content_hash must be 32 bytes")
            .with_detail(format!("It has {} bytes.", embedding.content_hash.len())));
    }
    let source = &model.source;
    let (key, kind, equal) = (source.key_name(), &source.key.plain_type, &source.key.equal);
    let sql = format!(
        "INSERT INTO {table} ({key}, embedding, content_hash)
         SELECT s.{key}, $2, $3 FROM {from} s WHERE s.{key} {equal} $1::{kind}
         ON CONFLICT ({key}) DO UPDATE
         SET embedding = EXCLUDED.embedding, content_hash = EXCLUDED.content_hash, embedded_at = pg_catalog.now()",
        from = source.name
    );
    let parameters = [
        embedding.key.into(),
        Param::raw(embedding.vector.raw()?),
        Param::bytes(Some(embedding.content_hash)),
    ];
    Ok(session.execute_kept(&sql, &parameters)? > 0)
}

/// One row for each unretired version: its number and its coverage.
/// # Errors
/// 42704 and 55000 as everywhere.
pub fn progress(session: &Session, name: &str) -> Result<Vec<Row>> {
    let model = Model::read(session, name)?;
    let versions = Version::unretired(session, name)?;
    let row = |version: &Version| {
        let mut cells = vec![Cell::Int(version.number)];
        cells.extend(coverage::row(session, &model, version)?.0);
        Ok(Row(cells))
    };
    versions.iter().map(row).collect()
}
