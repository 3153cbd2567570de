//! SHA-256 by the server's own implementation (`common/cryptohash.h`).
#![allow(unsafe_code)]

use crate::error::{Error, Result, SqlState};
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::ffi::{c_int, c_void};

/// `PG_SHA256`.
const SHA256: c_int = 3;
/// Bytes of a digest.
pub const LEN: usize = 32;

unsafe extern "C-unwind" {
    fn pg_cryptohash_create(kind: c_int) -> *mut c_void;
    fn pg_cryptohash_init(context: *mut c_void) -> c_int;
    fn pg_cryptohash_update(context: *mut c_void, data: *const u8, len: usize) -> c_int;
    fn pg_cryptohash_final(context: *mut c_void, digest: *mut u8, len: usize) -> c_int;
    fn pg_cryptohash_free(context: *mut c_void);
}

/// A digest of bytes that come in pieces.
#[derive(Debug)]
pub struct Sha256(*mut c_void);

impl Sha256 {
    /// A digest of no byte yet.
    /// # Errors
    /// XX000 if the server's cryptographic library refuses.
    pub fn begin() -> Result<Self> {
        // SAFETY: on the main thread; an ERROR for lack of memory becomes a panic at the boundary.
        let context = unsafe { pg_guard_ffi_boundary(|| pg_cryptohash_create(SHA256)) };
        if context.is_null() {
            return Err(failure());
        }
        let digest = Self(context);
        // SAFETY: a context made above.
        done(unsafe { pg_cryptohash_init(digest.0) })?;
        Ok(digest)
    }

    /// Takes the next bytes.
    /// # Errors
    /// XX000 if the server's cryptographic library refuses.
    pub fn update(&mut self, bytes: &[u8]) -> Result<()> {
        // SAFETY: a context that was begun, and as many bytes as announced.
        done(unsafe { pg_cryptohash_update(self.0, bytes.as_ptr(), bytes.len()) })
    }

    /// The digest of all bytes.
    /// # Errors
    /// XX000 if the server's cryptographic library refuses.
    pub fn finish(self) -> Result<[u8; LEN]> {
        let mut digest = [0; LEN];
        // SAFETY: a context that was begun, and room for the digest.
        done(unsafe { pg_cryptohash_final(self.0, digest.as_mut_ptr(), LEN) })?;
        Ok(digest)
    }
}

impl Drop for Sha256 {
    fn drop(&mut self) {
        // An abort frees it: its memory, or what it holds of a library, belongs to the transaction.
        if !super::memory::is_aborting() {
            // SAFETY: made in `begin`, freed only here.
            unsafe { pg_cryptohash_free(self.0) }
        }
    }
}

fn done(code: c_int) -> Result<()> {
    if code < 0 { Err(failure()) } else { Ok(()) }
}

fn failure() -> Error {
    Error::new(SqlState::InternalError, "could not compute SHA-256 hash")
}

/// SHA-256 of some bytes.
/// # Errors
/// XX000 if the server's cryptographic library refuses.
pub fn sha256(bytes: &[u8]) -> Result<[u8; LEN]> {
    sha256_of([bytes])
}

/// SHA-256 of parts, one after the other.
/// # Errors
/// XX000 if the server's cryptographic library refuses.
pub fn sha256_of<const PARTS: usize>(parts: [&[u8]; PARTS]) -> Result<[u8; LEN]> {
    let mut digest = Sha256::begin()?;
    for part in parts {
        digest.update(part)?;
    }
    digest.finish()
}
