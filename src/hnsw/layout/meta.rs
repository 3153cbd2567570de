//! The meta page: what an index is, where a search starts, and where new items go. Pure.

use super::{
    FORMAT_VERSION, ItemPtr, MAGIC, META_BLOCK, NO_BLOCK, Shape, Storage, put, put_u64, u16_at,
    u32_at, u64_at,
};
use crate::distance::Metric;
use crate::types::indexed::IndexedType;

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
    /// For each of [`super::ITEM_KINDS`]: the page that new items go to, or NO_BLOCK.
    pub insert_page: [u32; 3],
    /// For each of [`super::ITEM_KINDS`]: first page of the list of pages with free slots, or NO_BLOCK.
    pub free_list: [u32; 3],
    /// Nodes at the last build or vacuum, tombstones included.
    pub nodes: u64,
    /// Tombstones at the last build or vacuum.
    pub tombstones: u64,
    /// Heap rows at the last build or vacuum.
    pub tids: u64,
    /// The page with the measured curve of recall, or NO_BLOCK if the index was not calibrated.
    pub curve: u32,
    /// When vacuum last repaired the graph: microseconds since 2000-01-01 UTC; 0 if never.
    pub last_repair: i64,
}

/// What a timestamp can be (`datatype/timestamp.h`).
pub(super) const TIMESTAMPS: std::ops::Range<i64> =
    -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// Byte 63 of a compact index whose lists of upper levels have codes; 0 in all other indexes.
const COMPACT_UPPER_CODES: u8 = 1;

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
            curve: NO_BLOCK,
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
        let metric = Metric::ALL
            .into_iter()
            .find(|metric| *metric as u8 == bytes[16])
            .ok_or(MetaProblem::Invalid)?;
        let storage = Storage::from_u8(bytes[17]).ok_or(MetaProblem::Invalid)?;
        let m = usize::from(u16_at(bytes, 20));
        let base_degree = match storage {
            Storage::Compact => 2 * m,
            Storage::Inline => usize::from(u16_at(bytes, 60)),
        };
        let of = IndexedType::ALL
            .into_iter()
            .find(|of| *of as u8 == bytes[62])
            .ok_or(MetaProblem::Invalid)?;
        let shape = Shape::new(metric, u32_at(bytes, 12) as usize, m, storage, base_degree);
        let mut shape = shape.of(of);
        if bytes[63] == COMPACT_UPPER_CODES {
            shape = shape.with_compact_upper_codes();
        }
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
            curve: block_or_none(u32_at(bytes, 96)),
        };
        let valid = version == meta.format_version()
            && bytes[63] == meta.upper_codes_byte()
            && bytes[18] == shape.code_bits()
            && shape.is_valid()
            && meta.entry_level <= shape.max_level()
            && (shape.has_mean() || meta.params == NO_BLOCK)
            && TIMESTAMPS.contains(&meta.last_repair)
            && meta.has_distinct_pages();
        if valid {
            Ok(meta)
        } else {
            Err(MetaProblem::Invalid)
        }
    }

    /// The format version of the index, which is also the lowest that a reader must know: 2 for compact indexes with codes
    /// on upper levels, 1 for all others.
    pub fn format_version(&self) -> u32 {
        if self.shape.has_compact_upper_codes() {
            FORMAT_VERSION
        } else {
            1
        }
    }

    fn upper_codes_byte(&self) -> u8 {
        if self.shape.has_compact_upper_codes() {
            COMPACT_UPPER_CODES
        } else {
            0
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
                .chain([&self.params, &self.curve])
                .all(|block| *block != META_BLOCK)
    }

    /// Writes the contents of a meta page: `bytes` has [`META_SIZE`] of them.
    pub fn write(&self, bytes: &mut [u8]) {
        bytes[..META_SIZE].fill(0);
        put(bytes, 0, MAGIC.to_ne_bytes());
        put(bytes, 4, self.format_version().to_ne_bytes());
        put(bytes, 8, self.format_version().to_ne_bytes());
        put(bytes, 12, (self.shape.dims as u32).to_ne_bytes());
        bytes[16] = self.shape.metric as u8;
        bytes[17] = self.shape.storage as u8;
        bytes[18] = self.shape.code_bits();
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
        if self.shape.storage == Storage::Inline {
            put(bytes, 60, (self.shape.base_degree as u16).to_ne_bytes());
        }
        bytes[62] = self.shape.of as u8;
        bytes[63] = self.upper_codes_byte();
        put_u64(bytes, 64, self.nodes);
        put_u64(bytes, 72, self.tombstones);
        put_u64(bytes, 80, self.tids);
        put_u64(bytes, 88, self.last_repair as u64);
        if self.curve != NO_BLOCK {
            put(bytes, 96, self.curve.to_ne_bytes());
        }
    }
}

/// A block whose absence is a zero: the field was reserved once.
fn block_or_none(block: u32) -> u32 {
    if block == META_BLOCK { NO_BLOCK } else { block }
}
