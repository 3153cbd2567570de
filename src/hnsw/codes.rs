//! The index's own 8-bit code of a vector: encoding, distances between a query and a code and between two
//! codes, and lower bounds of the true distance. Pure; index format: the same bytes on every CPU.
//!
//! A vector `x` (divided by its norm first for cosine) is stored as `x^ = mean + scale * c` with `c` in
//! `-127..=127` and one `scale` a vector, beside `error = |x - x^|` (L2 norm; L1 norm for L1). The true
//! distance then differs from the code's by at most `error`, which gives true lower bounds.
//! A query is rounded to 14-bit integers, so that query-to-code products are exact integers on every CPU.
//! Bit strings and sparse vectors have codes of their own (`bits`, `sparse`).

mod arena;
mod bits;
mod encode;
mod query;
mod rotation;
mod sign;
mod sparse;

pub use arena::CodeArena;
pub use bits::BitForm;
pub use encode::MeanAccumulator;
pub use query::Query;
pub use sign::{EdgeFactors, Estimate, OwnerEstimate, sign_bytes};
pub use sparse::BYTES_PER_NON_ZERO;

use crate::distance::{Kernels, Metric, bits as bit_kernels, kernels};
use crate::types::indexed::IndexedValue;

/// What the codes of an index are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeForm {
    /// 8 bits for each dimension.
    Elements,
    /// The bits of a string.
    Bits(BitForm),
    /// Index and 16 bits for each element that is not zero, of which rows have so many at most.
    NonZeros(usize),
}

/// What all codes of one index share.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeParams {
    /// Distance of the index.
    pub metric: Metric,
    /// What codes are made of.
    pub form: CodeForm,
    /// Dimensions of every vector, 1..=16000, or bits of every string.
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
    /// change, or if the metric is one of bit strings. Bytes from disk are checked before they come here.
    pub fn new(metric: Metric, dims: usize, mean: Vec<f32>) -> Self {
        assert!(mean.is_empty() || (mean.len() == dims && metric != Metric::InnerProduct));
        assert!(!metric.is_of_bits());
        Self {
            metric,
            form: CodeForm::Elements,
            dims,
            mean,
            is_rotated: false,
        }
    }

    /// Parameters of an index over bit strings of `len` bits.
    /// # Panics
    /// If the metric is none of bit strings, or the form that of another length.
    pub fn bits(metric: Metric, len: usize, form: BitForm) -> Self {
        assert!(metric.is_of_bits() && form.is_of(len));
        Self {
            metric,
            form: CodeForm::Bits(form),
            dims: len,
            mean: Vec::new(),
            is_rotated: false,
        }
    }

    /// Parameters of an index over sparse vectors of `dims` dimensions, with `most` elements that are not zero.
    /// # Panics
    /// If the metric is one of bit strings.
    pub fn sparse(metric: Metric, dims: usize, most: usize) -> Self {
        assert!(!metric.is_of_bits());
        Self {
            metric,
            form: CodeForm::NonZeros(most),
            dims,
            mean: Vec::new(),
            is_rotated: false,
        }
    }

    /// Bytes of a code; `None` if codes differ in length.
    pub fn code_len(&self) -> Option<usize> {
        match self.form {
            CodeForm::Elements => Some(self.dims),
            CodeForm::Bits(form) => Some(form.code_len()),
            CodeForm::NonZeros(_) => None,
        }
    }

    /// The same parameters for codes of the rotated vector.
    /// # Panics
    /// For L1, which a rotation changes, and for other forms than elements.
    #[must_use]
    pub fn with_rotation(mut self) -> Self {
        assert!(self.metric != Metric::L1 && self.form == CodeForm::Elements);
        self.is_rotated = true;
        self
    }

    /// Ordering key of two codes: the same as that of a [`Query::from_code`] of either of them to the other.
    /// # Panics
    /// If the codes are not as long as those of the index.
    #[inline]
    pub fn code_key(&self, a: &[i8], fa: &Factors, b: &[i8], fb: &Factors) -> f32 {
        match self.form {
            CodeForm::Elements => code_key(kernels(), self.metric, (a, fa), (b, fb)),
            CodeForm::Bits(form) => form.key(bit_kernels::kernels(), self.metric, a, b),
            CodeForm::NonZeros(_) => sparse_key(self.metric, (a, fa), (b, fb)),
        }
    }

    /// Encodes a value of the index's type into `code` and returns its factors. The same bytes on every CPU.
    /// # Panics
    /// If the value is of another form or has other dimensions.
    pub fn encode_value(&self, value: IndexedValue<'_>, code: &mut Vec<i8>) -> Factors {
        match (self.form, value) {
            (CodeForm::Elements, IndexedValue::Dense(elements)) => {
                code.resize(self.dims, 0);
                self.encode(elements, code)
            }
            (CodeForm::Bits(form), IndexedValue::Bits(string)) => {
                form.encode(string, code);
                Factors::default()
            }
            (CodeForm::NonZeros(_), IndexedValue::Sparse(vector)) => {
                sparse::encode(self, vector, code)
            }
            // Index and values are read as the type that the meta page names.
            (form, value) => unreachable!("{value:?} for codes of {form:?}"),
        }
    }
}

/// See [`CodeParams::code_key`]; of elements. Symmetric to the last bit: each operation that mixes both sides commutes.
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

/// See [`CodeParams::code_key`]; of elements that are not zero. Symmetric as the other.
#[inline(always)]
fn sparse_key(metric: Metric, (a, fa): (&[i8], &Factors), (b, fb): (&[i8], &Factors)) -> f32 {
    if metric == Metric::L1 {
        return sparse::l1(fa.scale, a, fb.scale, b) as f32;
    }
    let product = f64::from(fa.scale) * f64::from(fb.scale) * sparse::dot(a, b) as f64;
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
