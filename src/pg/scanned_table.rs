//! The table that an index scan returns rows of: how many blocks it has, and rows asked for before the executor fetches
//! them, from disk or from memory. Asking only hints: it pins, locks and returns nothing, and never waits for a disk.
#![allow(unsafe_code)]

use super::page::{ProbableItem, line_pointer_start, probable_item};
use super::relation::{MAIN_FORK, Relation, Tid};
use crate::distance::prefetch;
use pgrx::pg_sys;
use std::sync::atomic::{AtomicU32, Ordering};

/// Line pointers read to find one row: its own, and the one that this leads to after an update within the page.
const MAX_LINE_POINTERS: usize = 2;

/// What asking for a row's page found out.
#[derive(Debug, Clone, Copy, Default)]
pub struct PageHint {
    /// The shared buffer that held the page at that moment; 0 if none did.
    buffer: pg_sys::Buffer,
    /// Whether a read was started.
    pub is_reading: bool,
}

/// The table of an index scan.
#[derive(Debug)]
pub struct ScannedTable {
    /// `None` for a scan that fetches no rows.
    heap: Option<Relation>,
    blocks: u32,
    /// `None` until asked for.
    max_reads: Option<usize>,
    /// The block asked for last, and its buffer.
    last: (u32, pg_sys::Buffer),
}

impl ScannedTable {
    /// The table of a scan, which begins now.
    ///
    /// # Safety
    /// `heap` is null, or the table of the scan's index and open as long as the value is used.
    pub unsafe fn from_pg(heap: pg_sys::Relation) -> Self {
        // SAFETY: contract of this function; an open relation has its row of pg_class. According to that the table
        // has not more blocks than it once had, and no system call is needed.
        let (heap, blocks) = unsafe {
            match heap.as_ref() {
                Some(data) => {
                    let blocks = (*data.rd_rel).relpages.max(0) as u32;
                    (Some(Relation::from_pg(heap)), blocks)
                }
                None => (None, u32::MAX),
            }
        };
        Self {
            heap,
            blocks,
            max_reads: None,
            last: (u32::MAX, 0),
        }
    }

    /// Whether `block` exists. Asks the file system only about blocks beyond those known so far.
    #[inline]
    pub fn has_block(&mut self, block: u32) -> bool {
        if block >= self.blocks
            && let Some(heap) = self.heap
        {
            self.blocks = heap.block_count();
        }
        block < self.blocks
    }

    /// Blocks of the table, as far as is known.
    pub fn block_count(&self) -> u32 {
        self.blocks
    }

    /// How many reads may be under way at once: `effective_io_concurrency` of the table's tablespace. 0 where rows
    /// shall or can not be asked for: where that is 0, and for a temporary table or one whose access method is not
    /// `heap`, whose row pointers need not name blocks.
    pub fn max_reads(&mut self) -> usize {
        *self.max_reads.get_or_insert_with(|| {
            let Some(heap) = self.heap.filter(|heap| !heap.is_temporary()) else {
                return 0;
            };
            // SAFETY: the table is open (contract of `from_pg`).
            unsafe {
                let class = &*(*heap.as_ptr()).rd_rel;
                if class.relam != pg_sys::HEAP_TABLE_AM_OID {
                    return 0;
                }
                pg_sys::get_tablespace_io_concurrency(class.reltablespace).max(0) as usize
            }
        })
    }

    /// Asks for the page of a row, and for the row's line pointer: the operating system, if no shared buffer has the
    /// page, otherwise the CPU.
    pub fn ask_for_page(&mut self, tid: Tid) -> PageHint {
        let Some(heap) = self.heap.filter(|_| self.has_block(tid.block)) else {
            return PageHint::default();
        };
        let mut hint = PageHint {
            buffer: self.last.1,
            is_reading: false,
        };
        if tid.block != self.last.0 {
            // SAFETY: the table is open, and is not a temporary one (`max_reads` was above 0). The block exists, as
            // no table is truncated under a scan; PostgreSQL would raise if the file did not.
            let found = unsafe { pg_sys::PrefetchBuffer(heap.as_ptr(), MAIN_FORK, tid.block) };
            hint = PageHint {
                buffer: found.recent_buffer,
                is_reading: found.initiated_io,
            };
            self.last = (tid.block, hint.buffer);
            if let Some(page) = hint.page() {
                // SAFETY: the number of a shared buffer indexes the descriptor array, which never moves. The address
                // is only prefetched.
                prefetch::line(
                    unsafe { pg_sys::BufferDescriptors.add(hint.buffer as usize - 1) }.cast(),
                );
                prefetch::line(page);
            }
        }
        if let (Some(page), Some(at)) = (hint.page(), line_pointer_start(tid.offset)) {
            prefetch::line(page.wrapping_add(at));
        }
        hint
    }

    /// Asks the CPU for the bytes of a row whose line pointer should be there by now; does nothing if the page was in
    /// no shared buffer when it was asked for.
    pub fn ask_for_row(&self, tid: Tid, hint: PageHint) {
        let Some(page) = hint.page() else { return };
        let mut offset = tid.offset;
        for _ in 0..MAX_LINE_POINTERS {
            let Some(at) = line_pointer_start(offset) else {
                return;
            };
            // SAFETY: a shared buffer stays mapped, and `at` is a multiple of 4 within its page, which is aligned to
            // 8. Other processes may be writing there, and without a pin it may be another page by now, so the
            // word is read as one and taken for a hint.
            let raw = unsafe { AtomicU32::from_ptr(page.add(at).cast()) }.load(Ordering::Relaxed);
            match probable_item(raw) {
                ProbableItem::Bytes(range) => {
                    prefetch::range(page.wrapping_add(range.start), range.len());
                    return;
                }
                ProbableItem::Redirect(target) => offset = target,
                ProbableItem::None => return,
            }
        }
    }
}

impl PageHint {
    /// The page in shared memory, if there was a shared buffer with it.
    fn page(self) -> Option<*mut u8> {
        // SAFETY: above 0 it is the number of a shared buffer, as PostgreSQL returned it.
        (self.buffer > 0).then(|| unsafe { pg_sys::BufferGetBlock(self.buffer) }.cast())
    }
}

/// Pages that this process has read into shared buffers so far.
#[inline]
pub fn blocks_read() -> i64 {
    // SAFETY: a counter of this process, changed by its main thread only.
    unsafe { (&raw const pg_sys::pgBufferUsage.shared_blks_read).read() }
}
