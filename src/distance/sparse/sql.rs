//! The distance functions of `sparsevec` as PostgreSQL calls them, declared in `sql/distance/sparsevec.sql`.

use super::{NonZeros, inner_product, l2_squared};
use crate::distance::Metric;
use crate::error::{Error, Result};
use crate::pg::function::sql_functions;
use crate::types::sparse::datum::SparseArg;
use crate::types::sparse::{SPARSEVEC, SparseView};

fn non_zeros(vector: SparseView) -> NonZeros {
    NonZeros::new(vector.indices(), vector.values())
}

/// The elements of both operands.
/// # Errors
/// 22000 if the dimensions differ.
#[inline(always)]
fn pair<'a>(a: &'a SparseArg, b: &'a SparseArg) -> Result<(NonZeros<'a>, NonZeros<'a>)> {
    let (a, b) = (a.view(), b.view());
    if a.dims() == b.dims() {
        Ok((non_zeros(a), non_zeros(b)))
    } else {
        let (a, b) = (a.dims(), b.dims());
        Err(Error::different_dimensions(SPARSEVEC.name, a, b))
    }
}

sql_functions! {
    /// `l2_distance(sparsevec, sparsevec)`.
    fn annex_sparsevec_l2_distance(a: SparseArg, b: SparseArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(Metric::L2.sparse_distance(a, b))
    }

    /// `sparsevec_l2_squared_distance(sparsevec, sparsevec)`.
    fn annex_sparsevec_l2_squared_distance(a: SparseArg, b: SparseArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(f64::from(l2_squared(a, b)))
    }

    /// `inner_product(sparsevec, sparsevec)`.
    fn annex_sparsevec_inner_product(a: SparseArg, b: SparseArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(f64::from(inner_product(a, b)))
    }

    /// `sparsevec_negative_inner_product(sparsevec, sparsevec)`.
    fn annex_sparsevec_negative_inner_product(a: SparseArg, b: SparseArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(Metric::InnerProduct.sparse_distance(a, b))
    }

    /// `cosine_distance(sparsevec, sparsevec)`: NaN if a norm is zero, or under- or overflows binary32.
    fn annex_sparsevec_cosine_distance(a: SparseArg, b: SparseArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(Metric::Cosine.sparse_distance(a, b))
    }

    /// `l1_distance(sparsevec, sparsevec)`.
    fn annex_sparsevec_l1_distance(a: SparseArg, b: SparseArg) -> Result<f64> {
        let (a, b) = pair(&a, &b)?;
        Ok(Metric::L1.sparse_distance(a, b))
    }
}
