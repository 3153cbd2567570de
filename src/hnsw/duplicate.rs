//! Rows with equal vectors share a node: two heap rows in the node, the others in its chain of TID chunks.
//!
//! Locks: the node's page, then one overflow page; vacuum takes them in the same order. A row never moves between
//! the node and its chain, and never joins a tombstone.

use super::disk_graph::{corrupt_item, corrupt_page, expect_block, expect_kind};
use super::layout::{
    CHUNK_CAPACITY, CHUNK_SIZE, ItemPtr, Node, NodeMut, PageKind, Shape, SlotState, TidChunk,
    write_chunk,
};
use super::new_node::NewVector;
use super::placement::{advance, insert_page, take_slot};
use crate::error::Result;
use crate::pg::buffer::Exclusive;
use crate::pg::relation::{Relation, Tid};
use crate::pg::wal::Change;

/// How an attempt to add a row to a node ended.
enum Outcome {
    Joined,
    /// The node is gone, a tombstone, or its vector is another one.
    NotEqual,
    /// A new chunk is needed, and this overflow page has no room for one.
    NoRoom(u32),
}

/// Adds the heap row `tid` to `node` if that still holds the same vector; returns whether it does.
pub fn join_equal_node(
    index: Relation,
    shape: &Shape,
    node: ItemPtr,
    tid: Tid,
    new: &NewVector,
) -> Result<bool> {
    let mut overflow_block = None;
    loop {
        match try_join(index, shape, node, tid, new, overflow_block)? {
            Outcome::Joined => return Ok(true),
            Outcome::NotEqual => return Ok(false),
            Outcome::NoRoom(block) => {
                if overflow_block.is_some() {
                    advance(index, PageKind::Overflow, block)?;
                }
                overflow_block = Some(insert_page(index, PageKind::Overflow)?);
            }
        }
    }
}

fn try_join(
    index: Relation,
    shape: &Shape,
    ptr: ItemPtr,
    tid: Tid,
    new: &NewVector,
    overflow_block: Option<u32>,
) -> Result<Outcome> {
    let corrupt = |what| corrupt_item(index, ptr.block, ptr.offset, what);
    let node_buffer = Exclusive::read(index, ptr.block);
    expect_kind(index, ptr.block, node_buffer.page(), PageKind::Node)?;
    let item = node_buffer
        .page()
        .item(ptr.offset)
        .ok_or_else(|| corrupt("node"))?;
    let node = Node::read(item, shape).ok_or_else(|| corrupt("node"))?;
    let is_equal = node.generation() == ptr.generation
        && node.state() == SlotState::Live
        && node.hash() == new.hash
        && node.factors() == new.factors
        && node.code() == new.code;
    if !is_equal {
        return Ok(Outcome::NotEqual);
    }
    let mut inline = node.inline_tids();
    let head = node.overflow();
    if let Some(place) = inline.iter_mut().find(|place| !place.is_some()) {
        *place = tid;
        let change = Change::begin(index);
        node_mut(&mut change.register(&node_buffer), ptr, shape)
            .ok_or_else(|| corrupt("node"))?
            .set_inline_tids(inline);
        change.commit();
        return Ok(Outcome::Joined);
    }
    // The page of the node is locked: whoever locks it again waits for himself.
    let is_other_page = |block| match block == ptr.block {
        true => Err(corrupt_page(index, block, PageKind::Overflow)),
        false => Ok(block),
    };
    if let Some((block, offset)) = head
        && append_to_chunk(index, is_other_page(block)?, offset, tid)?
    {
        return Ok(Outcome::Joined);
    }
    let Some(block) = overflow_block else {
        return Ok(Outcome::NoRoom(ptr.block));
    };
    let chunk_buffer = Exclusive::read(index, is_other_page(block)?);
    expect_kind(index, block, chunk_buffer.page(), PageKind::Overflow)?;
    let change = Change::begin(index);
    {
        // The node's page first: replay locks pages in the order they are registered, and a scan on a standby
        // waits for a chunk while it holds the node.
        let mut node_page = change.register(&node_buffer);
        let mut page = change.register(&chunk_buffer);
        let Some(offset) = take_slot(index, block, &mut page, CHUNK_SIZE, |len| len == CHUNK_SIZE)?
        else {
            return Ok(Outcome::NoRoom(block));
        };
        let item = page
            .item_mut(offset)
            .ok_or_else(|| corrupt_item(index, block, offset, "TID chunk"))?;
        write_chunk(item, &[tid], head);
        node_mut(&mut node_page, ptr, shape)
            .ok_or_else(|| corrupt("node"))?
            .set_overflow(Some((block, offset)));
    }
    change.commit();
    Ok(Outcome::Joined)
}

fn node_mut<'a>(
    page: &'a mut crate::pg::page::PageMut<'_>,
    ptr: ItemPtr,
    shape: &'a Shape,
) -> Option<NodeMut<'a>> {
    NodeMut::new(page.item_mut(ptr.offset)?, shape)
}

/// Adds a row to the first chunk of a node whose page the caller has locked; `false` if the chunk is full.
fn append_to_chunk(index: Relation, block: u32, offset: u16, tid: Tid) -> Result<bool> {
    let corrupt = || corrupt_item(index, block, offset, "TID chunk");
    expect_block(index, block)?;
    let buffer = Exclusive::read(index, block);
    expect_kind(index, block, buffer.page(), PageKind::Overflow)?;
    let chunk =
        TidChunk::read(buffer.page().item(offset).ok_or_else(corrupt)?).ok_or_else(corrupt)?;
    if chunk.state() != SlotState::Live {
        return Err(corrupt());
    }
    let mut tids: Vec<Tid> = chunk.tids().collect();
    if tids.len() >= CHUNK_CAPACITY {
        return Ok(false);
    }
    tids.push(tid);
    let next = chunk.next();
    let change = Change::begin(index);
    write_chunk(
        change
            .register(&buffer)
            .item_mut(offset)
            .ok_or_else(corrupt)?,
        &tids,
        next,
    );
    change.commit();
    Ok(true)
}
