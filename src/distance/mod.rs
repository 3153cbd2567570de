//! Distance kernels over slices. Knows neither the SQL types nor PostgreSQL.
//!
//! [`scalar`] defines each kernel; [`Kernels`] holds the versions for one instruction set. Integer kernels
//! give the same integer on every level, binary32 ones may differ in the last bits: they sum in another order.

pub mod bits;
mod dispatch;
pub mod prefetch;
pub mod scalar;
pub mod sql;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use dispatch::{Kernels, Level, kernels};

/// The four distances of dense vectors.
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
}

impl Metric {
    /// Name in reports: that of the operator classes, as in `vector_l2_ops`.
    pub fn name(self) -> &'static str {
        match self {
            Self::L2 => "l2",
            Self::InnerProduct => "ip",
            Self::Cosine => "cosine",
            Self::L1 => "l1",
        }
    }

    /// What the metric's operator returns for two vectors of equal length: sums in binary32, what follows them in
    /// binary64. NaN for the cosine of a vector whose norm is zero, or under- or overflows binary32.
    /// # Panics
    /// If the lengths differ; SQL callers have reported 22000 before.
    #[inline]
    pub fn distance(self, a: &[f32], b: &[f32]) -> f64 {
        match self {
            Metric::L2 => f64::from(l2_squared(a, b)).sqrt(),
            Metric::InnerProduct => -f64::from(inner_product(a, b)),
            Metric::Cosine => {
                let (product, a_squared, b_squared) = cosine_parts(a, b);
                let norms = (f64::from(a_squared) * f64::from(b_squared)).sqrt();
                // Rounding can take it beyond the range; clamp keeps NaN.
                1.0 - (f64::from(product) / norms).clamp(-1.0, 1.0)
            }
            Metric::L1 => f64::from(l1(a, b)),
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

/// Squared Euclidean distance of two vectors of equal length, accumulated in binary32.
/// Not the square root: callers that only order by it need none.
/// # Panics
/// If the lengths differ; SQL callers have reported 22000 before.
pub fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    kernels().l2_squared(a, b)
}

/// Inner product of two vectors of equal length, accumulated in binary32.
/// # Panics
/// If the lengths differ.
pub fn inner_product(a: &[f32], b: &[f32]) -> f32 {
    kernels().inner_product(a, b)
}

/// Taxicab distance of two vectors of equal length, accumulated in binary32.
/// # Panics
/// If the lengths differ.
pub fn l1(a: &[f32], b: &[f32]) -> f32 {
    kernels().l1(a, b)
}

/// Inner product and both squared norms in one pass: `(a.b, a.a, b.b)`, accumulated in binary32.
/// # Panics
/// If the lengths differ.
pub fn cosine_parts(a: &[f32], b: &[f32]) -> (f32, f32, f32) {
    kernels().cosine_parts(a, b)
}
