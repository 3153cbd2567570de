//! Where a command ends: because it was cancelled, or because it writes where nothing may be written.
#![allow(unsafe_code)]

/// `CHECK_FOR_INTERRUPTS`. May raise; callers hold no content lock.
pub fn check() {
    pgrx::check_for_interrupts!();
}

/// Raises 25006 on a standby and in a read-only transaction: `command` would write.
pub fn require_writable(command: &std::ffi::CStr) {
    // SAFETY: looks at the state of this backend and raises; the text is NUL-terminated.
    unsafe {
        pgrx::pg_sys::PreventCommandDuringRecovery(command.as_ptr());
        pgrx::pg_sys::PreventCommandIfReadOnly(command.as_ptr());
    }
}
