//! The scan descriptor of an access method that orders by an operator: its order key, its result, and the state
//! that lives as long as the scan.
#![allow(unsafe_code)]

use super::relation::{ColumnValue, Relation, Tid};
use super::scanned_table::ScannedTable;
use crate::error::{Error, Result, SqlState};
use pgrx::pg_sys;

/// What the ORDER BY operand of a scan is.
#[derive(Debug, Clone, Copy)]
pub enum OrderOperand {
    /// NULL.
    Null,
    /// A value of the operator's right side.
    Value(ColumnValue),
}

/// A scan descriptor that PostgreSQL passed to a callback.
#[derive(Clone, Copy)]
pub struct ScanDescriptor(pg_sys::IndexScanDesc);

impl ScanDescriptor {
    /// Makes the descriptor of a new scan, whose state `T` is dropped with the scan's memory context: what it has open must be
    /// closed by `amendscan`, which no query reaches that an ERROR ends.
    ///
    /// # Safety
    /// The arguments are those passed to `ambeginscan`.
    pub unsafe fn begin<T>(
        index: pg_sys::Relation,
        key_count: i32,
        order_count: i32,
        state: T,
    ) -> pg_sys::IndexScanDesc {
        // SAFETY: contract of this function; the arrays have an element per order key, as `access/relscan.h` says.
        unsafe {
            let scan = pg_sys::RelationGetIndexScan(index, key_count, order_count);
            if order_count > 0 {
                let count = order_count as usize;
                (*scan).xs_orderbyvals = pg_sys::palloc0(count * size_of::<pg_sys::Datum>()).cast();
                (*scan).xs_orderbynulls = pg_sys::palloc0(count).cast();
            }
            (*scan).opaque = super::memory::leak(state).cast();
            scan
        }
    }

    /// Takes a descriptor that [`ScanDescriptor::begin`] made.
    ///
    /// # Safety
    /// `scan` was made by `begin` with the same `T` that is used with `state`, and has not ended.
    pub unsafe fn from_pg(scan: pg_sys::IndexScanDesc) -> Self {
        Self(scan)
    }

    /// The scan's state.
    ///
    /// # Safety
    /// `T` is that of `begin`, and no other reference to the state exists.
    pub unsafe fn state<'a, T>(self) -> &'a mut T {
        // SAFETY: contract of this function; the state lives in the scan's memory context.
        unsafe { &mut *(*self.0).opaque.cast::<T>() }
    }

    /// The index.
    pub fn index(self) -> Relation {
        // SAFETY: the descriptor is valid (contract of `from_pg`) and its index stays open.
        unsafe { Relation::from_pg((*self.0).indexRelation) }
    }

    /// Takes new keys, as `amrescan` must: null pointers keep the old ones.
    ///
    /// # Safety
    /// The arguments are those passed to `amrescan`.
    pub unsafe fn set_keys(self, keys: pg_sys::ScanKey, orders: pg_sys::ScanKey) {
        // SAFETY: contract of this function; source and destination have as many elements as the scan was begun
        // with, and `copy` allows them to be the same.
        unsafe {
            let scan = &mut *self.0;
            if !keys.is_null() && scan.numberOfKeys > 0 {
                std::ptr::copy(keys, scan.keyData, scan.numberOfKeys as usize);
            }
            if !orders.is_null() && scan.numberOfOrderBys > 0 {
                std::ptr::copy(orders, scan.orderByData, scan.numberOfOrderBys as usize);
            }
        }
    }

    /// The ORDER BY operand.
    /// # Errors
    /// XX000 if the scan has no order, or its snapshot is not an MVCC snapshot: a heap line pointer may be reused
    /// under the scan, and only such a snapshot does not see the new row.
    pub fn order_operand(self) -> Result<OrderOperand> {
        // SAFETY: the descriptor is valid; with an order there is at least one order key.
        unsafe {
            let scan = &*self.0;
            if scan.orderByData.is_null() || scan.numberOfOrderBys < 1 {
                return Err(Error::new(
                    SqlState::InternalError,
                    "cannot scan hnsw index without order",
                ));
            }
            let is_mvcc = scan.xs_snapshot.as_ref().is_some_and(|snapshot| {
                snapshot.snapshot_type == pg_sys::SnapshotType::SNAPSHOT_MVCC
                    || snapshot.snapshot_type == pg_sys::SnapshotType::SNAPSHOT_HISTORIC_MVCC
            });
            if !is_mvcc {
                return Err(Error::new(
                    SqlState::InternalError,
                    "non-MVCC snapshots are not supported with hnsw",
                ));
            }
            let key = &*scan.orderByData;
            if key.sk_flags & pg_sys::SK_ISNULL as i32 != 0 {
                return Ok(OrderOperand::Null);
            }
            Ok(OrderOperand::Value(ColumnValue::from_pg(key.sk_argument)))
        }
    }

    /// The table, for a scan that begins now.
    pub fn table(self) -> ScannedTable {
        // SAFETY: the descriptor is valid, and the table of a plain index scan is open as long as the scan.
        unsafe { ScannedTable::from_pg((*self.0).heapRelation) }
    }

    /// Counts the start of a scan in the statistics.
    pub fn count_start(self) {
        // SAFETY: the descriptor is valid (contract of `from_pg`) and its index stays open.
        unsafe { super::compat::count_index_scan(self.0) };
    }

    /// Hands a row to the executor. With a lower bound of its distance the executor computes the distance itself
    /// and keeps the rows in exact order; without one (NULL order key) any order is right.
    pub fn set_row(self, tid: Tid, lower_bound: Option<f64>) {
        // SAFETY: the descriptor is valid, and `begin` made the arrays for at least one order key. float8 is passed
        // by value on the 64-bit platforms that PostgreSQL packages exist for; into_datum handles both.
        unsafe {
            let scan = &mut *self.0;
            scan.xs_heaptid = tid.to_pg();
            scan.xs_recheck = false;
            scan.xs_recheckorderby = lower_bound.is_some();
            *scan.xs_orderbynulls = lower_bound.is_none();
            *scan.xs_orderbyvals = pgrx::IntoDatum::into_datum(lower_bound.unwrap_or(0.0))
                .unwrap_or(pg_sys::Datum::null());
        }
    }
}
