//! What the running transaction may do, and what it promises.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// Whether the transaction can write: it was not begun read-only, and the server is no standby.
pub fn can_write() -> bool {
    // SAFETY: a variable of this backend, read on the main thread; it is set on a standby too.
    unsafe { !pg_sys::XactReadOnly }
}

/// Whether PostgreSQL has to know what the transaction reads, as it may fail for that.
pub(super) fn is_serializable() -> bool {
    // SAFETY: a variable of this backend, read on the main thread.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_SERIALIZABLE as i32 }
}

/// Whether each statement sees what was committed before it: READ COMMITTED; and no parallel workers run, beside which nothing is written.
pub(super) fn sees_each_commit() -> bool {
    // SAFETY: variables of this backend, read on the main thread.
    unsafe {
        pg_sys::XactIsoLevel <= pg_sys::XACT_READ_COMMITTED as i32 && !pg_sys::IsInParallelMode()
    }
}
