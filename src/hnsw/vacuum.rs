//! VACUUM of the index. Pass 1 (`bulk_delete`) removes heap rows and leaves tombstones; `cleanup` repairs the lists
//! that lead to them (pass 2), links again what lost its last way in, and frees the slots (pass 3, `repair.rs`).
//!
//! What a pass leaves behind is on the pages, never only in memory: cleanup may run in another process, or after a
//! crash. Locks: a node's page, then one overflow page; no cleanup locks, scans and inserts go on.

use super::disk_graph::{corrupt_item, decode_meta, expect_block, expect_kind, read_meta};
use super::layout::{
    INLINE_TIDS, META_BLOCK, Meta, Node, NodeMut, OPAQUE_SIZE, Opaque, PageKind, Shape, SlotState,
    TidChunk, free, write_chunk,
};
use super::placement::{offer_free_slots, write_meta_in};
use super::repair::Repair;
use super::scan::read_tids;
use super::slots::IndexSlots;
use crate::error::Result;
use crate::pg::buffer::{Exclusive, Shared};
use crate::pg::compat::vacuum_delay_point;
use crate::pg::failpoint;
use crate::pg::relation::{Relation, Tid};
use crate::pg::vacuum_info::{VacuumInfo, now_microseconds};
use crate::pg::wal::Change;

/// `ambulkdelete`: asks `is_dead` about every heap row of the index, exactly once, and removes those that are.
pub fn bulk_delete(vacuum: &mut VacuumInfo, is_dead: &mut dyn FnMut(Tid) -> bool) -> Result<()> {
    let index = vacuum.index();
    let shape = read_meta(index)?.shape;
    let (mut removed, mut remaining) = (0u64, 0u64);
    let mut block = META_BLOCK + 1;
    while block < index.block_count() {
        vacuum_delay_point();
        failpoint::begin_unit("vacuum_page");
        let dead = find_dead(index, &shape, block, vacuum, is_dead, &mut remaining)?;
        if !dead.is_empty() {
            removed += dead.iter().map(|node| node.tids.len() as u64).sum::<u64>();
            let freed = remove_dead(index, &shape, block, vacuum, &dead)?;
            for chunk_block in freed {
                offer_free_slots(index, PageKind::Overflow, chunk_block)?;
            }
            failpoint::hit("vacuum_page");
        }
        block += 1;
    }
    failpoint::hit("vacuum_deleted");
    let stats = vacuum.stats();
    stats.estimated_count = false;
    stats.num_index_tuples = remaining as f64;
    stats.tuples_removed += removed as f64;
    stats.num_pages = index.block_count();
    Ok(())
}

/// A node with rows to remove.
struct DeadRows {
    offset: u16,
    tids: Vec<Tid>,
}

/// The dead rows of the nodes on one page, read under a share lock.
fn find_dead(
    index: Relation,
    shape: &Shape,
    block: u32,
    vacuum: &VacuumInfo,
    is_dead: &mut dyn FnMut(Tid) -> bool,
    remaining: &mut u64,
) -> Result<Vec<DeadRows>> {
    let buffer = Shared::read_with_strategy(index, block, vacuum.strategy());
    let page = buffer.page();
    let is_node_page = page.special().len() == OPAQUE_SIZE
        && Opaque::read(page.special()).is_some_and(|opaque| opaque.kind == PageKind::Node);
    let mut found = Vec::new();
    if !is_node_page {
        return Ok(found);
    }
    for offset in 1..=page.item_count() {
        let corrupt = || corrupt_item(index, block, offset, "node");
        let node = Node::read(page.item(offset).ok_or_else(corrupt)?, shape).ok_or_else(corrupt)?;
        if node.state() != SlotState::Live {
            continue;
        }
        let mut tids = Vec::new();
        read_tids(index, node, |tid| {
            if is_dead(tid) {
                tids.push(tid);
            } else {
                *remaining += 1;
            }
        })?;
        if !tids.is_empty() {
            tids.sort_unstable();
            found.push(DeadRows { offset, tids });
        }
    }
    Ok(found)
}

/// Removes the rows found on one page; a node without rows becomes a tombstone. Returns the blocks where TID chunks
/// were freed.
fn remove_dead(
    index: Relation,
    shape: &Shape,
    block: u32,
    vacuum: &VacuumInfo,
    dead: &[DeadRows],
) -> Result<Vec<u32>> {
    let buffer = Exclusive::read_with_strategy(index, block, vacuum.strategy());
    expect_kind(index, block, buffer.page(), PageKind::Node)?;
    let mut freed = Vec::new();
    // Chains first, each change its own record; the node keeps pointing at a complete chain throughout.
    for rows in dead {
        while pop_or_clean_chain(index, shape, &buffer, rows, &mut freed)? {}
    }
    let change = Change::begin(index);
    let mut page = change.register(&buffer);
    for rows in dead {
        let corrupt = || corrupt_item(index, block, rows.offset, "node");
        let node = page
            .as_page()
            .item(rows.offset)
            .and_then(|item| Node::read(item, shape));
        let node = node.ok_or_else(corrupt)?;
        let mut inline = node.inline_tids();
        let has_chain = node.overflow().is_some();
        for place in inline
            .iter_mut()
            .filter(|place| rows.tids.binary_search(place).is_ok())
        {
            *place = Tid::NONE;
        }
        let is_empty = !has_chain && inline == [Tid::NONE; INLINE_TIDS];
        let mut writer = page
            .item_mut(rows.offset)
            .and_then(|item| NodeMut::new(item, shape))
            .ok_or_else(corrupt)?;
        writer.set_inline_tids(inline);
        if is_empty {
            writer.set_tombstone();
        }
    }
    change.commit();
    Ok(freed)
}

/// Removes dead rows from the chain of one node. If the chain's first chunk is left without rows it is freed, and
/// the function returns `true`: there is a new first chunk, or none, to look at again.
fn pop_or_clean_chain(
    index: Relation,
    shape: &Shape,
    node_buffer: &Exclusive,
    rows: &DeadRows,
    freed: &mut Vec<u32>,
) -> Result<bool> {
    let node_block = node_buffer.block();
    let corrupt_node = || corrupt_item(index, node_block, rows.offset, "node");
    let node = node_buffer
        .page()
        .item(rows.offset)
        .and_then(|item| Node::read(item, shape));
    let head = node.ok_or_else(corrupt_node)?.overflow();
    let mut next = head;
    while let Some((block, offset)) = next {
        let corrupt = || corrupt_item(index, block, offset, "TID chunk");
        if block == node_block {
            // That page is locked: whoever locks it again waits for himself.
            return Err(corrupt());
        }
        expect_block(index, block)?;
        let buffer = Exclusive::read(index, block);
        expect_kind(index, block, buffer.page(), PageKind::Overflow)?;
        let chunk =
            TidChunk::read(buffer.page().item(offset).ok_or_else(corrupt)?).ok_or_else(corrupt)?;
        let before = chunk.tids().len();
        let kept: Vec<Tid> = chunk
            .tids()
            .filter(|tid| rows.tids.binary_search(tid).is_err())
            .collect();
        next = chunk.next();
        let is_freed = kept.is_empty() && head == Some((block, offset));
        if kept.len() == before && !is_freed {
            continue;
        }
        let change = Change::begin(index);
        if is_freed {
            // The node's page first: replay locks pages in the order they are registered, and a scan on a standby
            // waits for a chunk while it holds the node.
            let mut node_page = change.register(node_buffer);
            node_page
                .item_mut(rows.offset)
                .and_then(|item| NodeMut::new(item, shape))
                .ok_or_else(corrupt_node)?
                .set_overflow(next);
            free(
                change
                    .register(&buffer)
                    .item_mut(offset)
                    .ok_or_else(corrupt)?,
            );
        } else {
            write_chunk(
                change
                    .register(&buffer)
                    .item_mut(offset)
                    .ok_or_else(corrupt)?,
                &kept,
                next,
            );
        }
        change.commit();
        if is_freed {
            freed.push(block);
            return Ok(true);
        }
    }
    Ok(false)
}

/// `amvacuumcleanup`: repairs the graph around tombstones and frees their slots, if pass 1 has run.
pub fn cleanup(vacuum: &mut VacuumInfo) -> Result<()> {
    let index = vacuum.index();
    if !vacuum.has_stats() {
        return Ok(());
    }
    let meta = read_meta(index)?;
    let slots = IndexSlots::read(index, &meta.shape, vacuum_delay_point)?;
    let tombstones = slots.nodes.count(SlotState::Tombstone);
    let nodes = slots.nodes.count(SlotState::Live);
    let is_repaired = tombstones > 0;
    if is_repaired {
        Repair::open(index, &meta, slots)?.run()?;
    }
    let tids = vacuum.stats().num_index_tuples as u64;
    write_counters(index, nodes as u64, tids, is_repaired)?;
    let stats = vacuum.stats();
    stats.num_pages = index.block_count();
    stats.pages_free = 0;
    Ok(())
}

/// Records in meta what this vacuum has left.
fn write_counters(index: Relation, nodes: u64, tids: u64, is_repaired: bool) -> Result<()> {
    let buffer = Exclusive::read(index, META_BLOCK);
    let old = decode_meta(index, buffer.page())?;
    let last_repair = if is_repaired {
        now_microseconds()
    } else {
        old.last_repair
    };
    let new = Meta {
        nodes,
        tombstones: 0,
        tids,
        last_repair,
        ..old.clone()
    };
    if new != old {
        let change = Change::begin(index);
        write_meta_in(&change, &buffer, &new);
        change.commit();
    }
    Ok(())
}
