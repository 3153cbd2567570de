//! The rows that a set-returning function hands to PostgreSQL, all at once (materialize mode).
//!
//! Follows `SetSingleFuncCall` of `utils/fmgr/funcapi.c`, which PostgreSQL 14 does not have.
#![allow(unsafe_code)]

use super::function::Outcome;
use super::report;
use crate::error::{Error, Result, SqlState};
use pgrx::{IntoDatum, pg_sys};

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
            Self::Text(text) => IntoDatum::into_datum(text),
            Self::Int(number) => IntoDatum::into_datum(number),
            Self::Double(number) => IntoDatum::into_datum(number),
            Self::BigInt(number) | Self::Timestamp(number) => IntoDatum::into_datum(number),
        }
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
            let mut declared: pg_sys::TupleDesc = std::ptr::null_mut();
            let kind = pg_sys::get_call_result_type(fcinfo, std::ptr::null_mut(), &mut declared);
            if kind != pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE {
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
