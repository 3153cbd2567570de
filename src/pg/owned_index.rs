//! An index and its table, opened by a function that only their owner may call.
//!
//! Locks: AccessShareLock on the table, then on the index, kept to the end of the transaction like those of a query.
#![allow(unsafe_code)]

use super::relation::Relation;
use crate::error::{Error, Result, SqlState};
use pgrx::pg_sys;
use std::ffi::CStr;

const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// An open index with its table; closed when dropped.
pub struct OwnedIndex {
    heap: pg_sys::Relation,
    index: pg_sys::Relation,
}

/// Name of a relation for messages: quoted, or its OID if there is none.
fn name_of(oid: pg_sys::Oid) -> String {
    // SAFETY: a syscache lookup; the result is null or a palloc'd NUL-terminated string.
    unsafe {
        let name = pg_sys::get_rel_name(oid);
        if name.is_null() {
            format!("relation with OID {}", oid.to_u32())
        } else {
            format!("\"{}\"", CStr::from_ptr(name).to_string_lossy())
        }
    }
}

/// Whether the current user owns a table, or is a superuser.
fn owns_table(table: pg_sys::Oid) -> bool {
    // SAFETY: catalog lookups on the main thread.
    unsafe {
        let user = pg_sys::GetUserId();
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        {
            pg_sys::pg_class_ownercheck(table, user)
        }
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        {
            pg_sys::object_ownercheck(pg_sys::RelationRelationId, table, user)
        }
    }
}

impl OwnedIndex {
    /// Opens an index that `is_expected` accepts.
    /// # Errors
    /// 42809 if it is not an index, a partitioned one, or not accepted; 42501 if the user neither owns its table nor
    /// is a superuser; 0A000 for a temporary one of another session.
    pub fn open(oid: pg_sys::Oid, is_expected: impl FnOnce(Relation) -> bool) -> Result<Self> {
        let wrong_type = |what: &str| {
            Error::new(
                SqlState::WrongObjectType,
                format!("{} is not {what}", name_of(oid)),
            )
        };
        // SAFETY: catalog lookups and opens on the main thread; the relations stay open until `drop`.
        unsafe {
            let table = pg_sys::IndexGetRelation(oid, true);
            if table == pg_sys::InvalidOid {
                return Err(wrong_type("an index"));
            }
            if !owns_table(table) {
                return Err(Error::new(
                    SqlState::InsufficientPrivilege,
                    format!(
                        "must be owner of table {}",
                        name_of(table).trim_matches('"')
                    ),
                ));
            }
            let heap = pg_sys::relation_open(table, LOCK);
            let open = Self {
                heap,
                index: pg_sys::index_open(oid, LOCK),
            };
            let class = &*(*open.index).rd_rel;
            if class.relkind as u8 != pg_sys::RELKIND_INDEX {
                return Err(wrong_type("an index with storage")
                    .with_hint("Name the indexes of the partitions instead."));
            }
            if class.relpersistence as u8 == pg_sys::RELPERSISTENCE_TEMP
                && !(*open.index).rd_islocaltemp
            {
                return Err(Error::new(
                    SqlState::FeatureNotSupported,
                    "cannot access temporary tables of other sessions",
                ));
            }
            if !is_expected(open.index()) {
                return Err(wrong_type("an hnsw index of annex"));
            }
            Ok(open)
        }
    }

    /// The index.
    pub fn index(&self) -> Relation {
        // SAFETY: open until `drop`.
        unsafe { Relation::from_pg(self.index) }
    }

    /// The table.
    pub fn heap(&self) -> Relation {
        // SAFETY: open until `drop`.
        unsafe { Relation::from_pg(self.heap) }
    }

    /// Whether the index is complete; one that CREATE INDEX CONCURRENTLY left behind is not.
    pub fn is_valid(&self) -> bool {
        // SAFETY: the relation is an open index.
        unsafe { (*(*self.index).rd_index).indisvalid }
    }

    /// Runs `work`, which evaluates the index's expressions, as the table's owner: functions that he wrote must not
    /// get the rights of a superuser who calls this. As VACUUM and CREATE INDEX do; an ERROR restores the user too.
    pub fn as_owner<T>(&self, work: impl FnOnce() -> T) -> T {
        // SAFETY: plain state of the session, changed and restored on the main thread; the abort of the
        // transaction or subtransaction restores it after an ERROR.
        unsafe {
            let mut user = pg_sys::InvalidOid;
            let mut context = 0;
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            pg_sys::SetUserIdAndSecContext(
                (*(*self.heap).rd_rel).relowner,
                context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32,
            );
            let level = pg_sys::NewGUCNestLevel();
            #[cfg(any(feature = "pg17", feature = "pg18"))]
            pg_sys::RestrictSearchPath();
            let result = work();
            pg_sys::AtEOXact_GUC(false, level);
            pg_sys::SetUserIdAndSecContext(user, context);
            result
        }
    }
}

impl Drop for OwnedIndex {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened in `open`, closed once; the locks stay until the transaction ends.
            unsafe {
                pg_sys::index_close(self.index, pg_sys::NoLock as pg_sys::LOCKMODE);
                pg_sys::relation_close(self.heap, pg_sys::NoLock as pg_sys::LOCKMODE);
            }
        }
    }
}
