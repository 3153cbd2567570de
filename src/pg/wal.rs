//! One change of up to four pages as one generic WAL record: register, change the private copies, commit by name.
//!
//! Follows `access/generic_xlog.h`. Until [`Change::commit`] the shared pages are untouched; dropping the change
//! without it aborts, so a forgotten commit writes nothing instead of half of something. Relations without WAL
//! (unlogged, temporary) take the same way: PostgreSQL then applies the copies and logs nothing.
#![allow(unsafe_code)]

use super::buffer::Exclusive;
use super::page::{PAGE_SIZE, PageMut};
use super::relation::{INIT_FORK, MAIN_FORK, Relation};
use pgrx::pg_sys;

/// Most pages one change can register (`MAX_GENERIC_XLOG_PAGES`).
pub const MAX_PAGES: usize = 4;

/// A change that has not happened yet.
pub struct Change {
    state: *mut pg_sys::GenericXLogState,
}

impl Change {
    /// Starts a change of pages of `relation`.
    pub fn begin(relation: Relation) -> Self {
        // SAFETY: the relation is open.
        let state = unsafe { pg_sys::GenericXLogStart(relation.as_ptr()) };
        Self { state }
    }

    /// A private copy of the page in `buffer`; what is written to it reaches the shared page at commit.
    /// At most [`MAX_PAGES`] different buffers a change, each once; they must stay locked until commit.
    pub fn register<'a>(&'a self, buffer: &'a Exclusive) -> PageMut<'a> {
        self.register_with(buffer, 0)
    }

    /// The same for a page written for the first time: logged as a full image instead of a difference.
    pub fn register_new<'a>(&'a self, buffer: &'a Exclusive) -> PageMut<'a> {
        self.register_with(buffer, pg_sys::GENERIC_XLOG_FULL_IMAGE as i32)
    }

    fn register_with<'a>(&'a self, buffer: &'a Exclusive, flags: i32) -> PageMut<'a> {
        // SAFETY: the buffer is pinned and exclusively locked. PostgreSQL returns a page-sized private copy that
        // lives until finish or abort, both of which consume the change; registering a buffer twice would return
        // the same copy, which callers must not do (documented).
        let page = unsafe { pg_sys::GenericXLogRegisterBuffer(self.state, buffer.number(), flags) };
        // SAFETY: see above: page-sized, private to this change, not otherwise referenced.
        PageMut::new(unsafe { &mut *page.cast::<[u8; PAGE_SIZE]>() })
    }

    /// Applies the copies to the shared pages and logs them: an atomic action for crash recovery.
    pub fn commit(self) {
        // SAFETY: the state is live; `forget` keeps Drop from aborting it.
        unsafe { pg_sys::GenericXLogFinish(self.state) };
        std::mem::forget(self);
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if !super::memory::is_aborting() {
            // SAFETY: the state is live and was not finished.
            unsafe { pg_sys::GenericXLogAbort(self.state) };
        }
    }
}

/// Makes COMMIT of this transaction wait until its changes of pages are on disk, as `synchronous_commit` says: without a
/// transaction id it would not, and the changes would be lost by a crash right after it.
pub fn flush_at_commit() {
    // SAFETY: on the main thread, in a transaction that may write.
    unsafe { pg_sys::GetCurrentTransactionId() };
}

/// Logs all pages of the main fork, as the last step of a build; does nothing for a relation without WAL.
pub fn log_new_pages(relation: Relation) {
    if relation.needs_wal() {
        log_fork(relation, MAIN_FORK);
    }
}

/// Logs all pages of the init fork: always, because recovery copies it over the main fork.
pub fn log_init_fork(relation: Relation) {
    log_fork(relation, INIT_FORK);
}

fn log_fork(relation: Relation, fork: pg_sys::ForkNumber::Type) {
    let blocks = relation.fork_block_count(fork);
    // SAFETY: the relation is open and has that many blocks; page_std because all our pages keep their contents
    // outside pd_lower..pd_upper.
    unsafe { pg_sys::log_newpage_range(relation.as_ptr(), fork, 0, blocks, true) };
}
