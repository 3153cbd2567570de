//! The SQL types as values with invariants, apart from their storage.
pub mod datum;
