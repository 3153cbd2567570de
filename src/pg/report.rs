//! Turns an [`Error`] into an ereport: the only place that raises.

use crate::error::{Error, SqlState};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys::panic::ErrorReport;

fn code(state: SqlState) -> Code {
    match state {
        SqlState::DataException => Code::ERRCODE_DATA_EXCEPTION,
        SqlState::NumericValueOutOfRange => Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        SqlState::NullValueNotAllowed => Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        SqlState::InvalidParameterValue => Code::ERRCODE_INVALID_PARAMETER_VALUE,
        SqlState::InvalidTextRepresentation => Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
        SqlState::InsufficientPrivilege => Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
        SqlState::WrongObjectType => Code::ERRCODE_WRONG_OBJECT_TYPE,
        SqlState::FeatureNotSupported => Code::ERRCODE_FEATURE_NOT_SUPPORTED,
        SqlState::OutOfMemory => Code::ERRCODE_OUT_OF_MEMORY,
        SqlState::ProgramLimitExceeded => Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        SqlState::ObjectNotInPrerequisiteState => Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        SqlState::QueryCanceled => Code::ERRCODE_QUERY_CANCELED,
        SqlState::InternalError => Code::ERRCODE_INTERNAL_ERROR,
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
