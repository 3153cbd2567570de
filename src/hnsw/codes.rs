//! The index's own 8-bit code of a vector: encoding, distances between a query and a code and between two
//! codes, and lower bounds of the true distance. Pure; index format: the same bytes on every CPU.
//!
//! A vector `x` (divided by its norm first for cosine) is stored as `x^ = mean + scale * c` with `c` in
//! `-127..=127` and one `scale` a vector, beside `error = |x - x^|` (L2 norm; L1 norm for L1). The true
//! distance then differs from the code's by at most `error`, which gives true lower bounds.
//! A query is rounded to 14-bit integers, so that query-to-code products are exact integers on every CPU.

mod arena;
mod encode;
mod query;
mod rotation;
mod sign;

pub use arena::CodeArena;
pub use encode::MeanAccumulator;
pub use query::Query;
pub use sign::{EdgeFactors, Estimate, OwnerEstimate, sign_bytes};

use crate::distance::{Kernels, Metric, kernels};

/// What all codes of one index share.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeParams {
    /// Distance of the index.
    pub metric: Metric,
    /// Dimensions of every vector, 1..=16000.
    pub dims: usize,
    /// Subtracted before encoding, `dims` long; empty means zero. Always empty for inner product.
    pub mean: Vec<f32>,
    /// Whether codes are those of the rotated vector, whose signs can be compared: the inline form.
    pub is_rotated: bool,
}

/// What is stored beside the code of one vector. No field is ever NaN.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Factors {
    /// Size of one step of the code; 0 if the code is all zeros.
    pub scale: f32,
    /// Squared L2 norm of `scale * c`; finite.
    pub norm_squared: f32,
    /// Norm of the reconstruction error `x - x^`, rounded up. Infinite if no useful bound is known: then
    /// every lower bound of this vector is trivial.
    pub error: f32,
}

impl CodeParams {
    /// Parameters of an index.
    /// # Panics
    /// If `mean` is neither empty nor `dims` long, or not empty for inner product, whose order a shift would
    /// change. Bytes from disk are checked before they come here.
    pub fn new(metric: Metric, dims: usize, mean: Vec<f32>) -> Self {
        assert!(mean.is_empty() || (mean.len() == dims && metric != Metric::InnerProduct));
        Self {
            metric,
            dims,
            mean,
            is_rotated: false,
        }
    }

    /// The same parameters for codes of the rotated vector.
    /// # Panics
    /// For L1, which a rotation changes.
    #[must_use]
    pub fn with_rotation(mut self) -> Self {
        assert_ne!(self.metric, Metric::L1);
        self.is_rotated = true;
        self
    }

    /// Ordering key of two codes: the same as that of a [`Query::from_code`] of either of them to the other.
    /// # Panics
    /// If the codes differ in length.
    #[inline]
    pub fn code_key(&self, a: &[i8], fa: &Factors, b: &[i8], fb: &Factors) -> f32 {
        code_key(kernels(), self.metric, (a, fa), (b, fb))
    }
}

/// See [`CodeParams::code_key`]. Symmetric to the last bit: each operation that mixes both sides commutes.
#[inline(always)]
fn code_key(
    kernels: &Kernels,
    metric: Metric,
    (a, fa): (&[i8], &Factors),
    (b, fb): (&[i8], &Factors),
) -> f32 {
    if metric == Metric::L1 {
        return kernels.l1_i8_i8(fa.scale, a, fb.scale, b);
    }
    let product = f64::from(fa.scale) * f64::from(fb.scale) * kernels.dot_i8_i8(a, b) as f64;
    key_of_product(metric, product, f64::from(fa.norm_squared), fb)
}

/// Ordering key from the inner product of `x^ - mean` with a query of squared norm `norm_squared`.
#[inline(always)]
fn key_of_product(metric: Metric, product: f64, norm_squared: f64, factors: &Factors) -> f32 {
    if metric == Metric::InnerProduct {
        -product as f32
    } else {
        // Rounding can take the square of a small distance below zero.
        (norm_squared + f64::from(factors.norm_squared) - 2.0 * product).max(0.0) as f32
    }
}
