//! The access method `hnsw`: algorithm, bytes and PostgreSQL in separate files; `README.md` explains it.

pub mod back_link;
pub mod build;
pub mod code_cache;
pub mod codes;
pub mod cost;
pub mod disk_graph;
pub mod duplicate;
pub mod graph;
pub mod handler;
pub mod insert;
pub mod layout;
pub mod memory_graph;
pub mod nearest;
pub mod options;
pub mod placement;
pub mod reachability;
pub mod repair;
pub mod scan;
pub mod search;
pub mod select;
pub mod slots;
pub mod vacuum;
pub mod validate;
pub mod vector_hash;
pub mod visited;
pub mod visited_places;
