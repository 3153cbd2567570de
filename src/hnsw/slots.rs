//! What a pass over the index has seen of every item slot: generation and state, a few bytes each. Vacuum and
//! verify judge edges by it without reading the pages they lead to.

use super::disk_graph::for_each_item;
use super::layout::{ItemPtr, Node, PageKind, Shape, SlotState, Upper, generation};
use crate::error::Result;
use crate::hnsw::disk_graph::corrupt_item;
use crate::pg::relation::Relation;
use std::collections::HashMap;

/// One slot as the pass saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Generation.
    pub generation: u16,
    /// State.
    pub state: SlotState,
    /// Level of the node.
    pub level: u8,
}

/// The slots of one kind of item, by block and line pointer.
#[derive(Debug, Default)]
pub struct SlotMap {
    blocks: Vec<Vec<Slot>>,
}

/// How an edge looks beside the slot it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeState {
    /// To an item in use, or to one that was inserted after the pass.
    Valid,
    /// To a tombstone.
    Dead,
    /// To a slot freed or reused since.
    Stale,
    /// To a place that was never an item.
    Invalid,
}

impl SlotMap {
    /// Adds what the pass has seen at a place; the offsets of a block come in order, from 1, without gaps.
    pub fn set(&mut self, block: u32, offset: u16, slot: Slot) {
        let block = block as usize;
        if self.blocks.len() <= block {
            self.blocks.resize_with(block + 1, Vec::new);
        }
        self.blocks[block].truncate(usize::from(offset) - 1);
        self.blocks[block].push(slot);
    }

    /// The slot at a place; `None` if the pass has seen none there.
    pub fn get(&self, ptr: ItemPtr) -> Option<Slot> {
        let offset = usize::from(ptr.offset).checked_sub(1)?;
        self.blocks.get(ptr.block as usize)?.get(offset).copied()
    }

    /// Changes the state of a slot that the pass has seen.
    pub fn set_state(&mut self, ptr: ItemPtr, state: SlotState) {
        if let Some(offset) = usize::from(ptr.offset).checked_sub(1)
            && let Some(slot) = self
                .blocks
                .get_mut(ptr.block as usize)
                .and_then(|slots| slots.get_mut(offset))
        {
            slot.state = state;
        }
    }

    /// How the edge `ptr` looks now.
    pub fn edge_state(&self, ptr: ItemPtr) -> EdgeState {
        let Some(slots) = self.blocks.get(ptr.block as usize) else {
            return EdgeState::Valid;
        };
        match self.get(ptr) {
            // A page that has grown since the pass.
            None if usize::from(ptr.offset) > slots.len() => EdgeState::Valid,
            None => EdgeState::Invalid,
            Some(slot) if slot.generation != ptr.generation => EdgeState::Stale,
            Some(slot) if slot.state == SlotState::Tombstone => EdgeState::Dead,
            // Free with the same generation: taken by an insert after the pass.
            Some(_) => EdgeState::Valid,
        }
    }

    /// All slots with their pointers, in page order.
    pub fn iter(&self) -> impl Iterator<Item = (ItemPtr, Slot)> + '_ {
        self.blocks.iter().enumerate().flat_map(|(block, slots)| {
            slots.iter().enumerate().map(move |(i, slot)| {
                let generation = slot.generation;
                (
                    ItemPtr {
                        block: block as u32,
                        offset: i as u16 + 1,
                        generation,
                    },
                    *slot,
                )
            })
        })
    }

    /// Number of slots in `state`.
    pub fn count(&self, state: SlotState) -> usize {
        self.blocks
            .iter()
            .flatten()
            .filter(|slot| slot.state == state)
            .count()
    }
}

/// The slots of all nodes and upper items of an index.
#[derive(Debug, Default)]
pub struct IndexSlots {
    /// Nodes.
    pub nodes: SlotMap,
    /// Upper items; one of a tombstone counts as a tombstone.
    pub uppers: SlotMap,
    /// The node of each upper item in use, by the upper item's place.
    pub node_of_upper: HashMap<u64, ItemPtr>,
}

impl IndexSlots {
    /// Reads every node and upper item once, under share locks, one page at a time; `between` runs between pages.
    /// # Errors
    /// XX002 for an item that cannot be what it claims.
    pub fn read(index: Relation, shape: &Shape, mut between: impl FnMut()) -> Result<Self> {
        let mut slots = Self::default();
        let nodes = &mut slots.nodes;
        for_each_item(
            index,
            PageKind::Node,
            |block, offset, item| {
                let node = Node::read(item, shape)
                    .ok_or_else(|| corrupt_item(index, block, offset, "node"))?;
                let slot = Slot {
                    generation: node.generation(),
                    state: node.state(),
                    level: node.level(),
                };
                nodes.set(block, offset, slot);
                Ok(())
            },
            &mut between,
        )?;
        let (nodes, uppers, node_of_upper) =
            (&slots.nodes, &mut slots.uppers, &mut slots.node_of_upper);
        for_each_item(
            index,
            PageKind::Upper,
            |block, offset, item| {
                let corrupt = || corrupt_item(index, block, offset, "upper item");
                let upper = Upper::read(item, shape);
                let state = SlotState::of(item).ok_or_else(corrupt)?;
                let generation = generation(item).ok_or_else(corrupt)?;
                let mut slot = Slot {
                    generation,
                    state,
                    level: 0,
                };
                if state != SlotState::Free {
                    let upper = upper.ok_or_else(corrupt)?;
                    let node = upper.node();
                    slot.level = upper.level();
                    if matches!(nodes.edge_state(node), EdgeState::Dead | EdgeState::Stale) {
                        slot.state = SlotState::Tombstone;
                    }
                    let ptr = ItemPtr {
                        block,
                        offset,
                        generation,
                    };
                    node_of_upper.insert(ptr.place(), node);
                }
                uppers.set(block, offset, slot);
                Ok(())
            },
            &mut between,
        )?;
        Ok(slots)
    }
}
