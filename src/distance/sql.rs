//! The distance functions as PostgreSQL calls them, declared in `sql/distance/operators.sql`. Sums come from
//! the kernels in binary32; what follows them is binary64.

use super::{Metric, bits, inner_product, l2_squared};
use crate::error::{Error, Result};
use crate::pg::function::sql_functions;
use crate::types::datum::{BitArg, DenseArg, HalfvecArg, Stored, VectorArg};

/// The elements of both operands.
/// # Errors
/// 22000 if the dimensions differ.
#[inline(always)]
fn pair<'a, E: Stored>(a: &'a DenseArg<E>, b: &'a DenseArg<E>) -> Result<(&'a [E], &'a [E])> {
    let (a, b) = (a.elements(), b.elements());
    if a.len() == b.len() {
        Ok((a, b))
    } else {
        Err(Error::different_dimensions(E::TYPE.name, a.len(), b.len()))
    }
}

/// What the operator of `metric` returns.
#[inline(always)]
fn distance<E: Stored>(metric: Metric, a: &DenseArg<E>, b: &DenseArg<E>) -> Result<f64> {
    let (a, b) = pair(a, b)?;
    Ok(metric.distance(a, b))
}

#[inline(always)]
fn squared<E: Stored>(a: &DenseArg<E>, b: &DenseArg<E>) -> Result<f64> {
    let (a, b) = pair(a, b)?;
    Ok(f64::from(l2_squared(a, b)))
}

#[inline(always)]
fn product<E: Stored>(a: &DenseArg<E>, b: &DenseArg<E>) -> Result<f64> {
    let (a, b) = pair(a, b)?;
    Ok(f64::from(inner_product(a, b)))
}

/// The angle of two unit vectors as a part of a half turn.
fn spherical<E: Stored>(a: &DenseArg<E>, b: &DenseArg<E>) -> Result<f64> {
    let cosine = product(a, b)?.clamp(-1.0, 1.0);
    Ok(cosine.acos() / std::f64::consts::PI)
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
        distance(Metric::L2, &a, &b)
    }

    /// `vector_l2_squared_distance(vector, vector)`.
    fn annex_vector_l2_squared_distance(a: VectorArg, b: VectorArg) -> Result<f64> {
        squared(&a, &b)
    }

    /// `inner_product(vector, vector)`.
    fn annex_vector_inner_product(a: VectorArg, b: VectorArg) -> Result<f64> {
        product(&a, &b)
    }

    /// `vector_negative_inner_product(vector, vector)`.
    fn annex_vector_negative_inner_product(a: VectorArg, b: VectorArg) -> Result<f64> {
        distance(Metric::InnerProduct, &a, &b)
    }

    /// `cosine_distance(vector, vector)`: NaN if a norm is zero, or under- or overflows binary32.
    fn annex_vector_cosine_distance(a: VectorArg, b: VectorArg) -> Result<f64> {
        distance(Metric::Cosine, &a, &b)
    }

    /// `l1_distance(vector, vector)`.
    fn annex_vector_l1_distance(a: VectorArg, b: VectorArg) -> Result<f64> {
        distance(Metric::L1, &a, &b)
    }

    /// `vector_spherical_distance(vector, vector)`.
    fn annex_vector_spherical_distance(a: VectorArg, b: VectorArg) -> Result<f64> {
        spherical(&a, &b)
    }

    /// `l2_distance(halfvec, halfvec)`.
    fn annex_halfvec_l2_distance(a: HalfvecArg, b: HalfvecArg) -> Result<f64> {
        distance(Metric::L2, &a, &b)
    }

    /// `halfvec_l2_squared_distance(halfvec, halfvec)`.
    fn annex_halfvec_l2_squared_distance(a: HalfvecArg, b: HalfvecArg) -> Result<f64> {
        squared(&a, &b)
    }

    /// `inner_product(halfvec, halfvec)`.
    fn annex_halfvec_inner_product(a: HalfvecArg, b: HalfvecArg) -> Result<f64> {
        product(&a, &b)
    }

    /// `halfvec_negative_inner_product(halfvec, halfvec)`.
    fn annex_halfvec_negative_inner_product(a: HalfvecArg, b: HalfvecArg) -> Result<f64> {
        distance(Metric::InnerProduct, &a, &b)
    }

    /// `cosine_distance(halfvec, halfvec)`: NaN if a norm is zero, or under- or overflows binary32.
    fn annex_halfvec_cosine_distance(a: HalfvecArg, b: HalfvecArg) -> Result<f64> {
        distance(Metric::Cosine, &a, &b)
    }

    /// `l1_distance(halfvec, halfvec)`.
    fn annex_halfvec_l1_distance(a: HalfvecArg, b: HalfvecArg) -> Result<f64> {
        distance(Metric::L1, &a, &b)
    }

    /// `halfvec_spherical_distance(halfvec, halfvec)`.
    fn annex_halfvec_spherical_distance(a: HalfvecArg, b: HalfvecArg) -> Result<f64> {
        spherical(&a, &b)
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
