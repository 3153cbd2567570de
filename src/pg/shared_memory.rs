//! Counters in the server's shared memory, for all its processes: there if the library is in `shared_preload_libraries`, and
//! zero when the server starts.
//!
//! Follows what `contrib/pg_stat_statements` does to get its memory.
#![allow(unsafe_code)]

use pgrx::{pg_guard, pg_sys};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

type Hook = Option<unsafe extern "C-unwind" fn()>;

/// `AddinShmemInitLock` of `storage/lwlocknames.h`, the same in every supported version.
const ADDIN_SHMEM_INIT_LOCK: usize = 21;
const NAME: &std::ffi::CStr = c"annex counters";

static COUNT: AtomicUsize = AtomicUsize::new(0);
static COUNTERS: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());
static NEXT_REQUEST: OnceLock<Hook> = OnceLock::new();
static NEXT_STARTUP: OnceLock<Hook> = OnceLock::new();

/// Asks for `count` counters; called once by `_PG_init`. Does nothing unless the server is starting.
pub fn reserve(count: usize) {
    // SAFETY: variables of the server, on its main thread, before it has any other process; the hooks that were there are
    // called by ours.
    unsafe {
        if !pg_sys::process_shared_preload_libraries_in_progress {
            return;
        }
        COUNT.store(count, Ordering::Relaxed);
        #[cfg(feature = "pg14")]
        request();
        #[cfg(not(feature = "pg14"))]
        {
            let _ = NEXT_REQUEST.set(pg_sys::shmem_request_hook);
            pg_sys::shmem_request_hook = Some(request);
        }
        let _ = NEXT_STARTUP.set(pg_sys::shmem_startup_hook);
        pg_sys::shmem_startup_hook = Some(start_up);
    }
}

fn size_bytes() -> usize {
    COUNT.load(Ordering::Relaxed) * size_of::<AtomicU64>()
}

#[pg_guard]
unsafe extern "C-unwind" fn request() {
    // SAFETY: called by the server where memory may be asked for; a hook before ours has this signature.
    unsafe {
        if let Some(Some(next)) = NEXT_REQUEST.get() {
            next();
        }
        pg_sys::RequestAddinShmemSpace(size_bytes());
    }
}

/// Also called after a crash, when the memory is a new one.
#[pg_guard]
unsafe extern "C-unwind" fn start_up() {
    // SAFETY: called by the server once shared memory exists. The memory is aligned for every type and as large as asked
    // for; nobody else knows it while the lock is held, and zero is a counter.
    unsafe {
        if let Some(Some(next)) = NEXT_STARTUP.get() {
            next();
        }
        let lock = &raw mut (*pg_sys::MainLWLockArray.add(ADDIN_SHMEM_INIT_LOCK)).lock;
        pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
        let mut is_found = false;
        let memory = pg_sys::ShmemInitStruct(NAME.as_ptr(), size_bytes(), &mut is_found);
        if !is_found {
            memory.cast::<u8>().write_bytes(0, size_bytes());
        }
        COUNTERS.store(memory.cast(), Ordering::Release);
        pg_sys::LWLockRelease(lock);
    }
}

/// The counters; `None` if there are none.
#[inline]
pub fn counters() -> Option<&'static [AtomicU64]> {
    let first = COUNTERS.load(Ordering::Acquire);
    if first.is_null() {
        return None;
    }
    // SAFETY: set in `start_up`, and as many; shared memory lives as long as the process. Every process changes them as
    // atomics only.
    Some(unsafe { std::slice::from_raw_parts(first, COUNT.load(Ordering::Relaxed)) })
}
