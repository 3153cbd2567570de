//! An open relation, its size, and the heap row pointers of PostgreSQL as plain values.
//!
//! A [`Relation`] is a borrowed handle: PostgreSQL opened it and closes it again. Nothing here locks.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// A relation that PostgreSQL holds open for the duration of the callback that received it.
#[derive(Debug, Clone, Copy)]
pub struct Relation(pg_sys::Relation);

/// The fork of a relation that holds its data.
pub const MAIN_FORK: pg_sys::ForkNumber::Type = pg_sys::ForkNumber::MAIN_FORKNUM;
/// The fork that an unlogged relation is reset to after a crash.
pub const INIT_FORK: pg_sys::ForkNumber::Type = pg_sys::ForkNumber::INIT_FORKNUM;

impl Relation {
    /// Takes the handle PostgreSQL passed to a callback.
    ///
    /// # Safety
    /// `relation` is open and stays open (with at least AccessShareLock) as long as the value is used.
    pub unsafe fn from_pg(relation: pg_sys::Relation) -> Self {
        debug_assert!(!relation.is_null());
        Self(relation)
    }

    /// The handle itself, for calls into PostgreSQL.
    pub fn as_ptr(self) -> pg_sys::Relation {
        self.0
    }

    /// Object identifier of the relation.
    pub fn oid(self) -> pg_sys::Oid {
        // SAFETY: the relation is open (contract of `from_pg`).
        unsafe { (*self.0).rd_id }
    }

    /// The table that an index is on.
    pub fn table_of_index(self) -> pg_sys::Oid {
        // SAFETY: an open index has its row of pg_index.
        unsafe { (*(*self.0).rd_index).indrelid }
    }

    /// Name of the relation, for messages.
    pub fn name(self) -> String {
        // SAFETY: the relation is open; relname is a NUL-terminated NameData.
        unsafe { std::ffi::CStr::from_ptr((*(*self.0).rd_rel).relname.data.as_ptr()) }
            .to_string_lossy()
            .into_owned()
    }

    /// Blocks of the main fork now; other backends may extend it meanwhile.
    pub fn block_count(self) -> u32 {
        self.fork_block_count(MAIN_FORK)
    }

    /// Blocks of one fork.
    pub fn fork_block_count(self, fork: pg_sys::ForkNumber::Type) -> u32 {
        // SAFETY: the relation is open.
        unsafe { pg_sys::RelationGetNumberOfBlocksInFork(self.0, fork) }
    }

    /// Whether the relation is a temporary one, whose buffers are local to this backend.
    pub fn is_temporary(self) -> bool {
        // SAFETY: the relation is open.
        unsafe { (*(*self.0).rd_rel).relpersistence as u8 == pg_sys::RELPERSISTENCE_TEMP }
    }

    /// Whether a temporary relation belongs to this session: only this one can read it.
    pub fn is_of_this_session(self) -> bool {
        // SAFETY: the relation is open.
        unsafe { (*self.0).rd_islocaltemp }
    }

    /// Whether changes of the relation are written to the WAL (`RelationNeedsWAL`).
    pub fn needs_wal(self) -> bool {
        // SAFETY: the relation is open.
        unsafe { super::compat::relation_needs_wal(self.0) }
    }

    /// Parsed index options, as `amoptions` returned them; null when none were given.
    pub fn options_ptr(self) -> *const core::ffi::c_void {
        // SAFETY: the relation is open.
        unsafe { (*self.0).rd_options as *const core::ffi::c_void }
    }

    /// Type modifier of the first column: for `vector(n)` it is n; -1 when there is none.
    pub fn first_column_typmod(self) -> i32 {
        // SAFETY: the relation is open and an index has at least one attribute.
        unsafe { super::compat::tuple_desc_attr((*self.0).rd_att, 0).atttypmod }
    }

    /// Type of the first column.
    pub fn first_column_type(self) -> pg_sys::Oid {
        // SAFETY: as above.
        unsafe { super::compat::tuple_desc_attr((*self.0).rd_att, 0).atttypid }
    }

    /// Number of attributes of the relation.
    pub fn column_count(self) -> usize {
        // SAFETY: the relation is open.
        unsafe { (*(*self.0).rd_att).natts as usize }
    }

    /// OID of support function `number` of the first column's operator class; `None` if it has none.
    pub fn support_function(self, number: u16) -> Option<pg_sys::Oid> {
        // SAFETY: the relation is an open index and `number` is at most amsupport.
        let oid = unsafe { pg_sys::index_getprocid(self.0, 1, number) };
        (oid != pg_sys::InvalidOid).then_some(oid)
    }

    /// Name of the operator family of the first column.
    pub fn operator_family(self) -> pg_sys::Oid {
        // SAFETY: the relation is an open index: rd_opfamily has an entry a key column.
        unsafe { *(*self.0).rd_opfamily }
    }
}

/// Pointer to a heap row (`ItemPointerData`) as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tid {
    /// Heap block.
    pub block: u32,
    /// Line pointer on the block, from 1; 0 means "no row".
    pub offset: u16,
}

impl Tid {
    /// No row.
    pub const NONE: Tid = Tid {
        block: u32::MAX,
        offset: 0,
    };

    /// Whether this points to a row at all.
    pub fn is_some(self) -> bool {
        self.offset != 0
    }

    /// The value of a PostgreSQL item pointer.
    pub fn from_pg(tid: &pg_sys::ItemPointerData) -> Self {
        Self {
            block: (u32::from(tid.ip_blkid.bi_hi) << 16) | u32::from(tid.ip_blkid.bi_lo),
            offset: tid.ip_posid,
        }
    }

    /// The same as PostgreSQL's item pointer.
    pub fn to_pg(self) -> pg_sys::ItemPointerData {
        pg_sys::ItemPointerData {
            ip_blkid: pg_sys::BlockIdData {
                bi_hi: (self.block >> 16) as u16,
                bi_lo: self.block as u16,
            },
            ip_posid: self.offset,
        }
    }
}

/// A value of an index's first column that is not NULL: of the type its operator class takes.
#[derive(Debug, Clone, Copy)]
pub struct ColumnValue(pg_sys::Datum);

impl ColumnValue {
    /// Takes a value PostgreSQL computed for the index.
    ///
    /// # Safety
    /// `datum` is not NULL, of the type of the index's first column or of its ordering operator's right side, and
    /// valid as long as the value is used.
    pub unsafe fn from_pg(datum: pg_sys::Datum) -> Self {
        Self(datum)
    }

    /// The datum.
    pub fn datum(self) -> pg_sys::Datum {
        self.0
    }
}
