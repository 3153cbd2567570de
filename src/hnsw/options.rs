//! Index options (reloptions) of `hnsw`.

/// Registers the reloption kind; called once by `_PG_init`.
pub fn register() {}
