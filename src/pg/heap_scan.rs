//! The rows of a table that an index is or would be made of, handed to a closure.
//!
//! Follows `table_index_build_scan` (`access/tableam.h`): snapshots, partial indexes and expressions are its work.
#![allow(unsafe_code)]

use super::index_value::IndexValue;
use super::interrupt;
use super::relation::{ColumnValue, Relation, Tid};
use super::report::unwrap_or_raise;
use super::snapshot::Snapshot;
use crate::error::Result;
use pgrx::pg_sys::{self, ScanOptions};

/// A table, the index being built on it, and PostgreSQL's description of the index.
#[derive(Clone, Copy)]
pub struct IndexBuild {
    /// The table.
    pub heap: Relation,
    /// The index, empty so far.
    pub index: Relation,
    info: *mut pg_sys::IndexInfo,
}

/// Receives the row pointer and the value of the first index column; `None` for NULL. Errors are raised.
pub type Visitor<'a> = dyn FnMut(Tid, Option<ColumnValue>) -> Result<()> + 'a;

/// What [`visit_row`] is given as its state.
struct CallbackState<'a, 'b> {
    visit: &'a mut Visitor<'b>,
}

/// The callback of `index_build_range_scan`.
///
/// # Safety
/// Called by PostgreSQL only, with a [`CallbackState`] as its state.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn visit_row(
    _index: pg_sys::Relation,
    tid: pg_sys::ItemPointer,
    values: *mut pg_sys::Datum,
    is_null: *mut bool,
    _is_alive: bool,
    state: *mut core::ffi::c_void,
) {
    // SAFETY: PostgreSQL passes a valid TID, arrays with an element per index column, and the state given below.
    unsafe {
        let state = &mut *state.cast::<CallbackState<'_, '_>>();
        let value = (!*is_null).then(|| ColumnValue::from_pg(*values));
        unwrap_or_raise((state.visit)(Tid::from_pg(&*tid), value));
    }
}

impl IndexBuild {
    /// Takes what PostgreSQL passed to `ambuild`.
    ///
    /// # Safety
    /// The pointers are those passed to `ambuild`, which has not returned.
    pub unsafe fn from_pg(
        heap: pg_sys::Relation,
        index: pg_sys::Relation,
        info: *mut pg_sys::IndexInfo,
    ) -> Self {
        // SAFETY: contract of this function.
        unsafe {
            Self {
                heap: Relation::from_pg(heap),
                index: Relation::from_pg(index),
                info,
            }
        }
    }

    /// Whether the index is built CONCURRENTLY.
    pub fn is_concurrent(&self) -> bool {
        // SAFETY: contract of `from_pg`.
        unsafe { (*self.info).ii_Concurrent }
    }

    /// Whether the index is partial: only a share of the table's rows is visited.
    pub fn is_partial(&self) -> bool {
        // SAFETY: contract of `from_pg`.
        unsafe { !(*self.info).ii_Predicate.is_null() }
    }

    /// Visits every row to be indexed and returns their number, as PostgreSQL counts them for `reltuples`.
    pub fn scan(&self, visit: &mut Visitor<'_>) -> f64 {
        self.scan_range(true, 0, pg_sys::InvalidBlockNumber, visit)
    }

    /// Visits the rows of `count` blocks from `start`: a sample, without progress reports.
    pub fn scan_blocks(&self, start: u32, count: u32, visit: &mut Visitor<'_>) {
        self.scan_range(false, start, count, visit);
    }

    fn scan_range(&self, is_whole: bool, start: u32, count: u32, visit: &mut Visitor<'_>) -> f64 {
        let mut state = CallbackState { visit };
        // SAFETY: contract of `from_pg`; the callback and its state outlive the call. This is what the inline
        // functions `table_index_build_scan` and `table_index_build_range_scan` do, with progress reports only for
        // the whole table. Never a synchronised scan: it may begin anywhere, and then neither the order of the rows
        // nor how far the scan has come could be told from the block.
        //
        // Called without a boundary, so that an error of an index expression reaches the user whole, with its own
        // SQLSTATE and CONTEXT: the ERROR jumps over the callers, who keep what is large in a `ContextBox`.
        unsafe {
            let methods = (*self.heap.as_ptr()).rd_tableam;
            let Some(build_range_scan) = (*methods).index_build_range_scan else {
                return 0.0;
            };
            build_range_scan(
                self.heap.as_ptr(),
                self.index.as_ptr(),
                self.info,
                false,
                false,
                is_whole,
                start,
                count,
                Some(visit_row),
                (&raw mut state).cast(),
                std::ptr::null_mut(),
            )
        }
    }

    /// Rows of the table according to its statistics; `None` if it was never analyzed.
    pub fn estimated_rows(&self) -> Option<f64> {
        // SAFETY: the relation is open.
        let tuples = unsafe { (*(*self.heap.as_ptr()).rd_rel).reltuples };
        (tuples > 0.0).then_some(f64::from(tuples))
    }
}

/// Visits, once each, the rows that `snapshot` sees and that belong into `index`, with the value of its first column:
/// what the index ought to hold, read from the table. The row pointer is the one that the index holds. Predicates and
/// expressions are evaluated; the index itself is not read. An error on the way unwinds through the callers.
pub fn visit_visible_rows(
    heap: Relation,
    index: Relation,
    snapshot: Snapshot,
    visit: &mut Visitor<'_>,
) {
    let mut state = CallbackState { visit };
    // SAFETY: both relations are open and the snapshot is valid. This is what `table_beginscan_strat` and
    // `table_index_build_scan` do: given a scan of the caller's, the latter takes the rows which that scan's snapshot
    // sees and ends it; the callback and its state outlive the call. The boundary makes a panic of an ERROR, so that
    // what the callers hold is dropped: threads, above all.
    unsafe {
        let methods = &*(*heap.as_ptr()).rd_tableam;
        let (Some(begin), Some(scan_rows)) = (methods.scan_begin, methods.index_build_range_scan)
        else {
            return;
        };
        let info = pg_sys::BuildIndexInfo(index.as_ptr());
        (*info).ii_Unique = false;
        (*info).ii_ExclusionOps = std::ptr::null_mut();
        let flags = ScanOptions::SO_TYPE_SEQSCAN
            | ScanOptions::SO_ALLOW_STRAT
            | ScanOptions::SO_ALLOW_SYNC
            | ScanOptions::SO_ALLOW_PAGEMODE;
        pg_sys::ffi::pg_guard_ffi_boundary(|| {
            let scan = begin(
                heap.as_ptr(),
                snapshot.as_ptr(),
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
        });
    }
}

/// As [`visit_visible_rows`], for an index without a predicate, and with the row pointer (`ctid`) of the version that
/// `snapshot` sees: what a statement in SQL gets, and not what the index holds of a row that was updated in place.
pub fn visit_row_versions(
    heap: Relation,
    index: Relation,
    snapshot: Snapshot,
    visit: &mut Visitor<'_>,
) {
    let mut value = IndexValue::of(heap, index);
    // SAFETY: the relation is open and the snapshot is valid. This is what `table_beginscan`, `table_scan_getnextslot` and
    // `table_endscan` do; the boundary is for functions that PostgreSQL hands out by pointer.
    unsafe {
        let methods = &*(*heap.as_ptr()).rd_tableam;
        let (Some(begin), Some(next), Some(end)) = (
            methods.scan_begin,
            methods.scan_getnextslot,
            methods.scan_end,
        ) else {
            return;
        };
        let flags = ScanOptions::SO_TYPE_SEQSCAN
            | ScanOptions::SO_ALLOW_STRAT
            | ScanOptions::SO_ALLOW_PAGEMODE;
        let null = std::ptr::null_mut();
        let scan = pg_sys::ffi::pg_guard_ffi_boundary(|| {
            begin(
                heap.as_ptr(),
                snapshot.as_ptr(),
                0,
                null,
                std::ptr::null_mut(),
                flags,
            )
        });
        let forward = pg_sys::ScanDirection::ForwardScanDirection;
        while pg_sys::ffi::pg_guard_ffi_boundary(|| next(scan, forward, value.slot())) {
            interrupt::check();
            unwrap_or_raise(visit(value.tid(), value.read()));
        }
        pg_sys::ffi::pg_guard_ffi_boundary(|| end(scan));
    }
}
