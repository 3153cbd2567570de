//! annex: vector types, distance operators and an HNSW index access method for PostgreSQL.
//!
//! `src/README.md` is the map of the modules and the rules between them.

pub mod distance;
pub mod error;
pub mod guc;
pub mod hnsw;
pub mod models;
pub mod pg;
pub mod recall;
pub mod schema;
pub mod statistics;
pub mod types;

::pgrx::pg_module_magic!(name, version);

/// Called once when PostgreSQL loads the library.
#[pgrx::pg_guard]
#[allow(non_snake_case)]
pub extern "C-unwind" fn _PG_init() {
    guc::register();
    hnsw::options::register();
    pg::shared_memory::reserve(hnsw::scan_counters::COUNTERS);
}

/// Required by `cargo pgrx test`; annex has no in-backend unit tests (see tests/README.md).
#[cfg(test)]
pub mod pg_test {
    /// No set-up is needed.
    pub fn setup(_options: Vec<&str>) {}
    /// No server settings are needed.
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        Vec::new()
    }
}
