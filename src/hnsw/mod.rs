//! The access method `hnsw`: algorithm, bytes and PostgreSQL in separate files; `README.md` explains it.

pub mod build;
pub mod codes;
pub mod memory_graph;
pub mod nearest;
pub mod options;
pub mod select;
pub mod visited;
