//! Sparse vectors: the elements that are not zero, with where they are. Pure, but for `datum` and `sql`.
//!
//! Dimensions may be far more than a dense vector could hold: nothing here takes time or memory for the zeros.

pub mod binary;
pub mod datum;
pub mod sql;
pub mod text;

use super::element::{self, DenseElement};
use super::{VectorType, vector};
use crate::error::{Error, Result};
use std::cmp::Ordering;

/// The type `sparsevec`: binary32 elements, all finite, at most [`MAX_NON_ZEROS`] of them not zero.
pub const SPARSEVEC: VectorType = VectorType {
    name: "sparsevec",
    max_dims: 1_000_000_000,
};

/// Most elements of a `sparsevec` that are not zero.
pub const MAX_NON_ZEROS: usize = 16_000;

/// A sparse vector, wherever its parts lie.
///
/// What is read from a damaged table may break all these promises but that of equal lengths; what is computed from it
/// is then undefined or XX001, and nothing worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparseView<'a> {
    /// Number of dimensions, 1 to 1,000,000,000.
    dims: usize,
    /// Where the elements that are not zero are, counted from 0: strictly ascending, below `dims`.
    indices: &'a [u32],
    /// These elements, one for each index: finite, none zero.
    values: &'a [f32],
}

/// A sparse vector of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseVector {
    dims: usize,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl SparseVector {
    /// The vector of `dims` zeros.
    /// # Errors
    /// 22000 or 54000 if a sparsevec cannot have so many dimensions.
    pub fn zero(dims: usize) -> Result<Self> {
        SPARSEVEC.check_dims(dims)?;
        Ok(Self {
            dims,
            indices: Vec::new(),
            values: Vec::new(),
        })
    }

    /// The vector with these elements, zeros among them.
    /// # Errors
    /// 22000 for no elements, NaN and infinity, 54000 for too many elements or too many that are not zero.
    pub fn from_dense(elements: impl ExactSizeIterator<Item = f32>) -> Result<Self> {
        let mut vector = Self::zero(elements.len())?;
        for (index, value) in (0..).zip(elements) {
            if value != 0.0 {
                vector.push(index, value)?;
            }
        }
        Ok(vector)
    }

    /// The vector of `dims` dimensions with these elements and zeros elsewhere. Each has its index, counted from 0; their
    /// order does not matter, and none is zero.
    /// # Errors
    /// 22000 for an index that is negative, not below `dims` or given twice, for NaN and infinity, 54000 for more than
    /// [`MAX_NON_ZEROS`] elements, and as [`Self::zero`].
    pub fn from_elements(dims: usize, mut elements: Vec<(i64, f32)>) -> Result<Self> {
        let mut vector = Self::zero(dims)?;
        if !elements.is_sorted_by_key(|&(index, _)| index) {
            elements.sort_unstable_by_key(|&(index, _)| index);
        }
        for (index, value) in elements {
            let index = check_index(index, vector.indices.last().copied(), dims)?;
            vector.push(index, value)?;
        }
        Ok(vector)
    }

    /// Puts an element that is not zero behind all others.
    /// # Errors
    /// 22000 for NaN and infinity, 54000 if there are [`MAX_NON_ZEROS`] already.
    fn push(&mut self, index: u32, value: f32) -> Result<()> {
        if self.values.len() == MAX_NON_ZEROS {
            return Err(Error::too_many_non_zeros(MAX_NON_ZEROS));
        }
        check_finite(value, index as usize + 1)?;
        self.indices.push(index);
        self.values.push(value);
        Ok(())
    }

    /// The vector, to be read.
    pub fn view(&self) -> SparseView<'_> {
        SparseView {
            dims: self.dims,
            indices: &self.indices,
            values: &self.values,
        }
    }
}

impl<'a> SparseView<'a> {
    /// The vector of these parts, which keep what the fields promise.
    /// # Panics
    /// If there are not as many indices as values.
    pub fn new(dims: usize, indices: &'a [u32], values: &'a [f32]) -> Self {
        assert_eq!(indices.len(), values.len());
        Self {
            dims,
            indices,
            values,
        }
    }

    /// Number of dimensions.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Where the elements that are not zero are, counted from 0.
    pub fn indices(&self) -> &'a [u32] {
        self.indices
    }

    /// The elements that are not zero.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Euclidean norm, accumulated in binary64; finite for every vector.
    pub fn norm(&self) -> f64 {
        // The sum of no squares is a negative zero.
        vector::norm(self.values) + 0.0
    }

    /// The vector divided by its norm, or the zero vector if that is zero. Elements that become zero are left out.
    /// # Errors
    /// 22003 if an element becomes infinite.
    pub fn normalized(&self) -> Result<SparseVector> {
        let norm = self.norm();
        let mut result = SparseVector::zero(self.dims)?;
        if norm > 0.0 {
            for (&index, &value) in self.indices.iter().zip(self.values) {
                let quotient = (f64::from(value) / norm) as f32;
                if !quotient.is_finite() {
                    return Err(Error::overflow(index as usize + 1));
                }
                if quotient != 0.0 {
                    result.push(index, quotient)?;
                }
            }
        }
        Ok(result)
    }

    /// Writes all elements to `elements`, the zeros too, each rounded to the type.
    /// # Errors
    /// 22003 for one that is too large for the type, XX001 if an index is beyond the dimensions.
    /// # Panics
    /// If `elements` does not have a place for each dimension.
    pub fn write_dense<E: DenseElement>(&self, elements: &mut [E]) -> Result<()> {
        assert_eq!(elements.len(), self.dims);
        elements.fill(E::from_f32(0.0));
        for (&index, &value) in self.indices.iter().zip(self.values) {
            let Some(place) = elements.get_mut(index as usize) else {
                let detail = format!(
                    "Index {index}, counted from 0, is beyond its {} dimensions.",
                    self.dims
                );
                return Err(Error::corrupt_value(SPARSEVEC.name, detail));
            };
            *place = E::from_f32(value);
            if !place.is_finite() {
                return Err(element::refusal(E::TYPE, value, index as usize + 1));
            }
        }
        Ok(())
    }

    /// Index of element `at` of those that are not zero and stand in the first `dims` dimensions; [`NO_INDEX`] behind them.
    fn index_below(&self, dims: usize, at: usize) -> u32 {
        match self.indices.get(at) {
            Some(&index) if (index as usize) < dims => index,
            _ => NO_INDEX,
        }
    }
}

/// Above every index.
const NO_INDEX: u32 = u32::MAX;

/// Order of two vectors, that of their dense forms: that of the first elements that differ, else fewer dimensions first.
pub fn compare(a: SparseView, b: SparseView) -> Ordering {
    let shared = a.dims.min(b.dims);
    let (mut at_a, mut at_b) = (0, 0);
    loop {
        let (x, y) = (a.index_below(shared, at_a), b.index_below(shared, at_b));
        // Where only one has an element, the other has a zero. No vector holds a NaN or a negative zero.
        let order = match x.cmp(&y) {
            Ordering::Less => a.values[at_a].total_cmp(&0.0),
            Ordering::Greater => 0.0_f32.total_cmp(&b.values[at_b]),
            Ordering::Equal if x == NO_INDEX => return a.dims.cmp(&b.dims),
            Ordering::Equal => a.values[at_a].total_cmp(&b.values[at_b]),
        };
        if order != Ordering::Equal {
            return order;
        }
        at_a += usize::from(x <= y);
        at_b += usize::from(y <= x);
    }
}

/// Checks that a vector of `dims` dimensions can have `index`, counted from 0, behind `previous`.
/// # Errors
/// 22000 if it is beyond the dimensions, or not above `previous`.
fn check_index(index: i64, previous: Option<u32>, dims: usize) -> Result<u32> {
    let position = index.saturating_add(1);
    let Some(index) = u32::try_from(index)
        .ok()
        .filter(|&index| (index as usize) < dims)
    else {
        return Err(Error::index_out_of_bounds(position, dims));
    };
    match previous {
        Some(previous) if previous == index => Err(Error::duplicate_indices(position)),
        Some(previous) if previous > index => {
            Err(Error::unordered_indices(i64::from(previous) + 1, position))
        }
        _ => Ok(index),
    }
}

/// Checks that a value can be an element; `position` counts from 1.
/// # Errors
/// 22000 if it is NaN or infinite.
fn check_finite(value: f32, position: usize) -> Result<()> {
    if value.is_nan() {
        Err(Error::nan_element(SPARSEVEC.name, position))
    } else if value.is_infinite() {
        Err(Error::infinite_element(SPARSEVEC.name, position))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(elements: &[f32]) -> SparseVector {
        SparseVector::from_dense(elements.iter().copied()).unwrap()
    }

    // Proves: zeros of both signs are left out, and come back as zeros.
    #[test]
    fn zeros_are_not_stored() {
        let vector = dense(&[0.0, 1.5, -0.0, -2.0, 0.0]);
        assert_eq!(vector.view(), SparseView::new(5, &[1, 3], &[1.5, -2.0]));
        let mut elements = [9.0; 5];
        vector.view().write_dense(&mut elements).unwrap();
        assert_eq!(elements, [0.0, 1.5, 0.0, -2.0, 0.0]);
    }

    // Proves: elements come in any order, each index once and within the dimensions.
    #[test]
    fn indices_are_sorted_and_checked() {
        let vector = SparseVector::from_elements(4, vec![(3, 1.0), (0, 2.0)]);
        assert_eq!(vector, Ok(dense(&[2.0, 0.0, 0.0, 1.0])));
        let error = |dims, elements| SparseVector::from_elements(dims, elements).unwrap_err();
        for elements in [
            vec![(2, 1.0)],
            vec![(1, 1.0), (-1, 1.0)],
            vec![(i64::MIN, 1.0)],
        ] {
            assert_eq!(error(2, elements).message, "sparsevec index out of bounds");
        }
        assert_eq!(
            error(4, vec![(2, 1.0), (0, 1.0), (2, 1.0)]),
            Error::duplicate_indices(3)
        );
        assert_eq!(error(0, vec![]), Error::no_dimensions("sparsevec"));
    }

    // Proves: the limits of dimensions and of stored elements are those of the type.
    #[test]
    fn limits_are_kept() {
        assert!(SparseVector::zero(1_000_000_000).is_ok());
        assert_eq!(
            SparseVector::zero(1_000_000_001),
            Err(Error::too_many_dimensions("sparsevec", 1_000_000_000))
        );
        let ones = |count: usize| SparseVector::from_dense(std::iter::repeat_n(1.0, count));
        assert_eq!(ones(16_000).unwrap().values.len(), 16_000);
        assert_eq!(ones(16_001), Err(Error::too_many_non_zeros(16_000)));
    }

    // Proves: what becomes zero by the division is not stored, and the zero vector stays one.
    #[test]
    fn normalization_leaves_out_what_becomes_zero() {
        let normalized = |elements: &[f32]| dense(elements).view().normalized().unwrap();
        assert_eq!(normalized(&[3.0, 0.0, 4.0]), dense(&[0.6, 0.0, 0.8]));
        assert_eq!(normalized(&[1e38, 1e-38]), dense(&[1.0, 0.0]));
        assert_eq!(normalized(&[3e38, 0.0]), dense(&[1.0, 0.0]));
        assert_eq!(normalized(&[1e-45, 0.0]), dense(&[1.0, 0.0]));
        assert_eq!(normalized(&[0.0, 0.0]), dense(&[0.0, 0.0]));
        assert_eq!(dense(&[0.0]).view().norm().to_bits(), 0.0_f64.to_bits());
    }

    // Proves: the order is that of the dense forms, also where one vector is longer than the other.
    #[test]
    fn order_is_that_of_dense_vectors() {
        let (mut vectors, steps) = (vec![vec![]], [-1.0, 0.0, 1.0]);
        for start in 0.. {
            let Some(vector) = vectors.get(start).cloned() else {
                break;
            };
            if vector.len() < 4 {
                vectors.extend(steps.map(|step| [vector.clone(), vec![step]].concat()));
            }
        }
        vectors.remove(0);
        assert_eq!(vectors.len(), 3 + 9 + 27 + 81);
        for a in &vectors {
            for b in &vectors {
                let order = compare(dense(a).view(), dense(b).view());
                assert_eq!(order, vector::compare(a, b), "{a:?} {b:?}");
            }
        }
    }

    // Proves: a value that was damaged on disk ends every walk, and is refused where its indices matter.
    #[test]
    fn damaged_values_do_no_harm() {
        let values = [1.0, f32::NAN, f32::INFINITY, 0.0];
        for indices in [[3, 2, 1, 0], [u32::MAX; 4], [0, 0, 0, 0], [1, 2, 3, 4]] {
            let damaged = SparseView::new(4, &indices, &values);
            let other = dense(&[1.0, 0.0, -1.0]);
            let _ = (
                compare(damaged, other.view()),
                compare(other.view(), damaged),
            );
            let _ = (compare(damaged, damaged), damaged.normalized());
            let result = damaged.write_dense(&mut [0.0; 4]);
            assert!(result.is_err());
        }
    }
}
