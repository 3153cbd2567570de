//! Scans of one given index in the order of its operator, past the planner: which index serves is no estimate.
//!
//! Does what the executor's index scan does (`executor/nodeIndexscan.c`) short of ordering by the exact distance:
//! rows come in the order of the index's lower bounds, with the value to compute the distance from.
#![allow(unsafe_code)]

use super::index_value::IndexValue;
use super::open_index::OpenIndex;
use super::relation::{ColumnValue, Tid};
use super::snapshot::Snapshot;
use pgrx::pg_sys;
use std::mem::MaybeUninit;

/// A row that an ordered scan returned.
#[derive(Debug, Clone, Copy)]
pub struct OrderedRow {
    /// The row.
    pub tid: Tid,
    /// A lower bound of its distance and of those of all later rows; negative infinity if the index gives none.
    pub lower_bound: f64,
    /// What the index's column or expression is for the row, until the next row; `None` for NULL.
    pub value: Option<ColumnValue>,
}

/// A scan, to be restarted for each order key. Runs with the settings in force when a key's first row is read.
#[derive(Debug)]
pub struct OrderedScan<'a> {
    index: &'a OpenIndex,
    scan: pg_sys::IndexScanDesc,
    row: IndexValue,
}

impl<'a> OrderedScan<'a> {
    /// Begins a scan of rows that `snapshot` sees.
    pub fn begin(index: &'a OpenIndex, snapshot: Snapshot) -> Self {
        let (heap, relation) = (index.heap().as_ptr(), index.index().as_ptr());
        // SAFETY: both relations are open as long as `index`, the snapshot is active. What is made here is freed in
        // `drop`, or by PostgreSQL at an ERROR.
        unsafe {
            Self {
                index,
                #[cfg(not(feature = "pg18"))]
                scan: pg_sys::index_beginscan(heap, relation, snapshot.as_ptr(), 0, 1),
                #[cfg(feature = "pg18")]
                scan: pg_sys::index_beginscan(
                    heap,
                    relation,
                    snapshot.as_ptr(),
                    std::ptr::null_mut(),
                    0,
                    1,
                ),
                row: IndexValue::of(index.heap(), index.index()),
            }
        }
    }

    /// Starts again, in order of distance from `key`, a value of the index's column type (see [`ColumnValue`]).
    pub fn restart(&mut self, key: ColumnValue) {
        let mut order = MaybeUninit::<pg_sys::ScanKeyData>::zeroed();
        let relation = self.index.index().as_ptr();
        // SAFETY: the key is initialised before it is used; the scan copies it, and its datum lives as long as
        // `ColumnValue` demands. The distance function exists, as the index is one that orders by it.
        unsafe {
            pg_sys::ScanKeyEntryInitialize(
                order.as_mut_ptr(),
                pg_sys::SK_ORDER_BY as i32,
                1,
                1,
                pg_sys::InvalidOid,
                *(*relation).rd_indcollation,
                self.index.distance_function(),
                key.datum(),
            );
            pg_sys::index_rescan(self.scan, std::ptr::null_mut(), 0, order.as_mut_ptr(), 1);
        }
    }

    /// The next row that the snapshot sees, or `None` at the end.
    pub fn next_row(&mut self) -> Option<OrderedRow> {
        // SAFETY: scan and slot are of `begin`. The scan leaves a bound for its one order key.
        unsafe {
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            if !pg_sys::index_getnext_slot(self.scan, forward, self.row.slot()) {
                return None;
            }
            let scan = &*self.scan;
            let lower_bound = if *scan.xs_orderbynulls {
                f64::NEG_INFINITY
            } else {
                f64::from_bits((*scan.xs_orderbyvals).value() as u64)
            };
            Some(OrderedRow {
                tid: self.row.tid(),
                lower_bound,
                value: self.row.read(),
            })
        }
    }
}

impl Drop for OrderedScan<'_> {
    fn drop(&mut self) {
        // An abort releases pins and memory.
        if !super::memory::is_aborting() {
            // SAFETY: made in `begin`, freed only here.
            unsafe { pg_sys::index_endscan(self.scan) };
        }
    }
}
