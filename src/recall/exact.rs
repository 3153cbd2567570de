//! The exact leg: the table is read once, and every row compared with every query on threads that never call
//! PostgreSQL.

use super::measure::Nearest;
use super::tids::TidSet;
use crate::distance::Metric;
use crate::error::{Error, Result};
use crate::pg::heap_scan::{visit_row_versions, visit_visible_rows};
use crate::pg::open_index::OpenIndex;
use crate::pg::snapshot::Snapshot;
use crate::pg::worker_pool::{self, ShortWork};
use crate::types::datum;
use crate::types::element::Precision;
use rayon::prelude::*;

/// Bytes of rows that are compared with one query after another while a cache near the core holds them.
const TILE_BYTES: usize = 128 << 10;
/// Pairs of elements compared at a time: some 10 ms, in which no interrupt is served.
const BLOCK_WORK: usize = 100_000_000;
/// Bytes of rows that are read before they are compared, at most.
const BLOCK_BYTES: usize = 4 << 20;

/// Queries of equal dimensions, at least one of each.
#[derive(Debug, Clone)]
pub struct Queries {
    /// Elements of the indexed type.
    pub precision: Precision,
    /// Dimensions of each.
    pub dims: usize,
    /// Their elements, one query after the other.
    pub elements: Vec<f32>,
}

impl Queries {
    /// Each query.
    pub fn each(&self) -> std::slice::ChunksExact<'_, f32> {
        self.elements.chunks_exact(self.dims)
    }
}

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
    queries: &'a Queries,
    own: &'a [f64],
    rows: Vec<f32>,
    capacity: usize,
    nearest: Vec<Nearest>,
    pool: ShortWork,
}

impl Block<'_> {
    fn push(&mut self, row: &[f32]) -> Result<()> {
        if row.len() != self.queries.dims {
            let (row, query) = (row.len(), self.queries.dims);
            return Err(Error::different_dimensions(
                self.queries.precision.vector_type().name,
                row,
                query,
            ));
        }
        self.rows.extend_from_slice(row);
        if self.rows.len() >= self.capacity {
            self.compare()?;
        }
        Ok(())
    }

    /// Compares the rows with all queries and forgets them.
    fn compare(&mut self) -> Result<()> {
        let (metric, dims) = (self.metric, self.queries.dims);
        let tile = (TILE_BYTES / size_of::<f32>() / dims).max(1) * dims;
        let queries = self.queries.elements.par_chunks_exact(dims).zip(self.own);
        let (rows, nearest) = (&self.rows, &mut self.nearest);
        self.pool.run(|| {
            let pairs: Vec<_> = queries.zip(nearest.par_iter_mut()).collect();
            let share = pairs.len().div_ceil(rayon::current_num_threads()).max(1);
            pairs.into_par_iter().chunks(share).for_each(|mut pairs| {
                for rows in rows.chunks(tile) {
                    for ((query, own), nearest) in &mut pairs {
                        for row in rows.chunks_exact(dims) {
                            let distance = metric.distance(query, row);
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
    /// How many rows were compared with each.
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
    queries: &Queries,
    k: usize,
    qualifying: Qualifying<'_>,
) -> Result<Exact> {
    let only = qualifying.only;
    let count = queries.elements.len() / queries.dims;
    let rows = (BLOCK_WORK / queries.elements.len()).max(1);
    let capacity = (rows * queries.dims).min(BLOCK_BYTES / size_of::<f32>());
    let mut block = Block {
        metric,
        queries,
        own: qualifying.own,
        rows: Vec::with_capacity(capacity + queries.dims),
        capacity,
        nearest: vec![Nearest::new(k); count],
        pool: ShortWork::start(worker_pool::build_threads().min(count))?,
    };
    let mut compared = 0;
    let mut visit = |tid, value| match value {
        Some(value) if only.is_none_or(|only| only.contains(tid)) => {
            compared += 1;
            datum::with_column_elements(value, queries.precision, |row| block.push(row))?
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
        rows: compared,
    })
}
