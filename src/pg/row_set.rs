//! The rows that a set-returning function hands to PostgreSQL, all at once (materialize mode).
//!
//! Follows `SetSingleFuncCall` of `utils/fmgr/funcapi.c`, which PostgreSQL 14 does not have.
#![allow(unsafe_code)]

use super::encoding;
use super::function::Outcome;
use super::report;
use super::varlena::Varlena;
use crate::error::{Error, Result, SqlState};
use pgrx::{AnyNumeric, FromDatum, IntoDatum, pg_sys};

/// One column of one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL, of any type.
    Null,
    /// `text`.
    Text(String),
    /// `integer`.
    Int(i32),
    /// `bigint`.
    BigInt(i64),
    /// `double precision`.
    Double(f64),
    /// `timestamptz`: microseconds since 2000-01-01 UTC.
    Timestamp(i64),
    /// `boolean`.
    Bool(bool),
    /// `bytea`.
    Bytes(Vec<u8>),
    /// `jsonb`, as its bytes.
    Json(Vec<u8>),
    /// `oid`, or one of its aliases as `regclass`.
    Oid(pg_sys::Oid),
    /// `numeric`.
    Numeric(AnyNumeric),
    /// `bigint[]`.
    BigInts(Vec<i64>),
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Null, Self::Double)
    }
}

impl Cell {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        match self {
            Self::Null => None,
            Self::Text(text) => match encoding::server_bytes(&text) {
                std::borrow::Cow::Borrowed(bytes) => IntoDatum::into_datum(bytes),
                std::borrow::Cow::Owned(bytes) => IntoDatum::into_datum(bytes),
            },
            Self::Int(number) => IntoDatum::into_datum(number),
            Self::Double(number) => IntoDatum::into_datum(number),
            Self::BigInt(number) | Self::Timestamp(number) => IntoDatum::into_datum(number),
            Self::Bool(value) => IntoDatum::into_datum(value),
            // Both lie as a varlena of these bytes.
            Self::Bytes(bytes) | Self::Json(bytes) => IntoDatum::into_datum(bytes),
            Self::Oid(oid) => IntoDatum::into_datum(oid),
            Self::Numeric(number) => IntoDatum::into_datum(number),
            Self::BigInts(numbers) => IntoDatum::into_datum(numbers),
        }
    }

    /// A copy of a value.
    /// # Errors
    /// XX000 for a type that no cell holds.
    /// # Safety
    /// `datum` is a value of type `kind`, not NULL.
    pub(super) unsafe fn from_datum(datum: pg_sys::Datum, kind: pg_sys::Oid) -> Result<Self> {
        // SAFETY: each arm reads the datum as the type that `kind` says it has.
        let cell = unsafe {
            match kind {
                pg_sys::TEXTOID => Some(Self::Text(encoding::string(Varlena::read(datum).body()))),
                pg_sys::BYTEAOID => Some(Self::Bytes(Varlena::read(datum).body().to_vec())),
                pg_sys::JSONBOID => Some(Self::Json(Varlena::read(datum).body().to_vec())),
                pg_sys::BOOLOID => bool::from_datum(datum, false).map(Self::Bool),
                pg_sys::INT4OID => i32::from_datum(datum, false).map(Self::Int),
                pg_sys::INT8OID => i64::from_datum(datum, false).map(Self::BigInt),
                pg_sys::FLOAT8OID => f64::from_datum(datum, false).map(Self::Double),
                pg_sys::OIDOID => pg_sys::Oid::from_datum(datum, false).map(Self::Oid),
                pg_sys::NUMERICOID => AnyNumeric::from_datum(datum, false).map(Self::Numeric),
                _ => None,
            }
        };
        cell.ok_or_else(|| {
            Error::new(
                SqlState::InternalError,
                format!("unexpected type {} of a result", kind.to_u32()),
            )
        })
    }
}

/// Rows in the order in which they are returned, each with the columns that the SQL declaration names.
#[derive(Debug, Clone, Default)]
pub struct RowSet(pub Vec<Vec<Cell>>);

impl Outcome for RowSet {
    unsafe fn into_datum(self, fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        // SAFETY: the caller's contract.
        report::unwrap_or_raise(unsafe { self.store(fcinfo) });
        pg_sys::Datum::null()
    }
}

impl RowSet {
    /// Fills the tuple store of a call.
    ///
    /// # Safety
    /// `fcinfo` is of the running call.
    unsafe fn store(self, fcinfo: pg_sys::FunctionCallInfo) -> Result<()> {
        // SAFETY: `resultinfo` is null or a node; a ReturnSetInfo has an expression context. The descriptor and the
        // store live in the memory context of the query, as the executor expects; every row was checked to have as
        // many columns as the descriptor.
        unsafe {
            let info = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            let is_set = !info.is_null()
                && (*info).type_ == pg_sys::NodeTag::T_ReturnSetInfo
                && (*info).allowedModes & pg_sys::SetFunctionReturnMode::SFRM_Materialize as i32
                    != 0;
            if !is_set {
                return Err(Error::new(
                    SqlState::FeatureNotSupported,
                    "set-valued function called in context that cannot accept a set",
                ));
            }
            // The executor says what it expects: looking up the declaration again takes longer than most functions.
            let mut declared = (*info).expectedDesc;
            if declared.is_null()
                && pg_sys::get_call_result_type(fcinfo, std::ptr::null_mut(), &mut declared)
                    != pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE
            {
                return Err(Error::new(
                    SqlState::InternalError,
                    "return type must be a row type",
                ));
            }
            let caller = pg_sys::MemoryContextSwitchTo((*(*info).econtext).ecxt_per_query_memory);
            let descriptor = pg_sys::CreateTupleDescCopy(declared);
            let store = pg_sys::tuplestore_begin_heap(true, false, pg_sys::work_mem);
            pg_sys::MemoryContextSwitchTo(caller);
            let columns = (*descriptor).natts as usize;
            for row in self.0 {
                if row.len() != columns {
                    return Err(Error::new(
                        SqlState::InternalError,
                        "function does not return the columns it is declared with",
                    ));
                }
                let data: Vec<_> = row.into_iter().map(Cell::into_datum).collect();
                let mut is_null: Vec<bool> = data.iter().map(Option::is_none).collect();
                let mut values: Vec<_> = data
                    .into_iter()
                    .map(|value| value.unwrap_or(pg_sys::Datum::null()))
                    .collect();
                pg_sys::tuplestore_putvalues(
                    store,
                    descriptor,
                    values.as_mut_ptr(),
                    is_null.as_mut_ptr(),
                );
            }
            (*info).returnMode = pg_sys::SetFunctionReturnMode::SFRM_Materialize;
            (*info).setResult = store;
            (*info).setDesc = descriptor;
        }
        Ok(())
    }
}
