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

    fn attribute(&self, number: i16) -> Option<&pg_sys::FormData_pg_attribute> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        // SAFETY: the table is open as long as `self` and has such a column.
        (at < self.table.column_count())
            .then(|| unsafe { tuple_desc_attr((*self.table.as_ptr()).rd_att, at) })
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
