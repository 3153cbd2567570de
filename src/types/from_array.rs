//! Arrays of numbers as vectors of every type.

use super::datum::{NewDense, Stored};
use super::sparse::{SPARSEVEC, SparseVector};
use super::{VectorType, typmod};
use crate::error::{Error, Result};
use crate::pg::array::Array;

/// What an array can be cast to.
pub(super) trait FromArray: Sized {
    /// The SQL type.
    const TYPE: VectorType;

    /// The value with these elements.
    /// # Errors
    /// 22000 for NaN and infinity, 22003 for one too large for the type, 54000 for too many.
    fn from_elements(values: impl ExactSizeIterator<Item = f32> + Clone) -> Result<Self>;
}

impl<E: Stored> FromArray for NewDense<E> {
    const TYPE: VectorType = E::TYPE;

    fn from_elements(values: impl ExactSizeIterator<Item = f32> + Clone) -> Result<Self> {
        Self::from_elements(values)
    }
}

impl FromArray for SparseVector {
    const TYPE: VectorType = SPARSEVEC;

    fn from_elements(values: impl ExactSizeIterator<Item = f32> + Clone) -> Result<Self> {
        Self::from_dense(values)
    }
}

/// The elements of `array`, narrowed to binary32.
/// # Errors
/// 22000 for an array of more than one dimension, no element or another element type, 22004 for a NULL in it, 22000 if
/// `expected_typmod` is another number of elements, and as [`FromArray::from_elements`].
pub(super) fn from_array<T: FromArray>(array: &Array, expected_typmod: i32) -> Result<T> {
    if array.dimensions() > 1 {
        return Err(Error::array_not_flat(array.dimensions()));
    }
    if array.contains_nulls() {
        return Err(Error::array_with_nulls());
    }
    T::TYPE.check_dims(array.len())?;
    typmod::check_dims(expected_typmod, array.len())?;
    if let Some(elements) = array.elements::<f32>() {
        T::from_elements(elements.iter().copied())
    } else if let Some(elements) = array.elements::<f64>() {
        T::from_elements(elements.iter().map(|&x| x as f32))
    } else if let Some(elements) = array.elements::<i32>() {
        T::from_elements(elements.iter().map(|&x| x as f32))
    } else if let Some(elements) = array.numerics() {
        T::from_elements(elements.into_iter())
    } else {
        Err(Error::unsupported_array())
    }
}
