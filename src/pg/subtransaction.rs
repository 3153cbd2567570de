//! Work that leaves nothing behind: a subtransaction that always ends in a rollback.
//!
//! Follows what PL/pgSQL does for a block with EXCEPTION (`exec_stmt_block` in `plpgsql/src/pl_exec.c`).
#![allow(unsafe_code)]

use super::memory;
use crate::error::Result;
use pgrx::pg_sys;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs `work` and rolls back what it did in the database, however it ends; an ERROR goes on to the caller's caller after that.
/// What `work` returns must hold nothing of the database: no open relation, no snapshot. What it allocates lives as long as
/// the memory context that is current now.
/// # Errors
/// Those of `work`.
pub fn rolled_back<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: on the main thread, in a function, which has a transaction; the subtransaction is not left but by the rollback.
    // All guards of `work` are gone by then: dropped as usual, or while a panic unwound, when they leave everything to the
    // rollback. A panic is what an ERROR has become at the boundary at which it was raised.
    unsafe {
        let (context, owner) = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
        let result = catch_unwind(AssertUnwindSafe(work));
        pg_sys::RollbackAndReleaseCurrentSubTransaction();
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// A new active snapshot, which sees what the statements before it did; the one before it is active again when this is dropped.
#[derive(Debug)]
pub struct NewSnapshot(());

impl NewSnapshot {
    /// Takes the snapshot.
    pub fn push() -> Self {
        // SAFETY: in a transaction; the stack keeps a copy.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
        Self(())
    }
}

impl Drop for NewSnapshot {
    fn drop(&mut self) {
        // An abort pops what was pushed since its subtransaction began.
        if !memory::is_aborting() {
            // SAFETY: pushed in `push`; snapshots are values that nest.
            unsafe { pg_sys::PopActiveSnapshot() };
        }
    }
}
