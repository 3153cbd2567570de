//! A snapshot to read a table with.
#![allow(unsafe_code)]

use super::heap_check::LatestSnapshot;
use crate::error::{Error, Result, SqlState};
use pgrx::pg_sys;

unsafe extern "C-unwind" {
    // As the bindings have them, less their boundary for errors, of which they have none.
    fn ActiveSnapshotSet() -> bool;
    fn GetActiveSnapshot() -> pg_sys::Snapshot;
}

/// A snapshot, borrowed: the active one is valid while the query runs that is calling.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot(pg_sys::Snapshot);

impl Snapshot {
    /// The snapshot of the running query.
    /// # Errors
    /// XX000 if no query runs.
    pub fn active() -> Result<Self> {
        // SAFETY: looks at the stack of snapshots of this backend, on the main thread.
        unsafe {
            if !ActiveSnapshotSet() {
                return Err(Error::new(
                    SqlState::InternalError,
                    "there is no active snapshot",
                ));
            }
            Ok(Self(GetActiveSnapshot()))
        }
    }

    /// A newer snapshot that a function holds.
    pub(super) fn registered(snapshot: &LatestSnapshot) -> Self {
        Self(snapshot.as_ptr())
    }

    /// The snapshot itself, for calls into PostgreSQL.
    pub fn as_ptr(self) -> pg_sys::Snapshot {
        self.0
    }
}
