//! Step 1 of verify: every page and every item by itself.

use super::{Context, Report, Severity};
use crate::error::Result;
use crate::hnsw::layout::{
    ItemPtr, META_BLOCK, Node, Opaque, PageKind, SlotState, TidChunk, Upper, damage, generation,
};
use crate::hnsw::slots::{IndexSlots, Slot};
use crate::pg::buffer::{Shared, Strategy};
use crate::pg::interrupt;
use crate::pg::page::Page;

/// What the first step has seen.
#[derive(Default)]
pub(super) struct PageFacts {
    /// Nodes and upper items. Of upper items the state is their own.
    pub slots: IndexSlots,
    /// TID chunks in use, with their generations.
    pub chunks: Vec<ItemPtr>,
    /// Pages that say that they are in their kind's list of pages with free slots.
    pub listed: Vec<(u32, PageKind)>,
}

pub(super) fn check(context: &Context<'_>, report: &mut Report) -> Result<PageFacts> {
    let index = context.index;
    let mut facts = PageFacts::default();
    let strategy = Strategy::bulk_read();
    let mut tombstones = 0u64;
    let mut block = META_BLOCK + 1;
    while block < index.block_count() {
        interrupt::check();
        let shared = Shared::read_with_strategy(index, block, strategy);
        let page = shared.page();
        if page.is_new() {
            report.page(
                Severity::Info,
                block,
                "page is empty",
                "It was added by a change that a crash interrupted.",
            );
            block += 1;
            continue;
        }
        match Opaque::read(page.special()) {
            Some(opaque) if opaque.kind != PageKind::Meta => {
                if opaque.in_free_list {
                    facts.listed.push((block, opaque.kind));
                }
                if !matches!(opaque.kind, PageKind::Params | PageKind::Curve) {
                    check_items(context, block, page, opaque.kind, &mut facts, report);
                    check_overlap(block, page, report);
                }
            }
            _ => report.page(
                Severity::Error,
                block,
                "page is not one of the index",
                "Its special space is not that of a page for nodes, upper levels, rows, parameters or a recall curve.",
            ),
        }
        block += 1;
    }
    tombstones += facts.slots.nodes.count(SlotState::Tombstone) as u64;
    if tombstones > 0 {
        report.index(
            Severity::Info,
            "tombstones",
            format!("{tombstones} nodes without rows wait for the end of a VACUUM."),
        );
    }
    Ok(facts)
}

fn check_items(
    context: &Context<'_>,
    block: u32,
    page: Page<'_>,
    kind: PageKind,
    facts: &mut PageFacts,
    report: &mut Report,
) {
    let shape = &context.meta.shape;
    for offset in 1..=page.item_count() {
        let mut at = ItemPtr {
            block,
            offset,
            generation: 0,
        };
        // Stands for what cannot be read; an edge to it is a finding of its own.
        let mut slot = Slot {
            generation: 0,
            state: SlotState::Free,
            level: 0,
        };
        match page.item(offset) {
            None => report.item(
                Severity::Error,
                at,
                "line pointer is not valid",
                "It is unused or leads outside the page's items.",
            ),
            Some(item) => {
                at.generation = generation(item).unwrap_or(0);
                slot.generation = at.generation;
                let state = SlotState::of(item).unwrap_or(SlotState::Free);
                let (finding, problem, level) = match kind {
                    PageKind::Node => (
                        "node is not valid",
                        damage::of_node(item, shape),
                        Node::read(item, shape).map(Node::level),
                    ),
                    PageKind::Upper => (
                        "upper item is not valid",
                        damage::of_upper(item, shape).or_else(|| without_tombstone(state)),
                        Upper::read(item, shape).map(Upper::level),
                    ),
                    _ => (
                        "TID chunk is not valid",
                        damage::of_chunk(item).or_else(|| without_tombstone(state)),
                        TidChunk::read(item).map(|_| 0),
                    ),
                };
                if let Some(problem) = problem {
                    report.item(Severity::Error, at, finding, problem);
                }
                if let Some(level) = level {
                    (slot.state, slot.level) = (state, level);
                }
            }
        }
        match kind {
            PageKind::Node => facts.slots.nodes.set(block, offset, slot),
            PageKind::Upper => facts.slots.uppers.set(block, offset, slot),
            _ if slot.state == SlotState::Live => facts.chunks.push(at),
            _ => {}
        }
    }
}

/// Only nodes are ever tombstones.
fn without_tombstone(state: SlotState) -> Option<String> {
    (state == SlotState::Tombstone).then(|| "Its state is that of a tombstone.".to_owned())
}

/// Reports items that share bytes: each may look valid by itself.
fn check_overlap(block: u32, page: Page<'_>, report: &mut Report) {
    let mut ranges: Vec<_> = (1..=page.item_count())
        .filter_map(|offset| page.item_range(offset).map(|range| (range, offset)))
        .collect();
    ranges.sort_unstable_by_key(|(range, _)| range.start);
    for pair in ranges.windows(2) {
        let [(first, _), (second, offset)] = pair else {
            continue;
        };
        if second.start < first.end {
            report.item(
                Severity::Error,
                ItemPtr {
                    block,
                    offset: *offset,
                    generation: 0,
                },
                "items overlap",
                format!(
                    "It begins at byte {} of the page, inside another item.",
                    second.start
                ),
            );
        }
    }
}
