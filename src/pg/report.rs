//! Turns an [`Error`] into an ereport: the only place that raises.
#![allow(unsafe_code)]

use crate::error::{Error, SqlState};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::panic::ErrorReport;

fn code(state: SqlState) -> Code {
    match state {
        SqlState::DataException => Code::ERRCODE_DATA_EXCEPTION,
        SqlState::NumericValueOutOfRange => Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        SqlState::ProtocolViolation => Code::ERRCODE_PROTOCOL_VIOLATION,
        SqlState::NullValueNotAllowed => Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        SqlState::InvalidParameterValue => Code::ERRCODE_INVALID_PARAMETER_VALUE,
        SqlState::InvalidTextRepresentation => Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
        SqlState::InsufficientPrivilege => Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
        SqlState::DatatypeMismatch => Code::ERRCODE_DATATYPE_MISMATCH,
        SqlState::UndefinedTable => Code::ERRCODE_UNDEFINED_TABLE,
        SqlState::WrongObjectType => Code::ERRCODE_WRONG_OBJECT_TYPE,
        SqlState::FeatureNotSupported => Code::ERRCODE_FEATURE_NOT_SUPPORTED,
        SqlState::OutOfMemory => Code::ERRCODE_OUT_OF_MEMORY,
        SqlState::ProgramLimitExceeded => Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        SqlState::ObjectNotInPrerequisiteState => Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        SqlState::QueryCanceled => Code::ERRCODE_QUERY_CANCELED,
        SqlState::IoError => Code::ERRCODE_IO_ERROR,
        SqlState::CheckViolation => Code::ERRCODE_CHECK_VIOLATION,
        SqlState::UndefinedColumn => Code::ERRCODE_UNDEFINED_COLUMN,
        SqlState::UndefinedObject => Code::ERRCODE_UNDEFINED_OBJECT,
        SqlState::DuplicateObject => Code::ERRCODE_DUPLICATE_OBJECT,
        SqlState::InvalidForeignKey => Code::ERRCODE_INVALID_FOREIGN_KEY,
        SqlState::InternalError => Code::ERRCODE_INTERNAL_ERROR,
        SqlState::DataCorrupted => Code::ERRCODE_DATA_CORRUPTED,
        SqlState::IndexCorrupted => Code::ERRCODE_INDEX_CORRUPTED,
    }
}

/// Raises `error` at level ERROR. Never returns: PostgreSQL unwinds the transaction.
pub fn raise(error: Error) -> ! {
    let mut report = ErrorReport::new(code(error.state), error.message.into_owned(), "annex");
    if let Some(detail) = error.detail {
        report = report.set_detail(detail);
    }
    if let Some(hint) = error.hint {
        report = report.set_hint(hint);
    }
    report.report(pgrx::PgLogLevel::ERROR);
    unreachable!("an ereport at level ERROR does not return")
}

/// The value of `result`, or its error raised.
pub fn unwrap_or_raise<T>(result: crate::error::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => raise(error),
    }
}

/// Tells the client something at level NOTICE.
pub fn notice(message: String, detail: &str, hint: &str) {
    ErrorReport::new(Code::ERRCODE_SUCCESSFUL_COMPLETION, message, "annex")
        .set_detail(detail)
        .set_hint(hint)
        .report(pgrx::PgLogLevel::NOTICE);
}

/// Leaves `error` with the caller of an input function if `context` asks for soft errors, else raises it.
/// PostgreSQL 14 and 15 know no soft errors.
///
/// # Safety
/// `context` is the context of a running call: null or a node.
pub unsafe fn save_or_raise(error: Error, context: *mut pgrx::pg_sys::Node) {
    #[cfg(not(any(feature = "pg14", feature = "pg15")))]
    // SAFETY: the caller's contract; the texts live until `errsave_finish`, which copies none but the error
    // functions have done so before.
    unsafe {
        use pgrx::pg_sys;
        use std::ffi::{CString, c_char, c_int};

        unsafe extern "C-unwind" {
            fn errcode(code: c_int) -> c_int;
            fn errmsg(format: *const c_char, ...) -> c_int;
            fn errdetail(format: *const c_char, ...) -> c_int;
            fn errhint(format: *const c_char, ...) -> c_int;
        }
        let is_soft = !context.is_null() && (*context).type_ == pg_sys::NodeTag::T_ErrorSaveContext;
        if is_soft {
            if pg_sys::errsave_start(context, std::ptr::null()) {
                let text = |text: &str| CString::new(text).unwrap_or_default();
                errcode(code(error.state) as c_int);
                errmsg(c"%s".as_ptr(), text(&error.message).as_ptr());
                if let Some(detail) = &error.detail {
                    errdetail(c"%s".as_ptr(), text(detail).as_ptr());
                }
                if let Some(hint) = &error.hint {
                    errhint(c"%s".as_ptr(), text(hint).as_ptr());
                }
                let file = concat!(file!(), "\0").as_ptr().cast();
                pg_sys::errsave_finish(context, file, line!() as c_int, c"annex".as_ptr());
            }
            return;
        }
    }
    let _ = context;
    raise(error)
}
