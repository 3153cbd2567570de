//! What a table says about the rows an index points to: which are visible, and which line pointers exist.
//!
//! Follows `bt_check_every_level` of `contrib/amcheck` in how it scans the table with a snapshot of its own.
#![allow(unsafe_code)]

use super::buffer::Shared;
use super::heap_scan::{Visitor, callback_state, visit_row};
use super::page::LINE_POINTER_SIZE;
use super::relation::{Relation, Tid};
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
        let mut state = callback_state(visit);
        // SAFETY: both relations are open. This is what `table_beginscan_strat` and `table_index_build_scan` do: the
        // scan is ended by the latter, the callback and its state outlive the call.
        unsafe {
            let methods = &*(*heap.as_ptr()).rd_tableam;
            let (Some(begin), Some(scan_rows)) =
                (methods.scan_begin, methods.index_build_range_scan)
            else {
                return;
            };
            let info = pg_sys::BuildIndexInfo(index.as_ptr());
            (*info).ii_Unique = false;
            (*info).ii_ExclusionOps = std::ptr::null_mut();
            let flags = pg_sys::ScanOptions::SO_TYPE_SEQSCAN
                | pg_sys::ScanOptions::SO_ALLOW_STRAT
                | pg_sys::ScanOptions::SO_ALLOW_SYNC
                | pg_sys::ScanOptions::SO_ALLOW_PAGEMODE;
            let scan = begin(
                heap.as_ptr(),
                self.0,
                0,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                flags,
            );
            scan_rows(
                heap.as_ptr(),
                index.as_ptr(),
                info,
                true,
                false,
                false,
                0,
                pg_sys::InvalidBlockNumber,
                Some(visit_row),
                (&raw mut state).cast(),
                scan,
            );
        }
    }
}

impl Drop for LatestSnapshot {
    fn drop(&mut self) {
        if !std::thread::panicking() {
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
