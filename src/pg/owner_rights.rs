//! Running a table's own expressions with its owner's rights, as ANALYZE and REINDEX do: whoever calls must not lend
//! his rights to functions that the owner wrote, nor the owner his to objects that the caller's search_path names.
#![allow(unsafe_code)]

use super::relation::Relation;
use super::settings::SettingsLevel;
use pgrx::pg_sys;

/// While it lives, code runs as the table's owner in a security-restricted operation, with the search_path
/// `pg_catalog, pg_temp`. Ends when dropped, or with the transaction or subtransaction at an ERROR.
#[derive(Debug)]
pub struct OwnerRights {
    caller: pg_sys::Oid,
    caller_context: i32,
    _search_path: SettingsLevel,
}

impl OwnerRights {
    /// Takes the rights of the owner of `table`. The caller's own have been checked before.
    pub fn take(table: Relation) -> Self {
        let settings = SettingsLevel::begin();
        settings.set(c"search_path", c"pg_catalog, pg_temp");
        let (mut caller, mut caller_context) = (pg_sys::InvalidOid, 0);
        // SAFETY: variables of this backend, on the main thread; the owner is that of an open relation.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut caller, &mut caller_context);
            pg_sys::SetUserIdAndSecContext(
                (*(*table.as_ptr()).rd_rel).relowner,
                caller_context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32,
            );
        }
        Self {
            caller,
            caller_context,
            _search_path: settings,
        }
    }
}

impl Drop for OwnerRights {
    fn drop(&mut self) {
        // An abort restores the user itself.
        if !std::thread::panicking() {
            // SAFETY: what `take` found.
            unsafe { pg_sys::SetUserIdAndSecContext(self.caller, self.caller_context) }
        }
    }
}
