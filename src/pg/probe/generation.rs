//! Whether what was looked up in the catalogs can still be relied on.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::cell::Cell;

thread_local! {
    /// Grows whenever a relation or a schema has changed; 0 until anybody asked.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
}

/// A number that is the same as before only if no relation and no schema has changed, as far as this backend was told.
pub(super) fn generation() -> u64 {
    let now = GENERATION.get();
    if now > 0 {
        return now;
    }
    // SAFETY: once in a backend; the callbacks stay as long as the library, which is never unloaded.
    unsafe {
        let nothing = pg_sys::Datum::null();
        pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), nothing);
        let schemas = pg_sys::SysCacheIdentifier::NAMESPACEOID as i32;
        pg_sys::CacheRegisterSyscacheCallback(schemas, Some(schema_changed), nothing);
    }
    GENERATION.set(1);
    1
}

/// Of whichever relation: to look up a few names again costs little.
extern "C-unwind" fn relation_changed(_argument: pg_sys::Datum, _relation: pg_sys::Oid) {
    GENERATION.set(GENERATION.get() + 1);
}

extern "C-unwind" fn schema_changed(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    GENERATION.set(GENERATION.get() + 1);
}
