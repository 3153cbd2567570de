//! The functions of `sql/models/functions.sql` and `measure_recall.sql` as PostgreSQL calls them. No logic of their own.

use super::backfill::{Embedding, Slice};
use super::bucket::bucket;
use super::comparison::Outcome;
use super::deployment::Gate;
use super::experiment::NewChallenge;
use super::lookup::{Model, Version, required};
use super::recall::Plan;
use super::registry::NewVersion;
use super::retirement::Table;
use super::sampling::Query;
use super::{
    backfill, comparison, deployment, drift, experiment, grants, monitoring, overlap, readiness,
    recall, registry, retirement, routing, sampling,
};
use crate::error::Result;
use crate::pg::function::{Bytes, Name, Raw, sql_functions};
use crate::pg::interrupt;
use crate::pg::row_set::RowSet;
use crate::pg::spi::{Access, Row, Session};
use crate::recall::sql::read_k;
use crate::types::datum::VectorValue;
use pgrx::pg_sys::{Datum, Oid};
use sha2::{Digest, Sha256};

fn rows(rows: Vec<Row>) -> RowSet {
    RowSet(rows.into_iter().map(|row| row.0).collect())
}

fn reading<T>(read: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
    read(&Session::begin(Access::Read))
}

fn writing<T>(write: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
    write(&Session::begin(Access::Write))
}

/// For what the lock on the model's row decides.
fn deciding<T>(decide: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
    decide(&Session::begin(Access::Latest))
}

sql_functions! {
    /// `annex.bucket(text, text)`.
    fn annex_bucket(salt: String, unit: String) -> Result<f64> {
        Ok(bucket(&salt, &unit))
    }

    /// `annex.content_hash(text)`.
    fn annex_content_hash(content: String) -> Result<Bytes> {
        Ok(Bytes(Sha256::digest(content).to_vec()))
    }

    /// `annex.champion(text)`.
    fn annex_champion(model: &str) -> Result<Option<i32>> {
        routing::champion_number(model)
    }

    /// `annex.register_model(text, regclass, name, name, text)`.
    fn annex_register_model(
        model: Option<String>,
        source: Option<Oid>,
        key_column: Option<Name>,
        content_column: Option<Name>,
        description: Option<String>,
    ) -> Result<Oid> {
        let model = required(model, "model")?;
        let source = required(source, "source")?;
        let key = required(key_column, "key_column")?.0;
        let content = required(content_column, "content_column")?.0;
        writing(|session| {
            registry::register_model(session, &model, source, (&key, &content), description.as_deref())
        })
    }

    /// `annex.register_version(text, integer, text, text, bytea, jsonb, text, text, regclass)`.
    fn annex_register_version(
        model: Option<String>,
        dim: Option<i32>,
        metric: Option<String>,
        artifact_uri: Option<String>,
        artifact_sha256: Option<Bytes>,
        params: Option<Raw>,
        data_ref: Option<String>,
        code_ref: Option<String>,
        embeddings: Option<Oid>,
    ) -> Result<i32> {
        let model = required(model, "model")?;
        let version = NewVersion {
            dim: required(dim, "dim")?,
            metric: required(metric, "metric")?,
            artifact_uri,
            artifact_sha256: artifact_sha256.map(|hash| hash.0),
            params: required(params, "params")?,
            data_ref,
            code_ref,
            embeddings,
        };
        deciding(|session| registry::register_version(session, &model, &version))
    }

    /// `annex.retire_version(text, integer, boolean, text)`.
    fn annex_retire_version(
        model: Option<String>,
        version: Option<i32>,
        drop_table: Option<bool>,
        reason: Option<String>,
    ) -> Result<()> {
        let model = required(model, "model")?;
        let version = required(version, "version")?;
        let table = match required(drop_table, "drop_table")? {
            true => Table::Drop,
            false => Table::Keep,
        };
        deciding(|session| retirement::retire(session, &model, version, table, reason.as_deref()))
    }

    /// `annex.index_ddl(text, integer, integer, integer)`.
    fn annex_index_ddl(
        model: Option<String>,
        version: Option<i32>,
        m: Option<i32>,
        ef_construction: Option<i32>,
    ) -> Result<String> {
        let model = required(model, "model")?;
        let version = required(version, "version")?;
        reading(|session| registry::index_ddl(session, &model, version, m, ef_construction))
    }

    /// `annex.set_alias(text, text, integer, text)`.
    fn annex_set_alias(
        model: Option<String>,
        alias: Option<String>,
        version: Option<i32>,
        reason: Option<String>,
    ) -> Result<i64> {
        let model = required(model, "model")?;
        let alias = required(alias, "alias")?;
        writing(|session| deployment::set_alias(session, &model, &alias, version, reason.as_deref()))
    }

    /// `annex.pending(text, integer, integer, integer, integer, text)`.
    fn annex_pending(
        model: Option<String>,
        version: Option<i32>,
        n: Option<i32>,
        worker: Option<i32>,
        workers: Option<i32>,
        after: Option<String>,
    ) -> Result<RowSet> {
        let model = required(model, "model")?;
        let version = required(version, "version")?;
        let slice = Slice {
            n: required(n, "n")?,
            worker: required(worker, "worker")?,
            workers: required(workers, "workers")?,
            after,
        };
        reading(|session| backfill::pending(session, &model, version, &slice)).map(rows)
    }

    /// `annex.put(text, integer, text, vector, bytea)`.
    fn annex_put(
        model: Option<String>,
        version: Option<i32>,
        key: Option<String>,
        embedding: Option<VectorValue>,
        content_hash: Option<Bytes>,
    ) -> Result<bool> {
        let model = required(model, "model")?;
        let version = required(version, "version")?;
        let key = required(key, "key")?;
        let vector = required(embedding, "embedding")?;
        let content_hash = required(content_hash, "content_hash")?.0;
        let embedding = Embedding {
            key: &key,
            vector: &vector,
            content_hash: &content_hash,
        };
        writing(|session| backfill::put(session, &model, version, &embedding))
    }

    /// `annex.progress(text)`.
    fn annex_progress(model: Option<String>) -> Result<RowSet> {
        let model = required(model, "model")?;
        reading(|session| backfill::progress(session, &model)).map(rows)
    }

    /// `annex.readiness(text, integer)`.
    fn annex_readiness(model: Option<String>, version: Option<i32>) -> Result<RowSet> {
        let model = required(model, "model")?;
        let version = required(version, "version")?;
        reading(|session| {
            let model = Model::read(session, &model)?;
            let version = Version::read(session, &model.name, version)?;
            readiness::assess(session, &model, &version)
        })
        .map(|readiness| rows(readiness.rows()))
    }

    /// `annex.promote(text, integer, text, boolean)`.
    fn annex_promote(
        model: Option<String>,
        version: Option<i32>,
        reason: Option<String>,
        force: Option<bool>,
    ) -> Result<i64> {
        let model = required(model, "model")?;
        let version = required(version, "version")?;
        let gate = match required(force, "force")? {
            true => Gate::Forced,
            false => Gate::Closed,
        };
        writing(|session| deployment::promote(session, &model, version, reason.as_deref(), gate))
    }

    /// `annex.rollback(text, text)`.
    fn annex_rollback(model: Option<String>, reason: Option<String>) -> Result<i32> {
        let model = required(model, "model")?;
        writing(|session| deployment::rollback(session, &model, reason.as_deref()))
    }

    /// `annex.challenge(text, integer, double precision, text, interval, text, double precision, integer)`.
    fn annex_challenge(
        model: Option<String>,
        challenger: Option<i32>,
        fraction: Option<f64>,
        metric: Option<String>,
        horizon: Option<Raw>,
        aggregate: Option<String>,
        alpha: Option<f64>,
        planned_units: Option<i32>,
    ) -> Result<i64> {
        let model = required(model, "model")?;
        let challenge = NewChallenge {
            challenger: required(challenger, "challenger")?,
            fraction: required(fraction, "fraction")?,
            metric: required(metric, "metric")?,
            horizon: required(horizon, "horizon")?,
            aggregate: required(aggregate, "aggregate")?,
            alpha: required(alpha, "alpha")?,
            planned_units: required(planned_units, "planned_units")?,
        };
        writing(|session| experiment::challenge(session, &model, &challenge))
    }

    /// `annex.route(text, text)`.
    fn annex_route(model: Option<&str>, unit: Option<&str>) -> Result<RowSet> {
        let model = required(model, "model")?;
        routing::route(model, unit).map(|row| rows(vec![row]))
    }

    /// `annex.expose(text, text)`.
    fn annex_expose(model: Option<&str>, unit: Option<&str>) -> Result<i32> {
        let model = required(model, "model")?;
        let unit = required(unit, "unit")?;
        routing::expose(model, unit)
    }

    /// `annex.expose(text, text, vector, double precision, integer)`.
    fn annex_expose_query(
        model: Option<&str>,
        unit: Option<&str>,
        query: Option<VectorValue>,
        rate: Option<f64>,
        k: Option<i32>,
    ) -> Result<i32> {
        let model = required(model, "model")?;
        let unit = required(unit, "unit")?;
        let vector = required(query, "query")?;
        let query = Query {
            vector: &vector,
            rate: required(rate, "rate")?,
            k,
        };
        let version = routing::expose(model, unit)?;
        sampling::sample(model, version, &query)?;
        Ok(version)
    }

    /// `annex.feedback(text, text, double precision)`.
    fn annex_feedback(model: Option<String>, unit: Option<String>, value: Option<f64>) -> Result<bool> {
        let model = required(model, "model")?;
        let unit = required(unit, "unit")?;
        let value = required(value, "value")?;
        writing(|session| routing::feedback(session, &model, &unit, value))
    }

    /// `annex.compare(text, bigint)`.
    fn annex_compare(model: Option<String>, experiment: Option<i64>) -> Result<RowSet> {
        let model = required(model, "model")?;
        reading(|session| comparison::compare(session, &model, experiment)).map(|row| rows(vec![row]))
    }

    /// `annex.conclude(text, boolean, text)`.
    fn annex_conclude(model: Option<String>, promote: Option<bool>, reason: Option<String>) -> Result<String> {
        let model = required(model, "model")?;
        let outcome = match required(promote, "promote")? {
            true => Outcome::Promote,
            false => Outcome::Keep,
        };
        writing(|session| comparison::conclude(session, &model, outcome, reason.as_deref()))
    }

    /// `annex.sample_query(text, integer, vector, double precision, integer)`.
    fn annex_sample_query(
        model: Option<&str>,
        version: Option<i32>,
        query: Option<VectorValue>,
        rate: Option<f64>,
        k: Option<i32>,
    ) -> Result<bool> {
        let model = required(model, "model")?;
        let version = required(version, "version")?;
        let vector = required(query, "query")?;
        let query = Query {
            vector: &vector,
            rate: required(rate, "rate")?,
            k,
        };
        sampling::sample(model, version, &query)
    }

    /// `annex.drift(text, integer, tstzrange, tstzrange)`.
    fn annex_drift(
        model: Option<String>,
        version: Option<i32>,
        reference: Option<Raw>,
        current: Option<Raw>,
    ) -> Result<RowSet> {
        let model = required(model, "model")?;
        let version = required(version, "version")?;
        let windows = (required(reference, "reference")?, required(current, "current")?);
        writing(|session| drift::drift(session, &model, version, windows)).map(rows)
    }

    /// `annex.check_sentinel(text, integer, text, vector)`.
    fn annex_check_sentinel(
        model: Option<String>,
        version: Option<i32>,
        content: Option<String>,
        embedding: Option<VectorValue>,
    ) -> Result<f64> {
        let model = required(model, "model")?;
        let version = required(version, "version")?;
        let content = required(content, "content")?;
        let embedding = required(embedding, "embedding")?;
        writing(|session| {
            monitoring::check_sentinel(session, &model, version, &content, embedding.raw()?)
        })
    }

    /// `annex.overlap(text, integer, integer, integer, integer)`.
    fn annex_overlap(
        model: Option<String>,
        v1: Option<i32>,
        v2: Option<i32>,
        k: Option<i32>,
        n: Option<i32>,
    ) -> Result<Option<f64>> {
        let model = required(model, "model")?;
        let versions = (required(v1, "v1")?, required(v2, "v2")?);
        let (k, n) = (required(k, "k")?, required(n, "n")?);
        reading(|session| overlap::overlap(session, &model, versions, k, n))
    }

    /// `annex.maintain()`.
    fn annex_maintain() -> Result<()> {
        writing(monitoring::maintain)
    }

    /// `annex.grant_to(regrole, text)`.
    fn annex_grant_to(grantee: Option<Oid>, level: Option<String>) -> Result<()> {
        let grantee = required(grantee, "grantee")?;
        let level = required(level, "level")?;
        writing(|session| grants::grant(session, grantee, &level))
    }

    /// `annex.measure_recall(text, integer, integer, integer, double precision)`.
    fn annex_measure_recall(
        model: Option<String>,
        version: Option<i32>,
        k: Option<i32>,
        n: Option<i32>,
        filter_fraction: Option<f64>,
    ) -> Result<Option<Datum>> {
        let model = required(model, "model")?;
        let version = required(version, "version")?;
        let plan = Plan {
            k: read_k(k)?,
            count: required(n, "n")?,
            filter_fraction,
        };
        interrupt::require_writable(c"annex.measure_recall()");
        writing(|session| recall::measure(session, &model, version, &plan))
    }
}
