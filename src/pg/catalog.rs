//! Names of catalog objects, and what the catalog says of them by OID.
#![allow(unsafe_code)]

use super::encoding;
use pgrx::pg_sys;
use std::ffi::CStr;

/// The database of this connection.
pub fn database() -> pg_sys::Oid {
    // SAFETY: a variable of this backend, set before it runs anything.
    unsafe { pg_sys::MyDatabaseId }
}

/// Name of a function without its schema; `None` if there is no such function.
pub fn function_name(oid: pg_sys::Oid) -> Option<String> {
    // SAFETY: a syscache lookup on the main thread; the result is null or a palloc'd NUL-terminated string.
    unsafe { owned(pg_sys::get_func_name(oid)) }
}

/// Name of an access method; `None` if there is no such method.
pub fn access_method_name(oid: pg_sys::Oid) -> Option<String> {
    // SAFETY: as above.
    unsafe { owned(pg_sys::get_am_name(oid)) }
}

/// Name of a type as SQL writes it, with its schema where that is not in the search path.
pub fn type_name(oid: pg_sys::Oid) -> String {
    // SAFETY: as above; a type that does not exist has the name `???`.
    unsafe { owned(pg_sys::format_type_be(oid)) }.unwrap_or_default()
}

/// Name of a relation without its schema; `None` if there is no such relation.
pub fn relation_name(oid: pg_sys::Oid) -> Option<String> {
    // SAFETY: as above.
    unsafe { owned(pg_sys::get_rel_name(oid)) }
}

/// Name of a relation with its schema, quoted where SQL needs it, to be a part of a command; empty if there is no such
/// relation. Raises 22021 for a name in an SQL_ASCII database that is no UTF-8.
pub fn qualified_relation_name(oid: pg_sys::Oid) -> String {
    // SAFETY: as above; a null name is not looked at, and the quoted one is NUL-terminated.
    unsafe {
        let name = pg_sys::get_rel_name(oid);
        if name.is_null() {
            return String::new();
        }
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(oid));
        let name = pg_sys::quote_qualified_identifier(schema, name);
        encoding::string(CStr::from_ptr(name).to_bytes())
    }
}

/// Type of the first argument of a function that exists; `None` if it has none.
pub fn first_argument_type(function: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let (mut types, mut len) = (std::ptr::null_mut(), 0);
    // SAFETY: as above; the call makes an array of `len` types in the current memory context.
    unsafe {
        pg_sys::get_func_signature(function, &mut types, &mut len);
        (len > 0).then(|| *types)
    }
}

/// A copy of a name.
///
/// # Safety
/// `name` is null or NUL-terminated.
unsafe fn owned(name: *const std::ffi::c_char) -> Option<String> {
    // SAFETY: the caller's contract.
    let name = unsafe { (!name.is_null()).then(|| CStr::from_ptr(name)) };
    name.map(|name| name.to_string_lossy().into_owned())
}
