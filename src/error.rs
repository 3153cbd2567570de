//! Every error annex raises, and its one table: SQLSTATE, message, detail, hint.
//!
//! Pure: no PostgreSQL symbol. `pg::report` turns an [`Error`] into an ereport, and nothing else raises.
//! Wording follows PostgreSQL's Error Message Style Guide, and pgvector's text where pgvector has one.

use std::borrow::Cow;
use std::fmt;

/// Result of every fallible function of annex.
pub type Result<T> = std::result::Result<T, Error>;

/// SQLSTATE classes annex uses. `pg::report` maps them to PostgreSQL's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlState {
    /// 22000
    DataException,
    /// 22003
    NumericValueOutOfRange,
    /// 22004
    NullValueNotAllowed,
    /// 22023
    InvalidParameterValue,
    /// 22P02
    InvalidTextRepresentation,
    /// 42501
    InsufficientPrivilege,
    /// 42809
    WrongObjectType,
    /// 0A000
    FeatureNotSupported,
    /// 53200
    OutOfMemory,
    /// 54000
    ProgramLimitExceeded,
    /// 55000
    ObjectNotInPrerequisiteState,
    /// 57014
    QueryCanceled,
    /// XX000
    InternalError,
    /// XX002
    IndexCorrupted,
}

/// An error with its SQLSTATE, primary message, DETAIL and HINT, ready to be raised by `pg::report`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// SQLSTATE.
    pub state: SqlState,
    /// Primary message: short, lower case, no full stop.
    pub message: Cow<'static, str>,
    /// Values that explain the message; whole sentences.
    pub detail: Option<String>,
    /// What the user can do; whole sentences.
    pub hint: Option<String>,
}

impl Error {
    /// An error without DETAIL and HINT.
    pub fn new(state: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            state,
            message: message.into(),
            detail: None,
            hint: None,
        }
    }

    /// The same error with a DETAIL.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same error with a HINT.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// 22000: two operands of different dimensions. `type_name` is `vector`, `halfvec` or `sparsevec`.
    pub fn different_dimensions(type_name: &str, a: usize, b: usize) -> Self {
        Self::new(
            SqlState::DataException,
            format!("different {type_name} dimensions {a} and {b}"),
        )
    }

    /// XX002: a page or item of an hnsw index that cannot be what it claims.
    pub fn corrupt_index(what: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(SqlState::IndexCorrupted, what)
            .with_detail(detail)
            .with_hint("REINDEX the index.")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
