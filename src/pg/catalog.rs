//! Names of catalog objects.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// Name of a function without its schema; `None` if there is no such function.
pub fn function_name(oid: pg_sys::Oid) -> Option<String> {
    // SAFETY: a syscache lookup on the main thread; the result is null or a palloc'd NUL-terminated string.
    unsafe {
        let name = pg_sys::get_func_name(oid);
        (!name.is_null()).then(|| {
            std::ffi::CStr::from_ptr(name)
                .to_string_lossy()
                .into_owned()
        })
    }
}
