//! Recall@k of one query, by distance: a row that is as near as the k-th nearest counts, whichever of them it is.
//! Pure: no PostgreSQL symbol.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// How much farther than the k-th nearest row a row may be and still count, relative to that row's distance: the
/// distances come from sums in binary32.
pub const TOLERANCE: f64 = 1e-6;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Distance(f64);

impl Eq for Distance {}

impl Ord for Distance {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Distance {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The k smallest of many distances.
#[derive(Debug, Clone)]
pub struct Nearest {
    k: usize,
    /// The largest one on top.
    heap: BinaryHeap<Distance>,
}

impl Nearest {
    /// No distance yet; at most `k` are kept, at least one.
    pub fn new(k: usize) -> Self {
        Self {
            k,
            heap: BinaryHeap::with_capacity(k),
        }
    }

    /// Takes the distance of one more row. NaN is no distance: such a row is no answer to the query.
    #[inline]
    pub fn offer(&mut self, distance: f64) {
        if self.heap.len() < self.k {
            if !distance.is_nan() {
                self.heap.push(Distance(distance));
            }
        } else if let Some(mut largest) = self.heap.peek_mut()
            && distance < largest.0
        {
            *largest = Distance(distance);
        }
    }

    /// How many distances there are, at most k.
    pub fn count(&self) -> usize {
        self.heap.len()
    }

    /// The largest of them.
    pub fn largest(&self) -> Option<f64> {
        self.heap.peek().map(|distance| distance.0)
    }
}

/// Recall of the rows that an index returned, given their distances, one a row, nearest first: how many of the first
/// k' are as near as the k'-th nearest, divided by k', which is k or the number of rows if there are fewer.
/// Between 0 and 1; `None` if there are no rows.
pub fn recall(returned: &[f64], nearest: &Nearest) -> Option<f64> {
    let largest = nearest.largest()?;
    let limit = largest + TOLERANCE * largest.abs();
    let count = nearest.count();
    let found = returned.iter().filter(|distance| **distance <= limit);
    Some(found.count().min(count) as f64 / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(k: usize, distances: &[f64]) -> Nearest {
        let mut nearest = Nearest::new(k);
        distances.iter().for_each(|&d| nearest.offer(d));
        nearest
    }

    #[test]
    fn keeps_the_smallest() {
        let three = nearest(3, &[5.0, -1.0, 4.0, f64::NAN, 0.5, 9.0, 4.0]);
        assert_eq!((three.count(), three.largest()), (3, Some(4.0)));
    }

    #[test]
    fn no_number_is_no_row() {
        assert_eq!(recall(&[], &nearest(3, &[f64::NAN])), None);
        assert_eq!(recall(&[0.0], &nearest(3, &[])), None);
    }

    #[test]
    fn counts_rows_as_near_as_the_last() {
        let exact = nearest(4, &[1.0, 2.0, 3.0, 3.0, 3.0, 4.0]);
        assert_eq!(recall(&[1.0, 2.0, 3.0, 3.0], &exact), Some(1.0));
        assert_eq!(recall(&[1.0, 3.0, 3.0, 3.0], &exact), Some(1.0));
        assert_eq!(recall(&[1.0, 2.0, 3.0, 4.0], &exact), Some(0.75));
        assert_eq!(recall(&[1.0], &exact), Some(0.25));
        assert_eq!(recall(&[], &exact), Some(0.0));
    }

    #[test]
    fn fewer_rows_than_k_are_all_to_be_found() {
        assert_eq!(recall(&[1.0], &nearest(10, &[1.0, 2.0])), Some(0.5));
        assert_eq!(recall(&[1.0, 2.0], &nearest(10, &[1.0, 2.0])), Some(1.0));
    }

    /// Negative distances (inner product) widen the limit upwards too; the step is relative.
    #[test]
    fn tolerance_is_relative_to_the_distance() {
        assert_eq!(recall(&[-1e6 + 0.5], &nearest(1, &[-1e6])), Some(1.0));
        assert_eq!(recall(&[-1e6 + 2.0], &nearest(1, &[-1e6])), Some(0.0));
        assert_eq!(recall(&[1e-9], &nearest(1, &[0.0])), Some(0.0));
        assert_eq!(recall(&[1e-4 + 1e-9], &nearest(1, &[1e-4])), Some(0.0));
    }
}
