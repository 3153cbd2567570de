//! A TOAST table held open while a scan fetches many values of it. PostgreSQL's own function opens and closes table, index
//! and a scan for each value, and copies it twice.
//!
//! The index only says where chunks may be: what counts is what the chunks say themselves, number, sequence and length.
//! Whatever is not as it nearly always is - a compressed value, a chunk whose row was ever deleted, an index that is being
//! split, damage - is `None`, and the caller's to fetch with PostgreSQL's own function, whose errors are thus the only ones.
//!
//! What `SnapshotToast` sees is here what was never deleted and whose insertion is not known to have failed
//! (`HeapTupleSatisfiesToast`): a pointer to a value is found only in a row that the query sees.
#![allow(unsafe_code)]

mod chunk;
mod index_page;

use super::buffer::Shared;
use super::compat;
use super::relation::{Relation, Tid};
use chunk::{CHUNK_LEN, copy_chunk};
use index_page::{META_BLOCK, Node, root_of};
use pgrx::pg_sys;

const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
/// Chunks of the longest value that is fetched here: those of a vector of 16,000 dimensions.
const MAX_CHUNKS: usize = 33;
/// More levels than the index of 4 billion values has.
const MAX_LEVELS: usize = 16;

/// A value in a TOAST table.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The TOAST table.
    pub table: pg_sys::Oid,
    /// The value's number in it.
    pub value: u32,
    /// Its bytes.
    pub len: usize,
}

impl Place {
    /// Where the value of a TOAST pointer is; `None` if it is compressed, or longer than any that is fetched here.
    pub fn of(pointer: &pg_sys::varatt_external) -> Option<Self> {
        // The method of compression is in the bits above (`VARLENA_EXTSIZE_BITS`).
        let len = (pointer.va_extinfo & 0x3fff_ffff) as usize;
        let raw_len = usize::try_from(pointer.va_rawsize).ok()?;
        let is_compressed = len + super::varlena::HEADER_LEN < raw_len;
        (!is_compressed && len <= MAX_CHUNKS * CHUNK_LEN).then_some(Self {
            table: pointer.va_toastrelid,
            value: pointer.va_valueid.to_u32(),
            len,
        })
    }
}

/// A TOAST table and its index, open and locked until dropped. To be dropped under the resource owner that was the
/// current one when it was opened.
#[derive(Debug)]
pub struct ToastTable {
    table: Relation,
    /// `None` if values cannot be fetched here.
    index: Option<Relation>,
    root: Option<u32>,
}

impl ToastTable {
    /// Opens the table as PostgreSQL does to fetch a value. Raises if there is none.
    pub fn open(oid: pg_sys::Oid) -> Self {
        // SAFETY: opened here, locked, and closed when the value is dropped, or by PostgreSQL at an ERROR.
        let table = unsafe { Relation::from_pg(pg_sys::table_open(oid, LOCK)) };
        let mut open = Self {
            table,
            index: None,
            root: None,
        };
        // SAFETY: as above. The list has `length` elements, all OIDs, or is null; it is freed with the memory context.
        unsafe {
            if (*(*table.as_ptr()).rd_rel).relam == pg_sys::HEAP_TABLE_AM_OID
                && let Some(indexes) = pg_sys::RelationGetIndexList(table.as_ptr()).as_ref()
            {
                let mut indexes = (0..indexes.length.max(0) as usize)
                    .map(|i| (*indexes.elements.add(i)).oid_value);
                open.index = indexes.find_map(|oid| open_valid_btree(oid));
            }
        }
        open
    }

    /// Its OID.
    pub fn oid(&self) -> pg_sys::Oid {
        self.table.oid()
    }

    /// Writes the bytes of the value into `target`, which is as long; `None` if that is not done here.
    pub fn fetch(&mut self, value: u32, target: &mut [u8]) -> Option<()> {
        let (mut tids, count) = ([Tid::NONE; MAX_CHUNKS], target.len().div_ceil(CHUNK_LEN));
        let tids = tids.get_mut(..count)?;
        if compat::snapshots_expire() || self.find(value, tids).is_none() {
            self.root = None;
            return None;
        }
        let mut page: Option<(u32, Shared)> = None;
        for ((sequence, tid), target) in (0..).zip(tids).zip(target.chunks_mut(CHUNK_LEN)) {
            let held = page.take().filter(|(block, _)| *block == tid.block);
            let (_, shared) = page
                .insert(held.unwrap_or_else(|| (tid.block, Shared::read(self.table, tid.block))));
            copy_chunk(shared.page().item(tid.offset)?, value, sequence, target)?;
        }
        Some(())
    }

    /// Asks the index where the value's chunks are.
    fn find(&mut self, value: u32, tids: &mut [Tid]) -> Option<()> {
        let index = self.index?;
        let mut block = match self.root {
            Some(root) => root,
            None => root_of(Shared::read(index, META_BLOCK).page())?,
        };
        self.root = Some(block);
        // SAFETY: open as long as `self`.
        unsafe { compat::count_scan_of_index(index.as_ptr()) };
        let mut bounds = None;
        // Each page is left before the next one is read, and may be split meanwhile: then the value is not found.
        for _ in 0..MAX_LEVELS {
            let shared = Shared::read(index, block);
            let node = Node::read(shared.page())?;
            if node.is_leaf() {
                return node.find_chunks(value, bounds, tids);
            }
            (block, bounds) = node.child_for(value)?;
        }
        None
    }
}

impl Drop for ToastTable {
    fn drop(&mut self) {
        // An abort closes what is open.
        if !super::memory::is_aborting() {
            // SAFETY: opened and locked in `open`, closed only here.
            unsafe {
                if let Some(index) = self.index {
                    pg_sys::index_close(index.as_ptr(), LOCK);
                }
                pg_sys::table_close(self.table.as_ptr(), LOCK);
            }
        }
    }
}

/// Opens an index, unless it is one that queries may not use, or of another kind.
///
/// # Safety
/// `oid` is an index of a table that is locked; the caller closes what comes back.
unsafe fn open_valid_btree(oid: pg_sys::Oid) -> Option<Relation> {
    // SAFETY: contract of this function; an open index has its row of pg_index.
    unsafe {
        let index = pg_sys::index_open(oid, LOCK);
        let is_valid = (*(*index).rd_index).indisvalid;
        if is_valid && (*(*index).rd_rel).relam == pg_sys::BTREE_AM_OID {
            return Some(Relation::from_pg(index));
        }
        pg_sys::index_close(index, LOCK);
        None
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + size_of::<u16>())?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + size_of::<u32>())?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}
