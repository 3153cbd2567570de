//! A row of a TOAST table: one chunk of one value.

use super::super::page::{HEADER_SIZE, LINE_POINTER_SIZE, PAGE_SIZE};
use super::{u16_at, u32_at};
use pgrx::pg_sys;
use std::mem::offset_of;

/// Rows that a page has at least (`EXTERN_TUPLES_PER_PAGE`).
const ROWS_PER_PAGE: usize = 4;
/// Bytes before the columns in a row without NULLs (`MAXALIGN(SizeofHeapTupleHeader)`).
const ROW_HEADER_LEN: usize = 24;
/// The columns: number of the value, sequence, data behind a four-byte header.
const COLUMNS: u16 = 3;
const DATA_AT: usize = ROW_HEADER_LEN + 12;
/// Bytes of all chunks of a value but its last one (`TOAST_MAX_CHUNK_SIZE`).
pub const CHUNK_LEN: usize = (PAGE_SIZE
    - (HEADER_SIZE + ROWS_PER_PAGE * LINE_POINTER_SIZE).next_multiple_of(8))
    / ROWS_PER_PAGE
    / 8
    * 8
    - DATA_AT;

/// Whether a row was inserted, as far as is known, and never deleted.
fn is_live(row: &[u8]) -> Option<bool> {
    let flags = u32::from(u16_at(
        row,
        offset_of!(pg_sys::HeapTupleHeaderData, t_infomask),
    )?);
    let inserter = u32_at(row, 0)?;
    let failed = flags & pg_sys::HEAP_XMIN_FROZEN == pg_sys::HEAP_XMIN_INVALID;
    let is_kept = flags & pg_sys::HEAP_XMAX_INVALID != 0 && flags & pg_sys::HEAP_MOVED == 0;
    Some(is_kept && !failed && inserter != 0)
}

/// The four-byte header of `len` bytes that are not compressed.
fn header_of(len: usize) -> u32 {
    let size = (len + super::super::varlena::HEADER_LEN) as u32;
    if cfg!(target_endian = "little") {
        size << 2
    } else {
        size
    }
}

/// Copies a row's data to `target`, if that row is chunk number `sequence` of the value, and has as many bytes.
pub fn copy_chunk(row: &[u8], value: u32, sequence: u32, target: &mut [u8]) -> Option<()> {
    let kind = offset_of!(pg_sys::HeapTupleHeaderData, t_infomask2);
    let columns = u16_at(row, kind)? & pg_sys::HEAP_NATTS_MASK as u16;
    let header_len = *row.get(offset_of!(pg_sys::HeapTupleHeaderData, t_hoff))?;
    let is_chunk = columns == COLUMNS
        && usize::from(header_len) == ROW_HEADER_LEN
        && is_live(row)?
        && u32_at(row, ROW_HEADER_LEN)? == value
        && u32_at(row, ROW_HEADER_LEN + 4)? == sequence
        && u32_at(row, ROW_HEADER_LEN + 8)? == header_of(target.len());
    if !is_chunk {
        return None;
    }
    target.copy_from_slice(row.get(DATA_AT..DATA_AT + target.len())?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = 20;

    fn row() -> Vec<u8> {
        let mut row = vec![0; ROW_HEADER_LEN];
        row[..4].copy_from_slice(&700u32.to_ne_bytes());
        row[18..20].copy_from_slice(&COLUMNS.to_ne_bytes());
        row[20..22].copy_from_slice(&(pg_sys::HEAP_XMAX_INVALID as u16).to_ne_bytes());
        row[22] = ROW_HEADER_LEN as u8;
        for column in [5, 1, header_of(LEN)] {
            row.extend_from_slice(&column.to_ne_bytes());
        }
        row.extend(1..=LEN as u8);
        row
    }

    fn copied(row: &[u8], value: u32, sequence: u32, len: usize) -> Option<Vec<u8>> {
        let mut target = vec![0; len];
        copy_chunk(row, value, sequence, &mut target).map(|()| target)
    }

    #[test]
    fn a_chunk_is_copied_only_as_what_it_is() {
        let row = row();
        assert_eq!(CHUNK_LEN, 1996);
        assert_eq!(copied(&row, 5, 1, LEN), Some((1..=LEN as u8).collect()));
        assert_eq!(copied(&row, 6, 1, LEN), None);
        assert_eq!(copied(&row, 5, 0, LEN), None);
        assert_eq!(copied(&row, 5, 1, LEN - 1), None);
        assert_eq!(copied(&row, 5, 1, LEN + 1), None);
        for cut in 0..row.len() {
            assert_eq!(copied(&row[..cut], 5, 1, LEN), None);
        }
    }

    #[test]
    fn rows_that_were_deleted_or_never_inserted_do_not_count() {
        let with = |flags: u32, inserter: u32| {
            let mut row = row();
            row[..4].copy_from_slice(&inserter.to_ne_bytes());
            row[20..22].copy_from_slice(&(flags as u16).to_ne_bytes());
            copied(&row, 5, 1, LEN).is_some()
        };
        let kept = pg_sys::HEAP_XMAX_INVALID;
        assert!(with(kept | pg_sys::HEAP_XMIN_COMMITTED, 700));
        assert!(with(kept | pg_sys::HEAP_XMIN_FROZEN, 700));
        assert!(!with(kept | pg_sys::HEAP_XMIN_INVALID, 700));
        assert!(!with(kept | pg_sys::HEAP_MOVED_OFF, 700));
        assert!(!with(pg_sys::HEAP_XMIN_COMMITTED, 700));
        assert!(!with(kept, 0));
    }
}
