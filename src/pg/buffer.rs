//! Buffers that are pinned and locked, as types: [`Shared`] may be read, [`Exclusive`] may be registered for a
//! change. Plus the hints that make a pin cheap. Never holds a lock beyond the value's life.
//!
//! Follows `storage/buffer/README`. Drop releases on the normal path only: while an ERROR unwinds, PostgreSQL's
//! abort releases pins and locks, and a second release would corrupt its counters.
#![allow(unsafe_code)]

use super::compat;
use super::page::{HEADER_SIZE, LINE_POINTER_SIZE, PAGE_SIZE, Page, PageMut};
use super::relation::{INIT_FORK, MAIN_FORK, Relation};
use crate::distance::prefetch;
use pgrx::pg_sys;

const LOCK_SHARE: i32 = pg_sys::BUFFER_LOCK_SHARE as i32;
const LOCK_EXCLUSIVE: i32 = pg_sys::BUFFER_LOCK_EXCLUSIVE as i32;

/// The bytes of a buffer.
///
/// # Safety
/// `buffer` is pinned for the whole of `'a`, and either content-locked or otherwise known not to change.
#[inline]
unsafe fn page_bytes<'a>(buffer: pg_sys::Buffer) -> &'a [u8; PAGE_SIZE] {
    // SAFETY: contract of this function; a pinned buffer's block has BLCKSZ bytes.
    unsafe { &*pg_sys::BufferGetBlock(buffer).cast::<[u8; PAGE_SIZE]>() }
}

fn release(buffer: pg_sys::Buffer) {
    if !super::memory::is_aborting() {
        // SAFETY: the owner holds the pin and the content lock and gives both up here, once.
        unsafe { pg_sys::UnlockReleaseBuffer(buffer) };
    }
}

/// A pinned buffer under a share lock.
pub struct Shared {
    buffer: pg_sys::Buffer,
}

impl Shared {
    /// Reads, pins and share-locks `block` of the main fork.
    pub fn read(relation: Relation, block: u32) -> Self {
        // SAFETY: the relation is open; ReadBuffer raises for a block beyond its end.
        let buffer = unsafe { pg_sys::ReadBuffer(relation.as_ptr(), block) };
        Self::lock(buffer)
    }

    /// The same through a ring of buffers, so that a pass over the whole index does not evict everything else.
    pub fn read_with_strategy(relation: Relation, block: u32, strategy: Strategy) -> Self {
        Self::lock(read_with_strategy(relation, block, strategy))
    }

    #[inline]
    fn lock(buffer: pg_sys::Buffer) -> Self {
        // SAFETY: the buffer was just pinned.
        unsafe { pg_sys::LockBuffer(buffer, LOCK_SHARE) };
        Self { buffer }
    }

    /// The page.
    #[inline]
    pub fn page(&self) -> Page<'_> {
        // SAFETY: pinned and share-locked as long as `self` lives.
        Page::new(unsafe { page_bytes(self.buffer) })
    }
}

impl Drop for Shared {
    #[inline]
    fn drop(&mut self) {
        release(self.buffer);
    }
}

/// A pinned buffer under an exclusive lock.
pub struct Exclusive {
    buffer: pg_sys::Buffer,
    block: u32,
}

impl Exclusive {
    /// Reads, pins and exclusively locks `block` of the main fork.
    pub fn read(relation: Relation, block: u32) -> Self {
        // SAFETY: the relation is open; ReadBuffer raises for a block beyond its end.
        let buffer = unsafe { pg_sys::ReadBuffer(relation.as_ptr(), block) };
        Self::lock(buffer, block)
    }

    /// The same through a ring of buffers.
    pub fn read_with_strategy(relation: Relation, block: u32, strategy: Strategy) -> Self {
        Self::lock(read_with_strategy(relation, block, strategy), block)
    }

    fn lock(buffer: pg_sys::Buffer, block: u32) -> Self {
        // SAFETY: the buffer was just pinned.
        unsafe { pg_sys::LockBuffer(buffer, LOCK_EXCLUSIVE) };
        Self { buffer, block }
    }

    /// Extends the main fork by one zeroed block and returns it locked.
    pub fn extend(relation: Relation) -> Self {
        Self::extend_fork(relation, MAIN_FORK)
    }

    /// Extends the init fork of an unlogged relation.
    pub fn extend_init_fork(relation: Relation) -> Self {
        Self::extend_fork(relation, INIT_FORK)
    }

    fn extend_fork(relation: Relation, fork: pg_sys::ForkNumber::Type) -> Self {
        // SAFETY: the relation is open. Two backends must not extend it at once: the relation extension lock
        // serialises them, as every access method of PostgreSQL does before P_NEW (bufmgr.c).
        unsafe {
            let lock = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;
            pg_sys::LockRelationForExtension(relation.as_ptr(), lock);
            let buffer = pg_sys::ReadBufferExtended(
                relation.as_ptr(),
                fork,
                pg_sys::InvalidBlockNumber, // P_NEW
                pg_sys::ReadBufferMode::RBM_ZERO_AND_LOCK,
                std::ptr::null_mut(),
            );
            pg_sys::UnlockRelationForExtension(relation.as_ptr(), lock);
            Self {
                buffer,
                block: pg_sys::BufferGetBlockNumber(buffer),
            }
        }
    }

    /// Block number of the buffer.
    pub fn block(&self) -> u32 {
        self.block
    }

    /// The page, to read.
    pub fn page(&self) -> Page<'_> {
        // SAFETY: pinned and exclusively locked as long as `self` lives.
        Page::new(unsafe { page_bytes(self.buffer) })
    }

    /// The buffer number, for the WAL fence only.
    pub(super) fn number(&self) -> pg_sys::Buffer {
        self.buffer
    }

    /// Changes the shared page itself and marks it dirty, **without WAL**.
    ///
    /// Only for pages of an index that is being built, which nothing can see until `wal::log_new_pages` has
    /// logged all of them.
    pub fn change_unlogged(&mut self, change: impl FnOnce(&mut PageMut<'_>)) {
        // SAFETY: pinned and exclusively locked, and `&mut self` makes this the only reference.
        let bytes = unsafe { &mut *pg_sys::BufferGetBlock(self.buffer).cast::<[u8; PAGE_SIZE]>() };
        change(&mut PageMut::new(bytes));
        // SAFETY: the buffer is pinned and exclusively locked.
        unsafe { pg_sys::MarkBufferDirty(self.buffer) };
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        release(self.buffer);
    }
}

/// How PostgreSQL's buffer manager should recycle the buffers of a pass: a ring, or the normal pool.
#[derive(Debug, Clone, Copy)]
pub struct Strategy(pg_sys::BufferAccessStrategy);

impl Strategy {
    /// Buffers stay in the pool as any other.
    pub const NORMAL: Strategy = Strategy(std::ptr::null_mut());

    /// A small ring for one pass over a whole relation, so that it does not evict everything else. Lives in the
    /// current memory context.
    pub fn bulk_read() -> Self {
        // SAFETY: allocates in the current memory context.
        Strategy(unsafe {
            pg_sys::GetAccessStrategy(pg_sys::BufferAccessStrategyType::BAS_BULKREAD)
        })
    }

    /// The strategy a vacuum was called with.
    ///
    /// # Safety
    /// `strategy` is null or valid as long as the value is used.
    pub unsafe fn from_pg(strategy: pg_sys::BufferAccessStrategy) -> Self {
        Self(strategy)
    }
}

fn read_with_strategy(relation: Relation, block: u32, strategy: Strategy) -> pg_sys::Buffer {
    // SAFETY: the relation is open and the strategy is null or valid (contract of `Strategy::from_pg`).
    unsafe {
        pg_sys::ReadBufferExtended(
            relation.as_ptr(),
            MAIN_FORK,
            block,
            pg_sys::ReadBufferMode::RBM_NORMAL,
            strategy.0,
        )
    }
}

/// Most blocks a backend remembers buffers for, per index: 4 MB of hints, an index of 8 GB. Above it two blocks
/// share an entry, and the loser takes the slower way.
const MAX_HINTS: usize = 1 << 20;
/// Every so many pins the slower `ReadBuffer` is taken, which raises the buffer's usage count: `ReadRecentBuffer`
/// does not, and pages that only it touches would look cold to the clock sweep.
const REFRESH_INTERVAL: u32 = 64;

/// Which buffer a block was last seen in. A hint may be stale: PostgreSQL validates it before the pin.
pub struct BufferHints {
    relation: Relation,
    oid: pg_sys::Oid,
    hints: Vec<pg_sys::Buffer>,
    pins: u32,
    local: bool,
    blocks: u32,
}

impl BufferHints {
    /// Hints for one index, all unknown; sized for its blocks of now.
    pub fn new(relation: Relation, recycled: Vec<pg_sys::Buffer>) -> Self {
        let mut hints = recycled;
        let blocks = relation.block_count();
        let wanted = (blocks as usize).next_power_of_two().min(MAX_HINTS);
        if hints.len() < wanted {
            hints.resize(wanted, 0);
        }
        let local = relation.is_temporary();
        Self {
            relation,
            oid: relation.oid(),
            hints,
            pins: 0,
            local,
            blocks,
        }
    }

    /// Gives the hints back with the index they are for, to be used by its next scan. Allowed after the index was
    /// closed.
    pub fn into_inner(self) -> (pg_sys::Oid, Vec<pg_sys::Buffer>) {
        (self.oid, self.hints)
    }

    /// Whether `block` exists. Asks the file system only about blocks beyond those known so far.
    #[inline]
    pub fn has_block(&mut self, block: u32) -> bool {
        if block >= self.blocks {
            self.blocks = self.relation.block_count();
        }
        block < self.blocks
    }

    /// Blocks of the index, as far as is known.
    pub fn block_count(&self) -> u32 {
        self.blocks
    }

    #[inline]
    fn slot(&self, block: u32) -> usize {
        block as usize & (self.hints.len() - 1)
    }

    /// Asks the CPU for the descriptor of the buffer that probably holds `block`.
    #[inline]
    pub fn prefetch_descriptor(&self, block: u32) {
        let buffer = self.hints[self.slot(block)];
        if buffer > 0 {
            // SAFETY: a positive hint was a shared buffer's number, so it indexes the descriptor array, which
            // never moves. The address is only prefetched, nothing is read through it.
            let descriptor = unsafe { pg_sys::BufferDescriptors.add(buffer as usize - 1) };
            prefetch::line(descriptor.cast());
        }
    }

    /// Asks the CPU for what reading the item of line pointer `offset` needs: the page's header, the line pointer, and
    /// `len` bytes from `start`, where the item probably lies.
    #[inline]
    pub fn prefetch_item(&self, block: u32, offset: u16, start: usize, len: usize) {
        let buffer = self.hints[self.slot(block)];
        if buffer > 0 && start + len <= PAGE_SIZE {
            // SAFETY: as in `prefetch_descriptor`; the block of a shared buffer has PAGE_SIZE bytes. Only
            // prefetched: the bytes may belong to another page by now.
            let page = unsafe { pg_sys::BufferGetBlock(buffer) }.cast::<u8>();
            prefetch::line(page);
            let line_pointer = HEADER_SIZE + usize::from(offset) * LINE_POINTER_SIZE;
            if line_pointer > prefetch::LINE {
                prefetch::line(page.wrapping_add(line_pointer));
            }
            prefetch::range(page.wrapping_add(start), len);
        }
    }

    /// Pins and share-locks `block`, through its hint when that still holds.
    #[inline]
    pub fn read(&mut self, block: u32) -> Shared {
        let slot = self.slot(block);
        let hint = self.hints[slot];
        self.pins = self.pins.wrapping_add(1);
        if hint > 0 && !self.pins.is_multiple_of(REFRESH_INTERVAL) {
            // SAFETY: the relation is open; the hint was the number of a buffer, and is above 0.
            let is_there = unsafe {
                let file = compat::file_locator(self.relation.as_ptr());
                compat::read_recent_buffer(file, block, hint)
            };
            if is_there {
                return Shared::lock(hint);
            }
        }
        let shared = Shared::read(self.relation, block);
        if !self.local {
            self.hints[slot] = shared.buffer;
        }
        shared
    }
}
