//! The exact leg: the table is read once, and every row compared with every query on threads that never call
//! PostgreSQL.

use super::measure::Nearest;
use super::tids::TidSet;
use crate::distance::Metric;
use crate::error::Result;
use crate::pg::heap_scan::{visit_row_versions, visit_visible_rows};
use crate::pg::open_index::OpenIndex;
use crate::pg::snapshot::Snapshot;
use crate::pg::worker_pool::{self, ShortWork};
use crate::types::datum;
use crate::types::indexed::{IndexedValue, ValueList};
use rayon::prelude::*;

/// Bytes of rows that are compared with one query after another while a cache near the core holds them.
const TILE_BYTES: usize = 128 << 10;
/// Bytes of rows, once for each query, compared at a time: some 10 ms, in which no interrupt is served.
const BLOCK_WORK: usize = 400_000_000;
/// Rows that are compared at a time, however small they are.
const MOST_ROWS: usize = 20_000;
/// Bytes of rows that are read before they are compared, at most.
const BLOCK_BYTES: usize = 4 << 20;

/// Which rows count as answers.
#[derive(Debug, Clone, Copy)]
pub struct Qualifying<'a> {
    /// These alone; all without.
    pub only: Option<&'a TidSet>,
    /// For each query the distance at which a row is the query itself, or equal to it, and no answer; NaN for none.
    pub own: &'a [f64],
}

/// Rows that wait to be compared.
struct Block<'a> {
    metric: Metric,
    queries: &'a ValueList,
    own: &'a [f64],
    rows: ValueList,
    /// Bytes of rows that are enough.
    capacity: usize,
    nearest: Vec<Nearest>,
    pool: ShortWork,
}

impl Block<'_> {
    fn push(&mut self, row: IndexedValue<'_>) -> Result<()> {
        self.rows.push(row)?;
        if self.rows.size_bytes() >= self.capacity || self.rows.len() >= MOST_ROWS {
            self.compare()?;
        }
        Ok(())
    }

    /// Compares the rows with all queries and forgets them.
    fn compare(&mut self) -> Result<()> {
        let (metric, rows, queries) = (self.metric, &self.rows, self.queries);
        let row_bytes = rows.size_bytes().div_ceil(rows.len().max(1));
        let tile = (TILE_BYTES / row_bytes.max(1)).max(1);
        let (own, nearest) = (self.own, &mut self.nearest);
        self.pool.run(|| {
            let pairs: Vec<_> = (0..queries.len())
                .into_par_iter()
                .map(|query| queries.value(query))
                .zip(own)
                .zip(nearest.par_iter_mut())
                .collect();
            let share = pairs.len().div_ceil(rayon::current_num_threads()).max(1);
            pairs.into_par_iter().chunks(share).for_each(|mut pairs| {
                for first in (0..rows.len()).step_by(tile) {
                    for ((query, own), nearest) in &mut pairs {
                        for row in first..rows.len().min(first + tile) {
                            let distance = query.distance(metric, &rows.value(row));
                            if distance != **own {
                                nearest.offer(distance);
                            }
                        }
                    }
                }
            });
        })?;
        self.rows.clear();
        Ok(())
    }
}

/// What the exact leg has found.
#[derive(Debug)]
pub struct Exact {
    /// The smallest distances of each query.
    pub nearest: Vec<Nearest>,
    /// How many rows the index ought to hold, of those that qualify.
    pub rows: u64,
}

/// The `k` smallest distances of each query to the rows that `snapshot` sees and the index ought to hold: its predicate
/// holds for them, and its column or expression is not NULL; and they qualify. Which alone qualify can be said for an index
/// without a predicate.
/// # Errors
/// 22000 if a row has other dimensions than the queries, XX001 for a damaged value, 53200 without threads.
pub fn nearest(
    index: &OpenIndex,
    snapshot: Snapshot,
    metric: Metric,
    queries: &ValueList,
    k: usize,
    qualifying: Qualifying<'_>,
) -> Result<Exact> {
    let only = qualifying.only;
    let of = queries.indexed_type();
    let count = queries.len();
    let mut block = Block {
        metric,
        queries,
        own: qualifying.own,
        rows: ValueList::new(of, queries.dims()),
        capacity: (BLOCK_WORK / count.max(1)).min(BLOCK_BYTES),
        nearest: vec![Nearest::new(k); count],
        pool: ShortWork::start(worker_pool::build_threads().min(count))?,
    };
    let mut indexed = 0;
    let mut visit = |tid, value| match value {
        Some(value) if only.is_none_or(|only| only.contains(tid)) => {
            datum::with_column_value(value, of, |row| {
                indexed += u64::from(row.is_indexed_by(metric));
                block.push(row)
            })?
        }
        _ => Ok(()),
    };
    let (heap, relation) = (index.heap(), index.index());
    if only.is_some() {
        visit_row_versions(heap, relation, snapshot, &mut visit);
    } else {
        visit_visible_rows(heap, relation, snapshot, &mut visit);
    }
    block.compare()?;
    Ok(Exact {
        nearest: block.nearest,
        rows: indexed,
    })
}
