//! Values fetched out of line, kept while an index scan lives: the executor computes the distance of a row that such a
//! scan returns twice, once for the exact order and once for the output, and fetches its value each time.
//!
//! What is kept is found by the TOAST pointer. PostgreSQL gives the number in it to no other value while the old one is
//! in its table, and a scan's snapshot keeps what the scan sees there; so nothing is kept longer than the last scan.
#![allow(unsafe_code)]

use super::varlena::HEADER_LEN;
use pgrx::pg_sys;
use pgrx::varlena as header;
use std::cell::{Cell, RefCell};
use std::iter::repeat_n;
use std::marker::PhantomData;
use std::rc::Rc;

/// Values kept at most. A scan in exact order holds back few rows: two or three for ten that it returns.
const MAX_VALUES: usize = 32;
/// Bytes of the largest value kept: those of a vector of 16,000 dimensions.
const MAX_VALUE_LEN: usize = 64 << 10;

/// Bytes of a TOAST pointer behind its two-byte header: sizes, value and TOAST table.
type Pointer = [u8; size_of::<pg_sys::varatt_external>()];

thread_local! {
    static KEEPERS: Cell<usize> = const { Cell::new(0) };
    static VALUES: RefCell<Ring> = const { RefCell::new(Ring { values: Vec::new(), next: 0 }) };
}

/// The last values; a new one takes the place of the oldest.
struct Ring {
    values: Vec<(Pointer, Value)>,
    next: usize,
}

impl Ring {
    fn get(&self, pointer: &Pointer) -> Option<Value> {
        let found = self.values.iter().find(|(of, _)| of == pointer);
        found.map(|(_, value)| value.clone())
    }

    fn put(&mut self, pointer: Pointer, value: Value) {
        if self.values.len() < MAX_VALUES {
            self.values.push((pointer, value));
        } else {
            self.values[self.next] = (pointer, value);
            self.next = (self.next + 1) % MAX_VALUES;
        }
    }
}

/// The bytes of a value behind its header, at a multiple of 4.
#[derive(Debug, Clone)]
pub struct Value {
    words: Rc<[u32]>,
    len: usize,
}

impl Value {
    fn copy(body: &[u8]) -> Self {
        let mut words: Rc<[u32]> = repeat_n(0, body.len().div_ceil(size_of::<u32>())).collect();
        if let Some(words) = Rc::get_mut(&mut words) {
            // SAFETY: the words have room for the bytes, and any bytes are words.
            unsafe {
                std::ptr::copy_nonoverlapping(body.as_ptr(), words.as_mut_ptr().cast(), body.len());
            }
        }
        Self {
            words,
            len: body.len(),
        }
    }

    /// The bytes.
    pub fn body(&self) -> &[u8] {
        // SAFETY: `copy` made as many whole words as `len` bytes need, and any bytes may be looked at.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.len) }
    }
}

/// While one lives, values are kept; none of them outlives the last one.
#[derive(Debug)]
pub struct Keeper(PhantomData<*mut ()>);

impl Keeper {
    /// Begins to keep values.
    #[allow(clippy::new_without_default)] // what it does is not to make a value
    pub fn new() -> Self {
        KEEPERS.set(KEEPERS.get() + 1);
        Self(PhantomData)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        KEEPERS.set(KEEPERS.get() - 1);
        if KEEPERS.get() == 0 {
            VALUES.with_borrow_mut(|ring| {
                ring.values.clear();
                ring.next = 0;
            });
        }
    }
}

/// What `value` points to, if that lies in a TOAST table and values are kept now: fetched, unless it was before. `None`
/// for any other value.
///
/// # Safety
/// `value` is a varlena.
pub unsafe fn fetch(value: *mut pg_sys::varlena) -> Option<Value> {
    if KEEPERS.get() == 0 {
        return None;
    }
    // SAFETY: the contract of this function.
    let pointer = unsafe { pointer(value) }?;
    if let Some(kept) = VALUES.with_borrow(|ring| ring.get(&pointer)) {
        return Some(kept);
    }
    // SAFETY: a varlena; what comes back is a plain one in memory of its own, to which nothing else refers. An ERROR
    // leaves nothing borrowed.
    let fetched = unsafe {
        let plain = pg_sys::pg_detoast_datum_copy(value);
        let body = plain.cast::<u8>().add(HEADER_LEN);
        let len = header::varsize_any_exhdr(plain);
        let fetched = Value::copy(std::slice::from_raw_parts(body, len));
        pg_sys::pfree(plain.cast());
        fetched
    };
    if fetched.len <= MAX_VALUE_LEN {
        VALUES.with_borrow_mut(|ring| ring.put(pointer, fetched.clone()));
    }
    Some(fetched)
}

/// The TOAST pointer of a value that lies in a TOAST table.
///
/// # Safety
/// `value` is a varlena.
unsafe fn pointer(value: *const pg_sys::varlena) -> Option<Pointer> {
    // SAFETY: the header tells that a tag follows, and the tag that a pointer does.
    unsafe {
        let is_external = header::varatt_is_1b_e(value)
            && u32::from(header::vartag_1b_e(value)) == pg_sys::vartag_external::VARTAG_ONDISK;
        is_external.then(|| {
            header::vardata_1b_e(value)
                .cast::<Pointer>()
                .read_unaligned()
        })
    }
}
