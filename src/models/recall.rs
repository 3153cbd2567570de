//! The recall of a version's index, measured for the record.

use super::lookup::{Model, Version};
use super::readiness::ServingIndex;
use super::{errors, json};
use crate::error::Result;
use crate::hnsw::disk_graph::read_meta;
use crate::hnsw::search_width;
use crate::pg::open_index::{OpenIndex, TableRight};
use crate::pg::spi::{Param, Session};
use crate::recall::questions::{self, LEAST_SAMPLES, Served, Source};
use crate::recall::sql::open;
use crate::recall::tids::TidSet;
use crate::recall::trial::{Questions, Trial};
use crate::statistics::sample::{Sample, percentile};
use pgrx::pg_sys::Datum;

/// Most queries of one measurement.
const MAX_QUERIES: i32 = 10_000;

/// What is to be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Rows that each query asks for, 1..=1000.
    pub k: usize,
    /// Queries at most.
    pub count: i32,
    /// Share of the rows that qualify; all of them without.
    pub filter_fraction: Option<f64>,
}

impl Plan {
    /// # Errors
    /// 22023 for a number out of range.
    pub fn check(&self) -> Result<()> {
        let count = self.count;
        if !(1..=MAX_QUERIES).contains(&count) {
            let message = format!("n must be between 1 and {MAX_QUERIES}");
            return Err(errors::invalid(message).with_detail(format!("It is {count}.")));
        }
        match self.filter_fraction {
            Some(fraction) if !(fraction > 0.0 && fraction <= 1.0) => {
                let message = "filter_fraction must be greater than 0 and at most 1";
                Err(errors::invalid(message).with_detail(format!("It is {fraction}.")))
            }
            _ => Ok(()),
        }
    }
}

/// The valid index of a version.
/// # Errors
/// 55000 if it has none.
fn serving_index(session: &Session, model: &Model, version: &Version) -> Result<OpenIndex> {
    let found = ServingIndex::of(session, version)?.filter(|index| index.is_valid);
    let Some(index) = found else {
        let (number, name) = (version.number, &model.name);
        let message = format!("version {number} of model \"{name}\" has no valid hnsw index");
        return Err(
            errors::not_now(message).with_hint("annex.index_ddl gives the command that makes one.")
        );
    };
    open(index.oid, TableRight::Select)
}

/// The newest samples of what users asked, or, where these are too few, rows of the version that follow from their keys.
fn ask(
    session: &Session,
    index: &OpenIndex,
    model: &Model,
    version: &Version,
    count: i32,
) -> Result<Option<(Questions, Source)>> {
    let served = Served {
        model: model.name.clone(),
        version: version.number,
        metric: version.metric.clone(),
    };
    if let Some(samples) = served.samples(session, count)?
        && samples.len() >= LEAST_SAMPLES
    {
        let asked = questions::read(index, &samples, false)?;
        return Ok(Some((asked, Source::Sample)));
    }
    let (table, key) = (version.table(&model.name)?, model.source.key_name());
    let sql = format!(
        "SELECT pg_catalog.array_agg(r.embedding) FROM (
             SELECT v.embedding FROM {table} v
             ORDER BY annex.bucket('annex.recall', v.{key}::pg_catalog.text), v.{key} LIMIT $1
         ) r"
    );
    let rows = session.array(&sql, &[count.into()])?;
    let rows = rows
        .map(|rows| questions::read(index, &rows, true))
        .transpose()?;
    Ok(rows.map(|rows| (rows, Source::Rows)))
}

/// The rows that qualify: those whose key falls below the fraction.
fn filter(session: &Session, model: &Model, version: &Version, fraction: f64) -> Result<TidSet> {
    let (table, key) = (version.table(&model.name)?, model.source.key_name());
    let sql = format!(
        "SELECT pg_catalog.string_agg(pg_catalog.tidsend(v.ctid), ''::pg_catalog.bytea) FROM {table} v
         WHERE annex.bucket('annex.filter', v.{key}::pg_catalog.text) OPERATOR(pg_catalog.<) $1"
    );
    let rows = session.query(&sql, &[fraction.into()])?;
    let bytes = rows.first().and_then(|row| row.bytes(0));
    Ok(TidSet::from_binary(&bytes.unwrap_or_default()))
}

/// Measures, appends the result to `annex.measurement` and returns that row.
/// # Errors
/// 42501 without the right to append, 42704 and 55000 as everywhere, 55000 without a valid index or without rows, 22023 for
/// a plan out of range.
pub fn measure(session: &Session, name: &str, number: i32, plan: &Plan) -> Result<Option<Datum>> {
    plan.check()?;
    if !questions::may_record(session)? {
        return Err(errors::denied("permission denied for table measurement"));
    }
    let model = Model::read(session, name)?;
    let version = Version::read(session, name, number)?;
    let index = serving_index(session, &model, &version)?;
    let width = search_width::of_scan(index.index(), &read_meta(index.index())?)?;
    let Some((asked, source)) = ask(session, &index, &model, &version, plan.count)? else {
        let message = format!("version {number} of model \"{name}\" has no rows");
        return Err(errors::not_now(message));
    };
    let only = plan
        .filter_fraction
        .map(|fraction| filter(session, &model, &version, fraction))
        .transpose()?;
    let trial = Trial::begin(&index, &asked, plan.k, only.as_ref())?;
    let answers = trial.search(None)?;
    let Some(sample) = Sample::of(answers.iter().filter_map(|answer| answer.recall)) else {
        let message = format!("version {number} of model \"{name}\" has no rows to find");
        return Err(errors::not_now(message));
    };
    let mut times: Vec<f64> = answers.iter().map(|answer| answer.ms).collect();
    let mut time = |share| percentile(&mut times, share).unwrap_or(0.0).to_string();
    let detail = json::object([
        ("source", json::string(source.name())),
        ("k", plan.k.to_string()),
        ("ef_search", width.ef_search.to_string()),
        ("origin", json::string(width.origin.name())),
        (
            "filter_fraction",
            plan.filter_fraction
                .map_or("null".to_owned(), |f| f.to_string()),
        ),
        (
            "filter",
            plan.filter_fraction
                .map_or("null".to_owned(), |_| json::string(FILTER)),
        ),
        ("p50_ms", time(0.5)),
        ("p95_ms", time(0.95)),
    ]);
    let (lo, hi) = sample.interval(plan.k);
    let parameters: [Param; 7] = [
        name.into(),
        number.into(),
        sample.mean.into(),
        lo.into(),
        hi.into(),
        (sample.count as i64).into(),
        (&detail).into(),
    ];
    let row = session.datum(RECORD, &parameters)?;
    Ok(row.map(|(row, _)| row))
}

/// What a filtered measurement does not say.
const FILTER: &str = "independent of the vectors: real filters are often harder";

const RECORD: &str = "
    INSERT INTO annex.measurement AS m (model, version, kind, value, lo, hi, n, detail)
    VALUES ($1, $2, 'recall', $3, $4, $5, $6, $7::pg_catalog.jsonb) RETURNING m";
