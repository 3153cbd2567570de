//! The unsafe fence over `pgrx::pg_sys`: safe from outside, knows nothing of vectors. Rules in `README.md`.

pub mod array;
pub mod function;
pub mod report;
pub mod varlena;
