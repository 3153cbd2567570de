//! Step 5 of verify: the rows that nodes hold against the table.
//!
//! A row pointer leaves the index before its line pointer in the table is freed, so one that is still in the index
//! after the table was read must have been right.

use super::{Context, Report, Severity};
use crate::error::{Error, Result, SqlState};
use crate::hnsw::codes::CodeParams;
use crate::hnsw::disk_graph::corrupt_item;
use crate::hnsw::insert::IndexedVector;
use crate::hnsw::layout::{ItemPtr, Node, PageKind, SlotState};
use crate::hnsw::scan::read_tids;
use crate::hnsw::verify::nodes::is_of_kind;
use crate::pg::buffer::Shared;
use crate::pg::heap_check::line_pointer_is_used;
use crate::pg::interrupt;
use crate::pg::relation::Tid;
use crate::types::datum;
use std::collections::HashMap;

/// A row of the index.
#[derive(Debug, Clone, Copy)]
struct Held {
    node: ItemPtr,
    /// Whether the table's scan has come by.
    is_seen: bool,
}

/// The rows of all live nodes.
#[derive(Default)]
pub(super) struct Rows {
    rows: HashMap<Tid, Held>,
    /// Rows found a second time, with the other node.
    twice: Vec<(Tid, ItemPtr)>,
}

impl Rows {
    /// Adds a row of a live node.
    /// # Errors
    /// 53200 without memory.
    pub(super) fn add(&mut self, tid: Tid, node: ItemPtr) -> Result<()> {
        self.rows.try_reserve(1).map_err(|_| {
            Error::new(SqlState::OutOfMemory, "out of memory")
                .with_detail(format!("The index has more than {} rows.", self.rows.len()))
        })?;
        let held = Held {
            node,
            is_seen: false,
        };
        if let Some(other) = self.rows.insert(tid, held) {
            self.twice.push((tid, other.node));
        }
        Ok(())
    }
}

/// The rows that a node holds now; none if it is gone or a tombstone.
/// # Errors
/// XX002 if it cannot be read.
pub(super) fn rows_of(context: &Context<'_>, ptr: ItemPtr) -> Result<Vec<Tid>> {
    let mut rows = Vec::new();
    let shared = Shared::read(context.index, ptr.block);
    if !is_of_kind(shared.page(), PageKind::Node) {
        return Ok(rows);
    }
    let item = shared.page().item(ptr.offset);
    let node = item
        .and_then(|item| Node::read(item, &context.meta.shape))
        .ok_or_else(|| corrupt_item(context.index, ptr.block, ptr.offset, "node"))?;
    if node.is_current(ptr.generation) && node.state() == SlotState::Live {
        read_tids(context.index, node, |tid| rows.push(tid))?;
    }
    Ok(rows)
}

/// How often a node holds a row now. A node that cannot be read was reported before.
fn count_of(context: &Context<'_>, node: ItemPtr, tid: Tid) -> usize {
    rows_of(context, node).map_or(0, |rows| rows.iter().filter(|row| **row == tid).count())
}

fn row(tid: Tid) -> String {
    format!("row ({},{})", tid.block, tid.offset)
}

/// Reports rows that are in the index twice, and row pointers that lead outside the table.
pub(super) fn check_pointers(context: &Context<'_>, rows: &mut Rows, report: &mut Report) {
    for (tid, other) in &rows.twice {
        interrupt::check();
        let node = rows.rows.get(tid).map_or(*other, |held| held.node);
        let is_twice = if node == *other {
            count_of(context, node, *tid) > 1
        } else {
            count_of(context, node, *tid) > 0 && count_of(context, *other, *tid) > 0
        };
        if is_twice {
            report.item(
                Severity::Error,
                node,
                "row is in the index twice",
                format!(
                    "It is {}, also at block {}, offset {}.",
                    row(*tid),
                    other.block,
                    other.offset
                ),
            );
        }
    }
    let blocks = context.heap.block_count();
    let mut outside: Vec<_> = rows
        .rows
        .iter()
        .filter(|(tid, _)| tid.block >= blocks)
        .map(|(tid, held)| (*tid, held.node))
        .collect();
    outside.sort_unstable_by_key(|(tid, _)| *tid);
    for (tid, node) in outside {
        interrupt::check();
        if tid.block >= context.heap.block_count() && count_of(context, node, tid) > 0 {
            report.item(
                Severity::Error,
                node,
                "row pointer leads outside the table",
                format!("It is {}, the table has {blocks} blocks.", row(tid)),
            );
        }
        rows.rows.remove(&tid);
    }
}

/// Compares every row that the snapshot sees with what is stored of it, and then the other row pointers with the
/// line pointers of the table.
pub(super) fn check_table(
    context: &Context<'_>,
    params: &CodeParams,
    rows: &mut Rows,
    report: &mut Report,
) -> Result<()> {
    let mut encoded = Vec::new();
    let visible = &mut rows.rows;
    context
        .snapshot
        .visit_rows(context.heap, context.index, &mut |tid, value| {
            interrupt::check();
            let held = visible.get_mut(&tid).map(|held| {
                held.is_seen = true;
                held.node
            });
            let shape = &context.meta.shape;
            let mut check = |vector: Option<IndexedVector<'_>>| {
                check_row(context, params, &mut encoded, (tid, vector, held), report);
                Ok(())
            };
            match value {
                Some(value) => datum::with_column_value(value, shape.of, |value| {
                    check(IndexedVector::new(shape, value)?)
                })?,
                None => check(None),
            }
        });
    let mut unseen: Vec<_> = visible
        .iter()
        .filter(|(_, held)| !held.is_seen)
        .map(|(tid, held)| (*tid, held.node))
        .collect();
    unseen.sort_unstable_by_key(|(tid, _)| *tid);
    for (tid, node) in unseen {
        interrupt::check();
        if !line_pointer_is_used(context.heap, tid) && count_of(context, node, tid) > 0 {
            report.item(
                Severity::Error,
                node,
                "row pointer leads to no row",
                format!("It is {}, which the table does not have.", row(tid)),
            );
        }
    }
    Ok(())
}

/// Compares a row with the node that holds it, if there is one.
fn check_row(
    context: &Context<'_>,
    params: &CodeParams,
    encoded: &mut Vec<i8>,
    (tid, vector, held): (Tid, Option<IndexedVector<'_>>, Option<ItemPtr>),
    report: &mut Report,
) {
    match (vector, held) {
        (None, None) => {}
        (Some(_), None) => report.index(
            Severity::Error,
            "row is not in the index",
            format!("It is {}.", row(tid)),
        ),
        (None, Some(node)) => report.item(
            Severity::Error,
            node,
            "row without a vector to index is in the index",
            format!("It is {}.", row(tid)),
        ),
        (Some(vector), Some(node)) => {
            let factors = params.encode_value(vector.value(), encoded);
            let differs = compare(context, node, |node| {
                if node.hash() != vector.hash() {
                    Some("hash differs from the row")
                } else if node.factors() != factors {
                    Some("factors differ from the row")
                } else if node.code() != encoded {
                    Some("code differs from the row")
                } else {
                    None
                }
            });
            if let Some(finding) = differs {
                let detail = format!("It is {}.", row(tid));
                report.item(Severity::Error, node, finding, detail);
            }
        }
    }
}

/// What `judge` says of a node; nothing of one that cannot be read, which was reported before.
fn compare(
    context: &Context<'_>,
    ptr: ItemPtr,
    judge: impl FnOnce(Node<'_>) -> Option<&'static str>,
) -> Option<&'static str> {
    let shared = Shared::read(context.index, ptr.block);
    let item = shared.page().item(ptr.offset)?;
    Node::read(item, &context.meta.shape).and_then(judge)
}
