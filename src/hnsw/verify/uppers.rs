//! Step 3 of verify: upper items, their nodes, and the edges of the upper levels.

use super::edges::Edges;
use super::nodes::is_of_kind;
use super::pages::PageFacts;
use super::{Context, Report, Severity, place};
use crate::error::Result;
use crate::hnsw::codes::Factors;
use crate::hnsw::layout::{ItemPtr, META_BLOCK, Node, PageKind, SlotState, Upper};
use crate::pg::buffer::{Shared, Strategy};
use crate::pg::interrupt;

/// What an upper item says of its node; none of it changes while both are in use.
struct Copied {
    upper: ItemPtr,
    node: ItemPtr,
    level: u8,
    factors: Factors,
    code: Vec<i8>,
}

pub(super) fn check(context: &Context<'_>, facts: &PageFacts, report: &mut Report) -> Result<()> {
    let mut edges = Edges::new(&facts.slots.uppers, PageKind::Upper);
    let mut later: Vec<Copied> = Vec::new();
    let strategy = Strategy::bulk_read();
    let mut block = META_BLOCK + 1;
    while block < context.index.block_count() {
        interrupt::check();
        {
            let shared = Shared::read_with_strategy(context.index, block, strategy);
            if is_of_kind(shared.page(), PageKind::Upper) {
                for offset in 1..=shared.page().item_count() {
                    let item = shared.page().item(offset);
                    let Some(upper) = item.and_then(|item| Upper::read(item, &context.meta.shape))
                    else {
                        continue; // reported by step 1
                    };
                    let at = ItemPtr {
                        block,
                        offset,
                        generation: upper.generation(),
                    };
                    if upper.state() != SlotState::Live {
                        continue;
                    }
                    for level in 1..=upper.level() {
                        edges.add(at, level, upper.neighbors(level), report);
                    }
                    later.push(Copied {
                        upper: at,
                        node: upper.node(),
                        level: upper.level(),
                        factors: upper.factors(),
                        code: upper.code().to_vec(),
                    });
                }
            }
        }
        edges.settle(context, report)?;
        for copied in later.drain(..) {
            compare(context, &copied, report);
        }
        block += 1;
    }
    edges.finish(report);
    Ok(())
}

/// Compares an upper item with its node. No lock is held.
fn compare(context: &Context<'_>, copied: &Copied, report: &mut Report) {
    let difference = read_node(context, copied);
    // A tombstone's upper item, and then it, are freed by vacuum: what is in use after the node was read had a node.
    if let Some(difference) = difference
        && is_in_use(context, copied)
    {
        report.item(
            Severity::Error,
            copied.upper,
            "upper item and node differ",
            format!("The node at {}: {difference}", place(copied.node)),
        );
    }
}

/// How the node differs from what the upper item says of it; `None` if it does not.
fn read_node(context: &Context<'_>, copied: &Copied) -> Option<&'static str> {
    let ptr = copied.node;
    if !ptr.is_some() || ptr.block >= context.index.block_count() {
        return Some("there is no such block.");
    }
    let shared = Shared::read(context.index, ptr.block);
    if !is_of_kind(shared.page(), PageKind::Node) {
        return Some("the page is of another kind.");
    }
    let item = shared.page().item(ptr.offset);
    let Some(node) = item.and_then(|item| Node::read(item, &context.meta.shape)) else {
        return Some("there is no such node.");
    };
    if !node.is_current(ptr.generation) {
        return Some("the slot is free or of another generation.");
    }
    if node.state() == SlotState::Tombstone {
        return None;
    }
    if node.upper() != copied.upper {
        Some("its upper item is another one.")
    } else if node.level() != copied.level {
        Some("it is of another level.")
    } else if node.factors() != copied.factors {
        Some("the factors of its code are others.")
    } else if node.code() != copied.code {
        Some("its code is another one.")
    } else {
        None
    }
}

fn is_in_use(context: &Context<'_>, copied: &Copied) -> bool {
    let ptr = copied.upper;
    let shared = Shared::read(context.index, ptr.block);
    let item = shared.page().item(ptr.offset);
    item.and_then(|item| Upper::read(item, &context.meta.shape))
        .is_some_and(|upper| upper.is_current(ptr.generation))
}
