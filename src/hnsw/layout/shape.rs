//! What never changes in the life of an index, and the sizes that follow from it. Pure.

use super::node::{EDGE_FACTORS_SIZE, NODE_CODE};
use super::upper::UPPER_CODE;
use super::{CHUNK_SIZE, ITEM_PTR_SIZE, MAX_LEVEL, OPAQUE_SIZE};
use crate::distance::Metric;
use crate::hnsw::codes::{CodeParams, sign_bytes};
use crate::pg::page::{HEADER_SIZE, LINE_POINTER_SIZE, PAGE_SIZE};
use std::ops::Range;

const PAGE_ROOM: usize = PAGE_SIZE - HEADER_SIZE - OPAQUE_SIZE;
/// Largest item a page holds.
pub const MAX_ITEM_SIZE: usize = (PAGE_ROOM - LINE_POINTER_SIZE) / 8 * 8;

/// Dimensions from which the inline form is worth its size: below, codes of one bit are too coarse and compact nodes
/// small (README.md, "Two forms").
const AUTO_INLINE_DIMS: usize = 256;

/// Fewer neighbors than this do not hold a graph together as well: then none is given up for the fit.
const FITTED_DEGREE: usize = 24;

/// What a node keeps of its neighbors on level 0.
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

/// What never changes in the life of an index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Distance.
    pub metric: Metric,
    /// Dimensions.
    pub dims: usize,
    /// Links per node above level 0.
    pub m: usize,
    /// Form of the nodes.
    pub storage: Storage,
    /// Links per node on level 0: `2 * m`, or what fits a page well.
    pub base_degree: usize,
    // What follows from the above, computed once: every read of an item asks for it.
    node_size: usize,
    max_level: u8,
}

impl Shape {
    /// The shape of a compact index.
    pub fn compact(metric: Metric, dims: usize, m: usize) -> Self {
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
        let mut shape = Self {
            metric,
            dims,
            m,
            storage,
            base_degree,
            node_size: 0,
            max_level: 0,
        };
        let room = MAX_ITEM_SIZE.saturating_sub(shape.lists_at()) / (m * ITEM_PTR_SIZE).max(1);
        shape.max_level = room.min(usize::from(MAX_LEVEL)) as u8;
        shape.node_size = match storage {
            Storage::Compact => shape.edge_factors_at(),
            Storage::Inline => shape.signs_at() + base_degree * shape.sign_bytes(),
        };
        // Items of other kinds differ in size, so that a pointer to the wrong kind is found.
        while storage == Storage::Inline && shape.is_size_of_another_kind(shape.node_size) {
            shape.node_size += 8;
        }
        shape
    }

    /// The shape of an inline index; `None` where there is no such form: for L1, whose distances signs do not tell,
    /// and where a page holds less than half of `2 * m` neighbors.
    ///
    /// Level 0 gets fewer neighbors than `2 * m`, down to four fifths and 24, if one node more fits each page then; and
    /// what fits if not even one node has room for all.
    pub fn inline(metric: Metric, dims: usize, m: usize) -> Option<Self> {
        let wish = 2 * m;
        let with_degree = |base_degree| Self::new(metric, dims, m, Storage::Inline, base_degree);
        let nodes = with_degree(wish).nodes_per_page();
        let item = (PAGE_ROOM / (nodes + 1) - LINE_POINTER_SIZE) / 8 * 8;
        let head = NODE_CODE + dims.next_multiple_of(8);
        let edge = ITEM_PTR_SIZE + EDGE_FACTORS_SIZE + sign_bytes(dims);
        let fitted = item.saturating_sub(head) / edge;
        let is_enough = 5 * fitted >= 4 * wish && fitted >= FITTED_DEGREE;
        let (degree, least) = if nodes > 0 && !is_enough {
            (wish, wish)
        } else {
            (fitted.min(wish), m)
        };
        let shape = with_degree(degree);
        let fits = metric != Metric::L1 && degree >= least && shape.node_size() <= MAX_ITEM_SIZE;
        fits.then_some(shape)
    }

    /// The shape of the form that serves most best: inline from 256 dimensions on, as long as a page holds three
    /// quarters of the neighbors; compact otherwise.
    pub fn auto(metric: Metric, dims: usize, m: usize) -> Self {
        Self::inline(metric, dims, m)
            .filter(|shape| dims >= AUTO_INLINE_DIMS && 2 * shape.base_degree >= 3 * m)
            .unwrap_or_else(|| Self::compact(metric, dims, m))
    }

    fn is_size_of_another_kind(&self, size: usize) -> bool {
        size == CHUNK_SIZE || (1..=self.max_level).any(|level| self.upper_size(level) == size)
    }

    /// Whether the fields can belong to one index: bytes from disk are checked so.
    pub(super) fn is_valid(&self) -> bool {
        (2..=100).contains(&self.m)
            && (1..=Self::max_dims(self.m)).contains(&self.dims)
            && (1..=2 * self.m).contains(&self.base_degree)
            && match self.storage {
                Storage::Compact => self.base_degree == 2 * self.m,
                Storage::Inline => self.metric != Metric::L1 && self.node_size() <= MAX_ITEM_SIZE,
            }
    }

    /// The parameters of the index's codes, given its mean (empty for none).
    /// # Panics
    /// If the mean is neither empty nor of the index's dimensions: [`super::Meta`] and the reader of the mean check it.
    pub fn code_params(&self, mean: Vec<f32>) -> CodeParams {
        let params = CodeParams::new(self.metric, self.dims, mean);
        match self.storage {
            Storage::Compact => params,
            Storage::Inline => params.with_rotation(),
        }
    }

    /// Most neighbors of a node on `level`.
    pub fn degree(&self, level: u8) -> usize {
        if level == 0 { self.base_degree } else { self.m }
    }

    fn code_size(&self) -> usize {
        self.dims.next_multiple_of(8)
    }

    /// Bytes of a node item before its neighbor list: what a distance reads.
    pub fn node_head_size(&self) -> usize {
        self.neighbors_at()
    }

    pub(super) fn neighbors_at(&self) -> usize {
        NODE_CODE + self.code_size()
    }

    /// Where the factors of an inline node's edges begin.
    pub(super) fn edge_factors_at(&self) -> usize {
        self.neighbors_at() + self.base_degree * ITEM_PTR_SIZE
    }

    /// Where the signs of an inline node's edges begin.
    pub(super) fn signs_at(&self) -> usize {
        self.edge_factors_at() + self.base_degree * EDGE_FACTORS_SIZE
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
        self.lists_at() + usize::from(level) * self.m * ITEM_PTR_SIZE
    }

    /// Highest level a node may get, so that its upper item fits a page.
    #[inline]
    pub fn max_level(&self) -> u8 {
        self.max_level
    }

    /// Most dimensions an index with this `m` can have: a compact node, and an upper item of three levels, fit a page.
    pub fn max_dims(m: usize) -> usize {
        let node = MAX_ITEM_SIZE - NODE_CODE - 2 * m * ITEM_PTR_SIZE;
        let upper = MAX_ITEM_SIZE - UPPER_CODE - 3 * m * ITEM_PTR_SIZE;
        node.min(upper) / 8 * 8
    }

    /// Nodes on a full page.
    pub fn nodes_per_page(&self) -> usize {
        PAGE_ROOM / (self.node_size() + LINE_POINTER_SIZE)
    }

    /// Where on a page the node at `offset` begins, if all items before it are nodes too: what a prefetch assumes.
    pub fn expected_node_start(&self, offset: u16) -> usize {
        let end = PAGE_SIZE - OPAQUE_SIZE;
        end.saturating_sub(usize::from(offset) * self.node_size())
    }

    /// Where on a page the upper item at `offset` probably has its factors and code: most items there are of level 1,
    /// and the range has room for one that is not.
    pub fn expected_upper_head(&self, offset: u16) -> Range<usize> {
        let list = self.m * ITEM_PTR_SIZE;
        let end = PAGE_SIZE - OPAQUE_SIZE;
        let start = end.saturating_sub(usize::from(offset) * self.upper_size(1));
        start.saturating_sub(list)..start + self.lists_at()
    }
}
