//! The bytes of an `hnsw` index: meta page, page opaque, node items, upper items, TID chunks. The one place that
//! knows an offset; `README.md` has the pictures. Pure: reads and writes byte slices, never a page or a lock.
//!
//! Decoding checks every field against the slice it came from and against the index's [`Shape`]; what does not
//! fit is `None`, which callers report as a corrupted index. Fields are in the server's byte order, as all
//! PostgreSQL pages are.

pub mod damage;

use crate::distance::Metric;
use crate::hnsw::codes::Factors;
use crate::pg::relation::Tid;

/// First bytes of the meta page.
pub const MAGIC: u32 = 0xA22E_C001;
/// Version that this library writes.
pub const FORMAT_VERSION: u32 = 1;
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

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | (u64::from(u32_at(bytes, at + 4)) << 32)
}

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

    /// Block and line pointer as one number, for visited sets: the same whatever the generation.
    #[inline]
    pub fn place(self) -> u64 {
        (u64::from(self.block) << 16) | u64::from(self.offset)
    }

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

/// How nodes keep their codes. Only the compact form exists; the number is on disk for the forms to come.
pub const STORAGE_COMPACT: u8 = 0;

/// What never changes in the life of an index, and the sizes that follow from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Distance.
    pub metric: Metric,
    /// Dimensions.
    pub dims: usize,
    /// Links per node above level 0; level 0 has twice as many.
    pub m: usize,
}

impl Shape {
    /// Most neighbors of a node on `level`.
    pub fn degree(&self, level: u8) -> usize {
        if level == 0 { 2 * self.m } else { self.m }
    }

    fn code_size(&self) -> usize {
        self.dims.next_multiple_of(8)
    }

    /// Bytes of a node item before its neighbor list: what a distance reads.
    pub fn node_head_size(&self) -> usize {
        self.neighbors_at()
    }

    fn neighbors_at(&self) -> usize {
        NODE_CODE + self.code_size()
    }

    /// Bytes of a node item.
    pub fn node_size(&self) -> usize {
        self.neighbors_at() + 2 * self.m * ITEM_PTR_SIZE
    }

    fn lists_at(&self) -> usize {
        UPPER_CODE + self.code_size()
    }

    /// Bytes of an upper item of a node of `level` (at least 1).
    pub fn upper_size(&self, level: u8) -> usize {
        self.lists_at() + usize::from(level) * self.m * ITEM_PTR_SIZE
    }

    /// Highest level a node may get, so that its upper item fits a page.
    pub fn max_level(&self) -> u8 {
        let room = MAX_ITEM_SIZE.saturating_sub(self.lists_at()) / (self.m * ITEM_PTR_SIZE);
        room.min(usize::from(MAX_LEVEL)) as u8
    }

    /// Most dimensions an index with this `m` can have: a node, and an upper item of three levels, fit a page.
    pub fn max_dims(m: usize) -> usize {
        let node = MAX_ITEM_SIZE - NODE_CODE - 2 * m * ITEM_PTR_SIZE;
        let upper = MAX_ITEM_SIZE - UPPER_CODE - 3 * m * ITEM_PTR_SIZE;
        node.min(upper) / 8 * 8
    }

    /// Nodes on a full page.
    pub fn nodes_per_page(&self) -> usize {
        PAGE_ROOM / (self.node_size() + crate::pg::page::LINE_POINTER_SIZE)
    }

    /// Where on a page the code of the node at `offset` begins, if all items before it are nodes too: what a
    /// prefetch assumes.
    pub fn expected_node_start(&self, offset: u16) -> usize {
        let end = crate::pg::page::PAGE_SIZE - OPAQUE_SIZE;
        end.saturating_sub(usize::from(offset) * self.node_size())
    }
}

const PAGE_ROOM: usize = crate::pg::page::PAGE_SIZE - crate::pg::page::HEADER_SIZE - OPAQUE_SIZE;
/// Largest item a page holds.
pub const MAX_ITEM_SIZE: usize = (PAGE_ROOM - crate::pg::page::LINE_POINTER_SIZE) / 8 * 8;

/// Contents of the meta page.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// Metric, dimensions and m.
    pub shape: Shape,
    /// `ef_construction` at the time of the build, for reports.
    pub ef_construction: u16,
    /// Level of the entry point; meaningless without one.
    pub entry_level: u8,
    /// Where a search starts: an upper item if `entry_level > 0`, else a node; NONE in an empty index.
    pub entry: ItemPtr,
    /// First block of the params chain (the mean), or NO_BLOCK for a zero mean.
    pub params: u32,
    /// For each of [`ITEM_KINDS`]: the page that new items go to, or NO_BLOCK.
    pub insert_page: [u32; 3],
    /// For each of [`ITEM_KINDS`]: first page of the list of pages with free slots, or NO_BLOCK.
    pub free_list: [u32; 3],
    /// Nodes at the last build or vacuum, tombstones included.
    pub nodes: u64,
    /// Tombstones at the last build or vacuum.
    pub tombstones: u64,
    /// Heap rows at the last build or vacuum.
    pub tids: u64,
    /// When vacuum last repaired the graph: microseconds since 2000-01-01 UTC; 0 if never.
    pub last_repair: i64,
}

/// Bytes of the meta page's contents.
pub const META_SIZE: usize = 128;

/// Why a meta page cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaProblem {
    /// Not a meta page of annex, or damaged.
    Invalid,
    /// Written by a newer library, which says that this one cannot read it; its format version.
    TooNew(u32),
}

impl Meta {
    /// Meta of an empty index.
    pub fn new(shape: Shape, ef_construction: u16) -> Self {
        Self {
            shape,
            ef_construction,
            entry_level: 0,
            entry: ItemPtr::NONE,
            params: NO_BLOCK,
            insert_page: [NO_BLOCK; 3],
            free_list: [NO_BLOCK; 3],
            nodes: 0,
            tombstones: 0,
            tids: 0,
            last_repair: 0,
        }
    }

    /// Reads the contents of a meta page.
    pub fn read(bytes: &[u8]) -> Result<Self, MetaProblem> {
        if bytes.len() < META_SIZE || u32_at(bytes, 0) != MAGIC {
            return Err(MetaProblem::Invalid);
        }
        let (version, min_reader) = (u32_at(bytes, 4), u32_at(bytes, 8));
        if min_reader > FORMAT_VERSION {
            return Err(MetaProblem::TooNew(version));
        }
        let metric = match bytes[16] {
            0 => Metric::L2,
            1 => Metric::InnerProduct,
            2 => Metric::Cosine,
            3 => Metric::L1,
            _ => return Err(MetaProblem::Invalid),
        };
        let shape = Shape {
            metric,
            dims: u32_at(bytes, 12) as usize,
            m: usize::from(u16_at(bytes, 20)),
        };
        let meta = Self {
            shape,
            ef_construction: u16_at(bytes, 22),
            entry_level: bytes[19],
            entry: ItemPtr::read(bytes, 24),
            params: u32_at(bytes, 32),
            insert_page: [36, 40, 44].map(|at| u32_at(bytes, at)),
            free_list: [48, 52, 56].map(|at| u32_at(bytes, at)),
            nodes: u64_at(bytes, 64),
            tombstones: u64_at(bytes, 72),
            tids: u64_at(bytes, 80),
            last_repair: u64_at(bytes, 88) as i64,
        };
        let valid = version == FORMAT_VERSION
            && bytes[17] == STORAGE_COMPACT
            && bytes[18] == 8
            && (2..=100).contains(&shape.m)
            && (1..=Shape::max_dims(shape.m)).contains(&shape.dims)
            && meta.entry_level <= shape.max_level()
            && (shape.metric != Metric::InnerProduct || meta.params == NO_BLOCK)
            && meta.has_distinct_pages();
        if valid {
            Ok(meta)
        } else {
            Err(MetaProblem::Invalid)
        }
    }

    /// Whether no page field leads to the meta page, nor two fields for new items to the same page: who changes the
    /// index locks these pages together, and would wait for itself.
    fn has_distinct_pages(&self) -> bool {
        let [a, b, c] = self.insert_page;
        let is_distinct = |a: u32, b: u32| a == NO_BLOCK || a != b;
        let pages = self.insert_page.iter().chain(&self.free_list);
        is_distinct(a, b)
            && is_distinct(b, c)
            && is_distinct(c, a)
            && pages
                .chain([&self.params])
                .all(|block| *block != META_BLOCK)
    }

    /// Writes the contents of a meta page: `bytes` has [`META_SIZE`] of them.
    pub fn write(&self, bytes: &mut [u8]) {
        bytes[..META_SIZE].fill(0);
        put(bytes, 0, MAGIC.to_ne_bytes());
        put(bytes, 4, FORMAT_VERSION.to_ne_bytes());
        put(bytes, 8, FORMAT_VERSION.to_ne_bytes());
        put(bytes, 12, (self.shape.dims as u32).to_ne_bytes());
        bytes[16] = self.shape.metric as u8;
        bytes[17] = STORAGE_COMPACT;
        bytes[18] = 8; // bits of a code element
        bytes[19] = self.entry_level;
        put(bytes, 20, (self.shape.m as u16).to_ne_bytes());
        put(bytes, 22, self.ef_construction.to_ne_bytes());
        self.entry.write(bytes, 24);
        put(bytes, 32, self.params.to_ne_bytes());
        for (i, at) in [36, 40, 44].into_iter().enumerate() {
            put(bytes, at, self.insert_page[i].to_ne_bytes());
        }
        for (i, at) in [48, 52, 56].into_iter().enumerate() {
            put(bytes, at, self.free_list[i].to_ne_bytes());
        }
        put_u64(bytes, 64, self.nodes);
        put_u64(bytes, 72, self.tombstones);
        put_u64(bytes, 80, self.tids);
        put_u64(bytes, 88, self.last_repair as u64);
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

// Node item. Bytes 0..8 are common to nodes, upper items and TID chunks: state u8 | level u8 | flags u8 |
// count u8 | generation u16 | list_version u16.
const STATE: usize = 0;
const LEVEL: usize = 1;
const COUNT: usize = 3;
const GENERATION: usize = 4;
const LIST_VERSION: usize = 6;
const NODE_TID_BLOCKS: usize = 8;
const NODE_TID_OFFSETS: usize = 16;
const NODE_OVERFLOW_BLOCK: usize = 20;
const NODE_OVERFLOW_OFFSET: usize = 24;
const NODE_UPPER_OFFSET: usize = 26;
const NODE_UPPER_BLOCK: usize = 28;
const NODE_HASH: usize = 32;
const NODE_FACTORS: usize = 40;
const NODE_UPPER_GENERATION: usize = 52;
const NODE_CODE: usize = 56;
/// Heap rows a node holds itself; more are in its chain of TID chunks.
pub const INLINE_TIDS: usize = 2;

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
fn as_code(bytes: &[u8]) -> &[i8] {
    bytemuck::cast_slice(bytes)
}

fn write_code(bytes: &mut [u8], code: &[i8]) {
    bytes[..code.len()].copy_from_slice(bytemuck::cast_slice(code));
}

/// A node item, to read. Its length and neighbor count were checked against the shape.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    item: &'a [u8],
    shape: &'a Shape,
}

impl<'a> Node<'a> {
    /// Reads a node item in any state; `None` if it cannot be a node of this shape.
    #[inline]
    pub fn read(item: &'a [u8], shape: &'a Shape) -> Option<Self> {
        let fits = item.len() == shape.node_size()
            && SlotState::of(item).is_some()
            && usize::from(item[COUNT]) <= 2 * shape.m
            && item[LEVEL] <= shape.max_level()
            && factors_are_valid(item, NODE_FACTORS);
        fits.then_some(Self { item, shape })
    }

    /// State of the slot.
    #[inline]
    pub fn state(self) -> SlotState {
        SlotState::of(self.item).unwrap_or(SlotState::Free)
    }

    /// Whether the slot is in use and still that of a pointer with `generation`.
    #[inline]
    pub fn is_current(self, generation: u16) -> bool {
        self.generation() == generation && self.state() != SlotState::Free
    }

    /// Generation of the slot.
    #[inline]
    pub fn generation(self) -> u16 {
        u16_at(self.item, GENERATION)
    }

    /// Grows with each change of the neighbor list.
    pub fn list_version(self) -> u16 {
        u16_at(self.item, LIST_VERSION)
    }

    /// Highest level of the node.
    pub fn level(self) -> u8 {
        self.item[LEVEL]
    }

    /// The upper item of a node with a level above 0; NONE for other nodes.
    pub fn upper(self) -> ItemPtr {
        ItemPtr {
            block: u32_at(self.item, NODE_UPPER_BLOCK),
            offset: u16_at(self.item, NODE_UPPER_OFFSET),
            generation: u16_at(self.item, NODE_UPPER_GENERATION),
        }
    }

    /// First TID chunk of the node (block, line pointer), if it has one.
    pub fn overflow(self) -> Option<(u32, u16)> {
        let offset = u16_at(self.item, NODE_OVERFLOW_OFFSET);
        (offset != 0).then(|| (u32_at(self.item, NODE_OVERFLOW_BLOCK), offset))
    }

    /// The heap rows in the node itself; empty places are [`Tid::NONE`].
    pub fn inline_tids(self) -> [Tid; INLINE_TIDS] {
        [0, 1].map(|i| Tid {
            block: u32_at(self.item, NODE_TID_BLOCKS + 4 * i),
            offset: u16_at(self.item, NODE_TID_OFFSETS + 2 * i),
        })
    }

    /// Hash of the vector, to recognise equal ones.
    pub fn hash(self) -> u64 {
        u64_at(self.item, NODE_HASH)
    }

    /// Factors of the code.
    #[inline]
    pub fn factors(self) -> Factors {
        read_factors(self.item, NODE_FACTORS)
    }

    /// The code.
    #[inline]
    pub fn code(self) -> &'a [i8] {
        as_code(&self.item[NODE_CODE..NODE_CODE + self.shape.dims])
    }

    /// The neighbors of level 0.
    #[inline]
    pub fn neighbors(self) -> impl ExactSizeIterator<Item = ItemPtr> + 'a {
        list(
            self.item,
            self.shape.neighbors_at(),
            usize::from(self.item[COUNT]),
        )
    }
}

fn list(item: &[u8], at: usize, count: usize) -> impl ExactSizeIterator<Item = ItemPtr> + '_ {
    item[at..at + count * ITEM_PTR_SIZE]
        .chunks_exact(ITEM_PTR_SIZE)
        .map(|b| ItemPtr::read(b, 0))
}

/// What a new node is made of.
#[derive(Debug, Clone)]
pub struct NodeContents<'a> {
    /// Highest level.
    pub level: u8,
    /// Heap rows, at most [`INLINE_TIDS`].
    pub tids: &'a [Tid],
    /// First TID chunk, if any.
    pub overflow: Option<(u32, u16)>,
    /// The upper item, if `level > 0`; else NONE.
    pub upper: ItemPtr,
    /// Hash of the vector.
    pub hash: u64,
    /// Factors of the code.
    pub factors: Factors,
    /// The code, as long as the index has dimensions.
    pub code: &'a [i8],
}

/// A node item, to write. The caller has checked it with [`Node::read`] or made it with the right size.
pub struct NodeMut<'a> {
    item: &'a mut [u8],
    shape: &'a Shape,
}

impl<'a> NodeMut<'a> {
    /// A node item to write; `None` if its length is not that of a node of this shape.
    pub fn new(item: &'a mut [u8], shape: &'a Shape) -> Option<Self> {
        (item.len() == shape.node_size()).then_some(Self { item, shape })
    }

    /// Fills a free or new slot; the generation stays, the neighbor list is empty.
    pub fn fill(&mut self, node: &NodeContents<'_>) {
        let generation = u16_at(self.item, GENERATION);
        self.item.fill(0);
        self.item[STATE] = SlotState::Live as u8;
        self.item[LEVEL] = node.level;
        put(self.item, GENERATION, generation.to_ne_bytes());
        let mut tids = [Tid::NONE; INLINE_TIDS];
        for (place, tid) in tids.iter_mut().zip(node.tids) {
            *place = *tid;
        }
        self.set_inline_tids(tids);
        self.set_overflow(node.overflow);
        put(self.item, NODE_UPPER_BLOCK, node.upper.block.to_ne_bytes());
        put(
            self.item,
            NODE_UPPER_OFFSET,
            node.upper.offset.to_ne_bytes(),
        );
        put(
            self.item,
            NODE_UPPER_GENERATION,
            node.upper.generation.to_ne_bytes(),
        );
        put_u64(self.item, NODE_HASH, node.hash);
        write_factors(self.item, NODE_FACTORS, &node.factors);
        write_code(
            &mut self.item[NODE_CODE..NODE_CODE + self.shape.dims],
            node.code,
        );
    }

    /// Replaces the neighbor list (at most `2 * m`) and raises its version.
    pub fn set_neighbors(&mut self, neighbors: &[ItemPtr]) {
        let at = self.shape.neighbors_at();
        write_list(self.item, at, COUNT, 2 * self.shape.m, neighbors);
    }

    /// Replaces the rows in the node itself.
    pub fn set_inline_tids(&mut self, tids: [Tid; INLINE_TIDS]) {
        for (i, tid) in tids.into_iter().enumerate() {
            put(self.item, NODE_TID_BLOCKS + 4 * i, tid.block.to_ne_bytes());
            put(
                self.item,
                NODE_TID_OFFSETS + 2 * i,
                tid.offset.to_ne_bytes(),
            );
        }
    }

    /// Sets the head of the chain of TID chunks.
    pub fn set_overflow(&mut self, chunk: Option<(u32, u16)>) {
        let (block, offset) = chunk.unwrap_or((NO_BLOCK, 0));
        put(self.item, NODE_OVERFLOW_BLOCK, block.to_ne_bytes());
        put(self.item, NODE_OVERFLOW_OFFSET, offset.to_ne_bytes());
    }

    /// Marks the node as one without rows.
    pub fn set_tombstone(&mut self) {
        self.item[STATE] = SlotState::Tombstone as u8;
    }

    /// Frees the slot: every pointer to it is stale from now on.
    pub fn free(&mut self) {
        free(self.item);
    }
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

// Upper item.
const UPPER_NODE: usize = 8;
const UPPER_FACTORS: usize = 16;
const UPPER_COUNTS: usize = 32;
const UPPER_CODE: usize = 48;

/// The levels above 0 of one node: a copy of its code, and a list a level, whose pointers lead to upper items.
#[derive(Clone, Copy)]
pub struct Upper<'a> {
    item: &'a [u8],
    shape: &'a Shape,
}

impl<'a> Upper<'a> {
    /// Reads an upper item in any state; `None` if it cannot be one of this shape.
    #[inline]
    pub fn read(item: &'a [u8], shape: &'a Shape) -> Option<Self> {
        let level = *item.get(LEVEL)?;
        let fits = (1..=shape.max_level()).contains(&level)
            && item.len() == shape.upper_size(level)
            && SlotState::of(item).is_some()
            && item[UPPER_COUNTS..UPPER_COUNTS + usize::from(level)]
                .iter()
                .all(|count| usize::from(*count) <= shape.m)
            && factors_are_valid(item, UPPER_FACTORS);
        fits.then_some(Self { item, shape })
    }

    /// State of the slot: Live or Free.
    pub fn state(self) -> SlotState {
        SlotState::of(self.item).unwrap_or(SlotState::Free)
    }

    /// Generation of the slot.
    pub fn generation(self) -> u16 {
        u16_at(self.item, GENERATION)
    }

    /// Whether the slot is in use and still that of a pointer with `generation`.
    #[inline]
    pub fn is_current(self, generation: u16) -> bool {
        self.generation() == generation && self.state() != SlotState::Free
    }

    /// Grows with each change of any of the lists.
    pub fn list_version(self) -> u16 {
        u16_at(self.item, LIST_VERSION)
    }

    /// Highest level of the node.
    pub fn level(self) -> u8 {
        self.item[LEVEL]
    }

    /// The node on level 0.
    pub fn node(self) -> ItemPtr {
        ItemPtr::read(self.item, UPPER_NODE)
    }

    /// Factors of the code.
    #[inline]
    pub fn factors(self) -> Factors {
        read_factors(self.item, UPPER_FACTORS)
    }

    /// The code, a copy of the node's.
    #[inline]
    pub fn code(self) -> &'a [i8] {
        as_code(&self.item[UPPER_CODE..UPPER_CODE + self.shape.dims])
    }

    /// The neighbors on `level`; none above the node's own level.
    #[inline]
    pub fn neighbors(self, level: u8) -> impl ExactSizeIterator<Item = ItemPtr> + 'a {
        let index = usize::from(level.clamp(1, self.level())) - 1;
        let used = if level == 0 || level > self.level() {
            0
        } else {
            self.item[UPPER_COUNTS + index]
        };
        let at = self.shape.lists_at() + index * self.shape.m * ITEM_PTR_SIZE;
        list(self.item, at, usize::from(used))
    }
}

/// An upper item, to write.
pub struct UpperMut<'a> {
    item: &'a mut [u8],
    shape: &'a Shape,
}

impl<'a> UpperMut<'a> {
    /// An upper item to write; `None` if its length fits no level of this shape.
    pub fn new(item: &'a mut [u8], shape: &'a Shape) -> Option<Self> {
        let fits = (1..=shape.max_level()).any(|level| shape.upper_size(level) == item.len());
        fits.then_some(Self { item, shape })
    }

    /// Fills a free or new slot of the size of `level`; the generation stays, all lists are empty.
    pub fn fill(&mut self, level: u8, node: ItemPtr, factors: &Factors, code: &[i8]) {
        let generation = u16_at(self.item, GENERATION);
        self.item.fill(0);
        self.item[STATE] = SlotState::Live as u8;
        self.item[LEVEL] = level;
        put(self.item, GENERATION, generation.to_ne_bytes());
        node.write(self.item, UPPER_NODE);
        write_factors(self.item, UPPER_FACTORS, factors);
        write_code(
            &mut self.item[UPPER_CODE..UPPER_CODE + self.shape.dims],
            code,
        );
    }

    /// Replaces the list of `level` (from 1, at most the node's own) and raises the version.
    pub fn set_neighbors(&mut self, level: u8, neighbors: &[ItemPtr]) {
        let index = usize::from(level.max(1)) - 1;
        let at = self.shape.lists_at() + index * self.shape.m * ITEM_PTR_SIZE;
        write_list(self.item, at, UPPER_COUNTS + index, self.shape.m, neighbors);
    }
}

// TID chunk: common head (count = used TIDs), next chunk, then TIDs.
const CHUNK_NEXT_BLOCK: usize = 8;
const CHUNK_NEXT_OFFSET: usize = 12;
const CHUNK_TIDS: usize = 16;
const TID_SIZE: usize = 6;
/// Heap rows in one TID chunk.
pub const CHUNK_CAPACITY: usize = 64;
/// Bytes of a TID chunk.
pub const CHUNK_SIZE: usize = CHUNK_TIDS + CHUNK_CAPACITY * TID_SIZE;

/// A TID chunk, to read.
#[derive(Clone, Copy)]
pub struct TidChunk<'a>(&'a [u8]);

impl<'a> TidChunk<'a> {
    /// Reads a TID chunk in any state; `None` if it cannot be one.
    pub fn read(item: &'a [u8]) -> Option<Self> {
        let fits = item.len() == CHUNK_SIZE
            && SlotState::of(item).is_some()
            && usize::from(item[COUNT]) <= CHUNK_CAPACITY;
        fits.then_some(Self(item))
    }

    /// State of the slot: Live or Free.
    pub fn state(self) -> SlotState {
        SlotState::of(self.0).unwrap_or(SlotState::Free)
    }

    /// The next chunk of the same node, if any.
    pub fn next(self) -> Option<(u32, u16)> {
        let offset = u16_at(self.0, CHUNK_NEXT_OFFSET);
        (offset != 0).then(|| (u32_at(self.0, CHUNK_NEXT_BLOCK), offset))
    }

    /// The heap rows.
    pub fn tids(self) -> impl ExactSizeIterator<Item = Tid> + 'a {
        let used = usize::from(self.0[COUNT]) * TID_SIZE;
        self.0[CHUNK_TIDS..CHUNK_TIDS + used]
            .chunks_exact(TID_SIZE)
            .map(|b| Tid {
                block: u32_at(b, 0),
                offset: u16_at(b, 4),
            })
    }
}

/// Fills a free or new TID chunk, keeping its generation. At most [`CHUNK_CAPACITY`] of `tids` are written.
pub fn write_chunk(item: &mut [u8], tids: &[Tid], next: Option<(u32, u16)>) {
    let used = tids.len().min(CHUNK_CAPACITY);
    item[STATE] = SlotState::Live as u8;
    item[COUNT] = used as u8;
    let (block, offset) = next.unwrap_or((NO_BLOCK, 0));
    put(item, CHUNK_NEXT_BLOCK, block.to_ne_bytes());
    put(item, CHUNK_NEXT_OFFSET, offset.to_ne_bytes());
    for (place, tid) in item[CHUNK_TIDS..]
        .chunks_exact_mut(TID_SIZE)
        .zip(&tids[..used])
    {
        put(place, 0, tid.block.to_ne_bytes());
        put(place, 4, tid.offset.to_ne_bytes());
    }
}

/// Floats of the mean on one params page.
pub const PARAMS_PER_PAGE: usize = 2000;
