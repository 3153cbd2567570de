//! What a table says about the rows an index points to: which are visible, and which line pointers exist.
//!
//! Follows `bt_check_every_level` of `contrib/amcheck` in how it scans the table with a snapshot of its own.
#![allow(unsafe_code)]

use super::buffer::Shared;
use super::heap_scan::{self, Visitor};
use super::page::LINE_POINTER_SIZE;
use super::relation::{Relation, Tid};
use super::snapshot::Snapshot;
use pgrx::pg_sys;

/// A snapshot newer than that of the statement, registered: no row that it sees is vacuumed while it lives.
pub struct LatestSnapshot(pg_sys::Snapshot);

impl LatestSnapshot {
    /// Takes the snapshot now, whatever the isolation level.
    pub fn take() -> Self {
        // SAFETY: called on the main thread inside a transaction.
        Self(unsafe { pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot()) })
    }

    /// Whether a row that an index points to has a version visible to the snapshot.
    pub fn sees(&self, heap: Relation, tid: Tid) -> bool {
        if tid.block >= heap.block_count() {
            return false;
        }
        let mut tid = tid.to_pg();
        // SAFETY: the table is open and the block exists; null: whether all versions are dead is not asked.
        unsafe {
            let mut all_dead = false;
            pg_sys::table_index_fetch_tuple_check(heap.as_ptr(), &mut tid, self.0, &mut all_dead)
        }
    }

    /// Visits every row visible to the snapshot that belongs into `index`, with the value of the first index column.
    /// The row pointer is the one that the index holds. Predicates and expressions are evaluated.
    pub fn visit_rows(&self, heap: Relation, index: Relation, visit: &mut Visitor<'_>) {
        let snapshot = Snapshot::registered(self);
        heap_scan::visit_visible_rows(heap, index, snapshot, visit);
    }

    /// The snapshot itself, valid while this value lives.
    pub fn as_ptr(&self) -> pg_sys::Snapshot {
        self.0
    }
}

impl Drop for LatestSnapshot {
    fn drop(&mut self) {
        if !super::memory::is_aborting() {
            // SAFETY: registered in `take`, once.
            unsafe { pg_sys::UnregisterSnapshot(self.0) };
        }
    }
}

/// Whether the line pointer of a heap row exists and is in use, be the row dead or alive. `true` for tables of other
/// access methods than `heap`, whose pages only they can read.
pub fn line_pointer_is_used(heap: Relation, tid: Tid) -> bool {
    // SAFETY: the relation is open.
    if unsafe { (*(*heap.as_ptr()).rd_rel).relam } != pg_sys::HEAP_TABLE_AM_OID {
        return true;
    }
    if tid.block >= heap.block_count() {
        return false;
    }
    let buffer = Shared::read(heap, tid.block);
    let pointers = buffer.page().contents();
    let Some(at) = usize::from(tid.offset).checked_sub(1) else {
        return false;
    };
    // Bits 15 and 16 of a line pointer are its state; 0 is LP_UNUSED (`storage/itemid.h`).
    pointers
        .chunks_exact(LINE_POINTER_SIZE)
        .nth(at)
        .is_some_and(|b| (u32::from_ne_bytes([b[0], b[1], b[2], b[3]]) >> 15) & 3 != 0)
}
