//! Memory limits of the session, and values whose life a memory context ends.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// `work_mem` in bytes.
pub fn work_mem_bytes() -> usize {
    // SAFETY: a plain variable of the server, read on the main thread.
    unsafe { pg_sys::work_mem as usize * 1024 }
}

/// `maintenance_work_mem` in bytes.
pub fn maintenance_work_mem_bytes() -> usize {
    // SAFETY: as above.
    unsafe { pg_sys::maintenance_work_mem as usize * 1024 }
}
