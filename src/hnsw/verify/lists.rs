//! Step 4 of verify: what the meta page points to: entry point, curve, pages for new items, lists of pages with free slots.
//!
//! All of it changes under concurrent inserts and vacuum, so it is read again when something looks wrong.

use super::edges::{Target, target};
use super::nodes::{is_live, is_of_kind};
use super::pages::PageFacts;
use super::{Context, Report, Severity, TRIES, damage, place, words};
use crate::error::Result;
use crate::hnsw::calibration;
use crate::hnsw::disk_graph::read_meta;
use crate::hnsw::layout::{ITEM_KINDS, META_BLOCK, Meta, NO_BLOCK, Opaque, PageKind, SlotState};
use crate::pg::buffer::Shared;
use crate::pg::interrupt;
use std::collections::HashSet;

pub(super) fn check(context: &Context<'_>, facts: &PageFacts, report: &mut Report) -> Result<()> {
    let mut found = Report::default();
    for _ in 0..TRIES {
        interrupt::check();
        found = Report::default();
        let meta = read_meta(context.index)?;
        check_entry(context, &meta, facts, &mut found);
        check_curve(context, &meta, &mut found)?;
        for kind in ITEM_KINDS {
            check_insert_page(context, &meta, kind, &mut found);
            check_free_list(context, &meta, kind, facts, &mut found);
        }
        if found.findings.is_empty() {
            break;
        }
    }
    for finding in found.findings {
        report.add(finding);
    }
    Ok(())
}

fn check_entry(context: &Context<'_>, meta: &Meta, facts: &PageFacts, found: &mut Report) {
    let finding = "entry point is not valid";
    if !meta.entry.is_some() {
        let live = facts
            .slots
            .nodes
            .iter()
            .find(|(node, slot)| slot.state == SlotState::Live && is_live(context, *node));
        if let Some((node, _)) = live {
            let detail = format!("There is none, but a node at {}.", place(node));
            found.page(Severity::Error, META_BLOCK, finding, detail);
        }
        return;
    }
    let kind = if meta.entry_level > 0 {
        PageKind::Upper
    } else {
        PageKind::Node
    };
    let wrong = match target(context, meta.entry, kind) {
        Target::Current(_, level) if level == meta.entry_level => None,
        Target::Current(_, level) => Some(format!("it is of level {level}")),
        Target::Stale => Some("the slot was freed or reused since".to_owned()),
        Target::Free => Some("the slot is free".to_owned()),
        Target::Newer => Some("the slot has not reached the generation".to_owned()),
        Target::NoItem => Some("there is no item".to_owned()),
        Target::OtherKind => Some("the page is of another kind".to_owned()),
        Target::Outside => Some("there is no such block".to_owned()),
    };
    if let Some(wrong) = wrong {
        found.page(
            Severity::Error,
            META_BLOCK,
            finding,
            format!(
                "It is of level {} at {}, generation {}: {wrong}.",
                meta.entry_level,
                place(meta.entry),
                meta.entry.generation
            ),
        );
        return;
    }
    let highest = facts
        .slots
        .uppers
        .iter()
        .filter(|(_, slot)| slot.state == SlotState::Live && slot.level > meta.entry_level)
        .find(|(upper, _)| {
            let now = target(context, *upper, PageKind::Upper);
            matches!(now, Target::Current(SlotState::Live, _))
        });
    if let Some((upper, slot)) = highest {
        found.item(
            Severity::Info,
            upper,
            "node is higher than the entry point",
            format!(
                "It is of level {}, the entry point of level {}: an insert has not finished.",
                slot.level, meta.entry_level
            ),
        );
    }
}

fn check_curve(context: &Context<'_>, meta: &Meta, found: &mut Report) -> Result<()> {
    let read = calibration::read_curve(context.index, meta).map(drop);
    if let Some(error) = damage(read)? {
        let finding = "recall curve is not valid";
        found.page(Severity::Error, meta.curve, finding, words(&error));
    }
    Ok(())
}

fn check_insert_page(context: &Context<'_>, meta: &Meta, kind: PageKind, found: &mut Report) {
    let block = meta.insert_page[kind.slot()];
    if block != NO_BLOCK && opaque(context, block, kind).is_none() {
        found.page(
            Severity::Error,
            META_BLOCK,
            "page for new items is not valid",
            format!("Block {block} is not a {kind:?} page of the index."),
        );
    }
}

/// The special space of a page of `kind`; `None` if the block is none.
fn opaque(context: &Context<'_>, block: u32, kind: PageKind) -> Option<Opaque> {
    if block >= context.index.block_count() {
        return None;
    }
    let shared = Shared::read(context.index, block);
    if is_of_kind(shared.page(), kind) {
        Opaque::read(shared.page().special())
    } else {
        None
    }
}

fn check_free_list(
    context: &Context<'_>,
    meta: &Meta,
    kind: PageKind,
    facts: &PageFacts,
    found: &mut Report,
) {
    let finding = "list of pages with free slots is not valid";
    let mut seen = HashSet::new();
    let mut block = meta.free_list[kind.slot()];
    while block != NO_BLOCK {
        interrupt::check();
        let problem = match opaque(context, block, kind) {
            _ if !seen.insert(block) => "is in it twice".to_owned(),
            None => format!("is not a {kind:?} page of the index"),
            Some(opaque) if !opaque.in_free_list => "does not say that it is in it".to_owned(),
            Some(opaque) => {
                block = opaque.next;
                continue;
            }
        };
        let detail = format!("The list of {kind:?} pages leads to block {block}, which {problem}.");
        found.page(Severity::Error, META_BLOCK, finding, detail);
        return;
    }
    let lost = facts.listed.iter().find(|(block, of)| {
        *of == kind
            && !seen.contains(block)
            && opaque(context, *block, kind).is_some_and(|opaque| opaque.in_free_list)
    });
    if let Some((block, _)) = lost {
        found.page(
            Severity::Warning,
            *block,
            "page with free slots is in no list",
            "Its free slots are lost until the index is rebuilt.",
        );
    }
}
