//! Single rows of a table, found through a btree index and read past the executor: for what an application asks with each
//! search, where starting a statement would cost more than the row.
//!
//! A row is what `SELECT ... WHERE key = value ORDER BY` the index `LIMIT 1` returns to the caller under the active snapshot, with the
//! same locks, to whoever has the right to SELECT at that time. Where that is not certain the answer is [`Answer::Unknown`], and the caller runs
//! the statement: it also finds the words for what is not allowed.
//!
//! What names mean is remembered between calls, OIDs and column numbers, until PostgreSQL says that a relation, a schema or a role
//! has changed. It says so when a lock is taken, so that is asked after the locks are held.
//!
//! Where an index is unique, rows are remembered too (`kept.rs`): one is returned again, without a lock on the table, if its tuple is
//! where it was and the snapshot sees it. So rows follow every change as those of a statement do. (A statement would also wait for
//! whoever has locked the table against readers; a change of his is told when it is committed.)
#![allow(unsafe_code)]

mod generation;
mod insertion;
mod kept;
mod shape;
mod wanted;

use super::compat;
use super::encoding;
use super::owner_rights::current_user;
use super::relation::Relation;
use super::row_set::Cell as Value;
use super::snapshot::Snapshot;
use super::spi::Row;
use super::varlena::NewVarlena;
use crate::error::Result;
use generation::generation;
use insertion::Insertion;
pub use insertion::NewRow;
use kept::{KeptRows, Sighting};
use pgrx::pg_sys;
use shape::Shape;
use std::cell::Cell;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::rc::Rc;
pub use wanted::Wanted;

const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
const NO_LOCK: pg_sys::LOCKMODE = pg_sys::NoLock as pg_sys::LOCKMODE;
/// The most columns that a key has here, and the most that a row has.
const MAX_KEYS: usize = 2;
const MAX_COLUMNS: usize = 5;

/// What a key column must equal.
#[derive(Debug, Clone, Copy)]
pub enum KeyValue<'a> {
    /// `text`.
    Text(&'a str),
    /// `integer`.
    Int(i32),
    /// `bigint`.
    BigInt(i64),
}

impl KeyValue<'_> {
    /// Its type, the type's own btree family, and the equality of that.
    fn comparison(&self) -> (pg_sys::Oid, pg_sys::Oid, u32) {
        use pg_sys::{INTEGER_BTREE_FAM_OID, TEXT_BTREE_FAM_OID};
        match self {
            Self::Text(_) => (pg_sys::TEXTOID, TEXT_BTREE_FAM_OID, pg_sys::F_TEXTEQ),
            Self::Int(_) => (pg_sys::INT4OID, INTEGER_BTREE_FAM_OID, pg_sys::F_INT4EQ),
            Self::BigInt(_) => (pg_sys::INT8OID, INTEGER_BTREE_FAM_OID, pg_sys::F_INT8EQ),
        }
    }

    /// The value in the current memory context.
    fn datum(&self) -> pg_sys::Datum {
        match *self {
            Self::Text(text) => {
                let bytes = encoding::server_bytes(text);
                let mut value = NewVarlena::zeroed(bytes.len());
                value.body_mut().copy_from_slice(&bytes);
                value.into_datum()
            }
            Self::Int(number) => pg_sys::Datum::from(number),
            Self::BigInt(number) => pg_sys::Datum::from(number),
        }
    }
}

/// A table, one of its indexes and some of its columns, by name. All are in one schema.
#[derive(Debug)]
pub struct Names {
    /// The schema.
    pub schema: &'static CStr,
    /// The table.
    pub table: &'static CStr,
    /// The index.
    pub index: &'static CStr,
    /// The columns that are compared, one or two: the index's first ones.
    pub keys: &'static [&'static CStr],
    /// The column behind them where the index has the largest first; `None` if any order will do.
    pub descending: Option<&'static CStr>,
    /// The column of the index's predicate `column IS NULL`; `None` for an index of all rows.
    pub only_where_null: Option<&'static CStr>,
    /// The columns that are read, at most five.
    pub columns: &'static [&'static CStr],
    /// What a new row has beside its key; `None` if none is made here.
    pub new_row: Option<NewRow>,
    /// The rows that are remembered; 0 where the same ones are rarely asked for again.
    pub kept_rows: usize,
}

/// What a probe found.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The first row, in the order of the index.
    Row(Rc<Row>),
    /// There is none.
    NoRow,
    /// It could not be asked so.
    Unknown,
}

/// What the names mean, as long as nothing says otherwise.
#[derive(Debug, Clone, Copy)]
struct Meaning {
    /// [`generation`] when the names were looked up.
    generation: u64,
    table: pg_sys::Oid,
    index: pg_sys::Oid,
    /// The table's numbers of the key columns, and their collations.
    keys: [(i16, pg_sys::Oid); MAX_KEYS],
    /// The table's numbers of the columns that are read, and their types.
    columns: [(i16, pg_sys::Oid); MAX_COLUMNS],
    /// Whether rows may be kept: see [`Shape::is_unique`].
    is_unique: bool,
}

/// Looks for rows of one table by one index.
#[derive(Debug)]
pub struct Probe {
    names: Names,
    meaning: Cell<Option<Meaning>>,
    /// Who was found to have the right to read the table, and the generation then.
    reader: Cell<Option<(u64, pg_sys::Oid)>>,
    insertion: Cell<Option<Insertion>>,
    kept: KeptRows,
}

impl Probe {
    /// Nothing is looked up yet.
    pub const fn new(names: Names) -> Self {
        Self {
            meaning: Cell::new(None),
            reader: Cell::new(None),
            insertion: Cell::new(None),
            kept: KeptRows::new(names.kept_rows),
            names,
        }
    }

    /// The first row, in the order of the index, whose key columns equal `values`.
    ///
    /// Unknown where a statement might do more or less than that: no such table, index or columns, no right to read all of the table,
    /// row security, tables that inherit from it, an index that is not as named or not ready, a module that watches what statements
    /// read, no query that runs.
    /// # Errors
    /// XX000 for a column of a type that no cell of a row holds.
    pub fn first(&self, values: &[KeyValue<'_>]) -> Result<Answer> {
        if let Some(row) = self.find_kept(values) {
            return Ok(Answer::Row(row));
        }
        let Some((table, meaning, snapshot)) = self.open(values) else {
            return Ok(Answer::Unknown);
        };
        let Some(index) = Open::relation(meaning.index) else {
            return Ok(Answer::Unknown);
        };
        if generation() != meaning.generation {
            return Ok(Answer::Unknown);
        }
        let data = data_of(values);
        let mut keys = scan_keys(values, &data, &meaning);
        let (heap, index) = (table.0.as_ptr(), index.0.as_ptr());
        // SAFETY: both relations are open, the snapshot is active, and as many keys as values were initialised, whose numbers are the
        // table's, as this scan wants them. It is ended here, or by PostgreSQL at an ERROR; until then the tuple is valid.
        unsafe {
            let keys = keys.as_mut_ptr().cast::<pg_sys::ScanKeyData>();
            let count = values.len() as i32;
            let scan =
                pg_sys::systable_beginscan_ordered(heap, index, snapshot.as_ptr(), count, keys);
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            let tuple = pg_sys::systable_getnext_ordered(scan, forward);
            let row = (!tuple.is_null()).then(|| -> Result<Rc<Row>> {
                let row = Rc::new(self.read(tuple, (*heap).rd_att, &meaning)?);
                if meaning.is_unique
                    && let Some(seen) = Sighting::of(scan, tuple, table.0, meaning.generation)
                {
                    self.kept.keep(values, Rc::clone(&row), seen);
                }
                Ok(row)
            });
            let row = row.transpose();
            pg_sys::systable_endscan_ordered(scan);
            Ok(row?.map_or(Answer::NoRow, Answer::Row))
        }
    }

    /// The row, if it was found before and is still what a statement would find.
    fn find_kept(&self, values: &[KeyValue<'_>]) -> Option<Rc<Row>> {
        (self.kept.is_any() && !is_watched()).then(|| self.kept.find(values))?
    }

    /// Whether the caller may read the table; false also where [`Self::first`] says that it is unknown for another reason. `values` are
    /// any of the types of the key columns.
    pub fn may_read(&self, values: &[KeyValue<'_>]) -> bool {
        self.open(values).is_some()
    }

    /// Opens the table for a caller who may read it.
    fn open(&self, values: &[KeyValue<'_>]) -> Option<(Open, Meaning, Snapshot)> {
        let snapshot = Snapshot::active().ok()?;
        if is_watched() || values.len() != self.names.keys.len() {
            return None;
        }
        let (table, meaning) = self.open_now(values)?;
        let reader = Some((meaning.generation, current_user()));
        if self.reader.get() == reader {
            return Some((table, meaning, snapshot));
        }
        // SAFETY: catalog lookups on the main thread; the table is open.
        let is_allowed = unsafe {
            let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
            let right = pg_sys::pg_class_aclcheck(meaning.table, pg_sys::GetUserId(), select);
            right == pg_sys::AclResult::ACLCHECK_OK
                && compat::may_use_schema((*(*table.0.as_ptr()).rd_rel).relnamespace)
        };
        is_allowed.then(|| {
            self.reader.set(reader);
            (table, meaning, snapshot)
        })
    }

    /// The table, and what the names mean; looks them up again if something changed before the lock was held.
    fn open_now(&self, values: &[KeyValue<'_>]) -> Option<(Open, Meaning)> {
        for _ in 0..2 {
            let now = generation();
            let known = self.meaning.get().filter(|known| known.generation == now);
            let meaning = match known {
                Some(known) => known,
                None => self.look_up(values)?,
            };
            let table = Open::relation(meaning.table)?;
            if generation() == meaning.generation {
                return Some((table, meaning));
            }
        }
        None
    }

    /// Looks up what the names mean, and keeps it if it is what they say.
    #[cold]
    fn look_up(&self, values: &[KeyValue<'_>]) -> Option<Meaning> {
        let (names, nothing) = (&self.names, (0, pg_sys::InvalidOid));
        let generation = generation();
        // SAFETY: catalog lookups on the main thread; what is not found is InvalidOid, also as an argument.
        let (table_oid, index_oid) = unsafe {
            let schema = pg_sys::get_namespace_oid(names.schema.as_ptr(), true);
            let table = pg_sys::get_relname_relid(names.table.as_ptr(), schema);
            let index = pg_sys::get_relname_relid(names.index.as_ptr(), schema);
            (table, index)
        };
        if table_oid == pg_sys::InvalidOid || index_oid == pg_sys::InvalidOid {
            return None;
        }
        let table = Open::relation(table_oid)?;
        let index = Open::relation(index_oid)?;
        let shape = Shape {
            table: table.0,
            index: index.0,
        };
        if !shape.is_plain() {
            return None;
        }
        let mut meaning = Meaning {
            generation,
            table: table_oid,
            index: index_oid,
            is_unique: self.kept.is_any() && shape.is_unique(names.keys.len()),
            keys: [nothing; MAX_KEYS],
            columns: [nothing; MAX_COLUMNS],
        };
        for (at, (name, value)) in names.keys.iter().zip(values).enumerate() {
            *meaning.keys.get_mut(at)? = shape.key(at, name, value)?;
        }
        for (at, name) in names.columns.iter().enumerate() {
            *meaning.columns.get_mut(at)? = shape.column(name)?;
        }
        let is_in_order = |name| shape.is_descending(names.keys.len(), name);
        let is_as_named =
            names.descending.is_none_or(is_in_order) && shape.has_predicate(names.only_where_null);
        is_as_named.then(|| {
            self.meaning.set(Some(meaning));
            meaning
        })
    }

    /// The columns of a row.
    ///
    /// # Safety
    /// `tuple` is a row of the table that `meaning` is of, `descriptor` the table's.
    unsafe fn read(
        &self,
        tuple: pg_sys::HeapTuple,
        descriptor: pg_sys::TupleDesc,
        meaning: &Meaning,
    ) -> Result<Row> {
        let mut row = Vec::with_capacity(self.names.columns.len());
        for &(number, kind) in meaning.columns.iter().take(self.names.columns.len()) {
            let mut is_null = false;
            // SAFETY: contract of this function; the table has this column, of this type.
            unsafe {
                let number = i32::from(number);
                let value = pg_sys::heap_getattr(tuple, number, descriptor, &mut is_null);
                row.push(if is_null {
                    Value::Null
                } else {
                    Value::from_datum(value, kind)?
                });
            }
        }
        Ok(Row(row))
    }
}

/// The values of a key in the current memory context.
fn data_of(values: &[KeyValue<'_>]) -> [pg_sys::Datum; MAX_KEYS] {
    let mut data = [pg_sys::Datum::null(); MAX_KEYS];
    for (datum, value) in data.iter_mut().zip(values) {
        *datum = value.datum();
    }
    data
}

/// What a scan compares: as many as there are values.
fn scan_keys(
    values: &[KeyValue<'_>],
    data: &[pg_sys::Datum; MAX_KEYS],
    meaning: &Meaning,
) -> [MaybeUninit<pg_sys::ScanKeyData>; MAX_KEYS] {
    let mut keys = [const { MaybeUninit::<pg_sys::ScanKeyData>::zeroed() }; MAX_KEYS];
    let columns = values.iter().zip(data).zip(meaning.keys);
    for (key, ((value, datum), (number, collation))) in keys.iter_mut().zip(columns) {
        let (kind, _, equal) = value.comparison();
        // SAFETY: the key is written whole; its value lives in the memory context of the call.
        unsafe {
            pg_sys::ScanKeyEntryInitialize(
                key.as_mut_ptr(),
                0,
                number,
                pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
                kind,
                collation,
                pg_sys::Oid::from_u32(equal),
                *datum,
            );
        }
    }
    keys
}

/// A relation that is closed when dropped; its lock stays to the end of the transaction.
#[derive(Debug)]
struct Open(Relation);

impl Open {
    /// `None` if there is no such relation any more.
    fn relation(oid: pg_sys::Oid) -> Option<Self> {
        Self::locked(oid, LOCK)
    }

    fn locked(oid: pg_sys::Oid, lock: pg_sys::LOCKMODE) -> Option<Self> {
        // SAFETY: a lock on the main thread; what is open is closed when the value is dropped.
        unsafe {
            let relation = pg_sys::try_relation_open(oid, lock);
            (!relation.is_null()).then(|| Self(Relation::from_pg(relation)))
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // An abort closes what is open.
        if !super::memory::is_aborting() {
            // SAFETY: opened for this value, closed only here.
            unsafe { pg_sys::relation_close(self.0.as_ptr(), NO_LOCK) };
        }
    }
}

/// Whether a module watches what statements read.
fn is_watched() -> bool {
    // SAFETY: a plain variable, read on the main thread.
    unsafe { pg_sys::ExecutorCheckPerms_hook }.is_some()
}
