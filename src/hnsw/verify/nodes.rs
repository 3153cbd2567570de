//! Step 2 of verify: what each node holds: edges of level 0, its upper item, its rows and their chain.

use super::edges::{Edges, Target, target};
use super::pages::PageFacts;
use super::rows::Rows;
use super::{Context, Report, Severity, place};
use crate::error::Result;
use crate::hnsw::layout::{
    ItemPtr, META_BLOCK, Node, Opaque, PageKind, SlotState, TidChunk, Upper,
};
use crate::pg::buffer::{Shared, Strategy};
use crate::pg::interrupt;
use crate::pg::page::Page;
use std::collections::HashMap;

/// What is put off until the page of the node is released.
struct Later {
    node: ItemPtr,
    level: u8,
    upper: ItemPtr,
}

/// The chunks that chains have led to, by block and offset, with the node of the chain.
type Chunks = HashMap<(u32, u16), ItemPtr>;

/// Checks all nodes in use; returns the rows they hold.
pub(super) fn check(context: &Context<'_>, facts: &PageFacts, report: &mut Report) -> Result<Rows> {
    let mut edges = Edges::new(&facts.slots.nodes, PageKind::Node);
    let mut rows = Rows::default();
    let mut chunks = Chunks::new();
    let mut later = Vec::new();
    let strategy = Strategy::bulk_read();
    let mut block = META_BLOCK + 1;
    while block < context.index.block_count() {
        interrupt::check();
        {
            let shared = Shared::read_with_strategy(context.index, block, strategy);
            if is_of_kind(shared.page(), PageKind::Node) {
                for offset in 1..=shared.page().item_count() {
                    let item = shared.page().item(offset);
                    let Some(node) = item.and_then(|item| Node::read(item, &context.meta.shape))
                    else {
                        continue; // reported by step 1
                    };
                    let at = ItemPtr {
                        block,
                        offset,
                        generation: node.generation(),
                    };
                    if node.state() == SlotState::Free {
                        continue;
                    }
                    edges.add(at, 0, node.neighbors(), report);
                    later.push(Later {
                        node: at,
                        level: node.level(),
                        upper: node.upper(),
                    });
                    check_rows(context, at, node, &mut rows, &mut chunks, report)?;
                }
            }
        }
        edges.settle(context, report)?;
        for node in later.drain(..) {
            check_upper(context, &node, report);
        }
        block += 1;
    }
    edges.finish(report);
    check_orphans(context, facts, &chunks, report);
    Ok(rows)
}

/// Whether a page is one of `kind`.
pub(super) fn is_of_kind(page: Page<'_>, kind: PageKind) -> bool {
    Opaque::read(page.special()).is_some_and(|opaque| opaque.kind == kind)
}

/// Checks the rows of a node whose page is locked, and notes them.
fn check_rows(
    context: &Context<'_>,
    at: ItemPtr,
    node: Node<'_>,
    rows: &mut Rows,
    chunks: &mut Chunks,
    report: &mut Report,
) -> Result<()> {
    let mut held: Vec<_> = node
        .inline_tids()
        .into_iter()
        .filter(|tid| tid.is_some())
        .collect();
    let mut next = node.overflow();
    while let Some((block, offset)) = next {
        let chunk_at = ItemPtr {
            block,
            offset,
            generation: 0,
        };
        let mut broken = |finding| {
            let detail = format!("Its chain of rows leads to {}.", place(chunk_at));
            report.item(Severity::Error, at, finding, detail);
        };
        match chunks.insert((block, offset), at) {
            Some(other) if other == at => {
                broken("chain of rows runs in a circle");
                break;
            }
            Some(_) => {
                broken("TID chunk belongs to two nodes");
                break;
            }
            None => {}
        }
        if block >= context.index.block_count() {
            broken("chain of rows leads outside the index");
            break;
        }
        let shared = Shared::read(context.index, block);
        if !is_of_kind(shared.page(), PageKind::Overflow) {
            broken("chain of rows leads to a page of another kind");
            break;
        }
        let Some(chunk) = shared.page().item(offset).and_then(TidChunk::read) else {
            broken("chain of rows leads to no TID chunk");
            break;
        };
        if chunk.state() != SlotState::Live {
            broken("chain of rows leads to a free TID chunk");
            break;
        }
        held.extend(chunk.tids());
        next = chunk.next();
    }
    let has_rows = !held.is_empty() || node.overflow().is_some();
    match node.state() {
        SlotState::Tombstone if has_rows => report.item(
            Severity::Error,
            at,
            "tombstone has rows",
            format!("It holds {} rows, which no search returns.", held.len()),
        ),
        SlotState::Live if held.is_empty() => report.item(
            Severity::Warning,
            at,
            "node has no rows",
            "It is neither a tombstone nor free.",
        ),
        _ => {}
    }
    if node.state() == SlotState::Live {
        for tid in held {
            rows.add(tid, at)?;
        }
    }
    Ok(())
}

/// Checks that a node of a level above 0, and no other, has an upper item. No lock is held.
fn check_upper(context: &Context<'_>, node: &Later, report: &mut Report) {
    if node.level == 0 {
        if node.upper.is_some() {
            report.item(
                Severity::Error,
                node.node,
                "node of level 0 has an upper item",
                format!("It points to {}.", place(node.upper)),
            );
        }
        return;
    }
    if belongs(context, node) || !is_live(context, node.node) {
        // Vacuum frees the upper item of a tombstone first.
        return;
    }
    report.item(
        Severity::Error,
        node.node,
        "node and upper item do not belong together",
        format!(
            "The node of level {} points to {}, generation {}, which is not its upper item.",
            node.level,
            place(node.upper),
            node.upper.generation
        ),
    );
}

/// Whether the upper item of a node is in use and points back.
fn belongs(context: &Context<'_>, node: &Later) -> bool {
    let ptr = node.upper;
    if !ptr.is_some() || ptr.block >= context.index.block_count() {
        return false;
    }
    let shared = Shared::read(context.index, ptr.block);
    is_of_kind(shared.page(), PageKind::Upper)
        && shared
            .page()
            .item(ptr.offset)
            .and_then(|item| Upper::read(item, &context.meta.shape))
            .is_some_and(|upper| upper.is_current(ptr.generation) && upper.node() == node.node)
}

/// Whether a node is still in use and no tombstone.
pub(super) fn is_live(context: &Context<'_>, node: ItemPtr) -> bool {
    matches!(
        target(context, node, PageKind::Node),
        Target::Current(SlotState::Live, _)
    )
}

/// Reports TID chunks in use that no chain has led to.
fn check_orphans(context: &Context<'_>, facts: &PageFacts, chunks: &Chunks, report: &mut Report) {
    for chunk in &facts.chunks {
        let is_used = chunks.contains_key(&(chunk.block, chunk.offset));
        // Seen in use before the chains were read; one that is still the same now was in use all the time.
        if !is_used
            && matches!(
                target(context, *chunk, PageKind::Overflow),
                Target::Current(SlotState::Live, _)
            )
        {
            report.item(
                Severity::Warning,
                *chunk,
                "TID chunk belongs to no node",
                "Its space is lost until the index is rebuilt.",
            );
        }
    }
}
