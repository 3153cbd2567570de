//! Bulk build: phases, memory, threads.

pub mod builder;
pub mod flat;
pub mod hnsw_rs;
pub mod refine;
