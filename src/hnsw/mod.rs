//! The access method `hnsw`: algorithm, bytes and PostgreSQL in separate files; `README.md` explains it.

pub mod build;
pub mod codes;
pub mod cost;
pub mod disk_graph;
pub mod graph;
pub mod layout;
pub mod options;
pub mod scan;
pub mod search;
pub mod validate;
pub mod visited;
