//! Values fetched out of line, kept while an index scan lives: the executor computes the distance of a row that such a
//! scan returns twice, once for the exact order and once for the output, and fetches its value each time.
//!
//! What is kept is found by the TOAST pointer. PostgreSQL gives the number in it to no other value while the old one is
//! in its table, and a scan's snapshot keeps what the scan sees there; so nothing is kept longer than the last scan.
#![allow(unsafe_code)]

use super::toast_table::{Place, ToastTable};
use super::varlena::HEADER_LEN;
use pgrx::pg_sys;
use pgrx::varlena as header;
use std::cell::{Cell, RefCell};
use std::iter::repeat_n;
use std::rc::Rc;

/// Values kept at most. A scan in exact order holds back few rows: two or three for ten that it returns.
const MAX_VALUES: usize = 32;
/// Bytes of the largest value kept: those of a vector of 16,000 dimensions.
const MAX_VALUE_LEN: usize = 64 << 10;

/// Bytes of a TOAST pointer behind its two-byte header: sizes, value and TOAST table.
type Pointer = [u8; size_of::<pg_sys::varatt_external>()];

thread_local! {
    static KEEPERS: Cell<usize> = const { Cell::new(0) };
    /// Of the scan that returned the last row.
    static SOURCE: RefCell<Option<Rc<Source>>> = const { RefCell::new(None) };
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
    /// A value of `len` bytes, which `fill` writes; `None` if that does not.
    fn filled(len: usize, fill: impl FnOnce(&mut [u8]) -> Option<()>) -> Option<Self> {
        let mut words: Rc<[u32]> = repeat_n(0, len.div_ceil(size_of::<u32>())).collect();
        let start = Rc::get_mut(&mut words)?.as_mut_ptr().cast();
        // SAFETY: the words have room for the bytes, nothing else refers to them, and any bytes are words.
        fill(unsafe { std::slice::from_raw_parts_mut(start, len) })?;
        Some(Self { words, len })
    }

    /// The bytes.
    pub fn body(&self) -> &[u8] {
        // SAFETY: `filled` made as many whole words as `len` bytes need, and any bytes may be looked at.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.len) }
    }
}

/// The TOAST table that values were last fetched from for a scan.
#[derive(Debug)]
struct Source {
    /// The resource owner under which the scan returned its last row. The executor ends the scan under the same one, as
    /// pins that it holds from row to row belong to that too.
    owner: Cell<pg_sys::ResourceOwner>,
    table: RefCell<Option<ToastTable>>,
}

impl Source {
    /// Fetches a value for the scan's executor; `None` for another one, which might outlive or be outlived by what is
    /// opened here, and if it is not done here.
    fn fetch(&self, place: Place) -> Option<Value> {
        // SAFETY: a plain variable of the server, read on the main thread.
        if self.owner.get() != unsafe { pg_sys::CurrentResourceOwner } {
            return None;
        }
        let mut table = self.table.borrow_mut();
        if table.as_ref().is_none_or(|open| open.oid() != place.table) {
            *table = None;
        }
        let table = table.get_or_insert_with(|| ToastTable::open(place.table));
        Value::filled(place.len, |target| table.fetch(place.value, target))
    }
}

/// While one lives, values are kept; none of them outlives the last one.
#[derive(Debug)]
pub struct Keeper(Rc<Source>);

impl Keeper {
    /// Begins to keep values.
    #[allow(clippy::new_without_default)] // what it does is not to make a value
    pub fn new() -> Self {
        KEEPERS.set(KEEPERS.get() + 1);
        Self(Rc::new(Source {
            owner: Cell::new(std::ptr::null_mut()),
            table: RefCell::new(None),
        }))
    }

    /// To be called with each row that the scan returns: until another scan returns one, values are fetched from the TOAST
    /// table that this one holds open.
    pub fn returns_row(&self) {
        // SAFETY: a plain variable of the server, read on the main thread.
        self.0.owner.set(unsafe { pg_sys::CurrentResourceOwner });
        SOURCE.with_borrow_mut(|source| {
            if !self.is(source) {
                *source = Some(Rc::clone(&self.0));
            }
        });
    }

    fn is(&self, source: &Option<Rc<Source>>) -> bool {
        source.as_ref().is_some_and(|of| Rc::ptr_eq(of, &self.0))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        SOURCE.with_borrow_mut(|source| {
            if self.is(source) {
                *source = None;
            }
        });
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
    let source = SOURCE.with_borrow(Clone::clone);
    let fetched = Place::of(&as_external(&pointer))
        .zip(source)
        .and_then(|(place, source)| source.fetch(place));
    let fetched = match fetched {
        Some(fetched) => fetched,
        // SAFETY: a varlena, by contract.
        None => unsafe { fetch_plainly(value) }?,
    };
    if fetched.len <= MAX_VALUE_LEN {
        VALUES.with_borrow_mut(|ring| ring.put(pointer, fetched.clone()));
    }
    Some(fetched)
}

/// The same with PostgreSQL's own function.
///
/// # Safety
/// As [`fetch`].
unsafe fn fetch_plainly(value: *mut pg_sys::varlena) -> Option<Value> {
    // SAFETY: a varlena; what comes back is a plain one in memory of its own, to which nothing else refers. An ERROR
    // leaves nothing borrowed.
    unsafe {
        let plain = pg_sys::pg_detoast_datum_copy(value);
        let body = plain.cast::<u8>().add(HEADER_LEN);
        let body = std::slice::from_raw_parts(body, header::varsize_any_exhdr(plain));
        let fetched = Value::filled(body.len(), |target| {
            target.copy_from_slice(body);
            Some(())
        });
        pg_sys::pfree(plain.cast());
        fetched
    }
}

/// The fields of a TOAST pointer.
fn as_external(pointer: &Pointer) -> pg_sys::varatt_external {
    // SAFETY: as many bytes, and any bytes are those of its numbers.
    unsafe {
        pointer
            .as_ptr()
            .cast::<pg_sys::varatt_external>()
            .read_unaligned()
    }
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
