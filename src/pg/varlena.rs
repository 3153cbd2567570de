//! Values of variable length (varlena): reading what a tuple or another function hands over, in place where
//! that is possible, and writing new ones.
#![allow(unsafe_code)]

use super::detoasted;
use pgrx::pg_sys;
use pgrx::varlena as header;

/// Most bytes of a value with a header of one byte.
const MAX_SHORT_LEN: usize = 126;
/// Bytes of the header that every value in memory can have.
pub const HEADER_LEN: usize = 4;

/// The bytes of one value behind its header, at a multiple of 4, whatever form it was handed over in.
#[derive(Debug)]
pub enum Varlena<'a> {
    /// Where it was.
    InPlace(&'a [u8]),
    /// Copied to the stack, because short values lie at any address.
    Short(ShortBytes),
    /// Fetched or decompressed into memory of its own.
    Detoasted(Detoasted),
    /// Fetched, and kept for the next reader.
    Kept(detoasted::Value),
}

/// A short value's bytes.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct ShortBytes {
    bytes: [u8; MAX_SHORT_LEN],
    len: u8,
}

/// A detoasted copy, freed when dropped.
#[derive(Debug)]
pub struct Detoasted(*mut pg_sys::varlena);

impl Varlena<'_> {
    /// Reads the value that `datum` points to.
    ///
    /// # Safety
    /// `datum` is a non-NULL value of a type of variable length that lives as long as the result.
    #[inline]
    pub unsafe fn read(datum: pg_sys::Datum) -> Self {
        let value = datum.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: `value` points to a varlena, by contract; each arm reads it in the form that its header
        // announces, and the sizes are those of the header.
        unsafe {
            if header::varatt_is_4b_u(value) && value.addr().is_multiple_of(align_of::<u32>()) {
                return Self::InPlace(body(value));
            }
            if header::varatt_is_1b(value) && !header::varatt_is_1b_e(value) {
                let len = header::varsize_any_exhdr(value).min(MAX_SHORT_LEN);
                let mut bytes = [0; MAX_SHORT_LEN];
                let source = header::vardata_any(value).cast::<u8>();
                std::ptr::copy_nonoverlapping(source, bytes.as_mut_ptr(), len);
                let len = len as u8;
                return Self::Short(ShortBytes { bytes, len });
            }
            if let Some(kept) = detoasted::fetch(value) {
                return Self::Kept(kept);
            }
            Self::Detoasted(Detoasted(pg_sys::pg_detoast_datum_copy(value)))
        }
    }

    /// The bytes behind the header.
    #[inline]
    pub fn body(&self) -> &[u8] {
        match self {
            Self::InPlace(body) => body,
            Self::Short(short) => &short.bytes[..usize::from(short.len)],
            // SAFETY: the copy is this value's own, and lives as long as it.
            Self::Detoasted(copy) => unsafe { body(copy.0) },
            Self::Kept(value) => value.body(),
        }
    }
}

impl Drop for Detoasted {
    fn drop(&mut self) {
        // An abort frees the whole memory context.
        if !super::memory::is_aborting() {
            // SAFETY: made by `pg_detoast_datum_copy`, freed only here.
            unsafe { pg_sys::pfree(self.0.cast()) }
        }
    }
}

/// # Safety
/// `value` is an uncompressed varlena in line that lives as long as the result.
unsafe fn body<'a>(value: *const pg_sys::varlena) -> &'a [u8] {
    // SAFETY: the caller's contract.
    unsafe {
        std::slice::from_raw_parts(
            header::vardata_any(value).cast(),
            header::varsize_any_exhdr(value),
        )
    }
}

/// The bytes behind the header: where they are, or a copy in the current memory context.
///
/// # Safety
/// `datum` is a non-NULL value of a type of variable length that lives as long as the result, and so does that context.
pub unsafe fn bytes_of<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    let value = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: the caller's contract.
    unsafe {
        let is_plain = header::varatt_is_4b_u(value)
            || header::varatt_is_1b(value) && !header::varatt_is_1b_e(value);
        body(match is_plain {
            true => value,
            false => pg_sys::pg_detoast_datum_packed(value),
        })
    }
}

/// The first `len` bytes behind the header, or fewer if there are no more; fetches no more than these.
///
/// # Safety
/// As [`Varlena::read`].
pub unsafe fn read_start<const LEN: usize>(datum: pg_sys::Datum) -> [u8; LEN] {
    let mut start = [0; LEN];
    let mut copy_from = |body: &[u8]| {
        let len = body.len().min(LEN);
        start[..len].copy_from_slice(&body[..len]);
    };
    let value = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: the caller's contract; a slice is a varlena of its own.
    unsafe {
        if header::varatt_is_4b_u(value)
            || header::varatt_is_1b(value) && !header::varatt_is_1b_e(value)
        {
            copy_from(body(value));
        } else {
            let slice = Detoasted(pg_sys::pg_detoast_datum_slice(value, 0, LEN as i32));
            copy_from(body(slice.0));
        }
    }
    start
}

/// A new value in the current memory context, being written.
#[derive(Debug)]
pub struct NewVarlena {
    value: *mut pg_sys::varlena,
    body_len: usize,
}

impl NewVarlena {
    /// A value of `body_len` zero bytes behind a 4-byte header, at a multiple of 8. Raises if memory is out or
    /// the size is beyond 1 GB.
    pub fn zeroed(body_len: usize) -> Self {
        let size = HEADER_LEN + body_len;
        // SAFETY: palloc0 returns `size` bytes or raises, and refuses sizes that do not fit the header.
        let value = unsafe {
            let value = pg_sys::palloc0(size).cast();
            header::set_varsize_4b(value, size as i32);
            value
        };
        Self { value, body_len }
    }

    /// The bytes behind the header.
    pub fn body_mut(&mut self) -> &mut [u8] {
        // SAFETY: allocated with this size and zeroed in `zeroed`; borrowed with `self`.
        unsafe {
            let body = self.value.cast::<u8>().add(HEADER_LEN);
            std::slice::from_raw_parts_mut(body, self.body_len)
        }
    }

    /// The finished value.
    pub fn into_datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.value)
    }
}

impl super::function::Outcome for NewVarlena {
    unsafe fn into_datum(self, _fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        self.into_datum()
    }
}
