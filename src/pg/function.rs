//! Functions that PostgreSQL calls: their entry points, arguments and results.
//!
//! `sql_functions!` turns Rust functions into the C symbols that `CREATE FUNCTION ... LANGUAGE c` names. An
//! argument is read by its Rust type, and nothing at run time can check that the SQL declaration says the same:
//! a file that uses the macro stands beside the script in `sql/` that declares its functions: STRICT, unless
//! every argument is an `Option`.
#![allow(unsafe_code)]

use crate::error::{Error, Result, SqlState};
use crate::pg::varlena::{self, NewVarlena, Varlena};
use crate::pg::{encoding, report};
use pgrx::pg_sys;
use std::ffi::{CStr, c_void};

/// An argument of an SQL function.
///
/// # Safety
/// `read` must be sound for every value of the SQL type that the implementation documents.
pub unsafe trait Argument: Sized {
    /// Reads argument `index` of a call.
    /// # Errors
    /// If the value's bytes cannot be one of its type.
    /// # Safety
    /// `fcinfo` is of a running call, and its argument `index` exists and is of this SQL type; it is not NULL,
    /// unless the type read is an `Option`. What is read must not outlive the call.
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self>;
}

/// The result of an SQL function.
pub trait Outcome {
    /// The result as PostgreSQL takes it; raises an error, marks a NULL.
    /// # Safety
    /// `fcinfo` is of the running call.
    unsafe fn into_datum(self, fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
}

/// Argument `index` of a call.
///
/// # Safety
/// `fcinfo` is of a running call that has this argument.
pub unsafe fn argument(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> pg_sys::Datum {
    // SAFETY: the caller vouches for the call; `args` has one entry an argument.
    unsafe { (*(*fcinfo).args.as_ptr().add(index)).value }
}

/// Declares functions for `CREATE FUNCTION ... LANGUAGE c`, by the symbol of their name. Arguments are
/// [`Argument`]s, results [`Outcome`]s. See the module for what the caller answers for.
macro_rules! sql_functions {
    ($($(#[$attribute:meta])*
       fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty $body:block)*) => {$(
        $(#[$attribute])*
        ///
        /// # Safety
        /// Called by PostgreSQL only, as the SQL function declared with this symbol.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        #[pgrx::pg_guard]
        pub unsafe extern "C-unwind" fn $name(
            fcinfo: pgrx::pg_sys::FunctionCallInfo,
        ) -> pgrx::pg_sys::Datum {
            // As many arguments as the SQL function has.
            #[allow(clippy::too_many_arguments)]
            fn body($($argument: $type),*) -> $result $body
            #[allow(unused_mut, unused_variables)] // a function may have no arguments
            let mut arguments = 0..;
            $(
                let index = arguments.next().unwrap_or_default();
                // SAFETY: PostgreSQL calls with the arguments that the declaration in `sql/` names, none NULL if it is STRICT.
                let read = unsafe { <$type as $crate::pg::function::Argument>::read(fcinfo, index) };
                let $argument = $crate::pg::report::unwrap_or_raise(read);
            )*
            // SAFETY: `fcinfo` is of this call.
            unsafe { $crate::pg::function::Outcome::into_datum(body($($argument),*), fcinfo) }
        }

        #[allow(unsafe_code)]
        const _: () = {
            #[unsafe(export_name = concat!("pg_finfo_", stringify!($name)))]
            extern "C" fn finfo() -> &'static pgrx::pg_sys::Pg_finfo_record {
                &pgrx::pg_sys::Pg_finfo_record { api_version: 1 }
            }
        };
    )*};
}
pub(crate) use sql_functions;

// SAFETY: integer, by value.
unsafe impl Argument for i32 {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        Ok(unsafe { argument(fcinfo, index) }.value() as i32)
    }
}

// SAFETY: bigint, by value.
unsafe impl Argument for i64 {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        Ok(unsafe { argument(fcinfo, index) }.value() as i64)
    }
}

// SAFETY: double precision, by value.
unsafe impl Argument for f64 {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        Ok(f64::from_bits(
            unsafe { argument(fcinfo, index) }.value() as u64
        ))
    }
}

/// An `interval` argument in microseconds, a month as 30 days.
#[derive(Debug, Clone, Copy)]
pub struct Interval(pub i64);

// SAFETY: interval, by reference.
unsafe impl Argument for Interval {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        const DAY: i64 = 86_400_000_000;
        // SAFETY: the caller's contract; an interval is a plain struct that lives as long as the call.
        let interval = unsafe { &*argument(fcinfo, index).cast_mut_ptr::<pg_sys::Interval>() };
        let days = i64::from(interval.month) * 30 + i64::from(interval.day);
        Ok(Self(days.saturating_mul(DAY).saturating_add(interval.time)))
    }
}

// SAFETY: boolean, by value.
unsafe impl Argument for bool {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        Ok(unsafe { argument(fcinfo, index) }.value() & 0xff != 0)
    }
}

// SAFETY: oid or one of its aliases as regclass, by value.
unsafe impl Argument for pg_sys::Oid {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        let number = unsafe { argument(fcinfo, index) }.value() as u32;
        Ok(pg_sys::Oid::from_u32(number))
    }
}

// SAFETY: as the type inside, and NULL.
unsafe impl<T: Argument> Argument for Option<T> {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract; the value is read only where there is one.
        unsafe {
            if (*(*fcinfo).args.as_ptr().add(index)).isnull {
                return Ok(None);
            }
            T::read(fcinfo, index).map(Some)
        }
    }
}

// SAFETY: cstring, which is NUL-terminated and lives as long as the call.
unsafe impl Argument for &CStr {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract; a cstring is never null.
        Ok(unsafe { CStr::from_ptr(argument(fcinfo, index).cast_mut_ptr()) })
    }
}

// SAFETY: text, in the server's encoding.
unsafe impl Argument for String {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        let text = unsafe { Varlena::read(argument(fcinfo, index)) };
        Ok(encoding::string(text.body()))
    }
}

// SAFETY: text, in the server's encoding; what is borrowed lives as long as the call.
unsafe impl Argument for &str {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        Ok(encoding::borrowed(unsafe {
            varlena::bytes_of(argument(fcinfo, index))
        }))
    }
}

/// A `name` argument.
#[derive(Debug, Clone)]
pub struct Name(pub String);

// SAFETY: name, whose NUL-terminated bytes live as long as the call.
unsafe impl Argument for Name {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract; a NameData always ends with a NUL.
        let name = unsafe { CStr::from_ptr(argument(fcinfo, index).cast_mut_ptr()) };
        Ok(Self(encoding::string(name.to_bytes())))
    }
}

/// A `bytea` argument.
#[derive(Debug, Clone)]
pub struct Bytes(pub Vec<u8>);

// SAFETY: bytea.
unsafe impl Argument for Bytes {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract.
        let bytes = unsafe { Varlena::read(argument(fcinfo, index)) };
        Ok(Self(bytes.body().to_vec()))
    }
}

/// An argument that is passed on as it is, with its type.
#[derive(Debug, Clone, Copy)]
pub struct Raw {
    datum: pg_sys::Datum,
    kind: pg_sys::Oid,
}

impl Raw {
    /// The value.
    pub fn datum(self) -> pg_sys::Datum {
        self.datum
    }

    /// Its type.
    pub fn kind(self) -> pg_sys::Oid {
        self.kind
    }
}

// SAFETY: any type.
unsafe impl Argument for Raw {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract; the type is unknown only to calls that no SQL expression stands for.
        unsafe {
            let kind = pg_sys::get_fn_expr_argtype((*fcinfo).flinfo, index as i32);
            if kind == pg_sys::InvalidOid {
                return Err(Error::new(
                    SqlState::InternalError,
                    "could not determine data type of an argument",
                ));
            }
            let datum = argument(fcinfo, index);
            Ok(Self { datum, kind })
        }
    }
}

/// An argument that the function does not look at, of any type.
#[derive(Debug, Clone, Copy)]
pub struct Unused;

// SAFETY: reads nothing.
unsafe impl Argument for Unused {
    unsafe fn read(_fcinfo: pg_sys::FunctionCallInfo, _index: usize) -> Result<Self> {
        Ok(Self)
    }
}

/// The message of a receive function, an `internal` argument.
#[derive(Debug)]
pub struct Message<'a>(&'a mut pg_sys::StringInfoData);

// SAFETY: receive functions get a StringInfo that lives as long as the call.
unsafe impl Argument for Message<'_> {
    unsafe fn read(fcinfo: pg_sys::FunctionCallInfo, index: usize) -> Result<Self> {
        // SAFETY: the caller's contract; nothing else refers to the buffer during the call.
        Ok(Self(unsafe {
            &mut *argument(fcinfo, index).cast_mut_ptr()
        }))
    }
}

impl Message<'_> {
    /// What has not been read yet.
    pub fn rest(&self) -> &[u8] {
        let len = usize::try_from(self.0.len - self.0.cursor).unwrap_or(0);
        // SAFETY: a StringInfo holds `len` bytes, and its cursor is within them.
        unsafe {
            std::slice::from_raw_parts(self.0.data.cast::<u8>().add(self.0.cursor as usize), len)
        }
    }

    /// Marks `len` bytes as read, at most all that are left.
    pub fn advance(&mut self, len: usize) {
        self.0.cursor += len.min(self.rest().len()) as i32;
    }
}

impl Outcome for pg_sys::Datum {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        self
    }
}

impl Outcome for f64 {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        pg_sys::Datum::from(self.to_bits())
    }
}

impl Outcome for i32 {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        pg_sys::Datum::from(self)
    }
}

impl Outcome for bool {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        pg_sys::Datum::from(self)
    }
}

impl Outcome for i64 {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        pg_sys::Datum::from(self)
    }
}

impl Outcome for pg_sys::Oid {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        pg_sys::Datum::from(self.to_u32())
    }
}

/// `void`.
impl Outcome for () {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        pg_sys::Datum::null()
    }
}

/// `text`.
impl Outcome for String {
    unsafe fn into_datum(self, fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        let bytes = encoding::server_bytes(&self).into_owned();
        // SAFETY: text and bytea lie alike.
        unsafe { Bytes(bytes).into_datum(fcinfo) }
    }
}

/// `bytea`.
impl Outcome for Bytes {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        let mut value = NewVarlena::zeroed(self.0.len());
        value.body_mut().copy_from_slice(&self.0);
        value.into_datum()
    }
}

impl<T: Outcome> Outcome for Option<T> {
    unsafe fn into_datum(self, fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        match self {
            // SAFETY: the caller's contract.
            Some(value) => unsafe { value.into_datum(fcinfo) },
            None => {
                // SAFETY: the caller's contract.
                unsafe { (*fcinfo).isnull = true };
                pg_sys::Datum::null()
            }
        }
    }
}

impl<T: Outcome> Outcome for Result<T> {
    unsafe fn into_datum(self, fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        // SAFETY: the caller's contract.
        unsafe { report::unwrap_or_raise(self).into_datum(fcinfo) }
    }
}

/// The result of an input function: where the caller asked for soft errors, an error is left with it.
#[derive(Debug)]
pub struct Input<T>(pub Result<T>);

impl<T: Outcome> Outcome for Input<T> {
    unsafe fn into_datum(self, fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        let result = match self.0 {
            Ok(value) => Some(value),
            Err(error) => {
                // SAFETY: the caller's contract; `context` is null or a node.
                unsafe { report::save_or_raise(error, (*fcinfo).context) };
                None
            }
        };
        // SAFETY: the caller's contract.
        unsafe { result.into_datum(fcinfo) }
    }
}

/// A `cstring` being written, in the current memory context.
#[derive(Debug)]
pub struct NewText {
    bytes: *mut u8,
    capacity: usize,
}

impl NewText {
    /// Room for `capacity` bytes and the closing NUL, all zero.
    pub fn with_capacity(capacity: usize) -> Self {
        // SAFETY: palloc returns at least the size asked for or raises.
        let bytes = unsafe { pg_sys::palloc0(capacity + 1) }.cast();
        Self { bytes, capacity }
    }

    /// The text's bytes without the closing NUL. The text ends at the first zero.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: allocated with this size and zeroed above; borrowed with `self`.
        unsafe { std::slice::from_raw_parts_mut(self.bytes, self.capacity) }
    }
}

impl Outcome for NewText {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        pg_sys::Datum::from(self.bytes.cast::<c_void>())
    }
}

/// Whether the call is one of an aggregate, which owns the state in the first argument and lets it be changed
/// in place.
///
/// # Safety
/// `fcinfo` is of a running call.
pub unsafe fn is_aggregate_call(fcinfo: pg_sys::FunctionCallInfo) -> bool {
    // SAFETY: the caller's contract; a null context is allowed.
    unsafe {
        !(*fcinfo).context.is_null()
            && pg_sys::AggCheckCallContext(fcinfo, std::ptr::null_mut()) != 0
    }
}
