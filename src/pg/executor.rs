//! What the running query will read of an index, and what the executor keeps of its rows. Only looks, never changes
//! anything.
#![allow(unsafe_code)]

use super::relation::{Relation, Tid};
use pgrx::pg_sys;
use std::sync::OnceLock;

/// What a plan says about one index.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    has_limit: bool,
    has_index_scan: bool,
}

/// Whether the query of the active portal scans `index` itself, and nothing in it says that only some rows will be
/// read: no Limit in its plan, no cursor.
///
/// For choosing between two right ways, as an access method is not told how many rows are wanted. A query that runs
/// inside a function is not the portal's own, so the answer is `false` for it.
pub fn reads_to_the_end(index: Relation) -> bool {
    // SAFETY: ActivePortal is null or valid on the main thread while a query runs; so are its query descriptor, the
    // planned statement and the plans, none of which is kept.
    unsafe {
        let Some(portal) = pg_sys::ActivePortal.as_ref() else {
            return false;
        };
        let Some(query) = portal.queryDesc.as_ref() else {
            return false;
        };
        let Some(statement) = query.plannedstmt.as_ref() else {
            return false;
        };
        let is_cursor = !portal.name.is_null() && *portal.name != 0;
        let mut found = Found::default();
        walk(statement.planTree, index.oid(), &mut found);
        walk_list(statement.subplans, index.oid(), &mut found);
        found.has_index_scan && !found.has_limit && !is_cursor
    }
}

/// Looks at a plan and at the plans below it.
///
/// # Safety
/// `plan` is null or a valid plan tree.
unsafe fn walk(plan: *const pg_sys::Plan, index: pg_sys::Oid, found: &mut Found) {
    use pg_sys::NodeTag::{T_Append, T_IndexScan, T_Limit, T_MergeAppend, T_SubqueryScan};
    // SAFETY: contract of this function; a node's tag tells its type, whose children are null or valid.
    unsafe {
        let Some(node) = plan.as_ref() else { return };
        match node.type_ {
            T_Limit => found.has_limit = true,
            T_IndexScan => {
                found.has_index_scan |= (*plan.cast::<pg_sys::IndexScan>()).indexid == index;
            }
            T_Append => walk_list((*plan.cast::<pg_sys::Append>()).appendplans, index, found),
            T_MergeAppend => walk_list(
                (*plan.cast::<pg_sys::MergeAppend>()).mergeplans,
                index,
                found,
            ),
            T_SubqueryScan => walk((*plan.cast::<pg_sys::SubqueryScan>()).subplan, index, found),
            _ => {}
        }
        walk(node.lefttree, index, found);
        walk(node.righttree, index, found);
    }
}

/// The same for each plan of a list.
///
/// # Safety
/// `plans` is null or a valid list of plans.
unsafe fn walk_list(plans: *mut pg_sys::List, index: pg_sys::Oid, found: &mut Found) {
    // SAFETY: contract of this function; a list has `length` elements.
    unsafe {
        let Some(list) = plans.as_ref() else { return };
        for i in 0..list.length.max(0) as usize {
            walk((*list.elements.add(i)).ptr_value.cast(), index, found);
        }
    }
}

/// Whether a row that waits in the executor's queue until it is known to be the next one keeps its `ctid`.
///
/// A mistake of PostgreSQL that later minor versions have mended (16.14 still has it) leaves an invalid one, with
/// which `FOR UPDATE` fails. Nothing tells which minor versions have it, so one row is sent the same way, once.
pub fn reordered_rows_keep_tid() -> bool {
    static KEEP: OnceLock<bool> = OnceLock::new();
    const TID: Tid = Tid {
        block: 7,
        offset: 3,
    };
    // SAFETY: a descriptor, a row and a slot of our own, made as PostgreSQL makes them and freed at the end; the
    // slot takes over the row.
    *KEEP.get_or_init(|| unsafe {
        let descriptor = pg_sys::CreateTemplateTupleDesc(1);
        pg_sys::TupleDescInitEntry(descriptor, 1, c"a".as_ptr(), pg_sys::INT4OID, -1, 0);
        let slot =
            pg_sys::MakeSingleTupleTableSlot(descriptor, &raw const pg_sys::TTSOpsBufferHeapTuple);
        let (mut value, mut is_null) = (pg_sys::Datum::from(0), false);
        let row = pg_sys::heap_form_tuple(descriptor, &mut value, &mut is_null);
        (*row).t_self = TID.to_pg();
        pg_sys::ExecForceStoreHeapTuple(row, slot, true);
        let stored = Tid::from_pg(&(*slot).tts_tid);
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        stored == TID
    })
}
