//! Memory limits of the session, and values whose life a memory context ends.
#![allow(unsafe_code)]

use pgrx::{PgMemoryContexts, pg_sys};
use std::ops::{Deref, DerefMut};

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

/// A value that is dropped at the end of its scope like any other, and also when an ERROR jumps over that scope: then
/// with the memory context that was the current one when it was made.
///
/// For what holds much memory or threads while a function pointer of PostgreSQL runs that is called as it is (see the
/// README). Must not outlive that memory context.
#[derive(Debug)]
pub struct ContextBox<T>(*mut Option<T>);

impl<T> ContextBox<T> {
    /// Takes the value.
    pub fn new(value: T) -> Self {
        let mut context = PgMemoryContexts::CurrentMemoryContext;
        Self(context.leak_and_drop_on_delete(Some(value)))
    }
}

impl<T> Deref for ContextBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the memory context lives, by contract, and nothing else refers to the value.
        match unsafe { &*self.0 } {
            Some(value) => value,
            None => unreachable!("the value is taken by drop only"),
        }
    }
}

impl<T> DerefMut for ContextBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and borrowed with `self`.
        match unsafe { &mut *self.0 } {
            Some(value) => value,
            None => unreachable!("the value is taken by drop only"),
        }
    }
}

impl<T> Drop for ContextBox<T> {
    fn drop(&mut self) {
        // SAFETY: as above; the memory context then finds nothing left to drop.
        drop(unsafe { (*self.0).take() });
    }
}
