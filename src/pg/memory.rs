//! Memory limits of the session, and values whose life a memory context ends.
#![allow(unsafe_code)]

use pgrx::{PgMemoryContexts, pg_sys};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

/// `work_mem` in bytes.
pub fn work_mem_bytes() -> usize {
    // SAFETY: a plain variable of the server, read on the main thread.
    unsafe { pg_sys::work_mem as usize * 1024 }
}

/// `maintenance_work_mem` in bytes.
pub fn maintenance_work_mem_bytes() -> usize {
    // SAFETY: as above.
    unsafe { pg_sys::maintenance_work_mem as usize * 1024 }
}

/// Whether a memory context is dropping a [`ContextBox`]; only the main thread looks. No thread-local, because each
/// release of a buffer reads it.
static IS_DROPPED_BY_CONTEXT: AtomicBool = AtomicBool::new(false);

/// Whether an ERROR is being handled: what PostgreSQL's abort releases itself must not be released by a destructor too.
///
/// True while a panic unwinds, and while a [`ContextBox`] is dropped with its memory context.
pub fn is_aborting() -> bool {
    std::thread::panicking() || IS_DROPPED_BY_CONTEXT.load(Ordering::Relaxed)
}

/// What a memory context drops, unless the [`ContextBox`] has taken it before.
#[derive(Debug)]
struct Kept<T>(Option<T>);

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        if self.0.is_some() {
            let before = IS_DROPPED_BY_CONTEXT.swap(true, Ordering::Relaxed);
            self.0 = None;
            IS_DROPPED_BY_CONTEXT.store(before, Ordering::Relaxed);
        }
    }
}

/// Puts a value into the current memory context, which drops it, with [`is_aborting`] true: whoever has more to release at the
/// regular end does so before.
pub(super) fn leak<T>(value: T) -> *mut T {
    let mut context = PgMemoryContexts::CurrentMemoryContext;
    let kept = context.leak_and_drop_on_delete(Kept(Some(value)));
    // SAFETY: just made, and nothing else refers to it.
    match unsafe { &mut (*kept).0 } {
        Some(value) => value,
        None => unreachable!("the value is there"),
    }
}

/// A value that is dropped at the end of its scope like any other, and also when an ERROR jumps over that scope: then
/// with the memory context that was the current one when it was made, and with [`is_aborting`] true.
///
/// For what holds much memory or threads while a function pointer of PostgreSQL runs that is called as it is (see the
/// README). Must not outlive that memory context.
#[derive(Debug)]
pub struct ContextBox<T>(*mut Kept<T>);

impl<T> ContextBox<T> {
    /// Takes the value.
    pub fn new(value: T) -> Self {
        let mut context = PgMemoryContexts::CurrentMemoryContext;
        Self(context.leak_and_drop_on_delete(Kept(Some(value))))
    }
}

impl<T> Deref for ContextBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the memory context lives, by contract, and nothing else refers to the value.
        match unsafe { &(*self.0).0 } {
            Some(value) => value,
            None => unreachable!("the value is taken by drop only"),
        }
    }
}

impl<T> DerefMut for ContextBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and borrowed with `self`.
        match unsafe { &mut (*self.0).0 } {
            Some(value) => value,
            None => unreachable!("the value is taken by drop only"),
        }
    }
}

impl<T> Drop for ContextBox<T> {
    fn drop(&mut self) {
        // SAFETY: as above; the memory context then finds nothing left to drop.
        drop(unsafe { (*self.0).0.take() });
    }
}
