//! Bulk build: phases, memory, threads.

pub mod builder;
