//! Where each item of a built graph goes, known before the first page is written. Pure.

use super::source::NodeSource;
use crate::error::{Error, Result, SqlState};
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
    node_places: NodePlaces,
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

/// Where nodes go: block, counted from the first of them, and line pointer.
enum NodePlaces {
    /// All are as long: so many on a page.
    PerPage(usize),
    /// They differ in length.
    Each(Vec<(u32, u16)>),
}

impl NodePlaces {
    fn of(meta: &Meta, source: &mut dyn NodeSource) -> Result<Self> {
        let shape = &meta.shape;
        if shape.has_one_length() {
            return Ok(Self::PerPage(shape.nodes_per_page().max(1)));
        }
        let nodes = source.node_count();
        let mut places = Vec::new();
        places.try_reserve_exact(nodes).map_err(|_| {
            Error::new(SqlState::OutOfMemory, "out of memory")
                .with_detail(format!("The places of {nodes} nodes do not fit."))
        })?;
        let mut page = Filling::default();
        for node in 0..nodes as u32 {
            places.push(page.add(shape.node_size_for(source.code_len(node)?)));
        }
        Ok(Self::Each(places))
    }

    fn place(&self, node: usize) -> (u32, u16) {
        match self {
            Self::PerPage(count) => ((node / count) as u32, (node % count) as u16 + 1),
            Self::Each(places) => places.get(node).copied().unwrap_or_default(),
        }
    }

    /// Blocks that `nodes` nodes take.
    fn blocks(&self, nodes: usize) -> u32 {
        nodes
            .checked_sub(1)
            .map_or(0, |last| self.place(last).0 + 1)
    }
}

/// The page that items go to, one after the other.
#[derive(Default)]
struct Filling {
    block: u32,
    offset: u16,
    used: usize,
}

impl Filling {
    /// Where an item of `size` bytes goes.
    fn add(&mut self, size: usize) -> (u32, u16) {
        let size = size.next_multiple_of(8) + LINE_POINTER_SIZE;
        if self.used + size > ROOM {
            (self.block, self.offset, self.used) = (self.block + 1, 0, 0);
        }
        self.offset += 1;
        self.used += size;
        (self.block, self.offset)
    }
}

/// TID chunks on a full page.
pub(super) const CHUNKS_PER_PAGE: usize = ROOM / (CHUNK_SIZE + LINE_POINTER_SIZE);

impl<'a> Plan<'a> {
    /// Places for all items of `source`, whose codes are relative to `mean`.
    /// # Errors
    /// 53200 if memory cannot be had, and those of `source`.
    pub(super) fn new(meta: &'a Meta, mean: &[f32], source: &mut dyn NodeSource) -> Result<Self> {
        let nodes = source.node_count();
        let node_places = NodePlaces::of(meta, source)?;
        let params_blocks = mean.len().div_ceil(PARAMS_PER_PAGE) as u32;
        let node_start = META_BLOCK + 1 + params_blocks;
        let upper_start = node_start + node_places.blocks(nodes);
        let mut uppers = Vec::new();
        let mut page = Filling::default();
        let levels: Vec<(u32, u8)> = source.uppers().collect();
        for (node, level) in levels {
            let size = meta.shape.upper_size_for(level, source.code_len(node)?);
            let (block, offset) = page.add(size);
            uppers.push(UpperPlace {
                node,
                level,
                block,
                offset,
            });
        }
        let upper_blocks = if uppers.is_empty() { 0 } else { page.block + 1 };
        let mut chunks = Vec::new();
        let mut chunk_count = 0u32;
        for (node, rows) in source.chained() {
            chunks.push((node, chunk_count));
            chunk_count += (rows - INLINE_TIDS).div_ceil(CHUNK_CAPACITY) as u32;
        }
        Ok(Self {
            meta,
            nodes,
            tids: source.tid_count(),
            entry: source.entry(),
            params_blocks,
            node_start,
            node_places,
            upper_start,
            uppers,
            chunk_start: upper_start + upper_blocks,
            chunks,
            chunk_count,
        })
    }

    /// Where a node goes.
    pub(super) fn node_ptr(&self, node: u32) -> ItemPtr {
        let (page, offset) = self.node_places.place(node as usize);
        ItemPtr {
            block: self.node_start + page,
            offset,
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
