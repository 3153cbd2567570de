//! Vectors to codes and back, and the mean that is subtracted before.
//!
//! Part of the index format: binary64 operations in a fixed order, no fused multiply-add, nothing that
//! depends on the CPU, so that `annex.verify` can recompute a code byte by byte anywhere.

use super::rotation::{ROUNDINGS, rotate};
use super::{CodeParams, Factors};
use crate::distance::{Metric, Vectorized, kernels};

/// Largest magnitude of an element of a code.
const CODE_MAX: f64 = 127.0;

/// Larger scales are cut to this: `127 * scale` and the difference of two such values' halves stay finite
/// in binary32. Only elements beyond 2^127 lose by it, and their error says so.
const SCALE_MAX: f32 = (1u128 << 120) as f32;

/// Norms for which the `<=>` operator's binary32 squares neither overflow nor lose digits to underflow.
/// Outside of it the operator's result may be far from the true distance, so no bound is given.
const COSINE_NORMS: std::ops::RangeInclusive<f64> = 1.0 / (1u64 << 50) as f64..=(1u64 << 63) as f64;

/// Adding this to a number rounds it to an integer, ties to even, in the low bits of the sum.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Bound of the relative rounding error of one element of a normalised vector.
const NORMALIZE_EPSILON: f64 = 1.0 / (1u64 << 36) as f64;

/// Independent partial sums: a fixed order that lets a compiler use vectors.
const LANES: usize = 8;

/// `value` rounded towards infinity; infinite for NaN.
pub(super) fn round_up(value: f64) -> f32 {
    let nearest = value as f32;
    if value.is_nan() {
        f32::INFINITY
    } else if f64::from(nearest) < value {
        nearest.next_up()
    } else {
        nearest
    }
}

/// Sums of `N` terms of each value, in an order that depends on the number of values only.
#[inline(always)]
fn sums<T: Copy, const N: usize>(values: &[T], mut terms: impl FnMut(T) -> [f64; N]) -> [f64; N] {
    let mut lanes = [[0.0; LANES]; N];
    let (chunks, tail) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in chunk.iter().enumerate() {
            let terms = terms(value);
            for (sums, term) in lanes.iter_mut().zip(terms) {
                sums[lane] += term;
            }
        }
    }
    for (lane, &value) in tail.iter().enumerate() {
        let terms = terms(value);
        for (sums, term) in lanes.iter_mut().zip(terms) {
            sums[lane] += term;
        }
    }
    lanes.map(|sums| sums.iter().sum())
}

/// L2 norm in binary64.
#[inline(always)]
fn norm(vector: &[f32]) -> f64 {
    let [square] = sums(vector, |x| [f64::from(x) * f64::from(x)]);
    square.sqrt()
}

/// Sums over a vector that was rounded.
pub(super) struct Rounded {
    /// Upper bound of the norm of what rounding took away: L1 for L1, else L2.
    pub(super) error: f64,
    /// Exact sum of the squares of the integers.
    pub(super) squares: f64,
}

/// A vector in the space of the codes: normalised for cosine, the mean subtracted, rotated if the codes are.
pub(super) struct Centered {
    pub(super) values: Vec<f64>,
    /// Largest magnitude of a value.
    pub(super) max_abs: f64,
    /// How many roundings of 2^-53 a value carries at most, with that of a difference.
    roundings: f64,
    metric: Metric,
    /// Whether the SQL operator's own arithmetic is sound for this vector.
    is_bounded: bool,
}

/// [`Centered::of`] as work to be compiled for each level.
struct Centering<'a> {
    params: &'a CodeParams,
    vector: &'a [f32],
}

impl Vectorized for Centering<'_> {
    type Output = Centered;

    #[inline(always)]
    fn run(self) -> Centered {
        Centered::compute(self.params, self.vector)
    }
}

/// [`Centered::round`] as work to be compiled for each level.
struct Rounding<'a, T, F> {
    centered: &'a Centered,
    scale: f64,
    limit: f64,
    multiples: &'a mut [T],
    convert: F,
}

impl<T, F: Fn(i32) -> T> Vectorized for Rounding<'_, T, F> {
    type Output = Rounded;

    #[inline(always)]
    fn run(self) -> Rounded {
        let Self {
            centered,
            scale,
            limit,
            multiples,
            convert,
        } = self;
        let steps = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        // `clamp` would need a branch for its panic.
        let nearest = |value: f64| (value * steps).max(-limit).min(limit) + ROUND;
        for (multiple, &value) in multiples.iter_mut().zip(&centered.values) {
            *multiple = convert(nearest(value).to_bits() as i32);
        }
        let (error, squares) = centered.error_sums(|value| {
            let multiple = nearest(value) - ROUND;
            (value - scale * multiple, multiple * multiple)
        });
        Rounded { error, squares }
    }
}

impl Centered {
    /// # Panics
    /// If `vector` is not `params.dims` long.
    pub(super) fn new(params: &CodeParams, vector: &[f32]) -> Self {
        assert_eq!(vector.len(), params.dims);
        Self::of(params, vector)
    }

    /// The same of the elements that are not zero, of an index without mean and rotation.
    pub(super) fn of(params: &CodeParams, vector: &[f32]) -> Self {
        kernels().vectorized(Centering { params, vector })
    }

    #[inline(always)]
    fn compute(params: &CodeParams, vector: &[f32]) -> Self {
        let mut factor = 1.0;
        let mut is_bounded = true;
        if params.metric == Metric::Cosine {
            let norm = norm(vector);
            is_bounded = COSINE_NORMS.contains(&norm);
            factor = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        }
        let mut values: Vec<f64> = vector.iter().map(|&x| f64::from(x) * factor).collect();
        for (value, &mean) in values.iter_mut().zip(&params.mean) {
            *value -= f64::from(mean);
        }
        let mut roundings = 4.0;
        if params.is_rotated {
            rotate(&mut values);
            roundings += ROUNDINGS;
        }
        let max_abs = max_abs(&values);
        Self {
            values,
            max_abs,
            roundings,
            metric: params.metric,
            is_bounded,
        }
    }

    /// Rounds every value to a multiple of `scale`, at most `limit` times it, and stores the multiples.
    pub(super) fn round<T>(
        &self,
        scale: f64,
        limit: f64,
        multiples: &mut [T],
        convert: impl Fn(i32) -> T,
    ) -> Rounded {
        kernels().vectorized(Rounding {
            centered: self,
            scale,
            limit,
            multiples,
            convert,
        })
    }

    /// Upper bound of the norm (L1 for L1, else L2) of the difference to what `round` makes of each value.
    pub(super) fn error_of(&self, round: impl Fn(f64) -> f64) -> f64 {
        self.error_sums(|value| (value - round(value), 0.0)).0
    }

    /// From a difference and another term for each value: an upper bound of the norm of the differences,
    /// and the sum of the other terms.
    #[inline(always)]
    fn error_sums(&self, terms: impl Fn(f64) -> (f64, f64)) -> (f64, f64) {
        let (distance, others) = if self.metric == Metric::L1 {
            let [sum, others] = sums(&self.values, |value| {
                let (difference, other) = terms(value);
                [difference.abs(), other]
            });
            (sum, others)
        } else {
            let [square, others] = sums(&self.values, |value| {
                let (difference, other) = terms(value);
                [difference * difference, other]
            });
            (square.sqrt(), others)
        };
        if !self.is_bounded {
            return (f64::INFINITY, others);
        }
        let roundings = self.values.len() as f64 * self.max_abs * f64::EPSILON * self.roundings;
        let normalization = if self.metric == Metric::Cosine {
            NORMALIZE_EPSILON
        } else {
            0.0
        };
        let bound = distance * (1.0 + NORMALIZE_EPSILON) + roundings + normalization;
        (bound, others)
    }
}

/// Largest magnitude of the values; NaN is skipped.
#[inline(always)]
fn max_abs(values: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let keep_larger = |max: &mut f64, value: f64| {
        if value.abs() > *max {
            *max = value.abs();
        }
    };
    let (chunks, tail) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (max, &value) in lanes.iter_mut().zip(chunk) {
            keep_larger(max, value);
        }
    }
    for (max, &value) in lanes.iter_mut().zip(tail) {
        keep_larger(max, value);
    }
    lanes.into_iter().fold(0.0, f64::max)
}

/// Rounds all values to multiples of one scale, at most `limit` times it, and returns the factors of the code.
pub(super) fn factors_of<T>(
    centered: &Centered,
    limit: f64,
    code: &mut [T],
    convert: impl Fn(i32) -> T,
) -> Factors {
    let scale = ((centered.max_abs / limit) as f32).min(SCALE_MAX);
    let exact = f64::from(scale);
    let rounded = centered.round(exact, limit, code, convert);
    let norm_squared = exact * exact * rounded.squares;
    let is_representable = norm_squared <= f64::from(f32::MAX);
    Factors {
        scale,
        norm_squared: (norm_squared as f32).min(f32::MAX),
        error: if is_representable {
            round_up(rounded.error)
        } else {
            f32::INFINITY
        },
    }
}

impl CodeParams {
    /// Encodes `vector` into `code` and returns its factors.
    ///
    /// The same bytes on every CPU. Not finite elements give some code and an infinite error.
    /// # Panics
    /// If `vector` or `code` is not `dims` long.
    pub fn encode(&self, vector: &[f32], code: &mut [i8]) -> Factors {
        assert_eq!(code.len(), self.dims);
        let centered = Centered::new(self, vector);
        factors_of(&centered, CODE_MAX, code, |c| c as i8)
    }

    /// The vector `x^` that a code stands for, rounded to binary32; of norm about 1 for cosine.
    /// # Panics
    /// If `code` is not `dims` long.
    pub fn decode(&self, code: &[i8], factors: &Factors) -> Vec<f32> {
        assert_eq!(code.len(), self.dims);
        let mean = self.mean.iter().copied().chain(std::iter::repeat(0.0));
        code.iter()
            .zip(mean)
            .map(|(&c, mean)| (f64::from(mean) + f64::from(factors.scale) * f64::from(c)) as f32)
            .collect()
    }
}

/// Sums a sample of vectors to the mean of [`CodeParams`].
#[derive(Debug, Clone)]
pub struct MeanAccumulator {
    metric: Metric,
    sums: Vec<f64>,
    count: u64,
}

impl MeanAccumulator {
    /// No vector so far.
    pub fn new(metric: Metric, dims: usize) -> Self {
        Self {
            metric,
            sums: vec![0.0; dims],
            count: 0,
        }
    }

    /// Adds a vector, divided by its norm first for cosine; a vector of norm 0 is skipped then.
    /// # Panics
    /// If `vector` has other dimensions.
    pub fn add(&mut self, vector: &[f32]) {
        assert_eq!(vector.len(), self.sums.len());
        let factor = if self.metric == Metric::Cosine {
            let norm = norm(vector);
            if norm == 0.0 {
                return;
            }
            1.0 / norm
        } else {
            1.0
        };
        for (sum, &x) in self.sums.iter_mut().zip(vector) {
            *sum += f64::from(x) * factor;
        }
        self.count += 1;
    }

    /// Number of vectors summed.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean; empty, which stands for zero, for inner product or without any vector.
    pub fn finish(self) -> Vec<f32> {
        if self.metric == Metric::InnerProduct || self.count == 0 {
            return Vec::new();
        }
        let count = self.count as f64;
        self.sums.iter().map(|sum| (sum / count) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error is never stored smaller than it is, and never as NaN.
    #[test]
    fn errors_round_up() {
        assert_eq!(round_up(1.0), 1.0);
        assert_eq!(round_up(1.0 + 1e-12), 1.0f32.next_up());
        assert_eq!(round_up(1e-60), f32::from_bits(1));
        assert_eq!(round_up(1e39), f32::INFINITY);
        assert_eq!(round_up(f64::from(f32::MAX) * (1.0 + 1e-12)), f32::INFINITY);
        assert_eq!(round_up(f64::NAN), f32::INFINITY);
    }

    /// The addition that rounds gives the nearest integer, ties to even, over the range of a query.
    #[test]
    fn adding_rounds_to_nearest() {
        for quarters in -32_764..=32_764 {
            let value = f64::from(quarters) / 4.0;
            let nearest = value.round_ties_even();
            assert_eq!((value + ROUND).to_bits() as i32, nearest as i32);
            assert_eq!((value + ROUND) - ROUND, nearest);
        }
    }

    /// Each value is counted once, whatever the length.
    #[test]
    fn sums_have_every_value() {
        for len in 0..40 {
            let values: Vec<f64> = (0..len).map(f64::from).collect();
            let [sum, count] = sums(&values, |value| [value, 1.0]);
            assert_eq!(
                (sum, count),
                (f64::from(len * (len - 1) / 2), f64::from(len))
            );
            assert_eq!(max_abs(&values), f64::from((len - 1).max(0)));
        }
    }
}
