//! The unsafe fence over `pgrx::pg_sys`: safe from outside, knows nothing of vectors. Rules in `README.md`.

pub mod array;
pub mod buffer;
pub mod catalog;
pub mod compat;
pub mod executor;
pub mod failpoint;
pub mod function;
pub mod heap_check;
pub mod heap_scan;
pub mod index_scan;
pub mod interrupt;
pub mod memory;
pub mod owned_index;
pub mod page;
pub mod planner;
pub mod progress;
pub mod relation;
pub mod report;
pub mod row_set;
pub mod vacuum_info;
pub mod varlena;
pub mod wal;
pub mod worker_pool;
