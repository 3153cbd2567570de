//! Edges: what a list may hold, and what is at the place an edge leads to.
//!
//! An edge was made for a slot of its generation, and generations only grow: what is read of the slot after the edge
//! is therefore never older than the edge in an index that is not damaged, whatever happens beside.

use super::nodes::is_of_kind;
use super::{Context, Report, Severity, place};
use crate::error::Result;
use crate::hnsw::layout::{self, ItemPtr, PageKind, SlotState, Upper};
use crate::hnsw::slots::SlotMap;
use crate::pg::buffer::Shared;
use crate::pg::interrupt;

/// What is at the place that a pointer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The item that was meant, with its state and level (level 0 for nodes).
    Current(SlotState, u8),
    /// A slot freed or reused since.
    Stale,
    /// A free slot, though the pointer bears its number.
    Free,
    /// A slot that has not reached the pointer's generation yet.
    Newer,
    /// No item.
    NoItem,
    /// A page of another kind.
    OtherKind,
    /// No page.
    Outside,
}

impl Target {
    fn judge(edge: ItemPtr, generation: u16, state: SlotState, level: u8) -> Self {
        // Generations wrap around; vacuum drops stale edges long before half of the circle is gone.
        match generation.wrapping_sub(edge.generation) {
            0 if state == SlotState::Free => Self::Free,
            0 => Self::Current(state, level),
            1..0x8000 => Self::Stale,
            _ => Self::Newer,
        }
    }

    /// The finding about a pointer that leads there; `None` if there is nothing wrong with it.
    fn finding(self, level: u8) -> Option<&'static str> {
        match self {
            Self::Current(_, at) if at < level => Some("edge leads to a node of a lower level"),
            Self::Current(..) | Self::Stale => None,
            Self::Free => Some("edge leads to a free slot"),
            Self::Newer => Some("edge is newer than its slot"),
            Self::NoItem => Some("edge leads to no item"),
            Self::OtherKind => Some("edge leads to a page of another kind"),
            Self::Outside => Some("edge leads outside the index"),
        }
    }
}

/// Reads what is at the place of `ptr` now. No lock is held before or after.
pub(super) fn target(context: &Context<'_>, ptr: ItemPtr, kind: PageKind) -> Target {
    if ptr.block >= context.index.block_count() {
        return Target::Outside;
    }
    let shared = Shared::read(context.index, ptr.block);
    let page = shared.page();
    if !is_of_kind(page, kind) {
        return Target::OtherKind;
    }
    let Some(item) = page.item(ptr.offset) else {
        return Target::NoItem;
    };
    let (Some(generation), Some(state)) = (layout::generation(item), SlotState::of(item)) else {
        return Target::NoItem;
    };
    let level = match kind {
        PageKind::Upper => Upper::read(item, &context.meta.shape).map_or(0, Upper::level),
        _ => 0,
    };
    Target::judge(ptr, generation, state, level)
}

/// The lists of one kind of item, while their pages are read one after the other.
pub(super) struct Edges<'a> {
    slots: &'a SlotMap,
    kind: PageKind,
    stale: u64,
    suspects: Vec<(ItemPtr, u8, ItemPtr)>,
    sorted: Vec<ItemPtr>,
}

impl<'a> Edges<'a> {
    pub(super) fn new(slots: &'a SlotMap, kind: PageKind) -> Self {
        Self {
            slots,
            kind,
            stale: 0,
            suspects: Vec::new(),
            sorted: Vec::new(),
        }
    }

    /// Looks at the list of `owner` on `level`, whose page is locked; what needs other pages is put off.
    pub(super) fn add(
        &mut self,
        owner: ItemPtr,
        level: u8,
        list: impl Iterator<Item = ItemPtr>,
        report: &mut Report,
    ) {
        self.sorted.clear();
        self.sorted.extend(list);
        self.sorted
            .sort_unstable_by_key(|edge| (edge.place(), edge.generation));
        for pair in self.sorted.windows(2) {
            if pair[0] == pair[1] {
                report.item(
                    Severity::Error,
                    owner,
                    "edge occurs twice",
                    format!("On level {level} to {}.", place(pair[0])),
                );
            }
        }
        self.sorted.dedup();
        for edge in &self.sorted {
            if *edge == owner {
                report.item(
                    Severity::Error,
                    owner,
                    "edge leads to the node itself",
                    format!("On level {level}."),
                );
                continue;
            }
            let seen = self
                .slots
                .get(*edge)
                .map(|slot| Target::judge(*edge, slot.generation, slot.state, slot.level));
            match seen {
                Some(Target::Current(_, at)) if at >= level || self.kind == PageKind::Node => {}
                Some(Target::Stale) => self.stale += 1,
                // Seen before the edge: the slot may have been used since.
                _ => self.suspects.push((owner, level, *edge)),
            }
        }
    }

    /// Reads what the edges put off lead to. No lock is held.
    pub(super) fn settle(&mut self, context: &Context<'_>, report: &mut Report) -> Result<()> {
        for (owner, level, edge) in self.suspects.drain(..) {
            interrupt::check();
            let found = target(context, edge, self.kind);
            let wanted = if self.kind == PageKind::Node {
                0
            } else {
                level
            };
            if let Some(finding) = found.finding(wanted) {
                report.item(
                    Severity::Error,
                    owner,
                    finding,
                    format!(
                        "On level {level} to {}, generation {}.",
                        place(edge),
                        edge.generation
                    ),
                );
            }
        }
        Ok(())
    }

    /// Reports how many stale edges there were.
    pub(super) fn finish(self, report: &mut Report) {
        if self.stale > 0 {
            let of = if self.kind == PageKind::Node {
                "level 0"
            } else {
                "the upper levels"
            };
            report.index(
                Severity::Info,
                "stale edges",
                format!("{} edges of {of} lead to slots freed since.", self.stale),
            );
        }
    }
}
