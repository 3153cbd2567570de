//! The index's own 8-bit code of a vector: encoding, distances between a query and a code and between two
//! codes, and lower bounds of the true distance. Pure; index format: the same bytes on every CPU.
//!
//! A vector `x` (divided by its norm first for cosine) is stored as `x^ = mean + scale * c` with `c` in
//! `-127..=127` and one `scale` a vector, beside `error = |x - x^|` (L2 norm; L1 norm for L1). The true
//! distance then differs from the code's by at most `error`, which gives true lower bounds.
//! A query is rounded to 14-bit integers, so that query-to-code products are exact integers on every CPU.

use crate::distance::Metric;

/// What all codes of one index share.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeParams {
    /// Distance of the index.
    pub metric: Metric,
    /// Dimensions of every vector, 1..=16000.
    pub dims: usize,
    /// Subtracted before encoding, `dims` long; empty means zero. Always empty for inner product.
    pub mean: Vec<f32>,
}

/// What is stored beside the code of one vector.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Factors {
    /// Size of one step of the code.
    pub scale: f32,
    /// Squared L2 norm of `scale * c`.
    pub norm_squared: f32,
    /// Norm of the reconstruction error `x - x^`, rounded up.
    pub error: f32,
}

/// Codes of `len` vectors in one block, for builds.
#[derive(Debug)]
pub struct CodeArena {
    /// Shared parameters.
    pub params: CodeParams,
    /// `params.dims` codes a vector.
    pub codes: Vec<i8>,
    /// One a vector.
    pub factors: Vec<Factors>,
}

impl CodeArena {
    /// Code of vector `id`.
    pub fn code(&self, id: u32) -> &[i8] {
        let start = id as usize * self.params.dims;
        &self.codes[start..start + self.params.dims]
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.factors.len()
    }

    /// Whether the arena holds no vector.
    pub fn is_empty(&self) -> bool {
        self.factors.is_empty()
    }
}
