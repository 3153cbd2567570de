//! A temporary file of this backend: appended to, read anywhere, gone with the value or with the transaction.
//!
//! Follows `storage/file/buffile.c`: `temp_tablespaces` and `temp_file_limit` hold, files above 1 GB are segmented, and
//! an ERROR leaves nothing behind, as the resource owner deletes the file.
#![allow(unsafe_code)]

use crate::error::{Error, Result, SqlState};
use pgrx::pg_sys;

/// An open temporary file.
pub struct TempFile {
    file: *mut pg_sys::BufFile,
    len: u64,
    position: u64,
}

impl TempFile {
    /// Bytes of memory that an open file takes: its buffer.
    pub const MEMORY_BYTES: usize = pg_sys::BLCKSZ as usize + 256;

    /// Makes an empty file, which lives at most as long as the current memory context and resource owner.
    pub fn create() -> Self {
        // SAFETY: called on the main thread inside a transaction; raises if the file cannot be made.
        let file = unsafe { pg_sys::BufFileCreateTemp(false) };
        Self {
            file,
            len: 0,
            position: 0,
        }
    }

    /// Bytes in the file.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes `bytes` behind the last. Raises 53400 beyond `temp_file_limit`, 53100 on a full disk.
    /// # Errors
    /// 58030 if the end of the file cannot be found.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.seek(self.len)?;
        // SAFETY: the file is open; PostgreSQL only reads the bytes, its older declarations lack the const.
        unsafe { pg_sys::BufFileWrite(self.file, bytes.as_ptr().cast_mut().cast(), bytes.len()) };
        self.len += bytes.len() as u64;
        self.position = self.len;
        Ok(())
    }

    /// Fills `bytes` with what stands from `offset` on.
    /// # Errors
    /// 58030 if the file has no such bytes.
    pub fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.seek(offset)?;
        // SAFETY: the file is open and `bytes` is writable for its length.
        let read =
            unsafe { pg_sys::BufFileRead(self.file, bytes.as_mut_ptr().cast(), bytes.len()) };
        self.position += read as u64;
        if read == bytes.len() {
            Ok(())
        } else {
            Err(failed(format!(
                "{read} bytes instead of {} at offset {offset}",
                bytes.len()
            )))
        }
    }

    fn seek(&mut self, offset: u64) -> Result<()> {
        if self.position == offset {
            return Ok(());
        }
        // SAFETY: the file is open. An offset from the start of the first segment may lie in a later one.
        let failure =
            unsafe { pg_sys::BufFileSeek(self.file, 0, offset as pg_sys::off_t, libc::SEEK_SET) };
        if failure != 0 {
            return Err(failed(format!("no offset {offset}")));
        }
        self.position = offset;
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // While an ERROR unwinds the transaction's end closes the file; its memory may be gone already.
        if !super::memory::is_aborting() {
            // SAFETY: the file is open and closed here, once.
            unsafe { pg_sys::BufFileClose(self.file) };
        }
    }
}

fn failed(detail: String) -> Error {
    Error::new(SqlState::IoError, "could not read temporary file").with_detail(detail)
}
