//! A measurement asks for the neighbors of a row as if the row were not in the index: while it does, the node of a vector
//! equal to the query is to its scans like one that was freed. A graph leads to a row's neighbors by way of the row
//! itself; found that way they would say nothing of queries that are no rows.

use super::vector_hash::value_hash;
use crate::pg::relation::Relation;
use crate::types::indexed::IndexedValue;
use pgrx::pg_sys::Oid;
use std::cell::Cell;

thread_local! {
    static INDEX: Cell<Option<Oid>> = const { Cell::new(None) };
}

/// While it lives, scans of one index by this backend leave out what equals their query.
#[derive(Debug)]
pub struct LeavingOut(());

impl LeavingOut {
    /// Begins; one at a time.
    pub fn begin(index: Relation) -> Self {
        INDEX.set(Some(index.oid()));
        Self(())
    }
}

impl Drop for LeavingOut {
    fn drop(&mut self) {
        INDEX.set(None);
    }
}

/// Hash of the value that a scan of `index` for `query` leaves out; `None` for an ordinary scan.
pub fn hash_for(index: Relation, query: IndexedValue<'_>) -> Option<u64> {
    (INDEX.get() == Some(index.oid())).then(|| value_hash(query))
}
