//! The unsafe fence over `pgrx::pg_sys`: safe from outside, knows nothing of vectors. Rules in `README.md`.

pub mod buffer;
pub mod compat;
pub mod page;
pub mod relation;
pub mod report;
pub mod wal;
