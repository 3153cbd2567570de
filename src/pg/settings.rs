//! Settings for the length of a block of code: a nesting level of its own, as a function with SET clauses has.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::ffi::CStr;

/// A nesting level of settings. When it is dropped, or an ERROR ends the transaction or subtransaction, every setting
/// made since it began has its old value back, whoever made it. Levels end in the reverse order of their beginning.
#[derive(Debug)]
pub struct SettingsLevel(i32);

impl SettingsLevel {
    /// Begins a level.
    pub fn begin() -> Self {
        // SAFETY: counts levels, on the main thread.
        Self(unsafe { pg_sys::NewGUCNestLevel() })
    }

    /// Begins a level in which a value has one form as text, whatever the session has set.
    pub fn canonical_text() -> Self {
        let level = Self::begin();
        // The style alone: the order of day and month in what is read stays the session's.
        level.set(c"DateStyle", c"ISO");
        level.set(c"IntervalStyle", c"postgres");
        level.set(c"TimeZone", c"UTC");
        level.set(c"extra_float_digits", c"1");
        level.set(c"bytea_output", c"hex");
        level.set(c"lc_monetary", c"C");
        level
    }

    /// Sets one setting with the rights of an ordinary user. Raises 22023 for a value that it refuses.
    pub fn set(&self, name: &CStr, value: &CStr) {
        // SAFETY: NUL-terminated texts, which are copied; elevel 0 lets PostgreSQL raise.
        unsafe {
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
        }
    }
}

impl Drop for SettingsLevel {
    fn drop(&mut self) {
        // An abort ends all levels itself.
        if !super::memory::is_aborting() {
            // SAFETY: the level is the newest one: levels are values that nest. Not a commit: that would keep what
            // code inside the level has set by itself, as functions of an index expression can.
            unsafe { pg_sys::AtEOXact_GUC(false, self.0) }
        }
    }
}
