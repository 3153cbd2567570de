//! The graph on pages: a [`GraphStore`] over buffers, and the page reads that insert, vacuum and verify share.
//!
//! At most one content lock at a time, held only while one item is read (README.md, lock order). A pointer whose
//! slot was freed or reused is skipped, which is what makes readers safe beside vacuum and on a standby; an item
//! that cannot be what it claims is XX002.

use super::codes::{Estimate, Query};
use super::graph::{Candidate, GraphStore};
use super::layout::{
    self, Edges, ITEM_PTR_SIZE, ItemPtr, META_BLOCK, Meta, MetaProblem, Node, OPAQUE_SIZE, Opaque,
    PageKind, Shape, SlotState, Upper,
};
use crate::error::{Error, Result, SqlState};
use crate::pg::buffer::{BufferHints, Shared};
use crate::pg::page::Page;
use crate::pg::relation::Relation;
use crate::pg::{failpoint, interrupt};

/// Neighbor lists read between two looks at whether the command was cancelled.
const LISTS_PER_INTERRUPT_CHECK: u32 = 64;
/// Most neighbors a node can have: twice the largest `m`.
const MAX_DEGREE: usize = 200;
/// Distances prefetched at once: a whole list of an index with the default `m`.
const PREFETCH_BATCH: usize = 32;

/// XX002 for an item of `relation` that cannot be what it claims.
pub fn corrupt_item(relation: Relation, block: u32, offset: u16, what: &str) -> Error {
    Error::corrupt_index(
        format!("index \"{}\" has an invalid {what}", relation.name()),
        format!("Block {block}, offset {offset}."),
    )
}

/// XX002 for a page of `relation` that is not of the expected kind.
pub fn corrupt_page(relation: Relation, block: u32, expected: PageKind) -> Error {
    Error::corrupt_index(
        format!("index \"{}\" has an invalid page", relation.name()),
        format!("Block {block} is not a {expected:?} page of annex."),
    )
}

/// Checks that `page` is of `kind`.
#[inline]
pub fn expect_kind(
    relation: Relation,
    block: u32,
    page: Page<'_>,
    kind: PageKind,
) -> Result<Opaque> {
    match Opaque::read(page.special()) {
        Some(opaque) if opaque.kind == kind => Ok(opaque),
        _ => Err(corrupt_page(relation, block, kind)),
    }
}

/// Checks that `block` exists, so that a damaged pointer is XX002 instead of an error about files.
pub fn expect_block(relation: Relation, block: u32) -> Result<()> {
    if block < relation.block_count() {
        return Ok(());
    }
    Err(Error::corrupt_index(
        format!("index \"{}\" has an invalid pointer", relation.name()),
        format!(
            "It leads to block {block}, but the index has {} blocks.",
            relation.block_count()
        ),
    ))
}

/// Decodes the contents of the meta page.
pub fn decode_meta(relation: Relation, page: Page<'_>) -> Result<Meta> {
    let decoded = match Opaque::read(page.special()) {
        Some(opaque) if opaque.kind == PageKind::Meta => Meta::read(page.contents()),
        _ => Err(MetaProblem::Invalid),
    };
    // Other dimensions than the column's would blame the query for what is wrong here. A column that lost its type
    // modifier keeps its index.
    let typmod = relation.first_column_typmod();
    let decoded = match decoded {
        Ok(meta) if typmod >= 0 && i32::try_from(meta.shape.dims) != Ok(typmod) => {
            Err(MetaProblem::Invalid)
        }
        decoded => decoded,
    };
    decoded.map_err(|problem| match problem {
        MetaProblem::Invalid => Error::corrupt_index(
            "hnsw index is not valid",
            format!(
                "Block 0 of index \"{}\" is not a meta page of annex.",
                relation.name()
            ),
        ),
        MetaProblem::TooNew(version) => Error::new(
            SqlState::FeatureNotSupported,
            format!(
                "index \"{}\" has a format that this version cannot read",
                relation.name()
            ),
        )
        .with_detail(format!(
            "The index has format {version}, this library reads up to {}.",
            layout::FORMAT_VERSION
        ))
        .with_hint("Update the library, or REINDEX the index."),
    })
}

/// Reads the meta page under a share lock.
pub fn read_meta(relation: Relation) -> Result<Meta> {
    let shared = Shared::read(relation, META_BLOCK);
    decode_meta(relation, shared.page())
}

/// Reads the mean that codes are relative to: `dims` floats, or none if the index has a zero mean.
pub fn read_mean(relation: Relation, meta: &Meta) -> Result<Vec<f32>> {
    let mut mean = Vec::new();
    let mut block = meta.params;
    while block != layout::NO_BLOCK && mean.len() < meta.shape.dims {
        expect_block(relation, block)?;
        let shared = Shared::read(relation, block);
        let opaque = expect_kind(relation, block, shared.page(), PageKind::Params)?;
        let contents = shared.page().contents();
        mean.extend(
            contents
                .chunks_exact(4)
                .map(|b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]])),
        );
        if contents.is_empty() {
            break;
        }
        block = opaque.next;
    }
    let is_valid = if meta.params == layout::NO_BLOCK {
        mean.is_empty()
    } else {
        mean.len() == meta.shape.dims && mean.iter().all(|x| x.is_finite())
    };
    if is_valid {
        Ok(mean)
    } else {
        Err(corrupt_page(relation, meta.params, PageKind::Params))
    }
}

/// One query against the graph of one index.
pub struct DiskGraph<'a> {
    relation: Relation,
    shape: &'a Shape,
    query: &'a Query,
    hints: &'a mut BufferHints,
    lists_read: u32,
    left_out: Option<u64>,
}

impl<'a> DiskGraph<'a> {
    /// A view of the index for `query`, which must have been prepared with the index's parameters.
    pub fn new(
        relation: Relation,
        shape: &'a Shape,
        query: &'a Query,
        hints: &'a mut BufferHints,
    ) -> Self {
        Self {
            relation,
            shape,
            query,
            hints,
            lists_read: 0,
            left_out: None,
        }
    }

    /// The same, in which the node whose vector has the hash `left_out` seems freed.
    pub fn leaving_out(self, left_out: Option<u64>) -> Self {
        Self { left_out, ..self }
    }

    /// Serves interrupts now and then: called where no lock is held.
    #[inline]
    fn count_list(&mut self) {
        self.lists_read = self.lists_read.wrapping_add(1);
        if self.lists_read.is_multiple_of(LISTS_PER_INTERRUPT_CHECK) {
            interrupt::check();
            failpoint::begin_unit("search_lists");
        }
    }

    /// Calls `read` with the item at `ptr` under a share lock on its page, or not at all if the slot was freed or
    /// reused since the pointer was made.
    ///
    /// The page's special space is not looked at: it lies in a cache line of its own, which made up half the time of a
    /// search. Items of different kinds differ in size, so a pointer to the wrong kind is found all the same.
    #[inline]
    fn with_item<T>(
        &mut self,
        ptr: ItemPtr,
        read: impl FnOnce(&Shape, &[u8]) -> Option<T>,
    ) -> Result<Option<T>> {
        if !self.hints.has_block(ptr.block) {
            expect_block(self.relation, ptr.block)?;
        }
        let shared = self.hints.read(ptr.block);
        let page = shared.page();
        let corrupt = || corrupt_item(self.relation, ptr.block, ptr.offset, "item");
        let item = page.item(ptr.offset).ok_or_else(corrupt)?;
        let generation = layout::generation(item).ok_or_else(corrupt)?;
        let state = SlotState::of(item).ok_or_else(corrupt)?;
        if generation != ptr.generation || state == SlotState::Free {
            return Ok(None);
        }
        read(self.shape, item).map(Some).ok_or_else(corrupt)
    }

    /// Calls `read` with the node at `ptr`, unless its slot was freed or reused.
    pub fn with_node<T>(
        &mut self,
        ptr: ItemPtr,
        read: impl FnOnce(Node<'_>) -> T,
    ) -> Result<Option<T>> {
        let left_out = self.left_out;
        let result = self.with_item(ptr, |shape, item| {
            Node::read(item, shape).map(|node| match left_out {
                Some(hash) if hash == node.hash() => None,
                _ => Some(read(node)),
            })
        })?;
        Ok(result.flatten())
    }

    /// Calls `read` with the upper item at `ptr`, unless its slot was freed or reused.
    pub fn with_upper<T>(
        &mut self,
        ptr: ItemPtr,
        read: impl FnOnce(Upper<'_>) -> T,
    ) -> Result<Option<T>> {
        self.with_item(ptr, |shape, item| Upper::read(item, shape).map(read))
    }

    /// Blocks of the index, as far as this view knows.
    pub fn block_count(&self) -> u32 {
        self.hints.block_count()
    }

    /// The nodes in use on a block; none if it is not a node page.
    pub fn nodes_on(&mut self, block: u32) -> Result<Vec<ItemPtr>> {
        let shared = self.hints.read(block);
        let page = shared.page();
        let mut nodes = Vec::new();
        if Opaque::read(page.special()).is_some_and(|opaque| opaque.kind == PageKind::Node) {
            for offset in 1..=page.item_count() {
                let corrupt = || corrupt_item(self.relation, block, offset, "node");
                let node = page
                    .item(offset)
                    .and_then(|item| Node::read(item, self.shape));
                let node = node.ok_or_else(corrupt)?;
                if node.state() == SlotState::Live {
                    nodes.push(ItemPtr {
                        block,
                        offset,
                        generation: node.generation(),
                    });
                }
            }
        }
        Ok(nodes)
    }

    /// Asks the CPU for what reading the codes of `nodes` will need.
    #[inline]
    pub fn prefetch_codes(&self, nodes: &[ItemPtr], level: u8) {
        for ptr in nodes {
            self.hints.prefetch_descriptor(ptr.block);
        }
        let range_of = |offset| {
            if !self.shape.has_one_length() {
                0..0 // where an item lies is not known before its line pointer is
            } else if level == 0 {
                let start = self.shape.expected_node_start(offset);
                start..start + self.shape.node_head_size()
            } else {
                self.shape.expected_upper_head(offset)
            }
        };
        for ptr in nodes {
            let range = range_of(ptr.offset);
            self.hints
                .prefetch_item(ptr.block, ptr.offset, range.start, range.len());
        }
    }

    fn candidate(query: &Query, ptr: ItemPtr, node: Node<'_>) -> Candidate<ItemPtr> {
        let factors = node.factors();
        Candidate {
            key: query.key(node.code(), &factors),
            slack: query.slack(&factors),
            node: ptr,
            is_live: node.state() == SlotState::Live,
        }
    }

    fn upper_candidate(query: &Query, ptr: ItemPtr, upper: Upper<'_>) -> Candidate<ItemPtr> {
        let factors = upper.factors();
        Candidate {
            key: query.key(upper.code(), &factors),
            slack: query.slack(&factors),
            node: ptr,
            is_live: true,
        }
    }
}

/// Puts those neighbors of a node with `key` into `out` that are not surely farther than `limit`.
#[inline]
fn estimate_neighbors(
    query: &Query,
    key: f32,
    limit: f32,
    neighbors: impl ExactSizeIterator<Item = ItemPtr>,
    edges: Edges<'_>,
    out: &mut Vec<(ItemPtr, Estimate)>,
) {
    let mut sums = [0; MAX_DEGREE];
    let sums = &mut sums[..neighbors.len()];
    query.sign_sums(edges.signs(), sums);
    let owner = query.owner_estimate(key);
    for ((neighbor, factors), sum) in neighbors.zip(edges.factors()).zip(sums) {
        let estimate = owner.neighbor(factors, *sum);
        if !estimate.is_beyond(limit) {
            out.push((neighbor, estimate));
        }
    }
}

impl GraphStore for DiskGraph<'_> {
    type Node = ItemPtr;
    type Error = Error;

    fn place(node: ItemPtr) -> u64 {
        node.visit_key()
    }

    fn neighbors(&mut self, node: ItemPtr, level: u8, out: &mut Vec<ItemPtr>) -> Result<()> {
        out.clear();
        self.count_list();
        if level == 0 {
            self.with_node(node, |node| out.extend(node.neighbors()))?;
        } else {
            self.with_upper(node, |upper| out.extend(upper.neighbors(level)))?;
        }
        Ok(())
    }

    fn evaluate(
        &mut self,
        nodes: &[ItemPtr],
        level: u8,
        out: &mut Vec<Candidate<ItemPtr>>,
    ) -> Result<()> {
        let query = self.query;
        for batch in nodes.chunks(PREFETCH_BATCH) {
            self.prefetch_codes(batch, level);
            for ptr in batch {
                let candidate = if level == 0 {
                    self.with_node(*ptr, |node| Self::candidate(query, *ptr, node))?
                } else {
                    self.with_upper(*ptr, |upper| Self::upper_candidate(query, *ptr, upper))?
                };
                out.extend(candidate);
            }
        }
        Ok(())
    }

    fn ambiguous_up_to(&self, nearest: f32, farthest: f32, slack: f32) -> f32 {
        self.query.ambiguous_up_to(nearest, farthest, slack)
    }

    fn has_estimates(&self, level: u8) -> bool {
        self.shape.has_codes(level)
    }

    fn expand(
        &mut self,
        ptr: ItemPtr,
        level: u8,
        limit: f32,
        out: &mut Vec<(ItemPtr, Estimate)>,
    ) -> Result<Option<Candidate<ItemPtr>>> {
        out.clear();
        self.count_list();
        let query = self.query;
        if level == 0 {
            return self.with_node(ptr, |node| {
                let candidate = Self::candidate(query, ptr, node);
                let (neighbors, edges) = (node.neighbors(), node.edges());
                estimate_neighbors(query, candidate.key, limit, neighbors, edges, out);
                candidate
            });
        }
        self.with_upper(ptr, |upper| {
            let candidate = Self::upper_candidate(query, ptr, upper);
            let (neighbors, edges) = (upper.neighbors(level), upper.edges(level));
            estimate_neighbors(query, candidate.key, limit, neighbors, edges, out);
            candidate
        })
    }

    fn prefetch(&mut self, node: ItemPtr, level: u8) {
        let (start, len) = match (self.has_estimates(level), level) {
            (true, 0) => (
                self.shape.expected_node_start(node.offset),
                self.shape.node_size(),
            ),
            (true, _) => {
                let range = self.shape.expected_upper(node.offset);
                (range.start, range.len())
            }
            (false, 0) if !self.shape.has_one_length() => return,
            (false, 0) => (
                self.shape.expected_node_start(node.offset) + self.shape.node_head_size(),
                self.shape.degree(0) * ITEM_PTR_SIZE,
            ),
            (false, _) => return,
        };
        if self.has_estimates(level) {
            self.hints.prefetch_descriptor(node.block);
        }
        self.hints
            .prefetch_item(node.block, node.offset, start, len);
    }

    fn ground(&mut self, node: ItemPtr) -> Result<Option<ItemPtr>> {
        self.with_upper(node, |upper| upper.node())
    }
}

/// Calls `visit` with every item of every page of `kind`, page by page under a share lock, with the block and
/// line pointer; blocks added meanwhile are visited too. `between` runs between pages, without a lock.
pub fn for_each_item(
    relation: Relation,
    kind: PageKind,
    mut visit: impl FnMut(u32, u16, &[u8]) -> Result<()>,
    mut between: impl FnMut(),
) -> Result<()> {
    let mut block = META_BLOCK + 1;
    while block < relation.block_count() {
        {
            let shared = Shared::read(relation, block);
            let page = shared.page();
            if page.special().len() == OPAQUE_SIZE
                && Opaque::read(page.special()).is_some_and(|opaque| opaque.kind == kind)
            {
                for offset in 1..=page.item_count() {
                    let item = page
                        .item(offset)
                        .ok_or_else(|| corrupt_item(relation, block, offset, "line pointer"))?;
                    visit(block, offset, item)?;
                }
            }
        }
        between();
        block += 1;
    }
    Ok(())
}
