//! Rows that a probe has found, by their keys, and whether a statement would find them still.
//!
//! Taking a lock, opening a table, asking for a right and descending an index touch some hundred cache lines, which a search before has
//! pushed out. To look at a kept row again touches few: is the tuple at its place the one that was read, and does the snapshot see it?
//! One that was changed or deleted is another tuple or is not seen, whoever did it and by whatever way; of a unique index's key no
//! snapshot sees two. What names, rights and the table's file are is good as long as [`generation`] is the same.
#![allow(unsafe_code)]

use super::generation::generation;
use super::insertion::Inserted;
use super::{KeyValue, MAX_KEYS};
use crate::pg::compat::{self, FileLocator};
use crate::pg::owner_rights::current_user;
use crate::pg::page::{PAGE_SIZE, Page};
use crate::pg::relation::{Relation, Tid};
use crate::pg::snapshot::Snapshot;
use crate::pg::spi::Row;
use crate::pg::transaction;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::rc::Rc;

unsafe extern "C-unwind" {
    // As the bindings have them, less a boundary for errors around each: one around all is enough, and a call in ten costs more than
    // what it calls.
    fn AcceptInvalidationMessages();
    fn GetTopTransactionIdIfAny() -> pg_sys::TransactionId;
    fn ReadRecentBuffer(
        file: FileLocator,
        fork: pg_sys::ForkNumber::Type,
        block: u32,
        buffer: pg_sys::Buffer,
    ) -> bool;
    fn LockBuffer(buffer: pg_sys::Buffer, mode: i32);
    fn ReleaseBuffer(buffer: pg_sys::Buffer);
    fn HeapTupleSatisfiesVisibility(
        tuple: pg_sys::HeapTuple,
        snapshot: pg_sys::Snapshot,
        buffer: pg_sys::Buffer,
    ) -> bool;
}

/// The last rows that were found, each at the place that its key's hash names: another one there takes it.
#[derive(Debug)]
pub(super) struct KeptRows {
    /// Places; none if nothing is kept.
    limit: usize,
    places: RefCell<Vec<Option<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    key: [OwnKeyValue; MAX_KEYS],
    row: Rc<Row>,
    sighting: Sighting,
}

/// A part of a key; a key of fewer parts ends with `None`.
#[derive(Debug)]
enum OwnKeyValue {
    None,
    Text(Box<str>),
    Int(i32),
    BigInt(i64),
}

impl OwnKeyValue {
    fn of(value: Option<&KeyValue<'_>>) -> Self {
        match value {
            None => Self::None,
            Some(KeyValue::Text(text)) => Self::Text((*text).into()),
            Some(KeyValue::Int(number)) => Self::Int(*number),
            Some(KeyValue::BigInt(number)) => Self::BigInt(*number),
        }
    }

    fn is(&self, value: Option<&KeyValue<'_>>) -> bool {
        match (self, value) {
            (Self::None, None) => true,
            (Self::Text(own), Some(KeyValue::Text(text))) => **own == **text,
            (Self::Int(own), Some(KeyValue::Int(number))) => own == number,
            (Self::BigInt(own), Some(KeyValue::BigInt(number))) => own == number,
            _ => false,
        }
    }
}

/// A hash of bytes behind others. Only the place of a row follows from it: who makes two fall together makes his own session slower.
fn mixed(hash: u64, bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = (hash ^ bytes.len() as u64).wrapping_mul(ODD);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(ODD);
        hash ^= hash >> 32;
    }
    hash
}

impl KeptRows {
    /// Keeps as many rows at most.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            places: RefCell::new(Vec::new()),
        }
    }

    /// Whether any rows are kept.
    pub(super) fn is_any(&self) -> bool {
        self.limit > 0
    }

    fn place(&self, values: &[KeyValue<'_>]) -> usize {
        let hash = values.iter().fold(0, |hash, value| match value {
            KeyValue::Text(text) => mixed(hash, text.as_bytes()),
            KeyValue::Int(number) => mixed(hash, &number.to_ne_bytes()),
            KeyValue::BigInt(number) => mixed(hash, &number.to_ne_bytes()),
        });
        (hash % self.limit.max(1) as u64) as usize
    }

    /// The row with a key, if it was kept and the active snapshot sees it now, for a user who was allowed to read it and still is.
    ///
    /// What others have changed in the catalogs is taken note of, as when a lock is taken.
    pub(super) fn find(&self, values: &[KeyValue<'_>]) -> Option<Rc<Row>> {
        let mut places = self.places.borrow_mut();
        let kept = places.get_mut(self.place(values))?.as_mut()?;
        let has_key = (0..MAX_KEYS).all(|i| kept.key[i].is(values.get(i)));
        (has_key && kept.sighting.is_true()).then(|| Rc::clone(&kept.row))
    }

    /// Keeps a row that was found.
    pub(super) fn keep(&self, values: &[KeyValue<'_>], row: Rc<Row>, sighting: Sighting) {
        let place = self.place(values);
        let mut places = self.places.borrow_mut();
        if places.is_empty() {
            places.resize_with(self.limit, || None);
        }
        if let Some(at) = places.get_mut(place) {
            let key = std::array::from_fn(|i| OwnKeyValue::of(values.get(i)));
            *at = Some(Kept { key, row, sighting });
        }
    }
}

/// What a snapshot sees whose transaction has not written: what those before `end` have done, which had all ended. Two such snapshots with
/// the same end see the same, so a tuple that one has seen need not be looked at for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct View {
    end: pg_sys::TransactionId,
}

impl View {
    /// `None` if the snapshot sees something else.
    fn of(snapshot: Snapshot) -> Option<Self> {
        // SAFETY: a valid snapshot; the transaction is this backend's own.
        unsafe {
            let snapshot = &*snapshot.as_ptr();
            let is_quiet = snapshot.snapshot_type == pg_sys::SnapshotType::SNAPSHOT_MVCC
                && snapshot.xmin == snapshot.xmax
                && snapshot.xcnt == 0
                && snapshot.subxcnt == 0
                && !snapshot.suboverflowed
                && !snapshot.takenDuringRecovery
                && GetTopTransactionIdIfAny() == pg_sys::InvalidTransactionId;
            is_quiet.then_some(Self { end: snapshot.xmax })
        }
    }
}

/// Which tuple was seen, where, and by whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting {
    generation: u64,
    user: pg_sys::Oid,
    table: pg_sys::Oid,
    file: FileLocator,
    /// The shared buffer that held it.
    buffer: pg_sys::Buffer,
    tid: Tid,
    len: u32,
    /// The transaction that wrote it. A tuple of the same one at the same place is the same tuple, as long as a connection lives
    /// through less than four billion transactions and this place was not written by both the first and the last of them.
    writer: pg_sys::TransactionId,
    /// For whom it was seen last.
    view: Option<View>,
}

impl Sighting {
    /// That of a scan's current row; `None` if it is in no shared buffer.
    ///
    /// # Safety
    /// `tuple` is what `scan`, of the open `table`, has just returned.
    pub(super) unsafe fn of(
        scan: pg_sys::SysScanDesc,
        tuple: pg_sys::HeapTuple,
        table: Relation,
        generation: u64,
    ) -> Option<Self> {
        // SAFETY: contract of this function; a slot of these operations is of this type and pins the tuple's buffer.
        unsafe {
            let slot = (*scan).slot;
            if (*slot).tts_ops != &raw const pg_sys::TTSOpsBufferHeapTuple {
                return None;
            }
            let buffer = (*slot.cast::<pg_sys::BufferHeapTupleTableSlot>()).buffer;
            (buffer > 0).then(|| Self {
                generation,
                user: current_user(),
                table: table.oid(),
                file: compat::file_locator(table.as_ptr()),
                buffer,
                tid: Tid::from_pg(&(*tuple).t_self),
                len: (*tuple).t_len,
                writer: (*(*tuple).t_data).t_choice.t_heap.t_xmin,
                view: None,
            })
        }
    }

    /// That of a row which was inserted into `table`.
    pub(super) fn of_new(new: &Inserted, table: Relation, generation: u64) -> Self {
        Self {
            generation,
            user: current_user(),
            table: table.oid(),
            // SAFETY: the table is open.
            file: unsafe { compat::file_locator(table.as_ptr()) },
            buffer: new.buffer,
            tid: new.tid,
            len: new.len,
            writer: new.writer,
            view: None,
        }
    }

    /// Whether a statement of the current user sees the same tuple.
    fn is_true(&mut self) -> bool {
        let Ok(snapshot) = Snapshot::active() else {
            return false;
        };
        let view = View::of(snapshot);
        // SAFETY: in a transaction, on the main thread, as taking a lock does. Nothing inside waits to be dropped.
        unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                AcceptInvalidationMessages();
                // A scan tells PostgreSQL what a serializable transaction reads.
                let is_for_scan = transaction::is_serializable();
                generation() == self.generation
                    && current_user() == self.user
                    && !is_for_scan
                    && (view.is_some() && view == self.view || {
                        let is_seen = self.is_seen_by(snapshot);
                        self.view = view.filter(|_| is_seen);
                        is_seen
                    })
            })
        }
    }

    /// # Safety
    /// Inside a boundary for errors, in a transaction.
    unsafe fn is_seen_by(&self, snapshot: Snapshot) -> bool {
        // SAFETY: the buffer is a shared one's number; PostgreSQL itself says whether it still holds the block, and pins it then. Its
        // bytes are read under its lock, all within the page; an ERROR releases lock and pin.
        unsafe {
            let main = pg_sys::ForkNumber::MAIN_FORKNUM;
            if !ReadRecentBuffer(self.file, main, self.tid.block, self.buffer) {
                return false;
            }
            LockBuffer(self.buffer, pg_sys::BUFFER_LOCK_SHARE as i32);
            let bytes = &*pg_sys::BufferGetBlock(self.buffer).cast::<[u8; PAGE_SIZE]>();
            let item = Page::new(bytes).item(self.tid.offset);
            let is_seen = item.is_some_and(|item| self.is_tuple_seen_by(item, snapshot));
            LockBuffer(self.buffer, pg_sys::BUFFER_LOCK_UNLOCK as i32);
            ReleaseBuffer(self.buffer);
            is_seen
        }
    }

    /// Whether an item is the tuple, and the snapshot sees it.
    ///
    /// # Safety
    /// The item lies on the page of the table at `self.tid`, whose buffer is locked; inside a boundary for errors.
    unsafe fn is_tuple_seen_by(&self, item: &[u8], snapshot: Snapshot) -> bool {
        if item.len() != self.len as usize || item.len() < size_of::<pg_sys::HeapTupleHeaderData>()
        {
            return false;
        }
        let header = item
            .as_ptr()
            .cast_mut()
            .cast::<pg_sys::HeapTupleHeaderData>();
        let mut tuple = pg_sys::HeapTupleData {
            t_len: self.len,
            t_self: self.tid.to_pg(),
            t_tableOid: self.table,
            t_data: header,
        };
        // SAFETY: a header was found to fit, and lies where PostgreSQL aligned it; by contract the rest is as it wants it.
        unsafe {
            (*header).t_choice.t_heap.t_xmin == self.writer
                && HeapTupleSatisfiesVisibility(&mut tuple, snapshot.as_ptr(), self.buffer)
        }
    }
}
