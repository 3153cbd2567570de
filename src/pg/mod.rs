//! The unsafe fence over `pgrx::pg_sys`: safe from outside, knows nothing of vectors. Rules in `README.md`.

pub mod report;
