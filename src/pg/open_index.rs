//! An index that a function opens by its OID, with its table: what it is and what the caller may read of it.
#![allow(unsafe_code)]

use super::relation::Relation;
use crate::error::{Error, Result, SqlState};
use pgrx::pg_sys;

/// An index and its table, both locked in AccessShareLock to the end of the transaction, as a query would.
#[derive(Debug)]
pub struct OpenIndex {
    heap: Relation,
    index: Relation,
}

impl OpenIndex {
    /// Opens an index and, before it, its table; `None` if the relation is no index of its own (a partitioned one).
    /// # Errors
    /// 42P01 if there is no such relation, 0A000 if it is a temporary one of another session.
    pub fn open(oid: pg_sys::Oid) -> Result<Option<Self>> {
        // SAFETY: looks the relation up by OID; opening raises if it was dropped meanwhile. What is open is closed
        // when this value is dropped, or by PostgreSQL at an ERROR.
        unsafe {
            let kind = pg_sys::get_rel_relkind(oid) as u8;
            if kind == 0 {
                return Err(Error::new(
                    SqlState::UndefinedTable,
                    format!("relation with OID {} does not exist", oid.to_u32()),
                ));
            }
            if kind != pg_sys::RELKIND_INDEX {
                return Ok(None);
            }
            let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
            let heap = pg_sys::table_open(pg_sys::IndexGetRelation(oid, false), lock);
            let index = pg_sys::index_open(oid, lock);
            let open = Self {
                heap: Relation::from_pg(heap),
                index: Relation::from_pg(index),
            };
            if open.heap.is_temporary() && !(*heap).rd_islocaltemp {
                return Err(Error::new(
                    SqlState::FeatureNotSupported,
                    "cannot access temporary tables of other sessions",
                ));
            }
            Ok(Some(open))
        }
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
        super::catalog::access_method_name(unsafe { (*(*self.index.as_ptr()).rd_rel).relam })
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

    /// Whether the current user may SELECT from the whole table. Using an index directly checks nothing.
    pub fn is_table_readable(&self) -> bool {
        // SAFETY: looks up the catalog.
        let result = unsafe {
            let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
            pg_sys::pg_class_aclcheck(self.heap.oid(), pg_sys::GetUserId(), select)
        };
        result == pg_sys::AclResult::ACLCHECK_OK
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
        if !std::thread::panicking() {
            let lock = pg_sys::NoLock as pg_sys::LOCKMODE;
            // SAFETY: opened in `open`, closed only here; the locks stay.
            unsafe {
                pg_sys::index_close(self.index.as_ptr(), lock);
                pg_sys::relation_close(self.heap.as_ptr(), lock);
            }
        }
    }
}
