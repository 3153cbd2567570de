//! Node items: one vector on level 0, its rows and its neighbors, in the inline form with one-bit codes of these. Pure.

use super::{
    COUNT, Edges, GENERATION, ItemPtr, LEVEL, LIST_VERSION, NO_BLOCK, STATE, Shape, SlotState,
    as_code, factors_are_valid, free, list, put, put_u64, read_factors, u16_at, u32_at, u64_at,
    write_code, write_factors, write_list,
};
use crate::hnsw::codes::{EdgeFactors, Factors};
use crate::pg::relation::Tid;

const NODE_TID_BLOCKS: usize = 8;
const NODE_TID_OFFSETS: usize = 16;
const NODE_OVERFLOW_BLOCK: usize = 20;
const NODE_OVERFLOW_OFFSET: usize = 24;
const NODE_UPPER_OFFSET: usize = 26;
const NODE_UPPER_BLOCK: usize = 28;
const NODE_HASH: usize = 32;
pub(super) const NODE_FACTORS: usize = 40;
const NODE_UPPER_GENERATION: usize = 52;
pub(super) const NODE_CODE: usize = 56;
/// Heap rows a node holds itself; more are in its chain of TID chunks.
pub const INLINE_TIDS: usize = 2;

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
        let fits = shape.node_fits(item)
            && SlotState::of(item).is_some()
            && usize::from(item[COUNT]) <= shape.base_degree
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
        as_code(&self.item[NODE_CODE..NODE_CODE + self.shape.node_code_len(self.item)])
    }

    /// The neighbors of level 0.
    #[inline]
    pub fn neighbors(self) -> impl ExactSizeIterator<Item = ItemPtr> + 'a {
        list(
            self.item,
            self.shape.node_list_at(self.item),
            usize::from(self.item[COUNT]),
        )
    }

    /// The codes of the neighbors, in the order of [`Self::neighbors`]; none in the compact form.
    #[inline]
    pub fn edges(self) -> Edges<'a> {
        match self.shape.edge_list(0) {
            Some(list) => list.edges(self.item),
            None => Edges::NONE,
        }
    }
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
    /// The code, as long as those of the index are.
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
        shape
            .is_node_len(item.len())
            .then_some(Self { item, shape })
    }

    /// Fills a free or new slot, which has room for the code; the generation stays, the neighbor list is empty.
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
        write_code(&mut self.item[NODE_CODE..], node.code);
        self.shape.mark_node(self.item, node.code.len());
    }

    /// Replaces the neighbor list (at most the shape's degree) and raises its version.
    ///
    /// In the inline form neighbors that stay keep their place and code, so that little of the page changes; for
    /// each new one `encode` writes the signs of the way to it and returns the factors, or `None` if its code cannot
    /// be had: it is left out then. Compact lists are written in the order given, and `encode` is not called.
    pub fn set_neighbors(
        &mut self,
        neighbors: &[ItemPtr],
        encode: impl FnMut(ItemPtr, &mut [u8]) -> Option<EdgeFactors>,
    ) {
        match self.shape.edge_list(0) {
            Some(list) => list.set(self.item, neighbors, encode),
            None => {
                let at = self.shape.node_list_at(self.item);
                write_list(self.item, at, COUNT, self.shape.base_degree, neighbors);
            }
        }
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
