//! What the running query will read of a scan. Only looks, never changes anything.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// Whether nothing says that only some rows of the running query will be read: no LIMIT in its plan, no cursor.
///
/// A guess from the active portal, for choosing between two right ways: an access method is not told how many rows
/// are wanted. Queries run inside functions are judged by the query that called the function.
pub fn reads_to_the_end() -> bool {
    // SAFETY: ActivePortal is null or valid on the main thread while a query runs; so are its query descriptor,
    // the planned statement and the plan tree, none of which is kept.
    unsafe {
        let Some(portal) = pg_sys::ActivePortal.as_ref() else {
            return true;
        };
        let is_cursor = !portal.name.is_null() && *portal.name != 0;
        let Some(query) = portal.queryDesc.as_ref() else {
            return !is_cursor;
        };
        let Some(statement) = query.plannedstmt.as_ref() else {
            return !is_cursor;
        };
        !is_cursor && !has_limit(statement.planTree)
    }
}

/// Whether a plan tree has a Limit node on its outer or inner sides.
///
/// # Safety
/// `plan` is null or a valid plan tree.
unsafe fn has_limit(plan: *const pg_sys::Plan) -> bool {
    // SAFETY: contract of this function; the children of a valid plan are null or valid.
    unsafe {
        let Some(node) = plan.as_ref() else {
            return false;
        };
        node.type_ == pg_sys::NodeTag::T_Limit
            || has_limit(node.lefttree)
            || has_limit(node.righttree)
    }
}
