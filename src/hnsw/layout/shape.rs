//! What never changes in the life of an index, and the sizes that follow from it. Pure.

mod upper_codes;

use super::edges::{EdgeList, edge_size};
use super::node::NODE_CODE;
use super::upper::{UPPER_CODE, upper_count_at};
use super::{CHUNK_SIZE, COUNT, ITEM_PTR_SIZE, MAX_LEVEL, OPAQUE_SIZE};
use crate::distance::Metric;
use crate::hnsw::codes::{BYTES_PER_NON_ZERO, BitForm, CodeParams, sign_bytes};
use crate::pg::page::{HEADER_SIZE, LINE_POINTER_SIZE, PAGE_SIZE};
use crate::types::indexed::IndexedType;
use crate::types::sparse::SPARSEVEC;
use std::ops::Range;

const PAGE_ROOM: usize = PAGE_SIZE - HEADER_SIZE - OPAQUE_SIZE;
/// Largest item a page holds.
pub const MAX_ITEM_SIZE: usize = (PAGE_ROOM - LINE_POINTER_SIZE) / 8 * 8;

/// Dimensions from which the inline form is worth its size: below, codes of one bit are too coarse (README.md, "Two
/// forms", has the measurements).
const AUTO_INLINE_DIMS: usize = 48;

/// Bits that a string may have whatever `m` is, as in pgvector.
pub const MAX_BITS: usize = 64_000;

/// Fewer neighbors than this do not hold a graph together as well: then none is given up for the fit.
const FITTED_DEGREE: usize = 24;

/// What a node keeps of its neighbors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Storage {
    /// Pointers only: a search reads each neighbor's page for its code.
    Compact = 0,
    /// One-bit codes beside the pointers: a search reads the pages of those neighbors only that seem near.
    Inline = 1,
}

impl Storage {
    /// The word of the index option.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Inline => "inline",
        }
    }

    pub(super) fn from_u8(value: u8) -> Option<Self> {
        [Self::Compact, Self::Inline]
            .into_iter()
            .find(|storage| *storage as u8 == value)
    }
}

/// Bytes of an item of which a page holds `count`.
fn largest_of(count: usize) -> usize {
    (PAGE_ROOM / count).saturating_sub(LINE_POINTER_SIZE) / 8 * 8
}

/// What never changes in the life of an index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Distance.
    pub metric: Metric,
    /// Type of the column.
    pub of: IndexedType,
    /// Dimensions, or length in bits.
    pub dims: usize,
    /// Links per node above level 0.
    pub m: usize,
    /// Form of the nodes.
    pub storage: Storage,
    /// Links per node on level 0: `2 * m`, or what fits a page well.
    pub base_degree: usize,
    /// Whether lists of upper levels have codes though nodes have none: compact indexes of format version 2.
    has_compact_upper_codes: bool,
    // What follows from the above, computed once: every read of an item asks for it.
    has_one_length: bool,
    code_len: usize,
    node_size: usize,
    max_level: u8,
    /// Upper levels whose lists have codes.
    coded_levels: u8,
    upper_degree: usize,
}

impl Shape {
    /// The shape of a compact index: from 128 dimensions on, and where upper items would not take too much space, with
    /// codes on upper levels.
    pub fn compact(metric: Metric, dims: usize, m: usize) -> Self {
        Self::compact_without_codes(metric, dims, m).or_with_upper_codes()
    }

    /// The same without any codes of neighbors, whatever the dimensions: as format version 1 has it.
    pub fn compact_without_codes(metric: Metric, dims: usize, m: usize) -> Self {
        Self::new(metric, dims, m, Storage::Compact, 2 * m)
    }

    /// Any shape; what came from a page has to pass [`Self::is_valid`] then.
    pub(super) fn new(
        metric: Metric,
        dims: usize,
        m: usize,
        storage: Storage,
        base_degree: usize,
    ) -> Self {
        let of = if metric.is_of_bits() {
            IndexedType::Bit
        } else {
            IndexedType::Vector
        };
        Self {
            metric,
            of,
            dims,
            m,
            storage,
            base_degree,
            has_compact_upper_codes: false,
            has_one_length: true,
            code_len: 0,
            node_size: 0,
            max_level: 0,
            coded_levels: 0,
            upper_degree: 0,
        }
        .with_sizes()
    }

    /// The same with what follows from the fields that are given.
    fn with_sizes(self) -> Self {
        let (mut shape, storage, base_degree) = (self, self.storage, self.base_degree);
        (shape.coded_levels, shape.upper_degree) = (0, self.m);
        shape.has_one_length = self.of != IndexedType::Sparsevec;
        shape.code_len = match (self.of, self.bit_form()) {
            (_, Some(form)) => form.code_len(),
            (IndexedType::Sparsevec, _) => Self::max_non_zeros(self.m) * BYTES_PER_NON_ZERO,
            _ => self.dims,
        };
        shape.node_size = match storage {
            Storage::Compact => shape.neighbors_at() + base_degree * ITEM_PTR_SIZE,
            Storage::Inline => shape.neighbors_at() + base_degree * edge_size(shape.sign_bytes()),
        };
        shape.has_compact_upper_codes &= Self::signs_tell(self.of, self.metric);
        if storage == Storage::Inline || shape.has_compact_upper_codes {
            shape.add_upper_codes();
        }
        shape.has_compact_upper_codes &= shape.coded_levels > 0;
        shape.max_level = shape.levels_with(shape.coded_levels);
        // Items of other kinds differ in size, so that a pointer to the wrong kind is found.
        while shape.has_rotated_codes() && shape.is_size_of_another_kind(shape.node_size) {
            shape.node_size += 8;
        }
        shape
    }

    /// The shape of an inline index over `vector`; `None` where there is no such form: for metrics whose distances signs
    /// do not tell, and where a page holds less than half of `2 * m` neighbors.
    ///
    /// Level 0 gets fewer neighbors than `2 * m`, down to four fifths and 24, if one node more fits each page then; and
    /// what fits if not even one node has room for all.
    pub fn inline(metric: Metric, dims: usize, m: usize) -> Option<Self> {
        if metric == Metric::L1 || metric.is_of_bits() {
            return None;
        }
        let wish = 2 * m;
        let with_degree = |base_degree| Self::new(metric, dims, m, Storage::Inline, base_degree);
        let nodes = with_degree(wish).nodes_per_page();
        let item = largest_of(nodes + 1);
        let head = NODE_CODE + dims.next_multiple_of(8);
        let edge = edge_size(sign_bytes(dims));
        let fitted = item.saturating_sub(head) / edge;
        let is_enough = 5 * fitted >= 4 * wish && fitted >= FITTED_DEGREE;
        let (degree, least) = if nodes > 0 && !is_enough {
            (wish, wish)
        } else {
            (fitted.min(wish), m)
        };
        let shape = with_degree(degree);
        let fits = degree >= least && shape.node_size() <= MAX_ITEM_SIZE;
        fits.then_some(shape)
    }

    /// Whether signs of differences tell distances: of all elements, and by their squares or products.
    pub fn signs_tell(of: IndexedType, metric: Metric) -> bool {
        of.is_dense() && metric != Metric::L1
    }

    /// The shape of the form that serves most best: inline from 48 dimensions on, as long as a page holds three
    /// quarters of the neighbors; compact otherwise.
    pub fn auto(metric: Metric, dims: usize, m: usize) -> Self {
        Self::inline(metric, dims, m)
            .filter(|shape| dims >= AUTO_INLINE_DIMS && 2 * shape.base_degree >= 3 * m)
            .unwrap_or_else(|| Self::compact(metric, dims, m))
    }

    /// The same for a column of type `of`.
    #[must_use]
    pub fn of(self, of: IndexedType) -> Self {
        Self { of, ..self }.with_sizes()
    }

    fn is_size_of_another_kind(&self, size: usize) -> bool {
        size == CHUNK_SIZE || (1..=self.max_level).any(|level| self.upper_size(level) == size)
    }

    /// Whether the fields can belong to one index: bytes from disk are checked so.
    pub(super) fn is_valid(&self) -> bool {
        (2..=100).contains(&self.m)
            && self.of.has(self.metric)
            && (1..=Self::max_dims_of(self.of, self.m)).contains(&self.dims)
            && (1..=2 * self.m).contains(&self.base_degree)
            && match self.storage {
                Storage::Compact => self.base_degree == 2 * self.m,
                Storage::Inline => {
                    Self::signs_tell(self.of, self.metric) && self.node_size() <= MAX_ITEM_SIZE
                }
            }
    }

    /// Whether a mean may be subtracted before values are encoded.
    pub fn has_mean(&self) -> bool {
        self.of.is_dense() && self.metric != Metric::InnerProduct
    }

    /// The parameters of the index's codes, given its mean (empty for none).
    /// # Panics
    /// If the mean is neither empty nor of the index's dimensions: [`super::Meta`] and the reader of the mean check it.
    pub fn code_params(&self, mean: Vec<f32>) -> CodeParams {
        if let Some(form) = self.bit_form() {
            return CodeParams::bits(self.metric, self.dims, form);
        }
        if self.of == IndexedType::Sparsevec {
            return CodeParams::sparse(self.metric, self.dims, Self::max_non_zeros(self.m));
        }
        let params = CodeParams::new(self.metric, self.dims, mean);
        if self.has_rotated_codes() {
            params.with_rotation()
        } else {
            params
        }
    }

    /// Whether codes are those of the rotated vectors: where neighbors have codes.
    fn has_rotated_codes(&self) -> bool {
        self.storage == Storage::Inline || self.has_compact_upper_codes
    }

    /// Most neighbors of a node on `level`.
    pub fn degree(&self, level: u8) -> usize {
        if level == 0 {
            self.base_degree
        } else {
            self.upper_degree
        }
    }

    /// How bit strings are coded; `None` for other types.
    fn bit_form(&self) -> Option<BitForm> {
        // `is_valid` has seen to it that there is one.
        let room = Self::max_code_len(self.m);
        let is_of_bits = self.metric.is_of_bits();
        is_of_bits.then(|| BitForm::fitting(self.dims, room))?
    }

    /// Bytes of a code, at most if they differ.
    #[inline]
    pub fn code_len(&self) -> usize {
        self.code_len
    }

    /// Bits of an element of a code.
    pub(super) fn code_bits(&self) -> u8 {
        match self.of {
            IndexedType::Vector | IndexedType::Halfvec => 8,
            IndexedType::Bit => 1,
            IndexedType::Sparsevec => 16,
        }
    }

    /// Whether all codes are as long, so that items of a kind and level are.
    #[inline]
    pub fn has_one_length(&self) -> bool {
        self.has_one_length
    }

    fn code_size(&self) -> usize {
        self.code_len.next_multiple_of(8)
    }

    /// Bytes of a node item before its neighbor list: what a distance reads.
    pub fn node_head_size(&self) -> usize {
        self.neighbors_at()
    }

    pub(super) fn neighbors_at(&self) -> usize {
        NODE_CODE + self.code_size()
    }

    /// Whether lists of `level` hold codes of the neighbors.
    #[inline]
    pub fn has_codes(&self, level: u8) -> bool {
        level <= self.coded_levels && (level > 0 || self.storage == Storage::Inline)
    }

    /// Whether any list holds codes of the neighbors.
    pub fn has_any_codes(&self) -> bool {
        self.has_codes(0) || self.has_codes(1)
    }

    /// Whether lists of upper levels have codes though nodes have none.
    pub(super) fn has_compact_upper_codes(&self) -> bool {
        self.has_compact_upper_codes
    }

    /// Where the list of `level` lies in a node (level 0) or upper item; `None` if it has no codes.
    #[inline]
    pub(super) fn edge_list(&self, level: u8) -> Option<EdgeList> {
        self.has_codes(level).then(|| {
            let (at, count_at) = if level == 0 {
                (self.neighbors_at(), COUNT)
            } else {
                (self.upper_list_at(level), upper_count_at(level))
            };
            EdgeList {
                at,
                count_at,
                degree: self.degree(level),
                sign_bytes: self.sign_bytes(),
            }
        })
    }

    /// Bytes of the signs of one edge.
    pub fn sign_bytes(&self) -> usize {
        sign_bytes(self.dims)
    }

    /// Bytes of a node item.
    #[inline]
    pub fn node_size(&self) -> usize {
        self.node_size
    }

    pub(super) fn lists_at(&self) -> usize {
        UPPER_CODE + self.code_size()
    }

    /// Bytes of an upper item of a node of `level` (at least 1).
    pub fn upper_size(&self, level: u8) -> usize {
        self.upper_list_at(level + 1)
    }

    /// Where the list of `level` (at least 1) begins in an upper item.
    pub(super) fn upper_list_at(&self, level: u8) -> usize {
        let below = level - 1;
        let coded = usize::from(below.min(self.coded_levels));
        let plain = usize::from(below) - coded;
        self.lists_at()
            + self.upper_degree * (coded * edge_size(self.sign_bytes()) + plain * ITEM_PTR_SIZE)
    }

    /// Highest level a node may get, so that its upper item fits a page.
    #[inline]
    pub fn max_level(&self) -> u8 {
        self.max_level
    }

    /// Most dimensions an index over `vector` with this `m` can have: a compact node, and an upper item of three levels,
    /// fit a page with a code of so many.
    pub fn max_dims(m: usize) -> usize {
        Self::max_code_len(m)
    }

    /// The same for any type; of bit strings at least `MAX_BITS`: the last bits of longer ones than fit are counted.
    pub fn max_dims_of(of: IndexedType, m: usize) -> usize {
        match of {
            IndexedType::Bit => (8 * Self::max_code_len(m)).max(MAX_BITS),
            IndexedType::Sparsevec => SPARSEVEC.max_dims,
            _ => Self::max_dims(m),
        }
    }

    /// Most elements of a `sparsevec` that are not zero, so that its node fits a page, and its upper item with levels
    /// enough to leave one node of 4,096 on the highest.
    pub fn max_non_zeros(m: usize) -> usize {
        let mut levels = 1;
        while m.pow(levels) < 4096 && levels < u32::from(MAX_LEVEL) {
            levels += 1;
        }
        Self::code_room(m, levels as usize) / BYTES_PER_NON_ZERO
    }

    /// Most bytes of a code.
    fn max_code_len(m: usize) -> usize {
        Self::code_room(m, 3)
    }

    /// Bytes that a compact node, and an upper item of so many levels, leave for a code: none for an `m` that only a damaged
    /// page can have.
    fn code_room(m: usize, levels: usize) -> usize {
        let room = |code_at: usize, links: usize| {
            (MAX_ITEM_SIZE - code_at).saturating_sub(links * ITEM_PTR_SIZE)
        };
        room(NODE_CODE, 2 * m).min(room(UPPER_CODE, levels * m)) / 8 * 8
    }

    /// Nodes on a full page, if all are as long.
    pub fn nodes_per_page(&self) -> usize {
        PAGE_ROOM / (self.node_size() + LINE_POINTER_SIZE)
    }

    /// Where on a page the node at `offset` begins, if all items before it are nodes too: what a prefetch assumes.
    pub fn expected_node_start(&self, offset: u16) -> usize {
        let end = PAGE_SIZE - OPAQUE_SIZE;
        end.saturating_sub(usize::from(offset) * self.node_size())
    }

    /// Where on a page state, rows and factors of the node at `offset` probably are: start and length, which is 0 where
    /// nodes differ in length.
    pub fn probable_rows(&self, offset: u16) -> (usize, usize) {
        if self.has_one_length() {
            (self.expected_node_start(offset), NODE_CODE)
        } else {
            (0, 0)
        }
    }

    /// Where on a page the upper item at `offset` probably is: most items there are of level 1.
    pub fn expected_upper(&self, offset: u16) -> Range<usize> {
        let end = PAGE_SIZE - OPAQUE_SIZE;
        let start = end.saturating_sub(usize::from(offset) * self.upper_size(1));
        start..start + self.upper_size(1)
    }

    /// Where on a page the upper item at `offset` probably has its factors and code. Without codes of neighbors items
    /// are small, and the range has room for one before it that is not of level 1.
    pub fn expected_upper_head(&self, offset: u16) -> Range<usize> {
        let start = self.expected_upper(offset).start;
        let room = if self.has_codes(1) {
            0
        } else {
            self.m * ITEM_PTR_SIZE
        };
        start.saturating_sub(room)..start + self.lists_at()
    }
}
