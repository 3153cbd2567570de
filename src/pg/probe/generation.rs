//! Whether what was looked up in the catalogs can still be relied on.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::cell::Cell;

use pg_sys::SysCacheIdentifier::{AUTHMEMROLEMEM, AUTHOID, DATABASEOID, NAMESPACEOID};

/// What is watched beside relations.
const CACHES: [pg_sys::SysCacheIdentifier::Type; 4] =
    [NAMESPACEOID, AUTHOID, AUTHMEMROLEMEM, DATABASEOID];

thread_local! {
    /// Grows whenever a relation, a schema or a role has changed; 0 until anybody asked.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
}

/// A number that is the same as before only if no relation, schema or role has changed, as far as this backend was told: what names
/// mean, and who may read what, which also the tables' own rows of the catalogs say.
pub(super) fn generation() -> u64 {
    let now = GENERATION.get();
    if now > 0 {
        return now;
    }
    // SAFETY: once in a backend; the callbacks stay as long as the library, which is never unloaded.
    unsafe {
        let nothing = pg_sys::Datum::null();
        pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), nothing);
        for cache in CACHES {
            pg_sys::CacheRegisterSyscacheCallback(cache as i32, Some(row_changed), nothing);
        }
    }
    GENERATION.set(1);
    1
}

/// Of whichever relation: to look up a few names again costs little.
extern "C-unwind" fn relation_changed(_argument: pg_sys::Datum, _relation: pg_sys::Oid) {
    GENERATION.set(GENERATION.get() + 1);
}

/// Of schemas, of roles and who is a member of which, of the database, whose owner has a role of its own.
extern "C-unwind" fn row_changed(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    GENERATION.set(GENERATION.get() + 1);
}
