//! Vectors to codes and back, and the mean that is subtracted before.
//!
//! Part of the index format: binary64 operations in a fixed order, no fused multiply-add, nothing that
//! depends on the CPU, so that `annex.verify` can recompute a code byte by byte anywhere.

use super::{CodeParams, Factors};
use crate::distance::Metric;

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

/// Sum of `term(i)` over `0..len`, in an order that depends on `len` only.
fn sum(len: usize, term: impl Fn(usize) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let whole = len - len % LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += term(start + lane);
        }
    }
    for (lane, sum) in sums.iter_mut().enumerate().take(len - whole) {
        *sum += term(whole + lane);
    }
    sums.iter().sum()
}

/// A vector in the space of the codes: normalised for cosine, the mean subtracted.
pub(super) struct Centered<'a> {
    vector: &'a [f32],
    mean: &'a [f32],
    /// 1 / norm for cosine, else 1.
    factor: f64,
    /// Whether the SQL operator's own arithmetic is sound for this vector.
    pub(super) is_bounded: bool,
}

impl<'a> Centered<'a> {
    /// # Panics
    /// If `vector` is not `params.dims` long.
    pub(super) fn new(params: &'a CodeParams, vector: &'a [f32]) -> Self {
        assert_eq!(vector.len(), params.dims);
        let mut centered = Self {
            vector,
            mean: &params.mean,
            factor: 1.0,
            is_bounded: true,
        };
        if params.metric == Metric::Cosine {
            let norm = norm(vector);
            centered.is_bounded = COSINE_NORMS.contains(&norm);
            centered.factor = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        }
        centered
    }

    /// Element `i`.
    #[inline(always)]
    pub(super) fn get(&self, i: usize) -> f64 {
        let mean = self.mean.get(i).copied().map_or(0.0, f64::from);
        f64::from(self.vector[i]) * self.factor - mean
    }

    /// Largest magnitude of an element.
    pub(super) fn max_abs(&self) -> f64 {
        (0..self.vector.len()).fold(0.0, |max: f64, i| max.max(self.get(i).abs()))
    }

    /// Upper bound of the norm (L1 for L1, else L2) of `self - rounded`, where `rounded(i)` is exact or
    /// correctly rounded and `max_abs` is [`Self::max_abs`].
    pub(super) fn distance_up(
        &self,
        metric: Metric,
        max_abs: f64,
        rounded: impl Fn(usize) -> f64,
    ) -> f64 {
        if !self.is_bounded {
            return f64::INFINITY;
        }
        let len = self.vector.len();
        let distance = if metric == Metric::L1 {
            sum(len, |i| (self.get(i) - rounded(i)).abs())
        } else {
            let square = |x: f64| x * x;
            sum(len, |i| square(self.get(i) - rounded(i))).sqrt()
        };
        // Each element of `self` and of the difference carries a few roundings of 2^-53.
        let elements = len as f64 * max_abs * f64::EPSILON * 4.0;
        let normalization = if metric == Metric::Cosine {
            NORMALIZE_EPSILON
        } else {
            0.0
        };
        distance * (1.0 + NORMALIZE_EPSILON) + elements + normalization
    }
}

/// L2 norm in binary64.
fn norm(vector: &[f32]) -> f64 {
    sum(vector.len(), |i| {
        f64::from(vector[i]) * f64::from(vector[i])
    })
    .sqrt()
}

/// `value` rounded to an integer, ties to even.
/// `value` must be of magnitude below 2^31.
#[inline(always)]
pub(super) fn round_to_i32(value: f64) -> i32 {
    (value + ROUND).to_bits() as i32
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
        let max_abs = centered.max_abs();
        let scale = ((max_abs / CODE_MAX) as f32).min(SCALE_MAX);
        let steps = if scale > 0.0 {
            1.0 / f64::from(scale)
        } else {
            0.0
        };

        for (i, c) in code.iter_mut().enumerate() {
            *c = round_to_i32((centered.get(i) * steps).clamp(-CODE_MAX, CODE_MAX)) as i8;
        }
        let scale_exact = f64::from(scale);
        let error =
            centered.distance_up(self.metric, max_abs, |i| scale_exact * f64::from(code[i]));
        let squares: i64 = code
            .iter()
            .map(|&c| i64::from(i32::from(c) * i32::from(c)))
            .sum();
        let norm_squared = scale_exact * scale_exact * squares as f64;
        let overflows = norm_squared > f64::from(f32::MAX);
        Factors {
            scale,
            norm_squared: (norm_squared as f32).min(f32::MAX),
            error: if overflows {
                f32::INFINITY
            } else {
                round_up(error)
            },
        }
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
