//! What VACUUM passes to an access method, and the statistics it gets back.
#![allow(unsafe_code)]

use super::buffer::Strategy;
use super::relation::{Relation, Tid};
use pgrx::pg_sys;

/// One call of VACUUM for one index.
pub struct VacuumInfo {
    info: *mut pg_sys::IndexVacuumInfo,
    stats: *mut pg_sys::IndexBulkDeleteResult,
}

impl VacuumInfo {
    /// Takes the arguments of `ambulkdelete` or `amvacuumcleanup`.
    ///
    /// # Safety
    /// The pointers are those PostgreSQL passed, in a call that has not returned.
    pub unsafe fn from_pg(
        info: *mut pg_sys::IndexVacuumInfo,
        stats: *mut pg_sys::IndexBulkDeleteResult,
    ) -> Self {
        Self { info, stats }
    }

    /// The index.
    pub fn index(&self) -> Relation {
        // SAFETY: contract of `from_pg`: info is valid and its index open.
        unsafe { Relation::from_pg((*self.info).index) }
    }

    /// The ring of buffers to use for passes over the index.
    pub fn strategy(&self) -> Strategy {
        // SAFETY: contract of `from_pg`.
        unsafe { Strategy::from_pg((*self.info).strategy) }
    }

    /// Whether this is only ANALYZE.
    pub fn is_analyze_only(&self) -> bool {
        // SAFETY: contract of `from_pg`.
        unsafe { (*self.info).analyze_only }
    }

    /// Whether an earlier call of this VACUUM has left statistics, that is, whether rows were deleted.
    pub fn has_stats(&self) -> bool {
        !self.stats.is_null()
    }

    /// The statistics, made if there are none yet.
    pub fn stats(&mut self) -> &mut pg_sys::IndexBulkDeleteResult {
        // SAFETY: palloc0 returns zeroed memory of the struct's size in the context that PostgreSQL expects.
        unsafe {
            if self.stats.is_null() {
                self.stats = pg_sys::palloc0(size_of::<pg_sys::IndexBulkDeleteResult>()).cast();
            }
            &mut *self.stats
        }
    }

    /// The statistics for PostgreSQL; null if none were made.
    pub fn into_stats(self) -> *mut pg_sys::IndexBulkDeleteResult {
        self.stats
    }

    /// A test whether VACUUM is going to remove a heap row.
    ///
    /// # Safety
    /// The arguments are those of `ambulkdelete`; the test is not used after the call returned.
    pub unsafe fn dead_row_test(
        &self,
        callback: pg_sys::IndexBulkDeleteCallback,
        state: *mut core::ffi::c_void,
    ) -> impl FnMut(Tid) -> bool + use<> {
        move |tid| {
            let mut tid = tid.to_pg();
            // SAFETY: contract of this function. The test of CREATE INDEX CONCURRENTLY writes files and may raise:
            // the boundary makes a panic of that, which releases what the callers hold.
            callback.is_some_and(|is_dead| unsafe {
                pg_sys::ffi::pg_guard_ffi_boundary(|| is_dead(&mut tid, state))
            })
        }
    }
}

/// Microseconds since 2000-01-01 UTC, as PostgreSQL's timestamps count.
pub fn now_microseconds() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}
