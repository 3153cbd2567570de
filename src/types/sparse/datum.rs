//! Storage of `sparsevec`: the bytes of a varlena behind its header.
//!
//! int32 dimensions, int32 number of elements that are not zero, int32 zero, their int32 indices counted from 0, their
//! binary32 values, in the machine's byte order.
#![allow(unsafe_code)]

use super::{SPARSEVEC, SparseVector, SparseView};
use crate::error::{Error, Result};
use crate::pg::function::{Argument, Outcome, argument};
use crate::pg::varlena::{self, NewVarlena, Varlena};
use pgrx::pg_sys;

const FIELD_LEN: usize = 4;
/// Bytes in front of the indices: dimensions, number of elements and the reserved field.
const FIELDS_LEN: usize = 3 * FIELD_LEN;

/// A `sparsevec` argument, read in place where possible.
#[derive(Debug)]
pub struct SparseArg<'a> {
    stored: Varlena<'a>,
    dims: usize,
    non_zeros: usize,
}

impl SparseArg<'_> {
    /// Reads the vector that `datum` points to.
    /// # Errors
    /// XX001 if its length does not match the number of its elements, or its dimensions cannot be. Indices and values are
    /// not looked at: what follows from damaged ones is the contract of [`SparseView`].
    /// # Safety
    /// `datum` is a non-NULL `sparsevec` that lives as long as the result.
    #[inline]
    pub unsafe fn from_datum(datum: pg_sys::Datum) -> Result<Self> {
        // SAFETY: the caller's contract.
        let stored = unsafe { Varlena::read(datum) };
        match stored_shape(stored.body()) {
            Some((dims, non_zeros)) => Ok(Self {
                stored,
                dims,
                non_zeros,
            }),
            None => Err(damaged(stored.body())),
        }
    }

    /// The vector.
    #[inline]
    pub fn view(&self) -> SparseView<'_> {
        let elements = &self.stored.body()[FIELDS_LEN..];
        let (indices, values) = elements.split_at(FIELD_LEN * self.non_zeros);
        // A varlena's body is at a multiple of 4, `from_datum` found as many bytes as these elements take.
        SparseView::new(
            self.dims,
            bytemuck::cast_slice(indices),
            bytemuck::cast_slice(values),
        )
    }
}

/// Integer `number` of a stored value's fields.
fn stored_field(body: &[u8], number: usize) -> Option<i32> {
    let bytes = body.get(FIELD_LEN * number..)?.first_chunk()?;
    Some(i32::from_ne_bytes(*bytes))
}

/// Dimensions and number of elements of a stored value, if they can be and fit its length.
#[inline]
fn stored_shape(body: &[u8]) -> Option<(usize, usize)> {
    let dims = usize::try_from(stored_field(body, 0)?).ok()?;
    let non_zeros = usize::try_from(stored_field(body, 1)?).ok()?;
    let is_possible = (1..=SPARSEVEC.max_dims).contains(&dims)
        && body.len() == FIELDS_LEN + 2 * FIELD_LEN * non_zeros;
    is_possible.then_some((dims, non_zeros))
}

#[cold]
fn damaged(body: &[u8]) -> Error {
    let field = |number| stored_field(body, number).unwrap_or(0);
    let detail = format!(
        "{} bytes cannot hold {} non-zero elements of {} dimensions.",
        body.len(),
        field(1),
        field(0)
    );
    Error::corrupt_value(SPARSEVEC.name, detail)
}

// SAFETY: `sparsevec`.
unsafe impl Argument for SparseArg<'_> {
    #[inline]
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        unsafe { Self::from_datum(argument(fcinfo, index)) }
    }
}

/// A `sparsevec` argument that is passed on as it is, still toasted if it was, with its dimensions.
#[derive(Debug, Clone, Copy)]
pub struct UnreadSparse {
    datum: pg_sys::Datum,
    dims: usize,
}

impl UnreadSparse {
    /// Number of dimensions.
    pub fn dims(&self) -> usize {
        self.dims
    }
}

// SAFETY: `sparsevec`.
unsafe impl Argument for UnreadSparse {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        unsafe {
            let datum = argument(fcinfo, index);
            let dims = i32::from_ne_bytes(varlena::read_start(datum));
            let dims = usize::try_from(dims).unwrap_or(0);
            Ok(Self { datum, dims })
        }
    }
}

impl Outcome for UnreadSparse {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        self.datum
    }
}

impl Outcome for SparseVector {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        let vector = self.view();
        let non_zeros = vector.values().len();
        let mut value = NewVarlena::zeroed(FIELDS_LEN + 2 * FIELD_LEN * non_zeros);
        let (fields, elements) = value.body_mut().split_at_mut(FIELDS_LEN);
        let (indices, values) = elements.split_at_mut(FIELD_LEN * non_zeros);
        // The type's limits fit an int32.
        let shape = [vector.dims() as i32, non_zeros as i32, 0];
        fields.copy_from_slice(bytemuck::cast_slice(&shape));
        indices.copy_from_slice(bytemuck::cast_slice(vector.indices()));
        values.copy_from_slice(bytemuck::cast_slice(vector.values()));
        value.into_datum()
    }
}
