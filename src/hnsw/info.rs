//! `annex.index_info`: what an index is and how much is in it, counted now.
//!
//! Locks: AccessShareLock on table and index, share locks on one page at a time.

use super::disk_graph::{for_each_item, read_meta};
use super::layout::{INLINE_TIDS, Meta, Node, PageKind, SlotState, TidChunk, Upper};
use crate::error::Result;
use crate::pg::interrupt;
use crate::pg::page::PAGE_SIZE;
use crate::pg::relation::{Relation, Tid};

/// An index in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexInfo {
    /// Meta page.
    pub meta: Meta,
    /// Version of the format on disk.
    pub format_version: u32,
    /// Nodes that searches can return.
    pub nodes: u64,
    /// Nodes without rows that wait for the end of a VACUUM.
    pub tombstones: u64,
    /// Row pointers, those of dead rows not yet vacuumed included.
    pub heap_rows: u64,
    /// Nodes with levels above 0.
    pub upper_nodes: u64,
    /// Size of the main fork.
    pub size_bytes: u64,
}

/// Counts what is in an index: reads all of its pages.
/// # Errors
/// XX002 for a damaged index.
pub fn index_info(index: Relation) -> Result<IndexInfo> {
    let meta = read_meta(index)?;
    let shape = meta.shape;
    let (mut nodes, mut tombstones, mut heap_rows, mut upper_nodes) = (0, 0, 0, 0);
    // An item that cannot be read counts as nothing: annex.verify reports it.
    for_each_item(
        index,
        PageKind::Node,
        |_, _, item| {
            if let Some(node) = Node::read(item, &shape) {
                match node.state() {
                    SlotState::Free => {}
                    SlotState::Tombstone => tombstones += 1,
                    SlotState::Live => {
                        nodes += 1;
                        let inline: [Tid; INLINE_TIDS] = node.inline_tids();
                        heap_rows += inline.iter().filter(|tid| tid.is_some()).count() as u64;
                    }
                }
            }
            Ok(())
        },
        interrupt::check,
    )?;
    for_each_item(
        index,
        PageKind::Upper,
        |_, _, item| {
            let upper = Upper::read(item, &shape);
            upper_nodes += u64::from(upper.is_some_and(|upper| upper.state() == SlotState::Live));
            Ok(())
        },
        interrupt::check,
    )?;
    for_each_item(
        index,
        PageKind::Overflow,
        |_, _, item| {
            let chunk = TidChunk::read(item).filter(|chunk| chunk.state() == SlotState::Live);
            heap_rows += chunk.map_or(0, |chunk| chunk.tids().len() as u64);
            Ok(())
        },
        interrupt::check,
    )?;
    Ok(IndexInfo {
        format_version: meta.format_version(),
        meta,
        nodes,
        tombstones,
        heap_rows,
        upper_nodes,
        size_bytes: u64::from(index.block_count()) * PAGE_SIZE as u64,
    })
}
