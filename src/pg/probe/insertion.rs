//! A new row of a probe's table, put there as `INSERT ... ON CONFLICT (key) DO NOTHING` does it, past the executor.
//!
//! A statement's plan, its expressions and its checks of rights are some thousand cache lines that a search before has pushed out, for
//! a row that touches some hundred. What the statement decides from the catalogs is decided once here, and remembered until a relation,
//! a schema or a role has changed ([`generation`]). Whatever is not as plain as it is made by `sql/` is left to the statement: triggers,
//! rules, row security, partitions, other columns, defaults, constraints or indexes.
#![allow(unsafe_code)]

use super::generation::generation;
use super::shape::Shape;
use super::{MAX_KEYS, Names, Open};
use crate::pg::compat;
use crate::pg::owner_rights::current_user;
use crate::pg::relation::Tid;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::mem::MaybeUninit;

const LOCK: pg_sys::LOCKMODE = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
/// The most columns of such a table, and the most indexes.
const MAX_COLUMNS: usize = 6;
const MAX_INDEXES: usize = 4;

unsafe extern "C-unwind" {
    /// Of `commands/sequence.h`, which the bindings leave out.
    fn nextval_internal(sequence: pg_sys::Oid, is_right_checked: bool) -> i64;
}

/// The next number of an identity column: who may insert a row may have one.
///
/// # Safety
/// On the main thread, in a transaction that can write.
unsafe fn next_number(sequence: pg_sys::Oid) -> i64 {
    // SAFETY: contract of this function; nothing of ours waits to be dropped inside the boundary.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| nextval_internal(sequence, false)) }
}

/// The columns of a new row that are neither part of the key nor given with it.
#[derive(Debug)]
pub struct NewRow {
    /// The column that is given beside the key: `integer`.
    pub given: &'static CStr,
    /// The column that is numbered: `bigint GENERATED ALWAYS AS IDENTITY`.
    pub identity: &'static CStr,
    /// The column `timestamptz DEFAULT clock_timestamp()`.
    pub clock: &'static CStr,
}

/// Where the value of a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Key(u8),
    Given,
    Identity,
    Clock,
}

/// An index of the table: which of the row's columns it has, from 0.
#[derive(Debug, Clone, Copy)]
struct IndexMeaning {
    oid: pg_sys::Oid,
    columns: [u8; MAX_COLUMNS],
    check: pg_sys::IndexUniqueCheck::Type,
}

/// How a row is made, and who may.
#[derive(Debug, Clone, Copy)]
pub(super) struct Insertion {
    generation: u64,
    user: pg_sys::Oid,
    table: pg_sys::Oid,
    sequence: pg_sys::Oid,
    origins: [Option<Origin>; MAX_COLUMNS],
    /// The one of the key first.
    indexes: [Option<IndexMeaning>; MAX_INDEXES],
}

/// A row that was inserted.
pub(super) struct Inserted {
    pub(super) tid: Tid,
    pub(super) len: u32,
    pub(super) writer: pg_sys::TransactionId,
    pub(super) buffer: pg_sys::Buffer,
}

impl Insertion {
    /// Whether it holds still, for the current user.
    pub(super) fn is_valid(&self) -> bool {
        self.generation == generation() && self.user == current_user()
    }

    /// What the catalogs say of an insertion by the current user; `None` if it is left to a statement.
    #[cold]
    pub(super) fn look_up(names: &Names, shape: &Shape) -> Option<Self> {
        let new = names.new_row.as_ref()?;
        let table = shape.table;
        if !shape.is_unique(names.keys.len()) || !shape.takes_plain_rows() {
            return None;
        }
        let count = table.column_count();
        let mut meaning = Self {
            generation: generation(),
            user: current_user(),
            table: table.oid(),
            sequence: pg_sys::InvalidOid,
            origins: [None; MAX_COLUMNS],
            indexes: [None; MAX_INDEXES],
        };
        for at in 0..count {
            let attribute = shape.attribute(i16::try_from(at + 1).ok()?)?;
            // SAFETY: a NameData is NUL-terminated.
            let name = unsafe { CStr::from_ptr(attribute.attname.data.as_ptr()) };
            let kind = attribute.atttypid;
            let (origin, is_right) = if let Some(key) = names.keys.iter().position(|k| *k == name) {
                (Origin::Key(u8::try_from(key).ok()?), true)
            } else if name == new.given {
                (Origin::Given, kind == pg_sys::INT4OID)
            } else if name == new.identity {
                // SAFETY: the table is open; a number of a column that has such a sequence.
                meaning.sequence =
                    unsafe { compat::identity_sequence(table.as_ptr(), attribute.attnum) };
                (
                    Origin::Identity,
                    kind == pg_sys::INT8OID && meaning.sequence != pg_sys::InvalidOid,
                )
            } else if name == new.clock {
                let is_clock = shape.default_is(attribute.attnum, pg_sys::F_CLOCK_TIMESTAMP);
                (Origin::Clock, kind == pg_sys::TIMESTAMPTZOID && is_clock)
            } else {
                return None;
            };
            if !is_right || attribute.attisdropped || attribute.attgenerated != 0 {
                return None;
            }
            *meaning.origins.get_mut(at)? = Some(origin);
            let is_granted = matches!(origin, Origin::Identity | Origin::Clock)
                || shape.may_insert(attribute.attnum);
            if !is_granted {
                return None;
            }
        }
        if count != names.keys.len() + 3 {
            return None;
        }
        meaning.look_up_indexes(shape)?;
        Some(meaning)
    }

    fn look_up_indexes(&mut self, shape: &Shape) -> Option<()> {
        let mut others = 1;
        for oid in shape.indexes() {
            let index = Open::relation(oid)?;
            let own = Shape {
                table: shape.table,
                index: index.0,
            };
            let is_of_key = oid == shape.index.oid();
            let columns = own.plain_columns::<MAX_COLUMNS>()?;
            let is_identity = || {
                let first = self.origins.get(usize::from(columns[0])).copied().flatten();
                own.is_unique(1) && first == Some(Origin::Identity)
            };
            use pg_sys::IndexUniqueCheck::{
                UNIQUE_CHECK_NO, UNIQUE_CHECK_PARTIAL, UNIQUE_CHECK_YES,
            };
            let check = if is_of_key {
                UNIQUE_CHECK_PARTIAL
            } else if is_identity() {
                UNIQUE_CHECK_YES
            } else if !own.is_any_unique() {
                UNIQUE_CHECK_NO
            } else {
                return None;
            };
            let place = if is_of_key { 0 } else { others };
            others += usize::from(!is_of_key);
            *self.indexes.get_mut(place)? = Some(IndexMeaning {
                oid,
                columns,
                check,
            });
        }
        self.indexes[0].map(drop)
    }

    /// Inserts the row into the table, which is `shape`'s and open; `None` if another one has the key, or if something has changed
    /// meanwhile: then nothing was done that counts.
    pub(super) fn insert(
        &self,
        shape: &Shape,
        keys: &[pg_sys::Datum; MAX_KEYS],
        given: i32,
    ) -> Option<Inserted> {
        let mut indexes = [const { None }; MAX_INDEXES];
        // SAFETY: locks on the main thread, of relations that are open: they are there until these are held.
        unsafe {
            pg_sys::LockRelationOid(self.table, LOCK);
            pg_sys::LockRelationOid(shape.index.oid(), LOCK);
        }
        for (open, meaning) in indexes
            .iter_mut()
            .zip(self.indexes.iter().flatten())
            .skip(1)
        {
            *open = Some(Open::locked(meaning.oid, LOCK)?);
        }
        if !self.is_valid() {
            return None;
        }
        // SAFETY: the relations are open and locked as an INSERT locks them, and are of the shape that was looked up. The values are
        // of the columns' types. What is done is what ExecInsert does for ON CONFLICT; an ERROR ends the transaction or subtransaction,
        // and with it locks and whatever was written.
        unsafe {
            let heap = shape.table.as_ptr();
            let mut values = [pg_sys::Datum::null(); MAX_COLUMNS];
            let mut nulls = [false; MAX_COLUMNS];
            for (value, origin) in values.iter_mut().zip(self.origins.iter().flatten()) {
                *value = match origin {
                    Origin::Key(at) => keys[usize::from(*at)],
                    Origin::Given => pg_sys::Datum::from(given),
                    Origin::Identity => pg_sys::Datum::from(next_number(self.sequence)),
                    Origin::Clock => pg_sys::Datum::from(pg_sys::GetCurrentTimestamp()),
                };
            }
            let tuple =
                pg_sys::heap_form_tuple((*heap).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            (*tuple).t_tableOid = self.table;
            let writer = pg_sys::GetCurrentTransactionId();
            let token = pg_sys::SpeculativeInsertionLockAcquire(writer);
            compat::set_speculative_token((*tuple).t_data, token);
            pg_sys::heap_insert(
                heap,
                tuple,
                pg_sys::GetCurrentCommandId(true),
                pg_sys::HEAP_INSERT_SPECULATIVE as i32,
                std::ptr::null_mut(),
            );
            let mut info = MaybeUninit::<pg_sys::IndexInfo>::zeroed();
            (*info.as_mut_ptr()).type_ = pg_sys::NodeTag::T_IndexInfo;
            let mut is_alone = true;
            for (open, meaning) in indexes.iter().zip(self.indexes.iter().flatten()) {
                let index = open.as_ref().map_or(shape.index, |open| open.0);
                let mut columns = [pg_sys::Datum::null(); MAX_COLUMNS];
                for (column, at) in columns.iter_mut().zip(meaning.columns) {
                    *column = values
                        .get(usize::from(at))
                        .copied()
                        .unwrap_or(pg_sys::Datum::null());
                }
                let is_satisfied = pg_sys::index_insert(
                    index.as_ptr(),
                    columns.as_mut_ptr(),
                    nulls.as_mut_ptr(),
                    &mut (*tuple).t_self,
                    heap,
                    meaning.check,
                    false,
                    info.as_mut_ptr(),
                );
                if !is_satisfied && meaning.check == pg_sys::IndexUniqueCheck::UNIQUE_CHECK_PARTIAL
                {
                    is_alone = false;
                    break;
                }
            }
            if is_alone {
                pg_sys::heap_finish_speculative(heap, &mut (*tuple).t_self);
            } else {
                pg_sys::heap_abort_speculative(heap, &mut (*tuple).t_self);
            }
            pg_sys::SpeculativeInsertionLockRelease(writer);
            if !is_alone {
                return None;
            }
            let tid = Tid::from_pg(&(*tuple).t_self);
            let buffer = pg_sys::ReadBuffer(heap, tid.block);
            pg_sys::ReleaseBuffer(buffer);
            Some(Inserted {
                tid,
                len: (*tuple).t_len,
                writer,
                buffer,
            })
        }
    }
}
