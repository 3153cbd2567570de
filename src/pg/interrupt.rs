//! Interrupts: where a query that was cancelled ends.
#![allow(unsafe_code)]

/// `CHECK_FOR_INTERRUPTS`. May raise; callers hold no content lock.
pub fn check() {
    pgrx::check_for_interrupts!();
}
