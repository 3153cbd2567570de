//! The bytes of an `hnsw` index: meta page, page opaque, node items, upper items, TID chunks. The one place that
//! knows an offset; `README.md` has the pictures. Pure: reads and writes byte slices, never a page or a lock.
//!
//! Decoding checks every field against the slice it came from and against the index's [`Shape`]; what does not
//! fit is `None`, which callers report as a corrupted index. Fields are in the server's byte order, as all
//! PostgreSQL pages are.

mod chunk;
mod curve;
pub mod damage;
mod edges;
mod lengths;
mod meta;
mod node;
mod shape;
mod upper;

pub use chunk::{CHUNK_CAPACITY, CHUNK_SIZE, TidChunk, write_chunk};
pub use curve::{CURVE_POINTS, Curve, CurvePoint};
pub use edges::Edges;
pub use meta::{META_SIZE, Meta, MetaProblem};
pub use node::{INLINE_TIDS, Node, NodeContents, NodeMut};
pub use shape::{MAX_ITEM_SIZE, Shape, Storage};
pub use upper::{Upper, UpperMut};

use crate::hnsw::codes::Factors;

/// First bytes of the meta page.
pub const MAGIC: u32 = 0xA22E_C001;
/// Newest version that this library writes and reads; [`Meta::format_version`] says which an index has.
pub const FORMAT_VERSION: u32 = 2;
/// Block of the meta page.
pub const META_BLOCK: u32 = 0;
/// Bytes of the special space of every page.
pub const OPAQUE_SIZE: usize = 16;
/// Last two bytes of every page, for programs that inspect files.
pub const PAGE_ID: u16 = 0xA2EC;
/// Format of a single page.
const PAGE_FORMAT: u16 = 1;
/// "No block", as PostgreSQL's InvalidBlockNumber.
pub const NO_BLOCK: u32 = u32::MAX;
/// Highest level any node can have.
pub const MAX_LEVEL: u8 = 15;

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | (u64::from(u32_at(bytes, at + 4)) << 32)
}

#[inline]
fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(u32_at(bytes, at))
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

fn put_u64(bytes: &mut [u8], at: usize, value: u64) {
    put(bytes, at, (value as u32).to_ne_bytes());
    put(bytes, at + 4, ((value >> 32) as u32).to_ne_bytes());
}

/// Address of an item: block, line pointer, and the generation of the slot at the time the pointer was made.
///
/// A slot's generation grows each time the slot is freed, so a pointer to a freed or reused slot is recognised
/// as stale and skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemPtr {
    /// Block.
    pub block: u32,
    /// Line pointer on the block, from 1.
    pub offset: u16,
    /// Generation of the slot.
    pub generation: u16,
}

/// Bytes of an [`ItemPtr`] on a page.
pub const ITEM_PTR_SIZE: usize = 8;

impl ItemPtr {
    /// Points nowhere.
    pub const NONE: ItemPtr = ItemPtr {
        block: NO_BLOCK,
        offset: 0,
        generation: 0,
    };

    /// Whether this points anywhere.
    pub fn is_some(self) -> bool {
        self.offset != 0
    }

    /// Block and line pointer as one number: the same whatever the generation.
    #[inline]
    pub fn place(self) -> u64 {
        (u64::from(self.block) << 16) | u64::from(self.offset)
    }

    /// A number below 2^48 for visited sets. A stale pointer and the one to the slot's new user have different ones:
    /// line pointers need 12 bits, the other 4 are of the generation.
    #[inline]
    pub fn visit_key(self) -> u64 {
        let slot = (self.offset << 4) | (self.generation & 0xF);
        (u64::from(self.block) << 16) | u64::from(slot)
    }

    #[inline]
    fn read(bytes: &[u8], at: usize) -> Self {
        Self {
            block: u32_at(bytes, at),
            offset: u16_at(bytes, at + 4),
            generation: u16_at(bytes, at + 6),
        }
    }

    fn write(self, bytes: &mut [u8], at: usize) {
        put(bytes, at, self.block.to_ne_bytes());
        put(bytes, at + 4, self.offset.to_ne_bytes());
        put(bytes, at + 6, self.generation.to_ne_bytes());
    }
}

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum PageKind {
    /// Block 0.
    Meta = 1,
    /// Nodes of level 0.
    Node = 2,
    /// The upper levels of nodes that have some.
    Upper = 3,
    /// TID chunks of nodes with more than two heap rows.
    Overflow = 4,
    /// The mean subtracted before encoding.
    Params = 5,
    /// What recall was measured at which `ef_search`.
    Curve = 6,
}

/// The kinds of page that items are added to one at a time, in the order of their fields in [`Meta`].
pub const ITEM_KINDS: [PageKind; 3] = [PageKind::Node, PageKind::Upper, PageKind::Overflow];

impl PageKind {
    fn from_u16(value: u16) -> Option<Self> {
        [
            Self::Meta,
            Self::Node,
            Self::Upper,
            Self::Overflow,
            Self::Params,
            Self::Curve,
        ]
        .into_iter()
        .find(|kind| *kind as u16 == value)
    }

    /// Index of the kind in the per-kind fields of [`Meta`].
    pub fn slot(self) -> usize {
        ITEM_KINDS
            .iter()
            .position(|kind| *kind == self)
            .unwrap_or(0)
    }
}

/// Special space of a page: `next` u32 | kind u16 | page_format u16 | flags u32 | reserved u16 | page_id u16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opaque {
    /// Next page of the list this page is in: free pages of a kind, or the params chain.
    pub next: u32,
    /// What the page holds.
    pub kind: PageKind,
    /// Whether the page is in its kind's list of pages with free slots.
    pub in_free_list: bool,
}

impl Opaque {
    /// An opaque outside every list.
    pub fn new(kind: PageKind) -> Self {
        Self {
            next: NO_BLOCK,
            kind,
            in_free_list: false,
        }
    }

    /// Reads a special space; `None` if it is not one of ours.
    pub fn read(special: &[u8]) -> Option<Self> {
        if special.len() != OPAQUE_SIZE
            || u16_at(special, 14) != PAGE_ID
            || u16_at(special, 6) != PAGE_FORMAT
        {
            return None;
        }
        Some(Self {
            next: u32_at(special, 0),
            kind: PageKind::from_u16(u16_at(special, 4))?,
            in_free_list: u32_at(special, 8) & 1 != 0,
        })
    }

    /// Writes the special space, which must have [`OPAQUE_SIZE`] bytes.
    pub fn write(self, special: &mut [u8]) {
        put(special, 0, self.next.to_ne_bytes());
        put(special, 4, (self.kind as u16).to_ne_bytes());
        put(special, 6, PAGE_FORMAT.to_ne_bytes());
        put(special, 8, u32::from(self.in_free_list).to_ne_bytes());
        put(special, 12, 0u16.to_ne_bytes());
        put(special, 14, PAGE_ID.to_ne_bytes());
    }
}

/// State of an item's slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SlotState {
    /// May be reused; its generation is that of the next user.
    Free = 0,
    /// In use.
    Live = 1,
    /// A node whose last row is gone: traversed, never returned.
    Tombstone = 2,
}

impl SlotState {
    /// State of any item; `None` for a byte that is none.
    #[inline]
    pub fn of(item: &[u8]) -> Option<Self> {
        match item.first()? {
            0 => Some(Self::Free),
            1 => Some(Self::Live),
            2 => Some(Self::Tombstone),
            _ => None,
        }
    }
}

/// Generation of any item's slot; `None` if the item is too short to have one.
#[inline]
pub fn generation(item: &[u8]) -> Option<u16> {
    (item.len() >= 8).then(|| u16_at(item, 4))
}

// Bytes 0..8 of an item are common to nodes, upper items and TID chunks: state u8 | level u8 | flags u8 |
// count u8 | generation u16 | list_version u16.
const STATE: usize = 0;
const LEVEL: usize = 1;
const COUNT: usize = 3;
const GENERATION: usize = 4;
const LIST_VERSION: usize = 6;
#[inline]
fn read_factors(item: &[u8], at: usize) -> Factors {
    Factors {
        scale: f32_at(item, at),
        norm_squared: f32_at(item, at + 4),
        error: f32_at(item, at + 8),
    }
}

/// Largest bits of a scale: 2^120, the largest that encoding gives.
const SCALE_BITS_MAX: u32 = (120 + 127) << 23;
/// Bits of infinity.
const INFINITY_BITS: u32 = 0xff << 23;

/// Whether the factors at `at` are such as encoding gives: none negative or NaN, only the error infinite. A search
/// with others could meet keys that are no numbers.
#[inline]
fn factors_are_valid(item: &[u8], at: usize) -> bool {
    // The bits of numbers that are not negative order as the numbers do.
    u32_at(item, at) <= SCALE_BITS_MAX
        && u32_at(item, at + 4) < INFINITY_BITS
        && u32_at(item, at + 8) <= INFINITY_BITS
}

fn write_factors(item: &mut [u8], at: usize, factors: &Factors) {
    put(item, at, factors.scale.to_ne_bytes());
    put(item, at + 4, factors.norm_squared.to_ne_bytes());
    put(item, at + 8, factors.error.to_ne_bytes());
}

/// The code bytes as signed numbers.
#[inline]
fn as_code(bytes: &[u8]) -> &[i8] {
    bytemuck::cast_slice(bytes)
}

fn write_code(bytes: &mut [u8], code: &[i8]) {
    bytes[..code.len()].copy_from_slice(bytemuck::cast_slice(code));
}

#[inline]
fn list(item: &[u8], at: usize, count: usize) -> impl ExactSizeIterator<Item = ItemPtr> + '_ {
    item[at..at + count * ITEM_PTR_SIZE]
        .chunks_exact(ITEM_PTR_SIZE)
        .map(|b| ItemPtr::read(b, 0))
}

fn write_list(item: &mut [u8], at: usize, count_at: usize, degree: usize, neighbors: &[ItemPtr]) {
    let used = neighbors.len().min(degree);
    item[count_at] = used as u8;
    for (i, neighbor) in neighbors.iter().take(used).enumerate() {
        neighbor.write(item, at + i * ITEM_PTR_SIZE);
    }
    item[at + used * ITEM_PTR_SIZE..at + degree * ITEM_PTR_SIZE].fill(0);
    let version = u16_at(item, LIST_VERSION).wrapping_add(1);
    put(item, LIST_VERSION, version.to_ne_bytes());
}

/// Frees the slot of any item: state Free, generation one higher.
pub fn free(item: &mut [u8]) {
    let generation = u16_at(item, GENERATION).wrapping_add(1);
    item[STATE] = SlotState::Free as u8;
    item[COUNT] = 0;
    put(item, GENERATION, generation.to_ne_bytes());
}

/// Floats of the mean on one params page.
pub const PARAMS_PER_PAGE: usize = 2000;
