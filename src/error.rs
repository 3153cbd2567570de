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
    /// 08P01
    ProtocolViolation,
    /// 22004
    NullValueNotAllowed,
    /// 22023
    InvalidParameterValue,
    /// 22P02
    InvalidTextRepresentation,
    /// 42501
    InsufficientPrivilege,
    /// 42804
    DatatypeMismatch,
    /// 42P01
    UndefinedTable,
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
    /// 58030
    IoError,
    /// 23514
    CheckViolation,
    /// 42703
    UndefinedColumn,
    /// 42704
    UndefinedObject,
    /// 42710
    DuplicateObject,
    /// 42830
    InvalidForeignKey,
    /// XX000
    InternalError,
    /// XX001
    DataCorrupted,
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

/// Errors of the SQL types. `type_name` is `vector`, `halfvec` or `sparsevec`.
impl Error {
    /// 22P02: a literal that is not one of its type.
    ///
    /// Bytes above ASCII of a literal that is not UTF-8 are shown as `?`: only the server knows its encoding.
    pub fn invalid_syntax(type_name: &str, literal: &[u8], detail: impl Into<String>) -> Self {
        Self::new(
            SqlState::InvalidTextRepresentation,
            format!(
                "invalid input syntax for type {type_name}: \"{}\"",
                printable(literal)
            ),
        )
        .with_detail(detail)
    }

    /// 22003: a number of a literal that overflows its element type.
    pub fn element_out_of_range(type_name: &str, number: &[u8]) -> Self {
        Self::new(
            SqlState::NumericValueOutOfRange,
            format!(
                "\"{}\" is out of range for type {type_name}",
                printable(number)
            ),
        )
    }

    /// 22000: a value without any element.
    pub fn no_dimensions(type_name: &str) -> Self {
        Self::new(
            SqlState::DataException,
            format!("{type_name} must have at least 1 dimension"),
        )
    }

    /// 54000: a value of more dimensions than its type can hold.
    pub fn too_many_dimensions(type_name: &str, max_dims: usize) -> Self {
        Self::new(
            SqlState::ProgramLimitExceeded,
            format!("{type_name} cannot have more than {max_dims} dimensions"),
        )
    }

    /// 22000: a value whose dimensions differ from its type modifier or from the rows before it.
    pub fn unexpected_dimensions(expected: usize, dims: usize) -> Self {
        Self::new(
            SqlState::DataException,
            format!("expected {expected} dimensions, not {dims}"),
        )
    }

    /// 22000: a NaN in element `position`, counted from 1.
    pub fn nan_element(type_name: &str, position: usize) -> Self {
        Self::new(
            SqlState::DataException,
            format!("NaN not allowed in {type_name}"),
        )
        .with_detail(format!("Element {position} is not a number."))
    }

    /// 22000: an infinity in element `position`, counted from 1.
    pub fn infinite_element(type_name: &str, position: usize) -> Self {
        Self::new(
            SqlState::DataException,
            format!("infinite value not allowed in {type_name}"),
        )
        .with_detail(format!("Element {position} is infinite."))
    }

    /// 22003: a result too large for the element type; `position` counts from 1.
    pub fn overflow(position: usize) -> Self {
        Self::new(
            SqlState::NumericValueOutOfRange,
            "value out of range: overflow",
        )
        .with_detail(format!("Element {position} of the result is too large."))
    }

    /// 22003: a product of non-zero elements that is too small; `position` counts from 1.
    pub fn underflow(position: usize) -> Self {
        Self::new(
            SqlState::NumericValueOutOfRange,
            "value out of range: underflow",
        )
        .with_detail(format!("Element {position} of the result is too small."))
    }

    /// 22023: a type modifier that is not one number.
    pub fn invalid_type_modifier(type_name: &str) -> Self {
        Self::new(SqlState::InvalidParameterValue, "invalid type modifier").with_hint(format!(
            "Give the number of dimensions alone, as in {type_name}(3)."
        ))
    }

    /// 22023: a type modifier below 1.
    pub fn type_modifier_too_small(type_name: &str) -> Self {
        Self::new(
            SqlState::InvalidParameterValue,
            format!("dimensions for type {type_name} must be at least 1"),
        )
    }

    /// 22023: a type modifier above the limit of the type.
    pub fn type_modifier_too_large(type_name: &str, max_dims: usize) -> Self {
        Self::new(
            SqlState::InvalidParameterValue,
            format!("dimensions for type {type_name} cannot exceed {max_dims}"),
        )
    }

    /// 22000: a binary value whose reserved field is used.
    pub fn reserved_field_used(value: impl Into<i32>) -> Self {
        Self::new(
            SqlState::DataException,
            format!("expected unused to be 0, not {}", value.into()),
        )
    }

    /// 08P01: a binary value that ends too early; PostgreSQL's own text.
    pub fn message_too_short() -> Self {
        Self::new(
            SqlState::ProtocolViolation,
            "insufficient data left in message",
        )
    }

    /// 22000: an array of more than one dimension where a vector was wanted.
    pub fn array_not_flat(array_dims: usize) -> Self {
        Self::new(SqlState::DataException, "array must be 1-D")
            .with_detail(format!("The array has {array_dims} dimensions."))
    }

    /// 22004: an array with NULLs where a vector was wanted.
    pub fn array_with_nulls() -> Self {
        Self::new(
            SqlState::NullValueNotAllowed,
            "array must not contain nulls",
        )
    }

    /// 22000: an array whose element type has no conversion.
    pub fn unsupported_array() -> Self {
        Self::new(SqlState::DataException, "unsupported array type")
    }

    /// XX000: an aggregate function called with something that is no state of its own.
    pub fn not_a_state(function: &str) -> Self {
        Self::new(
            SqlState::InternalError,
            format!("{function}: expected state array"),
        )
    }

    /// 22000: two bit strings of different lengths.
    pub fn different_bit_lengths(a: u32, b: u32) -> Self {
        Self::new(
            SqlState::DataException,
            format!("different bit lengths {a} and {b}"),
        )
    }

    /// XX001: a stored value whose bytes cannot be one of its type.
    pub fn corrupt_value(type_name: &str, detail: impl Into<String>) -> Self {
        Self::new(
            SqlState::DataCorrupted,
            format!("stored {type_name} is damaged"),
        )
        .with_detail(detail)
    }
}

/// Errors of sparse vectors. Positions count from 1.
impl Error {
    /// 54000: more elements that are not zero than a sparse vector can hold.
    pub fn too_many_non_zeros(max: usize) -> Self {
        Self::new(
            SqlState::ProgramLimitExceeded,
            format!("sparsevec cannot have more than {max} non-zero elements"),
        )
    }

    /// 54000: more elements that are not zero than dimensions.
    pub fn more_non_zeros_than_dimensions(non_zeros: usize, dims: usize) -> Self {
        Self::new(
            SqlState::ProgramLimitExceeded,
            "sparsevec cannot have more elements than dimensions",
        )
        .with_detail(format!(
            "There are {non_zeros} elements and {dims} dimensions."
        ))
    }

    /// 22000: a binary value with a negative number of elements.
    pub fn negative_non_zeros(non_zeros: i32) -> Self {
        Self::new(
            SqlState::DataException,
            "sparsevec cannot have negative number of elements",
        )
        .with_detail(format!("The number is {non_zeros}."))
    }

    /// 22000: an element at a position that is not one of 1 to `dims`.
    pub fn index_out_of_bounds(position: i64, dims: usize) -> Self {
        Self::new(SqlState::DataException, "sparsevec index out of bounds")
            .with_detail(format!("Index {position} is not between 1 and {dims}."))
    }

    /// 22000: two elements at the same position.
    pub fn duplicate_indices(position: i64) -> Self {
        Self::new(
            SqlState::DataException,
            "sparsevec indices must not contain duplicates",
        )
        .with_detail(format!("Index {position} is given more than once."))
    }

    /// 22000: an element of a binary value behind one of a later position.
    pub fn unordered_indices(previous: i64, position: i64) -> Self {
        Self::new(
            SqlState::DataException,
            "sparsevec indices must be in ascending order",
        )
        .with_detail(format!("Index {position} follows index {previous}."))
    }

    /// 22000: a zero among the elements of a binary value.
    pub fn zero_in_binary(position: usize) -> Self {
        Self::new(
            SqlState::DataException,
            "binary representation of sparsevec cannot contain zero values",
        )
        .with_detail(format!("Element {position} is zero."))
    }
}

/// Errors of functions that take an index and queries for it.
impl Error {
    /// 22004: a required argument of an SQL function is NULL.
    pub fn null_argument(name: &str) -> Self {
        Self::new(
            SqlState::NullValueNotAllowed,
            format!("argument \"{name}\" must not be null"),
        )
    }

    /// 42809: a relation that is no hnsw index.
    pub fn not_an_hnsw_index(name: &str) -> Self {
        Self::new(
            SqlState::WrongObjectType,
            format!("\"{name}\" is not an hnsw index"),
        )
    }
}

fn printable(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => text
            .iter()
            .map(|&byte| if byte.is_ascii() { byte as char } else { '?' })
            .collect(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
