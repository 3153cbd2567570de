//! Where each item of a built graph goes, known before the first page is written. Pure.

use super::source::NodeSource;
use crate::hnsw::layout::{
    CHUNK_CAPACITY, CHUNK_SIZE, INLINE_TIDS, ItemPtr, META_BLOCK, Meta, OPAQUE_SIZE,
    PARAMS_PER_PAGE, PageKind,
};
use crate::pg::page::{HEADER_SIZE, LINE_POINTER_SIZE, PAGE_SIZE};

/// Room for items and their line pointers on a page.
const ROOM: usize = PAGE_SIZE - HEADER_SIZE - OPAQUE_SIZE;

/// Where everything goes.
pub(super) struct Plan<'a> {
    pub(super) meta: &'a Meta,
    pub(super) nodes: usize,
    tids: u64,
    entry: u32,
    params_blocks: u32,
    node_start: u32,
    pub(super) nodes_per_page: usize,
    upper_start: u32,
    /// Upper items, by node.
    pub(super) uppers: Vec<UpperPlace>,
    chunk_start: u32,
    /// For each node with a chain: the number of its first chunk.
    pub(super) chunks: Vec<(u32, u32)>,
    chunk_count: u32,
}

/// Where the upper item of a node goes.
pub(super) struct UpperPlace {
    pub(super) node: u32,
    pub(super) level: u8,
    /// Block, counted from the first of the upper items, and line pointer.
    pub(super) block: u32,
    pub(super) offset: u16,
}

/// TID chunks on a full page.
pub(super) const CHUNKS_PER_PAGE: usize = ROOM / (CHUNK_SIZE + LINE_POINTER_SIZE);

impl<'a> Plan<'a> {
    /// Places for all items of `source`, whose codes are relative to `mean`.
    pub(super) fn new(meta: &'a Meta, mean: &[f32], source: &dyn NodeSource) -> Self {
        let nodes = source.node_count();
        let nodes_per_page = meta.shape.nodes_per_page().max(1);
        let params_blocks = mean.len().div_ceil(PARAMS_PER_PAGE) as u32;
        let node_start = META_BLOCK + 1 + params_blocks;
        let upper_start = node_start + nodes.div_ceil(nodes_per_page) as u32;
        let mut uppers = Vec::new();
        let (mut block, mut offset, mut used) = (0u32, 0u16, 0usize);
        for (node, level) in source.uppers() {
            let size = meta.shape.upper_size(level).next_multiple_of(8) + LINE_POINTER_SIZE;
            if used + size > ROOM {
                (block, offset, used) = (block + 1, 0, 0);
            }
            offset += 1;
            used += size;
            uppers.push(UpperPlace {
                node,
                level,
                block,
                offset,
            });
        }
        let upper_blocks = if uppers.is_empty() { 0 } else { block + 1 };
        let mut chunks = Vec::new();
        let mut chunk_count = 0u32;
        for (node, rows) in source.chained() {
            chunks.push((node, chunk_count));
            chunk_count += (rows - INLINE_TIDS).div_ceil(CHUNK_CAPACITY) as u32;
        }
        Self {
            meta,
            nodes,
            tids: source.tid_count(),
            entry: source.entry(),
            params_blocks,
            node_start,
            nodes_per_page,
            upper_start,
            uppers,
            chunk_start: upper_start + upper_blocks,
            chunks,
            chunk_count,
        }
    }

    /// Where a node goes.
    pub(super) fn node_ptr(&self, node: u32) -> ItemPtr {
        let (page, slot) = (
            node as usize / self.nodes_per_page,
            node as usize % self.nodes_per_page,
        );
        ItemPtr {
            block: self.node_start + page as u32,
            offset: slot as u16 + 1,
            generation: 0,
        }
    }

    fn upper(&self, node: u32) -> Option<&UpperPlace> {
        let found = self.uppers.binary_search_by_key(&node, |place| place.node);
        found.ok().and_then(|at| self.uppers.get(at))
    }

    /// Where the upper item of a node goes; NONE for a node of level 0.
    pub(super) fn upper_ptr(&self, node: u32) -> ItemPtr {
        self.upper(node)
            .map_or(ItemPtr::NONE, |&UpperPlace { block, offset, .. }| ItemPtr {
                block: self.upper_start + block,
                offset,
                generation: 0,
            })
    }

    /// Level of a node.
    pub(super) fn level(&self, node: u32) -> u8 {
        self.upper(node).map_or(0, |place| place.level)
    }

    /// Block and line pointer of a TID chunk, counted from 0.
    pub(super) fn chunk_place(&self, chunk: u32) -> (u32, u16) {
        let (page, slot) = (
            chunk as usize / CHUNKS_PER_PAGE,
            chunk as usize % CHUNKS_PER_PAGE,
        );
        (self.chunk_start + page as u32, slot as u16 + 1)
    }

    /// Where the chain of a node begins, if it has one.
    pub(super) fn first_chunk(&self, node: u32) -> Option<(u32, u16)> {
        let at = self
            .chunks
            .binary_search_by_key(&node, |(node, _)| *node)
            .ok()?;
        Some(self.chunk_place(self.chunks[at].1))
    }

    /// The meta page of the finished index.
    pub(super) fn final_meta(&self) -> Meta {
        let mut meta = self.meta.clone();
        meta.nodes = self.nodes as u64;
        meta.tids = self.tids;
        if self.params_blocks > 0 {
            meta.params = META_BLOCK + 1;
        }
        if self.nodes > 0 {
            meta.entry_level = self.level(self.entry);
            meta.entry = if meta.entry_level > 0 {
                self.upper_ptr(self.entry)
            } else {
                self.node_ptr(self.entry)
            };
            meta.insert_page[PageKind::Node.slot()] = self.upper_start - 1;
        }
        if !self.uppers.is_empty() {
            meta.insert_page[PageKind::Upper.slot()] = self.chunk_start - 1;
        }
        if self.chunk_count > 0 {
            meta.insert_page[PageKind::Overflow.slot()] = self.chunk_place(self.chunk_count - 1).0;
        }
        meta
    }
}
