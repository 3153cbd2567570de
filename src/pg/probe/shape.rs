//! What a table and an index are, as the relation cache has them: whether a probe may read them, and by which numbers.
#![allow(unsafe_code)]

use super::KeyValue;
use crate::pg::compat::tuple_desc_attr;
use crate::pg::relation::Relation;
use pgrx::pg_sys;
use std::ffi::CStr;

/// A table and an index that are open as long as the value is used.
pub(super) struct Shape {
    pub(super) table: Relation,
    pub(super) index: Relation,
}

impl Shape {
    fn kind(of: Relation) -> u8 {
        // SAFETY: the relation is open.
        unsafe { (*(*of.as_ptr()).rd_rel).relkind as u8 }
    }

    /// Whether a statement would read nothing but rows of this table, and could read them by this index.
    pub(super) fn is_plain(&self) -> bool {
        if Self::kind(self.table) != pg_sys::RELKIND_RELATION
            || Self::kind(self.index) != pg_sys::RELKIND_INDEX
        {
            return false;
        }
        // SAFETY: both are open, and an open index has its row of pg_index.
        unsafe {
            let class = &*(*self.table.as_ptr()).rd_rel;
            let index = &*(*self.index.as_ptr()).rd_index;
            !class.relrowsecurity
                && !class.relhassubclass
                && index.indrelid == self.table.oid()
                && (*(*self.index.as_ptr()).rd_rel).relam == pg_sys::BTREE_AM_OID
                && index.indisvalid
                && !index.indcheckxmin
        }
    }

    /// Whether a row of a plain table that equals `key_count` columns, and fits the predicate, is the only one, and is found by its
    /// place too.
    pub(super) fn is_unique(&self, key_count: usize) -> bool {
        // SAFETY: both are open, and an open index has its row of pg_index.
        unsafe {
            let index = &*(*self.index.as_ptr()).rd_index;
            index.indisunique
                && index.indimmediate
                && index.indnkeyatts as usize == key_count
                && (*(*self.table.as_ptr()).rd_rel).relam == pg_sys::HEAP_TABLE_AM_OID
        }
    }

    pub(super) fn attribute(&self, number: i16) -> Option<&pg_sys::FormData_pg_attribute> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        // SAFETY: the table is open as long as `self` and has such a column.
        (at < self.table.column_count())
            .then(|| unsafe { tuple_desc_attr((*self.table.as_ptr()).rd_att, at) })
    }

    /// Whether a row of the table is nothing but its columns' values: nothing else is called, checked or computed for it.
    pub(super) fn takes_plain_rows(&self) -> bool {
        // SAFETY: the table is open; what hangs on it is null or valid.
        unsafe {
            let table = &*self.table.as_ptr();
            let class = &*table.rd_rel;
            let has_triggers = table.trigdesc.as_ref().is_some_and(|triggers| {
                triggers.trig_insert_before_row
                    || triggers.trig_insert_after_row
                    || triggers.trig_insert_instead_row
                    || triggers.trig_insert_before_statement
                    || triggers.trig_insert_after_statement
                    || triggers.trig_insert_new_table
            });
            let has_checks = (*table.rd_att)
                .constr
                .as_ref()
                .is_some_and(|c| c.num_check > 0);
            class.relpersistence as u8 != pg_sys::RELPERSISTENCE_TEMP
                && !class.relispartition
                && !class.relhasrules
                && !has_triggers
                && !has_checks
        }
    }

    /// Whether a column's default is a call of a function without arguments.
    pub(super) fn default_is(&self, number: i16, function: u32) -> bool {
        // SAFETY: the table is open; it has as many defaults as it says, each the text of an expression, and a node's tag tells its
        // type.
        unsafe {
            let Some(constraints) = (*(*self.table.as_ptr()).rd_att).constr.as_ref() else {
                return false;
            };
            let mut defaults =
                (0..usize::from(constraints.num_defval)).map(|i| &*constraints.defval.add(i));
            let Some(default) = defaults.find(|default| default.adnum == number) else {
                return false;
            };
            let node = pg_sys::stringToNode(default.adbin).cast::<pg_sys::FuncExpr>();
            (*node).xpr.type_ == pg_sys::NodeTag::T_FuncExpr
                && (*node).funcid == pg_sys::Oid::from_u32(function)
                && (*node).args.is_null()
        }
    }

    /// Whether the current user may insert values of a column.
    pub(super) fn may_insert(&self, number: i16) -> bool {
        // SAFETY: catalog lookups on the main thread.
        unsafe {
            let (user, insert) = (pg_sys::GetUserId(), pg_sys::ACL_INSERT as pg_sys::AclMode);
            let allowed = pg_sys::AclResult::ACLCHECK_OK;
            pg_sys::pg_class_aclcheck(self.table.oid(), user, insert) == allowed
                || pg_sys::pg_attribute_aclcheck(self.table.oid(), number, user, insert) == allowed
        }
    }

    /// The indexes of the table.
    pub(super) fn indexes(&self) -> Vec<pg_sys::Oid> {
        // SAFETY: the table is open; a list of OIDs, copied for the caller.
        unsafe {
            let list = pg_sys::RelationGetIndexList(self.table.as_ptr());
            let Some(oids) = list.as_ref() else {
                return Vec::new();
            };
            (0..oids.length.max(0) as usize)
                .map(|i| (*oids.elements.add(i)).oid_value)
                .collect()
        }
    }

    /// Whether the index is unique in any way.
    pub(super) fn is_any_unique(&self) -> bool {
        // SAFETY: an open index has its row of pg_index.
        unsafe {
            let index = &*(*self.index.as_ptr()).rd_index;
            index.indisunique || index.indisexclusion
        }
    }

    /// The columns of a btree index of all rows, from 0 each; `None` for another index.
    pub(super) fn plain_columns<const MOST: usize>(&self) -> Option<[u8; MOST]> {
        // SAFETY: both are open, and an open index has its row of pg_index, whose `indkey` has an entry a column.
        unsafe {
            let index = &*(*self.index.as_ptr()).rd_index;
            let is_plain = Self::kind(self.index) == pg_sys::RELKIND_INDEX
                && (*(*self.index.as_ptr()).rd_rel).relam == pg_sys::BTREE_AM_OID
                && index.indisready
                && !index.indisexclusion
                && self.has_predicate(None);
            let count = usize::try_from(index.indnatts).ok()?;
            if !is_plain || count > MOST {
                return None;
            }
            let mut columns = [0; MOST];
            for (at, column) in columns.iter_mut().enumerate().take(count) {
                let number = *index.indkey.values.as_ptr().add(at);
                *column = u8::try_from(number.checked_sub(1)?).ok()?;
            }
            Some(columns)
        }
    }

    /// Number and type of a column.
    pub(super) fn column(&self, name: &CStr) -> Option<(i16, pg_sys::Oid)> {
        let last = i16::try_from(self.table.column_count()).ok()?;
        let mut numbers = 1..=last;
        numbers.find_map(|number| {
            let attribute = self.attribute(number)?;
            is_named(attribute, name).then_some((number, attribute.atttypid))
        })
    }

    /// The table's column that the index has at a place, counted from 0; `None` for an expression and behind the last key.
    fn index_column(&self, at: usize) -> Option<(i16, &pg_sys::FormData_pg_attribute)> {
        // SAFETY: `indkey` has an entry a column.
        let number = unsafe {
            if Self::kind(self.index) != pg_sys::RELKIND_INDEX {
                return None;
            }
            let index = &*(*self.index.as_ptr()).rd_index;
            if at >= index.indnkeyatts as usize {
                return None;
            }
            *index.indkey.values.as_ptr().add(at)
        };
        Some((number, self.attribute(number)?))
    }

    /// Number and collation of a key column, if the index compares such values there as `=` does.
    pub(super) fn key(
        &self,
        at: usize,
        name: &CStr,
        value: &KeyValue<'_>,
    ) -> Option<(i16, pg_sys::Oid)> {
        let (number, attribute) = self.index_column(at)?;
        let (kind, family, _) = value.comparison();
        // SAFETY: both arrays have an entry a key column.
        let is_same = unsafe {
            let index = &*self.index.as_ptr();
            *index.rd_opfamily.add(at) == family
                && *index.rd_indcollation.add(at) == attribute.attcollation
        };
        let is_right = is_same && is_named(attribute, name) && attribute.atttypid == kind;
        is_right.then_some((number, attribute.attcollation))
    }

    /// Whether the index has a column at a place, the largest first.
    pub(super) fn is_descending(&self, at: usize, name: &CStr) -> bool {
        let Some((_, attribute)) = self.index_column(at) else {
            return false;
        };
        // SAFETY: the array has an entry a key column.
        let options = unsafe { *(*self.index.as_ptr()).rd_indoption.add(at) };
        is_named(attribute, name) && options & pg_sys::INDOPTION_DESC as i16 != 0
    }

    /// Whether the predicate of the index is `column IS NULL`, or none.
    pub(super) fn has_predicate(&self, column: Option<&CStr>) -> bool {
        // SAFETY: the index is open; its predicate is null or a list of expressions, copied for the caller, and a node's tag tells its
        // type.
        unsafe {
            let predicate = pg_sys::RelationGetIndexPredicate(self.index.as_ptr());
            let (Some(list), Some(name)) = (predicate.as_ref(), column) else {
                return predicate.is_null() && column.is_none();
            };
            if list.length != 1 {
                return false;
            }
            let test = (*list.elements).ptr_value.cast::<pg_sys::NullTest>();
            if (*test).xpr.type_ != pg_sys::NodeTag::T_NullTest
                || (*test).nulltesttype != pg_sys::NullTestType::IS_NULL
            {
                return false;
            }
            let var = (*test).arg.cast::<pg_sys::Var>();
            (*var).xpr.type_ == pg_sys::NodeTag::T_Var
                && self
                    .attribute((*var).varattno)
                    .is_some_and(|attribute| is_named(attribute, name))
        }
    }
}

fn is_named(attribute: &pg_sys::FormData_pg_attribute, name: &CStr) -> bool {
    // SAFETY: a NameData is NUL-terminated.
    let own = unsafe { CStr::from_ptr(attribute.attname.data.as_ptr()) };
    own == name && !attribute.attisdropped
}
