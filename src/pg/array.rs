//! Arrays of fixed-width elements and `numeric`: reading them as slices, writing new ones.
#![allow(unsafe_code)]

use crate::error::Result;
use crate::pg::function::{self, Argument, Outcome};
use crate::pg::relation::ColumnValue;
use pgrx::pg_sys;

/// Fixed-width element types that lie in an array as in Rust.
///
/// # Safety
/// Every bit pattern is a value, and `OID` is the SQL type of the same width.
pub unsafe trait Element: Copy {
    /// The SQL type.
    const OID: pg_sys::Oid;
}

// SAFETY: `integer` is a native i32.
unsafe impl Element for i32 {
    const OID: pg_sys::Oid = pg_sys::INT4OID;
}
// SAFETY: `real` is a native f32.
unsafe impl Element for f32 {
    const OID: pg_sys::Oid = pg_sys::FLOAT4OID;
}
// SAFETY: `double precision` is a native f64.
unsafe impl Element for f64 {
    const OID: pg_sys::Oid = pg_sys::FLOAT8OID;
}

/// An array argument, of any element type.
#[derive(Debug)]
pub struct Array {
    array: *mut pg_sys::ArrayType,
    /// Whether this call may change the array in place.
    is_own: bool,
}

// SAFETY: any array type; detoasting makes a plain array of every form.
unsafe impl Argument for Array {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        unsafe {
            let datum = function::argument(fcinfo, index);
            Ok(Self {
                array: pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast(),
                is_own: index == 0 && function::is_aggregate_call(fcinfo),
            })
        }
    }
}

impl Array {
    /// An array that is no argument.
    ///
    /// # Safety
    /// `datum` is a value of an array type that lives as long as the array is used.
    pub unsafe fn from_datum(datum: pg_sys::Datum) -> Self {
        Self {
            // SAFETY: the caller's contract; detoasting makes a plain array of every form.
            array: unsafe { pg_sys::pg_detoast_datum(datum.cast_mut_ptr()) }.cast(),
            is_own: false,
        }
    }

    fn header(&self) -> &pg_sys::ArrayType {
        // SAFETY: detoasted in `read`, and alive during the call.
        unsafe { &*self.array }
    }

    /// Number of dimensions; 0 if the array is empty.
    pub fn dimensions(&self) -> usize {
        usize::try_from(self.header().ndim).unwrap_or(0)
    }

    /// Number of elements of an array of at most one dimension.
    pub fn len(&self) -> usize {
        if self.dimensions() == 0 {
            return 0;
        }
        // SAFETY: the lengths of the dimensions follow the header, and there is one.
        let len = unsafe { *self.array.add(1).cast::<i32>() };
        usize::try_from(len).unwrap_or(0)
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an element is NULL.
    pub fn contains_nulls(&self) -> bool {
        // SAFETY: a detoasted array.
        self.header().dataoffset != 0 && unsafe { pg_sys::array_contains_nulls(self.array) }
    }

    /// Type of the elements.
    pub fn element_type(&self) -> pg_sys::Oid {
        self.header().elemtype
    }

    fn data<T: Element>(&self) -> Option<(*mut T, usize)> {
        if self.element_type() != T::OID || self.dimensions() > 1 || self.contains_nulls() {
            return None;
        }
        let offset = match usize::try_from(self.header().dataoffset) {
            Ok(0) | Err(_) => data_offset(self.dimensions()),
            Ok(offset) => offset,
        };
        // SAFETY: the data starts `offset` bytes from the array's start.
        let data = unsafe { self.array.cast::<u8>().add(offset) }.cast::<T>();
        debug_assert!(data.is_aligned());
        Some((data, self.len()))
    }

    /// The elements, if the array has at most one dimension, no NULL and this element type.
    pub fn elements<T: Element>(&self) -> Option<&[T]> {
        let (data, len) = self.data()?;
        // SAFETY: without NULLs the data is `len` elements of the type, aligned as the array type demands;
        // nothing changes the array while it is borrowed.
        Some(unsafe { std::slice::from_raw_parts(data, len) })
    }

    /// As [`Self::elements`], to be changed in place; none if the array is not this call's own.
    pub fn own_elements_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        if !self.is_own {
            return None;
        }
        let (data, len) = self.data()?;
        // SAFETY: as in `elements`; the aggregate lets its transition function change the state.
        Some(unsafe { std::slice::from_raw_parts_mut(data, len) })
    }

    /// The elements of a `numeric[]` without NULLs as binary32, or none if it is another array. Raises 22003
    /// for a number out of range, as PostgreSQL's own cast does.
    pub fn numerics(&self) -> Option<Vec<f32>> {
        if self.element_type() != pg_sys::NUMERICOID || self.contains_nulls() {
            return None;
        }
        let (mut datums, mut len) = (std::ptr::null_mut(), 0);
        let align = pg_sys::TYPALIGN_INT as std::ffi::c_char;
        // SAFETY: the element type is `numeric`, whose storage the constants describe; the call fills
        // `datums` with `len` of them, none NULL, and each is a valid argument of `numeric_float4`.
        unsafe {
            pg_sys::deconstruct_array(
                self.array,
                pg_sys::NUMERICOID,
                -1,
                false,
                align,
                &mut datums,
                std::ptr::null_mut(),
                &mut len,
            );
            let datums = std::slice::from_raw_parts(datums, usize::try_from(len).unwrap_or(0));
            let to_binary32 = |&datum: &pg_sys::Datum| {
                pgrx::direct_function_call::<f32>(pg_sys::numeric_float4, &[Some(datum)])
            };
            datums.iter().map(to_binary32).collect()
        }
    }

    /// The values, in order of storage whatever the dimensions; `None` for NULL. They live as long as the call.
    pub fn values(&self) -> Vec<Option<ColumnValue>> {
        let (mut len_type, mut is_by_value, mut align) = (0, false, 0);
        let (mut datums, mut nulls, mut len) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        // SAFETY: the storage of the element type is looked up first; the call fills `datums` and `nulls` with `len`
        // elements in the current memory context, which outlives the call.
        unsafe {
            let element_type = self.element_type();
            pg_sys::get_typlenbyvalalign(element_type, &mut len_type, &mut is_by_value, &mut align);
            pg_sys::deconstruct_array(
                self.array,
                element_type,
                i32::from(len_type),
                is_by_value,
                align,
                &mut datums,
                &mut nulls,
                &mut len,
            );
            let len = usize::try_from(len).unwrap_or(0);
            if len == 0 {
                return Vec::new();
            }
            let datums = std::slice::from_raw_parts(datums, len);
            let nulls = std::slice::from_raw_parts(nulls, len);
            datums
                .iter()
                .zip(nulls)
                .map(|(&datum, &is_null)| (!is_null).then(|| ColumnValue::from_pg(datum)))
                .collect()
        }
    }

    /// The array as a result.
    pub fn into_datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.array)
    }
}

/// Where the elements start in an array without NULLs.
const fn data_offset(dimensions: usize) -> usize {
    // Length and lower bound of each dimension; the data is aligned for every type.
    (size_of::<pg_sys::ArrayType>() + 2 * size_of::<i32>() * dimensions).next_multiple_of(8)
}

/// A new one-dimensional array in the current memory context, being written.
#[derive(Debug)]
pub struct NewArray<T: Element> {
    array: *mut pg_sys::ArrayType,
    len: usize,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> NewArray<T> {
    /// An array of `len` zeros, at least one.
    pub fn zeroed(len: usize) -> Self {
        let size = data_offset(1) + len * size_of::<T>();
        // SAFETY: palloc0 returns `size` bytes, aligned to 8, or raises; the header and the one dimension's
        // length and lower bound fit in front of the data.
        let array = unsafe {
            let array = pg_sys::palloc0(size).cast::<pg_sys::ArrayType>();
            pgrx::varlena::set_varsize_4b(array.cast(), size as i32);
            (*array).ndim = 1;
            (*array).elemtype = T::OID;
            array.add(1).cast::<[i32; 2]>().write([len as i32, 1]);
            array
        };
        Self {
            array,
            len,
            element: std::marker::PhantomData,
        }
    }

    /// The elements.
    pub fn elements_mut(&mut self) -> &mut [T] {
        // SAFETY: allocated with this length and zeroed above; borrowed with `self`.
        unsafe {
            let data = self.array.cast::<u8>().add(data_offset(1)).cast();
            std::slice::from_raw_parts_mut(data, self.len)
        }
    }

    /// The finished array.
    pub fn into_datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.array)
    }
}

impl<T: Element> Outcome for NewArray<T> {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        self.into_datum()
    }
}

/// Type modifiers between parentheses, a `cstring[]` argument. Raises 22P02 for what is no integer.
#[derive(Debug)]
pub struct Modifiers(Vec<i32>);

// SAFETY: `cstring[]`, which PostgreSQL's own function reads.
unsafe impl Argument for Modifiers {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        let mut len = 0;
        // SAFETY: the caller's contract; the call returns `len` integers or raises.
        unsafe {
            let array = pg_sys::pg_detoast_datum(function::argument(fcinfo, index).cast_mut_ptr());
            let modifiers = pg_sys::ArrayGetIntegerTypmods(array.cast(), &mut len);
            let modifiers =
                std::slice::from_raw_parts(modifiers, usize::try_from(len).unwrap_or(0));
            Ok(Self(modifiers.to_vec()))
        }
    }
}

impl Modifiers {
    /// The numbers.
    pub fn as_slice(&self) -> &[i32] {
        &self.0
    }
}
