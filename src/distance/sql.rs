//! The distance functions as PostgreSQL calls them, declared in `sql/distance/operators.sql`. Sums come from
//! the kernels in binary32; what follows them is binary64.

use super::{Metric, bits, inner_product, l2_squared};
use crate::error::{Error, Result};
use crate::pg::function::sql_functions;
use crate::types::VECTOR;
use crate::types::datum::{BitArg, VectorArg};

/// The elements of both operands.
/// # Errors
/// 22000 if the dimensions differ.
#[inline(always)]
fn pair<'a>(a: &'a VectorArg, b: &'a VectorArg) -> Result<(&'a [f32], &'a [f32])> {
    let (a, b) = (a.elements(), b.elements());
    if a.len() == b.len() {
        Ok((a, b))
    } else {
        Err(Error::different_dimensions(VECTOR.name, a.len(), b.len()))
    }
}

/// The bytes of both operands.
/// # Errors
/// 22000 if the lengths differ.
fn bit_pair<'a>(a: &'a BitArg, b: &'a BitArg) -> Result<(&'a [u8], &'a [u8])> {
    if a.len() == b.len() {
        Ok((a.bytes(), b.bytes()))
    } else {
        Err(Error::different_bit_lengths(a.len(), b.len()))
    }
}

sql_functions! {
    /// `l2_distance(vector, vector)`.
    fn annex_vector_l2_distance(a: VectorArg, b: VectorArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(Metric::L2.distance(a, b))
    }

    /// `vector_l2_squared_distance(vector, vector)`.
    fn annex_vector_l2_squared_distance(a: VectorArg, b: VectorArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(f64::from(l2_squared(a, b)))
    }

    /// `inner_product(vector, vector)`.
    fn annex_vector_inner_product(a: VectorArg, b: VectorArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(f64::from(inner_product(a, b)))
    }

    /// `vector_negative_inner_product(vector, vector)`.
    fn annex_vector_negative_inner_product(a: VectorArg, b: VectorArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(Metric::InnerProduct.distance(a, b))
    }

    /// `cosine_distance(vector, vector)`: NaN if a norm is zero, or under- or overflows binary32.
    fn annex_vector_cosine_distance(a: VectorArg, b: VectorArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(Metric::Cosine.distance(a, b))
    }

    /// `l1_distance(vector, vector)`.
    fn annex_vector_l1_distance(a: VectorArg, b: VectorArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(Metric::L1.distance(a, b))
    }

    /// `vector_spherical_distance(vector, vector)`: the angle of two unit vectors as a part of a half turn.
    fn annex_vector_spherical_distance(a: VectorArg, b: VectorArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        let cosine = f64::from(inner_product(a, b)).clamp(-1.0, 1.0);
        Ok(cosine.acos() / std::f64::consts::PI)
    }

    /// `hamming_distance(bit, bit)`.
    fn annex_hamming_distance(a: BitArg, b: BitArg) -> Result<f64> {
        let (a, b) = bit_pair(&a, &b)?;
        Ok(bits::hamming(a, b) as f64)
    }

    /// `jaccard_distance(bit, bit)`.
    fn annex_jaccard_distance(a: BitArg, b: BitArg) -> Result<f64> {
        let (a, b) = bit_pair(&a, &b)?;
        Ok(bits::jaccard(a, b))
    }
}
