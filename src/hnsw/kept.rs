//! What a backend keeps from one scan or statement to the next. So that a short one allocates nothing: memory of a
//! search, and in which shared buffers the pages of an index were; both are guesses and may be dropped at any time. So
//! that a session can ask: what the last scan did.

use super::layout::ItemPtr;
use super::search::{LayerSearch, SearchCounts};
use crate::pg::buffer::BufferHints;
use crate::pg::relation::Relation;
use std::cell::RefCell;

/// Bytes of search memory kept at most.
const SEARCH_BYTES: usize = 8 << 20;
/// Indexes whose buffer hints are kept at most.
const HINTED_INDEXES: usize = 16;

#[derive(Default)]
struct Kept {
    search: Option<LayerSearch<ItemPtr>>,
    hints: Vec<(pgrx::pg_sys::Oid, Vec<pgrx::pg_sys::Buffer>)>,
    last_scan: Option<LastScan>,
}

/// What an index scan did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastScan {
    /// Work of its searches.
    pub counts: SearchCounts,
    /// Heap rows it returned.
    pub rows: u64,
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// Buffer hints for `index`, those of its last use in this backend if there are any.
pub fn take_hints(index: Relation) -> BufferHints {
    let recycled = KEPT.with_borrow_mut(|kept| {
        let at = kept.hints.iter().position(|(oid, _)| *oid == index.oid());
        at.map(|at| kept.hints.swap_remove(at).1)
            .unwrap_or_default()
    });
    BufferHints::new(index, recycled)
}

/// Keeps hints for the next use of their index.
pub fn keep_hints(hints: BufferHints) {
    KEPT.with_borrow_mut(|kept| {
        if kept.hints.len() >= HINTED_INDEXES {
            kept.hints.remove(0);
        }
        kept.hints.push(hints.into_inner());
    });
}

/// An empty search, with the memory of the last one if that was kept. Call `reset` before use.
pub fn take_search() -> LayerSearch<ItemPtr> {
    KEPT.with_borrow_mut(|kept| kept.search.take())
        .unwrap_or_default()
}

/// Keeps a search's memory for the next scan, unless it is too much.
pub fn keep_search(search: LayerSearch<ItemPtr>) {
    if search.size_bytes() <= SEARCH_BYTES {
        KEPT.with_borrow_mut(|kept| kept.search = Some(search));
    }
}

/// Keeps what a scan did, when it ends.
pub fn keep_last_scan(scan: LastScan) {
    KEPT.with_borrow_mut(|kept| kept.last_scan = Some(scan));
}

/// What the last index scan of this session did that has ended; `None` if there was none.
pub fn last_scan() -> Option<LastScan> {
    KEPT.with_borrow(|kept| kept.last_scan)
}
