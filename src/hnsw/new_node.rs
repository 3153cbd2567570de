//! Writes a new node with its upper item into pages: step c of an insert (`insert.rs`).
//!
//! Lock order: meta (for the first node only), the node's page, then the upper item's. Node and upper item are one WAL
//! record, complete with their lists.

use super::back_link::Codes;
use super::codes::Factors;
use super::disk_graph::{corrupt_item, decode_meta, expect_kind};
use super::layout::{
    ItemPtr, META_BLOCK, NodeContents, NodeMut, PageKind, Shape, UpperMut, generation,
};
use super::placement::{advance, insert_page, take_slot, write_meta_in};
use crate::error::Result;
use crate::pg::buffer::Exclusive;
use crate::pg::interrupt;
use crate::pg::page::PageMut;
use crate::pg::relation::{Relation, Tid};
use crate::pg::wal::Change;

/// The encoded vector being inserted.
pub struct NewVector {
    /// Hash of the elements.
    pub hash: u64,
    /// Factors of the code.
    pub factors: Factors,
    /// The code.
    pub code: Vec<i8>,
}

/// A node that is not in the index yet.
pub struct NewNode<'a> {
    /// Its heap row.
    pub tid: Tid,
    /// Its vector.
    pub vector: &'a NewVector,
    /// Its neighbors on each level, from level 0 up: at least one list, and no more than the shape has levels.
    pub lists: &'a [Vec<ItemPtr>],
    /// Codes of the neighbors.
    pub codes: Codes<'a>,
}

/// The pages that a node goes to if they have room.
#[derive(Clone, Copy)]
struct Blocks {
    node: u32,
    /// None on level 0.
    upper: Option<u32>,
}

impl Blocks {
    fn of(&self, kind: PageKind) -> u32 {
        match (kind, self.upper) {
            (PageKind::Upper, Some(upper)) => upper,
            _ => self.node,
        }
    }
}

/// Whether a node found room.
enum Placed {
    /// Node and upper item (NONE on level 0).
    Both(ItemPtr, ItemPtr),
    /// The page for this kind is full.
    NoRoom(PageKind),
}

impl NewNode<'_> {
    fn level(&self) -> u8 {
        (self.lists.len() - 1) as u8
    }

    /// Writes the node; returns it and its upper item (NONE on level 0). Nothing leads to it yet.
    /// # Errors
    /// XX002 for a damaged index.
    pub fn write(&self, index: Relation, shape: &Shape) -> Result<(ItemPtr, ItemPtr)> {
        loop {
            interrupt::check();
            let blocks = self.blocks(index)?;
            let full = {
                let buffers = Buffers::lock(index, blocks);
                let change = Change::begin(index);
                match self.place(index, shape, &change, &buffers)? {
                    Placed::Both(node, upper) => {
                        change.commit();
                        return Ok((node, upper));
                    }
                    Placed::NoRoom(kind) => kind,
                }
            };
            advance(index, full, blocks.of(full))?;
        }
    }

    /// Writes the first node of an index and makes it the entry point, under the meta page's lock, so that two backends
    /// that both see no entry cannot leave one node isolated. `false` if another backend was first, or a page was full.
    /// # Errors
    /// XX002 for a damaged index.
    pub fn write_as_entry(&self, index: Relation, shape: &Shape) -> Result<bool> {
        let blocks = self.blocks(index)?;
        let full = {
            let meta_buffer = Exclusive::read(index, META_BLOCK);
            let mut meta = decode_meta(index, meta_buffer.page())?;
            if meta.entry.is_some() {
                return Ok(false);
            }
            let buffers = Buffers::lock(index, blocks);
            let change = Change::begin(index);
            match self.place(index, shape, &change, &buffers)? {
                Placed::Both(node, upper) => {
                    meta.entry = if self.level() > 0 { upper } else { node };
                    meta.entry_level = self.level();
                    write_meta_in(&change, &meta_buffer, &meta);
                    change.commit();
                    return Ok(true);
                }
                Placed::NoRoom(kind) => kind,
            }
        };
        advance(index, full, blocks.of(full))?;
        Ok(false)
    }

    fn blocks(&self, index: Relation) -> Result<Blocks> {
        Ok(Blocks {
            node: insert_page(index, PageKind::Node)?,
            upper: (self.level() > 0)
                .then(|| insert_page(index, PageKind::Upper))
                .transpose()?,
        })
    }

    /// Fills the slots of the node in pages that the caller has locked. Nothing happens before `change` commits.
    fn place(
        &self,
        index: Relation,
        shape: &Shape,
        change: &Change,
        buffers: &Buffers,
    ) -> Result<Placed> {
        let (vector, level) = (self.vector, self.level());
        let Codes { params, cache } = self.codes;
        let own = (vector.code.as_slice(), &vector.factors);
        let encode = |neighbor, signs: &mut [u8]| cache.encode_edge(params, own, neighbor, signs);
        let node_block = buffers.node.block();
        let mut node_page = change.register(&buffers.node);
        expect_kind(index, node_block, node_page.as_page(), PageKind::Node)?;
        let size = shape.node_size_for(vector.code.len());
        let may_reuse = |len| shape.may_reuse(len, size);
        let Some(node_at) = take_slot(index, node_block, &mut node_page, size, may_reuse)? else {
            return Ok(Placed::NoRoom(PageKind::Node));
        };
        let node = slot_ptr(index, &node_page, node_block, node_at)?;
        let mut upper = ItemPtr::NONE;
        if let Some(upper_buffer) = &buffers.upper {
            let (block, mut page) = (upper_buffer.block(), change.register(upper_buffer));
            expect_kind(index, block, page.as_page(), PageKind::Upper)?;
            let size = shape.upper_size_for(level, vector.code.len());
            let may_reuse = |len| shape.may_reuse(len, size);
            let Some(at) = take_slot(index, block, &mut page, size, may_reuse)? else {
                return Ok(Placed::NoRoom(PageKind::Upper));
            };
            upper = slot_ptr(index, &page, block, at)?;
            let mut writer = page
                .item_mut(at)
                .and_then(|item| UpperMut::new(item, shape))
                .ok_or_else(|| corrupt_item(index, block, at, "upper item"))?;
            writer.fill(level, node, &vector.factors, &vector.code);
            for (at, list) in (0..=level).zip(self.lists).skip(1) {
                writer.set_neighbors(at, list, encode);
            }
        }
        let mut writer = node_page
            .item_mut(node_at)
            .and_then(|item| NodeMut::new(item, shape))
            .ok_or_else(|| corrupt_item(index, node_block, node_at, "node"))?;
        writer.fill(&NodeContents {
            level,
            tids: &[self.tid],
            overflow: None,
            upper,
            hash: vector.hash,
            factors: vector.factors,
            code: &vector.code,
        });
        writer.set_neighbors(&self.lists[0], encode);
        Ok(Placed::Both(node, upper))
    }
}

/// The locked pages that a node goes to.
struct Buffers {
    node: Exclusive,
    upper: Option<Exclusive>,
}

impl Buffers {
    fn lock(index: Relation, blocks: Blocks) -> Self {
        Self {
            node: Exclusive::read(index, blocks.node),
            upper: blocks.upper.map(|block| Exclusive::read(index, block)),
        }
    }
}

/// Pointer to a slot just taken on `page`.
fn slot_ptr(index: Relation, page: &PageMut<'_>, block: u32, offset: u16) -> Result<ItemPtr> {
    let generation = page
        .as_page()
        .item(offset)
        .and_then(generation)
        .ok_or_else(|| corrupt_item(index, block, offset, "item"))?;
    Ok(ItemPtr {
        block,
        offset,
        generation,
    })
}
