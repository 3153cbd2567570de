//! A trial of one index by one set of queries: exact results once, then the index's as often as asked for.

use super::approximate;
use super::exact::{self, Qualifying};
use super::measure::{self, Nearest};
use super::sql::metric_of;
use super::tids::TidSet;
use crate::distance::Metric;
use crate::error::Result;
use crate::guc;
use crate::hnsw::left_out::LeavingOut;
use crate::pg::interrupt;
use crate::pg::open_index::OpenIndex;
use crate::pg::ordered_scan::OrderedScan;
use crate::pg::owner_rights::OwnerRights;
use crate::pg::relation::ColumnValue;
use crate::pg::settings::SettingsLevel;
use crate::pg::snapshot::Snapshot;
use crate::types::indexed::ValueList;
use std::ffi::CString;
use std::time::Instant;

/// What is asked.
#[derive(Debug)]
pub struct Questions {
    /// The queries as order keys.
    pub keys: Vec<ColumnValue>,
    /// The same as values.
    pub queries: ValueList,
    /// Whether each is a row of the table: then it, and rows equal to it, are left out of its own answer, and the index is
    /// asked as if they were not in it.
    pub are_rows: bool,
}

/// The answer of the index to one query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Between 0 and 1; `None` if there are no rows.
    pub recall: Option<f64>,
    /// Time of the scan.
    pub ms: f64,
}

/// The exact results, which are the same for every index over the same rows.
#[derive(Debug)]
pub struct Truth {
    nearest: Vec<Nearest>,
    /// For each query the distance at which a row is the query itself; NaN for none.
    own: Vec<f64>,
    /// Rows asked for.
    pub k: usize,
    /// Rows of the table that qualified, without those that the index does not hold.
    pub rows: u64,
    /// Time of the exact leg for each query.
    pub exact_ms: f64,
}

/// An index, at least one query, and the exact results.
#[derive(Debug)]
pub struct Trial<'a> {
    index: &'a OpenIndex,
    snapshot: Snapshot,
    metric: Metric,
    questions: &'a Questions,
    only: Option<&'a TidSet>,
    /// The exact results.
    pub truth: Truth,
}

impl<'a> Trial<'a> {
    /// Finds the exact results for `k` rows a query; with `only`, of those rows alone.
    /// # Errors
    /// 22000 if a row has other dimensions than the queries, XX001 for a damaged value, 53200 without threads.
    pub fn begin(
        index: &'a OpenIndex,
        questions: &'a Questions,
        k: usize,
        only: Option<&'a TidSet>,
    ) -> Result<Self> {
        let metric = metric_of(index)?;
        let snapshot = Snapshot::active()?;
        let queries = &questions.queries;
        let own: Vec<f64> = queries
            .each()
            .map(|query| match questions.are_rows {
                true => query.distance(metric, &query),
                false => f64::NAN,
            })
            .collect();
        let _rights = OwnerRights::lend_to_reader(index.heap());
        let start = Instant::now();
        let qualifying = Qualifying { only, own: &own };
        let exact = exact::nearest(index, snapshot, metric, queries, k, qualifying)?;
        let exact_ms = milliseconds_since(start) / questions.keys.len() as f64;
        Ok(Self {
            index,
            snapshot,
            metric,
            questions,
            only,
            truth: Truth {
                nearest: exact.nearest,
                own,
                k,
                rows: exact.rows,
                exact_ms,
            },
        })
    }

    /// A trial of another index over the same rows, by the same queries.
    /// # Errors
    /// 0A000 for an operator class of another type.
    pub fn resume(index: &'a OpenIndex, questions: &'a Questions, truth: Truth) -> Result<Self> {
        Ok(Self {
            index,
            snapshot: Snapshot::active()?,
            metric: metric_of(index)?,
            questions,
            only: None,
            truth,
        })
    }

    /// Asks the index every query once, with `ef_search` or, without, with what is in force.
    /// # Errors
    /// As [`Self::begin`], and 22023 for an `ef_search` out of range.
    pub fn search(&self, ef_search: Option<i32>) -> Result<Vec<Answer>> {
        let settings = SettingsLevel::begin();
        set_search(&settings, ef_search);
        let _rights = OwnerRights::lend_to_reader(self.index.heap());
        let queries = &self.questions.queries;
        let kind = (self.metric, queries.indexed_type());
        let _left_out = (self.questions.are_rows).then(|| LeavingOut::begin(self.index.index()));
        let mut answers = Vec::with_capacity(self.questions.keys.len());
        let mut scan = OrderedScan::begin(self.index, self.snapshot);
        let asked = self.questions.keys.iter().zip(queries.each());
        for ((key, query), (nearest, own)) in
            asked.zip(self.truth.nearest.iter().zip(&self.truth.own))
        {
            interrupt::check();
            let start = Instant::now();
            let qualifying = (self.only, *own);
            let found =
                approximate::first_rows(&mut scan, *key, query, kind, self.truth.k, qualifying)?;
            let ms = milliseconds_since(start);
            let recall = measure::recall(&found, nearest);
            answers.push(Answer { recall, ms });
        }
        Ok(answers)
    }
}

/// Sets what the scans of the approximate leg are to use.
fn set_search(settings: &SettingsLevel, ef_search: Option<i32>) {
    if let Some(ef_search) = ef_search {
        // Digits and a sign hold no NUL.
        let value = CString::new(ef_search.to_string()).unwrap_or_default();
        settings.set(c"hnsw.ef_search", &value);
    }
    // Without any bound a scan in strict order may read the whole index, if the query around this function scans it too
    // and has no LIMIT. The scan measured here has one: k.
    if guc::MAX_SCAN_TUPLES.get() == i32::MAX {
        settings.set(c"hnsw.max_scan_tuples", c"2147483646");
    }
}

fn milliseconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}
