//! The approximate leg: what `ORDER BY ... LIMIT k` returns through exactly one index, without the planner.

use super::tids::TidSet;
use crate::distance::Metric;
use crate::error::Result;
use crate::pg::ordered_scan::{OrderedRow, OrderedScan};
use crate::pg::relation::{ColumnValue, Tid};
use crate::types::datum;
use crate::types::indexed::{IndexedType, IndexedValue};
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet};

/// A row whose exact distance is known while a nearer one may still come.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Waiting {
    distance: f64,
    tid: Tid,
}

impl Eq for Waiting {}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_distance = self.distance.total_cmp(&other.distance);
        by_distance.then(self.tid.cmp(&other.tid))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The distances of the first `k` rows of the index for one query, in the order in which a query gets them; a row that
/// the index returns twice is there once, with `only` no other row counts, nor does one at the distance `own`. The rows are reordered as the executor does it: a row is passed on when the
/// index vouches that none of the later ones is nearer.
/// # Errors
/// 22000 if a row has other dimensions than the query, XX001 for a damaged value.
pub fn first_rows(
    scan: &mut OrderedScan<'_>,
    key: ColumnValue,
    query: IndexedValue<'_>,
    (metric, of): (Metric, IndexedType),
    k: usize,
    (only, own): (Option<&TidSet>, f64),
) -> Result<Vec<f64>> {
    scan.restart(key);
    let mut waiting = BinaryHeap::new();
    let mut seen = HashSet::with_capacity(k);
    let mut returned = Vec::with_capacity(k);
    let mut pass_on = |waiting: &mut BinaryHeap<Reverse<Waiting>>, bound: f64| {
        while returned.len() < k
            && let Some(Reverse(row)) = waiting.peek()
            && row.distance <= bound
        {
            if seen.insert(row.tid) {
                returned.push(row.distance);
            }
            waiting.pop();
        }
        returned.len() < k
    };
    while let Some(OrderedRow {
        tid,
        lower_bound,
        value: Some(value),
    }) = scan.next_row()
    {
        if only.is_some_and(|only| !only.contains(tid)) {
            continue;
        }
        let distance = datum::with_column_value(value, of, |row| {
            if row.dims() == query.dims() {
                Ok(query.distance(metric, &row))
            } else {
                Err(of.different_dimensions(row.dims(), query.dims()))
            }
        })??;
        if distance == own {
            continue;
        }
        waiting.push(Reverse(Waiting { distance, tid }));
        if !pass_on(&mut waiting, lower_bound) {
            break;
        }
    }
    pass_on(&mut waiting, f64::INFINITY);
    Ok(returned)
}
