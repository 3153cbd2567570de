//! Single rows of a table, found through a btree index and read past the executor: for what an application asks with each
//! search, where starting a statement would cost more than the row.
//!
//! A row is what `SELECT ... WHERE key = value ORDER BY` the index `LIMIT 1` returns to the caller under the active snapshot, with the
//! same locks, the right to SELECT asked each time. Where that is not certain the answer is [`Answer::Unknown`], and the caller runs
//! the statement: it also finds the words for what is not allowed.
//!
//! No row is remembered between calls, only what names mean: OIDs and column numbers, until PostgreSQL says that a relation or
//! a schema has changed. It says so when a lock is taken, so that is asked after both locks are held.
#![allow(unsafe_code)]

use super::compat::tuple_desc_attr;
use super::encoding;
use super::relation::Relation;
use super::row_set::Cell as Value;
use super::snapshot::Snapshot;
use super::spi::Row;
use super::varlena::NewVarlena;
use crate::error::Result;
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::CStr;
use std::mem::MaybeUninit;

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
}

/// What a probe found.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The first row, in the order of the index.
    Row(Row),
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
}

/// Looks for rows of one table by one index.
#[derive(Debug)]
pub struct Probe {
    names: Names,
    meaning: Cell<Option<Meaning>>,
}

impl Probe {
    /// Nothing is looked up yet.
    pub const fn new(names: Names) -> Self {
        let meaning = Cell::new(None);
        Self { names, meaning }
    }

    /// The first row, in the order of the index, whose key columns equal `values`.
    ///
    /// Unknown where a statement might do more or less than that: no such table, index or columns, no right to read all of the table,
    /// row security, tables that inherit from it, an index that is not as named or not ready, a module that watches what statements
    /// read, no query that runs.
    /// # Errors
    /// XX000 for a column of a type that no cell of a row holds.
    pub fn first(&self, values: &[KeyValue<'_>]) -> Result<Answer> {
        let Some((open, meaning, snapshot)) = self.open(values) else {
            return Ok(Answer::Unknown);
        };
        let mut keys = [const { MaybeUninit::<pg_sys::ScanKeyData>::zeroed() }; MAX_KEYS];
        for ((key, value), (number, collation)) in keys.iter_mut().zip(values).zip(meaning.keys) {
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
                    value.datum(),
                );
            }
        }
        let (heap, index) = (open.table.0.as_ptr(), open.index.0.as_ptr());
        // SAFETY: both relations are open, the snapshot is active, and as many keys as values were initialised, whose numbers are the
        // table's, as this scan wants them. It is ended here, or by PostgreSQL at an ERROR; until then the tuple is valid.
        unsafe {
            let keys = keys.as_mut_ptr().cast::<pg_sys::ScanKeyData>();
            let count = values.len() as i32;
            let scan =
                pg_sys::systable_beginscan_ordered(heap, index, snapshot.as_ptr(), count, keys);
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            let tuple = pg_sys::systable_getnext_ordered(scan, forward);
            let row = (!tuple.is_null())
                .then(|| self.read(tuple, (*heap).rd_att, &meaning))
                .transpose();
            pg_sys::systable_endscan_ordered(scan);
            Ok(row?.map_or(Answer::NoRow, Answer::Row))
        }
    }

    /// Whether the caller may read the table; false also where [`Self::first`] says that it is unknown for another reason. `values` are
    /// any of the types of the key columns.
    pub fn may_read(&self, values: &[KeyValue<'_>]) -> bool {
        self.open(values).is_some()
    }

    /// Opens table and index for a caller who may read them.
    fn open(&self, values: &[KeyValue<'_>]) -> Option<(OpenPair, Meaning, Snapshot)> {
        let snapshot = Snapshot::active().ok()?;
        // SAFETY: a plain variable, read on the main thread.
        let watcher = unsafe { pg_sys::ExecutorCheckPerms_hook };
        if watcher.is_some() || values.len() != self.names.keys.len() {
            return None;
        }
        let (open, meaning) = self.open_now(values)?;
        // SAFETY: a catalog lookup on the main thread.
        let right = unsafe {
            let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
            pg_sys::pg_class_aclcheck(meaning.table, pg_sys::GetUserId(), select)
        };
        (right == pg_sys::AclResult::ACLCHECK_OK).then_some((open, meaning, snapshot))
    }

    /// What the names mean, open; looks them up again if something changed before the locks were held.
    fn open_now(&self, values: &[KeyValue<'_>]) -> Option<(OpenPair, Meaning)> {
        for _ in 0..2 {
            let now = generation();
            let known = self.meaning.get().filter(|known| known.generation == now);
            let meaning = match known {
                Some(known) => known,
                None => self.look_up(values)?,
            };
            let open = OpenPair::open(meaning.table, meaning.index)?;
            if generation() == meaning.generation {
                return Some((open, meaning));
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
        let (table, index) = unsafe {
            let schema = pg_sys::get_namespace_oid(names.schema.as_ptr(), true);
            let table = pg_sys::get_relname_relid(names.table.as_ptr(), schema);
            let index = pg_sys::get_relname_relid(names.index.as_ptr(), schema);
            (table, index)
        };
        if table == pg_sys::InvalidOid || index == pg_sys::InvalidOid {
            return None;
        }
        let open = OpenPair::open(table, index)?;
        let shape = Shape {
            table: open.table.0,
            index: open.index.0,
        };
        let mut meaning = Meaning {
            generation,
            table,
            index,
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
        let is_as_named = shape.is_plain()
            && names.descending.is_none_or(is_in_order)
            && shape.has_predicate(names.only_where_null);
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

/// A relation that is closed when dropped; its lock stays to the end of the transaction.
#[derive(Debug)]
struct Open(Relation);

impl Open {
    /// `None` if there is no such relation any more.
    fn relation(oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a lock on the main thread; what is open is closed when the value is dropped.
        unsafe {
            let relation = pg_sys::try_relation_open(oid, LOCK);
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

/// An open table and, opened after it, its index.
#[derive(Debug)]
struct OpenPair {
    index: Open,
    table: Open,
}

impl OpenPair {
    fn open(table: pg_sys::Oid, index: pg_sys::Oid) -> Option<Self> {
        let table = Open::relation(table)?;
        let index = Open::relation(index)?;
        Some(Self { index, table })
    }
}

/// What a table and an index are, as the relation cache has them.
struct Shape {
    table: Relation,
    index: Relation,
}

impl Shape {
    fn kind(of: Relation) -> u8 {
        // SAFETY: the relation is open.
        unsafe { (*(*of.as_ptr()).rd_rel).relkind as u8 }
    }

    /// Whether a statement would read nothing but rows of this table, and could read them by this index.
    fn is_plain(&self) -> bool {
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

    fn attribute(&self, number: i16) -> Option<&pg_sys::FormData_pg_attribute> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        // SAFETY: the table is open as long as `self` and has such a column.
        (at < self.table.column_count())
            .then(|| unsafe { tuple_desc_attr((*self.table.as_ptr()).rd_att, at) })
    }

    /// Number and type of a column.
    fn column(&self, name: &CStr) -> Option<(i16, pg_sys::Oid)> {
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
    fn key(&self, at: usize, name: &CStr, value: &KeyValue<'_>) -> Option<(i16, pg_sys::Oid)> {
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
    fn is_descending(&self, at: usize, name: &CStr) -> bool {
        let Some((_, attribute)) = self.index_column(at) else {
            return false;
        };
        // SAFETY: the array has an entry a key column.
        let options = unsafe { *(*self.index.as_ptr()).rd_indoption.add(at) };
        is_named(attribute, name) && options & pg_sys::INDOPTION_DESC as i16 != 0
    }

    /// Whether the predicate of the index is `column IS NULL`, or none.
    fn has_predicate(&self, column: Option<&CStr>) -> bool {
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

thread_local! {
    /// Grows whenever a relation or a schema has changed; 0 until anybody asked.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
}

/// A number that is the same as before only if no relation and no schema has changed, as far as this backend was told.
fn generation() -> u64 {
    let now = GENERATION.get();
    if now > 0 {
        return now;
    }
    // SAFETY: once in a backend; the callbacks stay as long as the library, which is never unloaded.
    unsafe {
        let nothing = pg_sys::Datum::null();
        pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), nothing);
        let schemas = pg_sys::SysCacheIdentifier::NAMESPACEOID as i32;
        pg_sys::CacheRegisterSyscacheCallback(schemas, Some(schema_changed), nothing);
    }
    GENERATION.set(1);
    1
}

/// Of whichever relation: to look up a few names again costs little.
extern "C-unwind" fn relation_changed(_argument: pg_sys::Datum, _relation: pg_sys::Oid) {
    GENERATION.set(GENERATION.get() + 1);
}

extern "C-unwind" fn schema_changed(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    GENERATION.set(GENERATION.get() + 1);
}
