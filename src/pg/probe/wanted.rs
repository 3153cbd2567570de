//! A row that shall be there: found, or inserted once among all sessions.
#![allow(unsafe_code)]

use super::generation::generation;
use super::insertion::Insertion;
use super::kept::Sighting;
use super::shape::Shape;
use super::{Answer, KeyValue, MAX_KEYS, Meaning, Open, Probe, data_of, scan_keys};
use crate::error::Result;
use crate::pg::spi::Row;
use crate::pg::transaction;
use pgrx::pg_sys;
use std::mem::MaybeUninit;
use std::rc::Rc;

/// What became of a row that was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It is there.
    Found,
    /// It was inserted.
    Inserted,
    /// A statement has to insert it, or to find out that it need not.
    Missing,
    /// It could not be asked so.
    Unknown,
}

/// What a look at everything that is committed, or of this transaction, has found.
enum Now {
    There,
    /// In a transaction of others that has not ended.
    Undecided,
    NotThere,
}

impl Probe {
    /// Finds the row with a key of a unique index, or inserts it with `given` beside the key. Does what `SELECT ... WHERE key = values`
    /// does, and `INSERT ... ON CONFLICT (key) DO NOTHING` if that finds nothing; who only finds writes nothing, and takes no transaction ID.
    ///
    /// Under READ COMMITTED the two are one look into the index, at what is committed by now. Otherwise, and wherever an insertion is not
    /// as plain as `Insertion::look_up` wants it or meets another one, the statement is left to the caller: it knows how to wait and
    /// what to raise.
    /// # Errors
    /// As [`Self::first`].
    pub fn find_or_insert(&self, values: &[KeyValue<'_>], given: i32) -> Result<Wanted> {
        if self.find_kept(values).is_some() {
            return Ok(Wanted::Found);
        }
        if !transaction::sees_each_commit() || !transaction::can_write() {
            return Ok(match self.first(values)? {
                Answer::Row(_) => Wanted::Found,
                Answer::NoRow => Wanted::Missing,
                Answer::Unknown => Wanted::Unknown,
            });
        }
        let Some((table, meaning, _)) = self.open(values) else {
            return Ok(Wanted::Unknown);
        };
        let Some(index) = Open::relation(meaning.index) else {
            return Ok(Wanted::Unknown);
        };
        if generation() != meaning.generation || !meaning.is_unique {
            return Ok(Wanted::Unknown);
        }
        let shape = Shape {
            table: table.0,
            index: index.0,
        };
        let data = data_of(values);
        match self.look_now(values, &data, &shape, &meaning)? {
            Now::There => return Ok(Wanted::Found),
            Now::Undecided => return Ok(Wanted::Missing),
            Now::NotThere => {}
        }
        let inserted = self
            .insertion(&shape)
            .and_then(|insertion| insertion.insert(&shape, &data, given));
        let Some(inserted) = inserted else {
            return Ok(Wanted::Missing);
        };
        if self.names.columns.is_empty() {
            let seen = Sighting::of_new(&inserted, table.0, meaning.generation);
            self.kept.keep(values, Rc::new(Row::default()), seen);
        }
        Ok(Wanted::Inserted)
    }

    /// Looks for the row with a key as the check for a conflict does: at what is committed by now, and at what this transaction has done,
    /// also in the running command.
    fn look_now(
        &self,
        values: &[KeyValue<'_>],
        data: &[pg_sys::Datum; MAX_KEYS],
        shape: &Shape,
        meaning: &Meaning,
    ) -> Result<Now> {
        let mut keys = scan_keys(values, data, meaning);
        let (heap, index) = (shape.table.as_ptr(), shape.index.as_ptr());
        let mut dirty = MaybeUninit::<pg_sys::SnapshotData>::zeroed();
        // SAFETY: as in `first`. A snapshot of this type needs nothing but the type, and says after each row who has not ended; another
        // one is active meanwhile, which holds back VACUUM.
        unsafe {
            let dirty = dirty.as_mut_ptr();
            (*dirty).snapshot_type = pg_sys::SnapshotType::SNAPSHOT_DIRTY;
            let keys = keys.as_mut_ptr().cast::<pg_sys::ScanKeyData>();
            let count = values.len() as i32;
            let scan = pg_sys::systable_beginscan_ordered(heap, index, dirty, count, keys);
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            let tuple = pg_sys::systable_getnext_ordered(scan, forward);
            let none = pg_sys::InvalidTransactionId;
            let now = if tuple.is_null() {
                Now::NotThere
            } else if (*dirty).xmin != none || (*dirty).xmax != none {
                Now::Undecided
            } else {
                let row = Rc::new(self.read(tuple, (*heap).rd_att, meaning)?);
                if let Some(seen) = Sighting::of(scan, tuple, shape.table, meaning.generation) {
                    self.kept.keep(values, row, seen);
                }
                Now::There
            };
            pg_sys::systable_endscan_ordered(scan);
            Ok(now)
        }
    }

    /// How the current user inserts a row; `None` if that is left to a statement.
    fn insertion(&self, shape: &Shape) -> Option<Insertion> {
        let known = self.insertion.get().filter(Insertion::is_valid);
        known.or_else(|| {
            let insertion = Insertion::look_up(&self.names, shape);
            self.insertion.set(insertion);
            insertion
        })
    }
}
