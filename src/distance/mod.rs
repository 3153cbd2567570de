//! Distance kernels over slices. Knows neither the SQL types nor PostgreSQL.
//!
//! [`scalar`] defines each kernel; [`Kernels`] holds the versions for one instruction set. Integer kernels
//! give the same integer on every level, binary32 ones may differ in the last bits: they sum in another order.
//! Kernels over dense vectors are there for each [`Element`].

pub mod bits;
mod dispatch;
mod element;
mod half;
pub mod prefetch;
pub mod scalar;
pub mod sparse;
pub mod sql;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use dispatch::{DenseKernels, Kernels, Level, Vectorized, kernels};
pub use element::Element;
pub use half::Half;

/// The distances that an index can order by: four of vectors, two of bit strings. The values stand in indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Metric {
    /// Euclidean, operator `<->`.
    L2 = 0,
    /// Negative inner product, operator `<#>`.
    InnerProduct = 1,
    /// 1 - cosine similarity, operator `<=>`.
    Cosine = 2,
    /// Taxicab, operator `<+>`.
    L1 = 3,
    /// Number of bits that differ, operator `<~>`.
    Hamming = 4,
    /// 1 - bits in both / bits in any, operator `<%>`.
    Jaccard = 5,
}

impl Metric {
    /// Each of them.
    pub const ALL: [Metric; 6] = [
        Metric::L2,
        Metric::InnerProduct,
        Metric::Cosine,
        Metric::L1,
        Metric::Hamming,
        Metric::Jaccard,
    ];

    /// Whether this is a distance of bit strings.
    pub fn is_of_bits(self) -> bool {
        matches!(self, Self::Hamming | Self::Jaccard)
    }

    /// Name in reports: that of the operator classes, as in `vector_l2_ops` and `bit_hamming_ops`.
    pub fn name(self) -> &'static str {
        match self {
            Self::L2 => "l2",
            Self::InnerProduct => "ip",
            Self::Cosine => "cosine",
            Self::L1 => "l1",
            Self::Hamming => "hamming",
            Self::Jaccard => "jaccard",
        }
    }

    /// Name in sentences.
    pub fn title(self) -> &'static str {
        match self {
            Self::L2 => "L2",
            Self::InnerProduct => "inner product",
            Self::Cosine => "cosine",
            Self::L1 => "L1",
            Self::Hamming => "Hamming",
            Self::Jaccard => "Jaccard",
        }
    }

    /// What the metric's operator returns for two vectors of equal length: sums in binary32, what follows them in
    /// binary64. NaN for the cosine of a vector whose norm is zero, or under- or overflows binary32, and for the metrics
    /// of bit strings.
    /// # Panics
    /// If the lengths differ; SQL callers have reported 22000 before.
    #[inline]
    pub fn distance<E: Element>(self, a: &[E], b: &[E]) -> f64 {
        match self {
            Metric::L2 => f64::from(l2_squared(a, b)).sqrt(),
            Metric::InnerProduct => -f64::from(inner_product(a, b)),
            Metric::Cosine => {
                let (product, a_squared, b_squared) = cosine_parts(a, b);
                cosine_distance(product, a_squared, b_squared)
            }
            Metric::L1 => f64::from(l1(a, b)),
            Metric::Hamming | Metric::Jaccard => f64::NAN,
        }
    }
}

/// What an index keeps of the way from one code vector to another, beside its signs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way {
    /// L1 norm.
    pub absolute: f32,
    /// Squared L2 norm.
    pub square: f32,
    /// Inner product of the way's start with its signs, 1 or -1 for each dimension.
    pub along: f32,
}

/// Cosine distance of two vectors by their inner product and squared norms; NaN if one of these is zero.
#[inline]
fn cosine_distance(product: f32, a_squared: f32, b_squared: f32) -> f64 {
    let norms = (f64::from(a_squared) * f64::from(b_squared)).sqrt();
    // Rounding can take it beyond the range; clamp keeps NaN.
    1.0 - (f64::from(product) / norms).clamp(-1.0, 1.0)
}

/// Squared Euclidean distance of two vectors of equal length, accumulated in binary32.
/// Not the square root: callers that only order by it need none.
/// # Panics
/// If the lengths differ; SQL callers have reported 22000 before.
pub fn l2_squared<E: Element>(a: &[E], b: &[E]) -> f32 {
    kernels().l2_squared(a, b)
}

/// Inner product of two vectors of equal length, accumulated in binary32.
/// # Panics
/// If the lengths differ.
pub fn inner_product<E: Element>(a: &[E], b: &[E]) -> f32 {
    kernels().inner_product(a, b)
}

/// Taxicab distance of two vectors of equal length, accumulated in binary32.
/// # Panics
/// If the lengths differ.
pub fn l1<E: Element>(a: &[E], b: &[E]) -> f32 {
    kernels().l1(a, b)
}

/// Inner product and both squared norms in one pass: `(a.b, a.a, b.b)`, accumulated in binary32.
/// # Panics
/// If the lengths differ.
pub fn cosine_parts<E: Element>(a: &[E], b: &[E]) -> (f32, f32, f32) {
    kernels().cosine_parts(a, b)
}

/// Writes each of `halves` to `singles`, exactly.
/// # Panics
/// If the lengths differ.
pub fn widen(halves: &[Half], singles: &mut [f32]) {
    kernels().widen(halves, singles);
}

/// Writes each of `singles` to `halves`, rounded to nearest, ties to even; infinite from 65520 on.
/// # Panics
/// If the lengths differ.
pub fn narrow(singles: &[f32], halves: &mut [Half]) {
    kernels().narrow(singles, halves);
}
