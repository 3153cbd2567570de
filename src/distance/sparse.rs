//! Distances of sparse vectors, from the elements that are not zero. Pure, but for `sql`.
//!
//! One walk along both lists of indices, as in a merge. The results are those of the dense forms but for the order of
//! summation: terms are added by ascending index.

pub mod sql;

use super::{Metric, cosine_distance};
use std::hint::select_unpredictable;

/// Elements of a vector that are not zero, with their indices in ascending order.
#[derive(Debug, Clone, Copy)]
pub struct NonZeros<'a> {
    indices: &'a [u32],
    values: &'a [f32],
}

impl<'a> NonZeros<'a> {
    /// The elements `values` at `indices`. If these do not ascend, distances are undefined numbers.
    /// # Panics
    /// If there are not as many indices as values.
    pub fn new(indices: &'a [u32], values: &'a [f32]) -> Self {
        assert_eq!(indices.len(), values.len());
        Self { indices, values }
    }
}

impl Metric {
    /// What the metric's operator returns for two sparse vectors of equal dimensions: sums in binary32, what follows them
    /// in binary64. NaN for the cosine of a vector whose norm is zero, or under- or overflows binary32, and for the metrics
    /// of bit strings.
    pub fn sparse_distance(self, a: NonZeros, b: NonZeros) -> f64 {
        match self {
            Metric::L2 => f64::from(l2_squared(a, b)).sqrt(),
            Metric::InnerProduct => -f64::from(inner_product(a, b)),
            Metric::Cosine => cosine_distance(
                inner_product(a, b),
                super::inner_product(a.values, a.values),
                super::inner_product(b.values, b.values),
            ),
            Metric::L1 => f64::from(l1(a, b)),
            Metric::Hamming | Metric::Jaccard => f64::NAN,
        }
    }
}

/// Squared Euclidean distance, accumulated in binary32.
pub fn l2_squared(a: NonZeros, b: NonZeros) -> f32 {
    sum(a, b, |x, y| (x - y) * (x - y))
}

/// Inner product, accumulated in binary32.
pub fn inner_product(a: NonZeros, b: NonZeros) -> f32 {
    // Behind the end of the shorter list every term is zero.
    walk(a, b, |x, y| x * y).sum
}

/// Taxicab distance, accumulated in binary32.
pub fn l1(a: NonZeros, b: NonZeros) -> f32 {
    sum(a, b, |x, y| (x - y).abs())
}

/// `sum(term(a_i, b_i))` in binary32, for a term that is zero where both elements are.
#[inline(always)]
fn sum(a: NonZeros, b: NonZeros, term: impl Fn(f32, f32) -> f32) -> f32 {
    let walked = walk(a, b, &term);
    let sum = (walked.a_rest.iter()).fold(walked.sum, |sum, &x| sum + term(x, 0.0));
    (walked.b_rest.iter()).fold(sum, |sum, &y| sum + term(0.0, y))
}

/// How far both lists were summed up, and what is left of the one that did not end.
struct Walked<'a> {
    sum: f32,
    a_rest: &'a [f32],
    b_rest: &'a [f32],
}

/// Sums up `term(a_i, b_i)` until one list ends.
#[inline(always)]
fn walk<'a>(a: NonZeros<'a>, b: NonZeros<'a>, term: impl Fn(f32, f32) -> f32) -> Walked<'a> {
    // Says to the compiler that an index that is within one list is within the other.
    let (a_values, b_values) = (&a.values[..a.indices.len()], &b.values[..b.indices.len()]);
    let (mut at_a, mut at_b, mut sum) = (0, 0, 0.0);
    while at_a < a.indices.len() && at_b < b.indices.len() {
        let (index_a, index_b) = (a.indices[at_a], b.indices[at_b]);
        let (is_in_a, is_in_b) = (index_a <= index_b, index_b <= index_a);
        // Which list has the next element cannot be predicted, and a wrong guess costs more than to look at both.
        let x = select_unpredictable(is_in_a, a_values[at_a], 0.0);
        let y = select_unpredictable(is_in_b, b_values[at_b], 0.0);
        sum += term(x, y);
        at_a += usize::from(is_in_a);
        at_b += usize::from(is_in_b);
    }
    Walked {
        sum,
        a_rest: &a_values[at_a..],
        b_rest: &b_values[at_b..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves: elements of one vector only, of both and behind the other's end are all counted once.
    #[test]
    fn each_element_counts_once() {
        let a = NonZeros::new(&[0, 2, 3, 9], &[1.0, 2.0, 3.0, 4.0]);
        let b = NonZeros::new(&[1, 2, 3], &[10.0, 20.0, 33.0]);
        for (a, b) in [(a, b), (b, a)] {
            assert_eq!(inner_product(a, b), 40.0 + 99.0);
            assert_eq!(l1(a, b), 1.0 + 10.0 + 18.0 + 30.0 + 4.0);
            assert_eq!(l2_squared(a, b), 1.0 + 100.0 + 324.0 + 900.0 + 16.0);
        }
        let none = NonZeros::new(&[], &[]);
        assert_eq!((inner_product(a, none), l1(none, a)), (0.0, 10.0));
        assert!(Metric::Cosine.sparse_distance(a, none).is_nan());
        assert_eq!(Metric::Cosine.sparse_distance(a, a), 0.0);
    }

    // Proves: indices that a damaged value has in any order end the walk all the same.
    #[test]
    fn every_walk_ends() {
        let values = [1.0; 4];
        let orders = [
            [3, 2, 1, 0],
            [u32::MAX; 4],
            [0, 0, 0, 0],
            [1, 0, u32::MAX, 2],
        ];
        for a in &orders {
            for b in &orders {
                let (a, b) = (NonZeros::new(a, &values), NonZeros::new(b, &values));
                assert!(l1(a, b) <= 8.0 && inner_product(a, b) <= 8.0);
            }
        }
    }
}
