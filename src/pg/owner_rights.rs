//! Running a table's own expressions with its owner's rights, as ANALYZE and REINDEX do: whoever calls must not lend
//! his rights to functions that the owner wrote, nor the owner his to objects that the caller's search_path names.
#![allow(unsafe_code)]

use super::relation::Relation;
use super::settings::SettingsLevel;
use pgrx::pg_sys;

unsafe extern "C-unwind" {
    /// As the bindings have it, less their boundary for errors, of which it has none.
    fn GetUserId() -> pg_sys::Oid;
}

/// The role whose rights count now.
pub fn current_user() -> pg_sys::Oid {
    // SAFETY: reads a variable of this backend, on the main thread.
    unsafe { GetUserId() }
}

/// While it lives, code runs as the table's owner in a security-restricted operation. Ends when dropped, or with the
/// transaction or subtransaction at an ERROR.
#[derive(Debug)]
pub struct OwnerRights {
    caller: pg_sys::Oid,
    caller_context: i32,
    settings: SettingsLevel,
}

impl OwnerRights {
    /// Takes the rights of the owner of `table` for a caller who may only read it: the search_path is
    /// `pg_catalog, pg_temp`, so that nothing the caller made runs with these rights.
    pub fn lend_to_reader(table: Relation) -> Self {
        let rights = Self::take(table);
        rights.restrict_search_path();
        rights
    }

    /// Takes the rights of the owner of `table` for himself or a superuser. The search_path is what it is for VACUUM
    /// and REINDEX, so that an index which they can maintain can be read: restricted from PostgreSQL 17 on.
    pub fn lend_to_owner(table: Relation) -> Self {
        let rights = Self::take(table);
        if cfg!(not(any(
            feature = "pg14",
            feature = "pg15",
            feature = "pg16"
        ))) {
            rights.restrict_search_path();
        }
        rights
    }

    fn take(table: Relation) -> Self {
        let settings = SettingsLevel::begin();
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
            settings,
        }
    }

    fn restrict_search_path(&self) {
        self.settings.set(c"search_path", c"pg_catalog, pg_temp");
    }
}

impl Drop for OwnerRights {
    fn drop(&mut self) {
        // An abort restores the user itself.
        if !super::memory::is_aborting() {
            // SAFETY: what `take` found.
            unsafe { pg_sys::SetUserIdAndSecContext(self.caller, self.caller_context) }
        }
    }
}
