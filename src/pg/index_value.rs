//! What the first column or expression of an index is for one row of its table.
//!
//! Does what the executor does for an index (`FormIndexDatum`), for a scan that fills a slot with one row after the other.
#![allow(unsafe_code)]

use super::relation::{ColumnValue, Relation, Tid};
use pgrx::pg_sys;

/// A slot for rows of a table, and the means to evaluate an index's column or expression for the row in it.
#[derive(Debug)]
pub struct IndexValue {
    slot: *mut pg_sys::TupleTableSlot,
    estate: *mut pg_sys::EState,
    info: *mut pg_sys::IndexInfo,
}

impl IndexValue {
    /// For rows of `heap` and an index on it; both stay open as long as the value lives.
    pub fn of(heap: Relation, index: Relation) -> Self {
        // SAFETY: both relations are open. What is made here is freed in `drop`, or by PostgreSQL at an ERROR.
        unsafe {
            Self {
                slot: pg_sys::table_slot_create(heap.as_ptr(), std::ptr::null_mut()),
                estate: pg_sys::CreateExecutorState(),
                info: pg_sys::BuildIndexInfo(index.as_ptr()),
            }
        }
    }

    /// The slot, for a scan to fill.
    pub fn slot(&self) -> *mut pg_sys::TupleTableSlot {
        self.slot
    }

    /// Row pointer of the row in the slot.
    pub fn tid(&self) -> Tid {
        // SAFETY: a slot has a row pointer, if only an invalid one.
        Tid::from_pg(unsafe { &(*self.slot).tts_tid })
    }

    /// The value for the row in the slot, until the next row; `None` for NULL.
    pub fn read(&mut self) -> Option<ColumnValue> {
        const MAX: usize = pg_sys::INDEX_MAX_KEYS as usize;
        let mut values = [pg_sys::Datum::null(); MAX];
        let mut nulls = [true; MAX];
        // SAFETY: all three are of `of`, and a scan has filled the slot. The expression context must hold the row before
        // FormIndexDatum evaluates an expression in it.
        unsafe {
            let context = self.expression_context();
            pg_sys::MemoryContextReset((*context).ecxt_per_tuple_memory);
            (*context).ecxt_scantuple = self.slot;
            pg_sys::FormIndexDatum(
                self.info,
                self.slot,
                self.estate,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            (!nulls[0]).then(|| ColumnValue::from_pg(values[0]))
        }
    }

    /// `GetPerTupleExprContext`.
    fn expression_context(&mut self) -> *mut pg_sys::ExprContext {
        // SAFETY: the executor state is of `of` and owns the context.
        unsafe {
            if (*self.estate).es_per_tuple_exprcontext.is_null() {
                pg_sys::MakePerTupleExprContext(self.estate);
            }
            (*self.estate).es_per_tuple_exprcontext
        }
    }
}

impl Drop for IndexValue {
    fn drop(&mut self) {
        // An abort releases pins and memory.
        if !super::memory::is_aborting() {
            // SAFETY: made in `of`, freed only here.
            unsafe {
                pg_sys::ExecDropSingleTupleTableSlot(self.slot);
                pg_sys::FreeExecutorState(self.estate);
            }
        }
    }
}
