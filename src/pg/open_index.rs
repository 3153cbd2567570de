//! An index that a function opens by its OID, with its table: what it is and what the caller may do with it.
//!
//! Locks: AccessShareLock on the table, then on the index, kept to the end of the transaction like those of a query.
#![allow(unsafe_code)]

use super::catalog;
use super::relation::Relation;
use crate::error::{Error, Result, SqlState};
use pgrx::pg_sys;

const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// What the caller must be allowed to do with the table of an index. Using an index directly checks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableRight {
    /// SELECT from all of its columns.
    Select,
    /// Whatever its owner may do; a superuser may too.
    Ownership,
}

impl TableRight {
    /// Whether the current user has this right on `table`.
    fn is_granted(self, table: pg_sys::Oid) -> bool {
        // SAFETY: catalog lookups on the main thread.
        unsafe {
            let user = pg_sys::GetUserId();
            match self {
                Self::Select => {
                    let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
                    pg_sys::pg_class_aclcheck(table, user, select) == pg_sys::AclResult::ACLCHECK_OK
                }
                #[cfg(any(feature = "pg14", feature = "pg15"))]
                Self::Ownership => pg_sys::pg_class_ownercheck(table, user),
                #[cfg(not(any(feature = "pg14", feature = "pg15")))]
                Self::Ownership => {
                    pg_sys::object_ownercheck(pg_sys::RelationRelationId, table, user)
                }
            }
        }
    }

    /// Checks the right of the current user.
    /// # Errors
    /// 42501 if he has it not.
    fn check(self, table: pg_sys::Oid) -> Result<()> {
        if self.is_granted(table) {
            return Ok(());
        }
        let name = catalog::relation_name(table).unwrap_or_default();
        let message = match self {
            Self::Select => format!("permission denied for table {name}"),
            Self::Ownership => format!("must be owner of table {name}"),
        };
        Err(Error::new(SqlState::InsufficientPrivilege, message))
    }
}

/// An open index and its table; closed when dropped.
#[derive(Debug)]
pub struct OpenIndex {
    heap: Relation,
    index: Relation,
}

impl OpenIndex {
    /// Opens an index, and its table before it, for a caller who has `right` on the table. The right is checked before
    /// anything is locked.
    /// # Errors
    /// 42P01 if there is no such relation, 42809 if it is no index or a partitioned one, 42501 without the right,
    /// 0A000 for a temporary one of another session.
    pub fn open(oid: pg_sys::Oid, right: TableRight) -> Result<Self> {
        let Some(name) = catalog::relation_name(oid) else {
            return Err(Error::new(
                SqlState::UndefinedTable,
                format!("relation with OID {} does not exist", oid.to_u32()),
            ));
        };
        let wrong_type = |what| {
            Error::new(
                SqlState::WrongObjectType,
                format!("\"{name}\" is not {what}"),
            )
        };
        // SAFETY: catalog lookups on the main thread; opening raises if the relation was dropped meanwhile. What is
        // open is closed when the value is dropped, or by PostgreSQL at an ERROR.
        let open = unsafe {
            let table = pg_sys::IndexGetRelation(oid, true);
            if table == pg_sys::InvalidOid {
                return Err(wrong_type("an index"));
            }
            right.check(table)?;
            if pg_sys::get_rel_relkind(oid) as u8 == pg_sys::RELKIND_PARTITIONED_INDEX {
                return Err(wrong_type("an index with storage")
                    .with_hint("Name the indexes of the partitions instead."));
            }
            let heap = Relation::from_pg(pg_sys::table_open(table, LOCK));
            Self {
                heap,
                index: Relation::from_pg(pg_sys::index_open(oid, LOCK)),
            }
        };
        if open.index.is_temporary() && !open.index.is_of_this_session() {
            return Err(Error::new(
                SqlState::FeatureNotSupported,
                "cannot access temporary tables of other sessions",
            ));
        }
        Ok(open)
    }

    /// The table.
    pub fn heap(&self) -> Relation {
        self.heap
    }

    /// The index.
    pub fn index(&self) -> Relation {
        self.index
    }

    /// Name of the index's access method.
    pub fn access_method(&self) -> Option<String> {
        // SAFETY: the index is open.
        catalog::access_method_name(unsafe { (*(*self.index.as_ptr()).rd_rel).relam })
    }

    /// Whether queries may use the index: not while CREATE INDEX CONCURRENTLY has not ended, or has failed.
    pub fn is_valid(&self) -> bool {
        // SAFETY: an open index has its row of pg_index.
        unsafe { (*(*self.index.as_ptr()).rd_index).indisvalid }
    }

    /// Type of the index's first column or expression.
    pub fn column_type(&self) -> pg_sys::Oid {
        // SAFETY: an open index has at least one key column.
        unsafe { *(*self.index.as_ptr()).rd_opcintype }
    }

    /// The function of the operator that the index's first column is ordered by (strategy 1).
    pub fn distance_function(&self) -> pg_sys::Oid {
        let column_type = self.column_type();
        // SAFETY: looks up the catalog; what is not found is InvalidOid, also as an argument.
        unsafe {
            let family = self.index.operator_family();
            let operator = pg_sys::get_opfamily_member(family, column_type, column_type, 1);
            pg_sys::get_opcode(operator)
        }
    }

    /// Whether row security would hide rows of the table from the current user, or would with `row_security` on.
    pub fn has_row_security(&self) -> bool {
        // SAFETY: looks up the catalog for the current user (InvalidOid) and raises nothing (noError).
        let result = unsafe { pg_sys::check_enable_rls(self.heap.oid(), pg_sys::InvalidOid, true) };
        result == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
    }
}

impl Drop for OpenIndex {
    fn drop(&mut self) {
        // An abort closes what is open.
        if !super::memory::is_aborting() {
            let lock = pg_sys::NoLock as pg_sys::LOCKMODE;
            // SAFETY: opened in `open`, closed only here; the locks stay.
            unsafe {
                pg_sys::index_close(self.index.as_ptr(), lock);
                pg_sys::relation_close(self.heap.as_ptr(), lock);
            }
        }
    }
}

/// An open index that is only looked at: for monitoring, which needs no right on the table and must not wait.
#[derive(Debug)]
pub struct GlimpsedIndex(Relation);

impl GlimpsedIndex {
    /// Opens an index; `None` if there is no valid one, if it is locked against readers now, as by REINDEX, or if it is a
    /// temporary one of another session.
    pub fn open(oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: catalog lookups and locks on the main thread; `try_relation_open` returns null if it is gone.
        let relation = unsafe {
            if pg_sys::get_rel_relkind(oid) as u8 != pg_sys::RELKIND_INDEX
                || !pg_sys::ConditionalLockRelationOid(oid, LOCK)
            {
                return None;
            }
            let relation = pg_sys::try_relation_open(oid, pg_sys::NoLock as pg_sys::LOCKMODE);
            if relation.is_null() {
                pg_sys::UnlockRelationOid(oid, LOCK);
                return None;
            }
            relation
        };
        // SAFETY: just opened, and closed when this value is dropped.
        let glimpsed = Self(unsafe { Relation::from_pg(relation) });
        // SAFETY: an open index has its row of pg_index.
        let is_valid = unsafe { (*(*relation).rd_index).indisvalid };
        let is_other = glimpsed.0.is_temporary() && !glimpsed.0.is_of_this_session();
        (is_valid && !is_other).then_some(glimpsed)
    }

    /// The index.
    pub fn index(&self) -> Relation {
        self.0
    }
}

impl Drop for GlimpsedIndex {
    fn drop(&mut self) {
        // An abort closes what is open.
        if !super::memory::is_aborting() {
            // SAFETY: opened and locked in `open`, closed only here.
            unsafe { pg_sys::relation_close(self.0.as_ptr(), LOCK) };
        }
    }
}
