//! Storage of the types: the bytes of a varlena behind its header.
//!
//! A `vector` or `halfvec` is int16 dimensions, int16 zero, elements, in the machine's byte order. A `bit` is
//! PostgreSQL's: int32 length in bits, then bytes, the first bit in the high bit of the first byte.
#![allow(unsafe_code)]

use super::VectorType;
use super::element::{self, DenseElement};
use super::indexed::{BitString, IndexedType, IndexedValue};
use super::sparse::datum::SparseArg;
use crate::distance::{Half, kernels};
use crate::error::{Error, Result};
use crate::pg::catalog;
use crate::pg::function::{Argument, Outcome, Raw, argument};
use crate::pg::relation::ColumnValue;
use crate::pg::varlena::{self, NewVarlena, Varlena};
use pgrx::pg_sys;
use std::marker::PhantomData;

/// Bytes in front of the elements: dimensions and the reserved field.
const FIELDS_LEN: usize = 4;

/// Elements that lie in a stored value as in Rust.
///
/// # Safety
/// Every bit pattern is a value, and the alignment is 4 or a part of it.
pub unsafe trait Stored: DenseElement {}

// SAFETY: a native f32.
unsafe impl Stored for f32 {}
// SAFETY: the transparent wrapper of a native u16.
unsafe impl Stored for Half {}

/// A `vector` or `halfvec` argument, read in place where possible.
#[derive(Debug)]
pub struct DenseArg<'a, E>(Varlena<'a>, PhantomData<E>);

/// A `vector` argument.
pub type VectorArg<'a> = DenseArg<'a, f32>;
/// A `halfvec` argument.
pub type HalfvecArg<'a> = DenseArg<'a, Half>;

impl<E: Stored> DenseArg<'_, E> {
    /// Reads the value that `datum` points to.
    /// # Errors
    /// XX001 if its length does not match its dimensions.
    /// # Safety
    /// `datum` is a non-NULL value of the type with such elements that lives as long as the result.
    #[inline]
    pub unsafe fn from_datum(datum: pg_sys::Datum) -> Result<Self> {
        // SAFETY: the caller's contract.
        let value = Self(unsafe { Varlena::read(datum) }, PhantomData);
        let body = value.0.body();
        match body.first_chunk() {
            Some(fields) if body.len() == FIELDS_LEN + size_of::<E>() * stored_dims(*fields) => {
                Ok(value)
            }
            _ => Err(damaged(E::TYPE, body)),
        }
    }

    /// The elements, 1 to 16,000, all finite.
    #[inline]
    pub fn elements(&self) -> &[E] {
        let body = self.0.body();
        // SAFETY: `from_datum` found as many elements as the length says; the body is at a multiple of 4, and
        // so are the elements; `Stored` promises the rest.
        unsafe {
            std::slice::from_raw_parts(
                body.as_ptr().add(FIELDS_LEN).cast(),
                (body.len() - FIELDS_LEN) / size_of::<E>(),
            )
        }
    }
}

/// Which indexed type an OID is; `None` for all other types.
pub fn indexed_type_of(of: pg_sys::Oid) -> Option<IndexedType> {
    if of == pg_sys::BITOID {
        return Some(IndexedType::Bit);
    }
    let name = catalog::type_name(of);
    let bare = name.rsplit('.').next()?;
    IndexedType::ALL.into_iter().find(|of| of.name() == bare)
}

/// Calls `read` with the value in a column of type `of`, in place where possible, and returns its result.
/// # Errors
/// XX001 if the value's length does not match its dimensions.
pub fn with_column_value<T>(
    value: ColumnValue,
    of: IndexedType,
    read: impl FnOnce(IndexedValue<'_>) -> T,
) -> Result<T> {
    let datum = value.datum();
    // SAFETY: a column value is not NULL, and its callers know the type of the column. Whatever a damaged page says it
    // is, all of these types are varlenas whose lengths are checked.
    unsafe {
        Ok(match of {
            IndexedType::Vector => read(IndexedValue::Dense(
                VectorArg::from_datum(datum)?.elements(),
            )),
            IndexedType::Halfvec => {
                let halves = HalfvecArg::from_datum(datum)?;
                let mut singles = vec![0.0; halves.elements().len()];
                kernels().widen(halves.elements(), &mut singles);
                read(IndexedValue::Dense(&singles))
            }
            IndexedType::Bit => {
                let string = BitArg::from_datum(datum)?;
                let bits = BitString::new(string.len() as usize, string.bytes());
                read(IndexedValue::Bits(bits))
            }
            IndexedType::Sparsevec => {
                let vector = SparseArg::from_datum(datum)?;
                read(IndexedValue::Sparse(vector.view()))
            }
        })
    }
}

/// Dimensions of a stored vector, from its first bytes; negative ones never match a length.
fn stored_dims(fields: [u8; FIELDS_LEN]) -> usize {
    let [low, high, ..] = fields;
    usize::from(u16::from_ne_bytes([low, high]))
}

#[cold]
fn damaged(of: VectorType, body: &[u8]) -> Error {
    let dims = body.first_chunk().map_or(0, |fields| stored_dims(*fields));
    let detail = format!("{} bytes cannot hold {dims} dimensions.", body.len());
    Error::corrupt_value(of.name, detail)
}

// SAFETY: the type with such elements.
unsafe impl<E: Stored> Argument for DenseArg<'_, E> {
    #[inline]
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        unsafe { Self::from_datum(argument(fcinfo, index)) }
    }
}

/// A `vector` or `halfvec` argument that is passed on as it is, still toasted if it was, with its dimensions.
#[derive(Debug, Clone, Copy)]
pub struct UnreadVector {
    datum: pg_sys::Datum,
    dims: usize,
}

impl UnreadVector {
    /// Number of dimensions.
    pub fn dims(&self) -> usize {
        self.dims
    }
}

// SAFETY: `vector` and `halfvec`, which begin alike.
unsafe impl Argument for UnreadVector {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        unsafe {
            let datum = argument(fcinfo, index);
            let dims = stored_dims(varlena::read_start(datum));
            Ok(Self { datum, dims })
        }
    }
}

impl Outcome for UnreadVector {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        self.datum
    }
}

/// A `vector` argument that is looked at and also passed on as it is.
#[derive(Debug)]
pub struct VectorValue<'a> {
    vector: VectorArg<'a>,
    call: pg_sys::FunctionCallInfo,
    index: usize,
}

impl VectorValue<'_> {
    /// The elements, 1 to 16,000, all finite.
    pub fn elements(&self) -> &[f32] {
        self.vector.elements()
    }

    /// The value with its type, which is looked up only here.
    /// # Errors
    /// XX000 if the call does not tell the type.
    pub fn raw(&self) -> Result<Raw> {
        // SAFETY: of the call that this argument was read of, which it does not outlive.
        unsafe { Raw::read(self.call, self.index) }
    }
}

// SAFETY: `vector`.
unsafe impl Argument for VectorValue<'_> {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        unsafe {
            Ok(Self {
                vector: VectorArg::read(fcinfo, index)?,
                call: fcinfo,
                index,
            })
        }
    }
}

/// A new `vector` or `halfvec` in the current memory context, being written.
#[derive(Debug)]
pub struct NewDense<E>(NewVarlena, PhantomData<E>);

/// A new `vector`.
pub type NewVector = NewDense<f32>;
/// A new `halfvec`.
pub type NewHalfvec = NewDense<Half>;

impl<E: Stored> NewDense<E> {
    /// A value of `dims` zeros.
    /// # Errors
    /// 22000 or 54000 if the type cannot have so many dimensions.
    pub fn zeroed(dims: usize) -> Result<Self> {
        E::TYPE.check_dims(dims)?;
        let mut value = NewVarlena::zeroed(FIELDS_LEN + size_of::<E>() * dims);
        let [low, high] = (dims as u16).to_ne_bytes();
        value.body_mut()[..FIELDS_LEN].copy_from_slice(&[low, high, 0, 0]);
        Ok(Self(value, PhantomData))
    }

    /// The elements; the writer sees to it that all are finite.
    pub fn elements_mut(&mut self) -> &mut [E] {
        let elements = &mut self.0.body_mut()[FIELDS_LEN..];
        // SAFETY: the body is at a multiple of 4, and so are the elements behind the two fields; `zeroed` made
        // room for whole elements; `Stored` promises the rest.
        unsafe {
            std::slice::from_raw_parts_mut(
                elements.as_mut_ptr().cast(),
                elements.len() / size_of::<E>(),
            )
        }
    }

    /// A value with `values`, in order, each rounded to an element.
    /// # Errors
    /// 22000 for none, NaN and infinity, 22003 for one too large for an element, 54000 for too many.
    pub fn from_elements(values: impl ExactSizeIterator<Item = f32> + Clone) -> Result<Self> {
        let mut value = Self::zeroed(values.len())?;
        element::round(values, value.elements_mut())?;
        Ok(value)
    }

    /// The finished value.
    pub fn into_datum(self) -> pg_sys::Datum {
        self.0.into_datum()
    }
}

impl<E: Stored> Outcome for NewDense<E> {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        self.into_datum()
    }
}

/// A `bit` or `varbit` argument.
#[derive(Debug)]
pub struct BitArg<'a>(Varlena<'a>);

impl BitArg<'_> {
    /// Length in bits.
    pub fn len(&self) -> u32 {
        self.0
            .body()
            .first_chunk()
            .map_or(0, |&len| u32::from_ne_bytes(len))
    }

    /// Whether there is no bit.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bits, the first one highest; those behind the last one are zero.
    pub fn bytes(&self) -> &[u8] {
        self.0.body().get(BIT_LEN_LEN..).unwrap_or_default()
    }
}

impl BitArg<'_> {
    /// Reads the string that `datum` points to.
    /// # Errors
    /// XX001 if its number of bytes does not match its length.
    /// # Safety
    /// `datum` is a non-NULL `bit` or `varbit` that lives as long as the result.
    #[inline]
    pub unsafe fn from_datum(datum: pg_sys::Datum) -> Result<Self> {
        // SAFETY: the caller's contract.
        let value = Self(unsafe { Varlena::read(datum) });
        let body_len = value.0.body().len();
        // Distances count on strings of the same length having the same number of bytes.
        if body_len == BIT_LEN_LEN + value.len().div_ceil(8) as usize {
            Ok(value)
        } else {
            let detail = format!("{body_len} bytes cannot hold {} bits.", value.len());
            Err(Error::corrupt_value("bit", detail))
        }
    }
}

// SAFETY: `bit` or `varbit`.
unsafe impl Argument for BitArg<'_> {
    #[inline]
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        unsafe { Self::from_datum(argument(fcinfo, index)) }
    }
}

/// Bytes of a bit string's length field.
const BIT_LEN_LEN: usize = 4;

/// A new `bit` in the current memory context, being written.
#[derive(Debug)]
pub struct NewBit(NewVarlena);

impl NewBit {
    /// A string of `len` zero bits.
    pub fn zeroed(len: usize) -> Self {
        let mut value = NewVarlena::zeroed(BIT_LEN_LEN + len.div_ceil(8));
        value.body_mut()[..BIT_LEN_LEN].copy_from_slice(&(len as u32).to_ne_bytes());
        Self(value)
    }

    /// The bits, the first one highest; those behind the last one stay zero.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0.body_mut()[BIT_LEN_LEN..]
    }
}

impl Outcome for NewBit {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        self.0.into_datum()
    }
}
