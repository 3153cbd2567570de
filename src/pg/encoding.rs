//! Text between the server's encoding and UTF-8, which Rust's strings are in.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int};

const UTF8: c_int = pg_sys::pg_enc::PG_UTF8 as c_int;

unsafe extern "C-unwind" {
    /// As the bindings have it, less their boundary for errors, of which it has none.
    safe fn GetDatabaseEncoding() -> c_int;
}

/// Text of the server as UTF-8; the same bytes where the server's encoding is UTF-8. Raises 22P05 for characters that UTF-8
/// does not have, 22021 for bytes of an SQL_ASCII database that are no UTF-8.
pub fn utf8_bytes(text: &[u8]) -> Cow<'_, [u8]> {
    converted(text, pg_sys::pg_server_to_any)
}

/// UTF-8 as text of the server. Raises 22P05 for characters that its encoding does not have.
pub fn server_bytes(text: &str) -> Cow<'_, [u8]> {
    converted(text.as_bytes(), pg_sys::pg_any_to_server)
}

/// Text of the server as a string; what is no UTF-8 becomes U+FFFD.
pub fn string(text: &[u8]) -> String {
    String::from_utf8_lossy(&utf8_bytes(text)).into_owned()
}

/// Text of the server that is UTF-8 already where it is; else a copy that lives as long as the current memory context.
pub fn borrowed(text: &[u8]) -> &str {
    let is_utf8 = GetDatabaseEncoding() == UTF8;
    if is_utf8 && let Ok(text) = str::from_utf8(text) {
        return text;
    }
    let text = string(text);
    // SAFETY: as many bytes as asked for, or it raises; they are UTF-8.
    unsafe {
        let copy = pg_sys::palloc(text.len().max(1)).cast::<u8>();
        copy.copy_from_nonoverlapping(text.as_ptr(), text.len());
        str::from_utf8_unchecked(std::slice::from_raw_parts(copy, text.len()))
    }
}

/// UTF-8 as NUL-terminated text of the server, empty if it holds a NUL.
pub fn server_cstring(text: &str) -> CString {
    CString::new(server_bytes(text).into_owned()).unwrap_or_default()
}

type Conversion = unsafe fn(*const c_char, c_int, c_int) -> *mut c_char;

fn converted(text: &[u8], convert: Conversion) -> Cow<'_, [u8]> {
    let start = text.as_ptr().cast::<c_char>();
    // A value of the server has less than 1 GB.
    let len = text.len() as c_int;
    // SAFETY: `len` readable bytes; the result is either the argument itself or a NUL-terminated palloc'd copy.
    unsafe {
        let result = convert(start, len, UTF8);
        if std::ptr::eq(result, start) {
            return Cow::Borrowed(text);
        }
        let copy = CStr::from_ptr(result).to_bytes().to_vec();
        pg_sys::pfree(result.cast());
        Cow::Owned(copy)
    }
}
