//! `annex.verify`: whether an index is what its code promises, as rows. Like contrib/amcheck it only reads.
//!
//! Locks: AccessShareLock on table and index, then share locks on one page at a time (a node's page, then a page of
//! its row chain, as scans do). Inserts and vacuum go on meanwhile: what looks wrong is read again before it is
//! reported, in an order in which a concurrent change cannot make it look wrong twice. Two things stay guesses under
//! concurrent changes and are exact without: the count of stale edges, and reachability, which is walked twice.
//!
//! Steps: every page and item by itself (`pages`), what nodes and upper items point to (`nodes`, `uppers`), the meta
//! page's lists (`lists`), reachability, the table (`rows`), and what nodes keep of their neighbors (`edge_codes`).

mod edge_codes;
mod edges;
mod lists;
mod nodes;
mod pages;
mod rows;
mod uppers;

use self::pages::PageFacts;
use super::disk_graph::{read_mean, read_meta};
use super::kept::{keep_hints, take_hints};
use super::layout::{ItemPtr, META_BLOCK, Meta, SlotState};
use super::reachability::{Reached, Through};
use super::validate;
use crate::error::{Error, Result, SqlState};
use crate::pg::heap_check::LatestSnapshot;
use crate::pg::interrupt;
use crate::pg::open_index::OpenIndex;
use crate::pg::owner_rights::OwnerRights;
use crate::pg::relation::Relation;

/// Findings kept; a badly damaged index could have one for each edge.
const MAX_FINDINGS: usize = 10_000;
/// Times a thing that concurrent changes can make look wrong is looked at.
const TRIES: usize = 3;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The index is damaged: searches may fail, or miss or invent rows. REINDEX it.
    Error,
    /// Nothing is wrong with results; space or speed is lost.
    Warning,
    /// A state that normal work leaves behind, as until the next VACUUM.
    Info,
}

impl Severity {
    /// The word in the result.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Block of the index; `None` if it is about the whole index.
    pub block: Option<u32>,
    /// Line pointer on the block; `None` if it is about the whole page.
    pub item: Option<u16>,
    /// What, in words that stay the same for all findings of a kind.
    pub finding: &'static str,
    /// The values found; a whole sentence.
    pub detail: String,
}

/// The findings so far.
#[derive(Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
    left_out: u64,
}

impl Report {
    fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    fn item(
        &mut self,
        severity: Severity,
        at: ItemPtr,
        finding: &'static str,
        detail: impl Into<String>,
    ) {
        self.add(Finding {
            severity,
            block: Some(at.block),
            item: Some(at.offset),
            finding,
            detail: detail.into(),
        });
    }

    fn page(
        &mut self,
        severity: Severity,
        block: u32,
        finding: &'static str,
        detail: impl Into<String>,
    ) {
        self.add(Finding {
            severity,
            block: Some(block),
            item: None,
            finding,
            detail: detail.into(),
        });
    }

    fn index(&mut self, severity: Severity, finding: &'static str, detail: impl Into<String>) {
        self.add(Finding {
            severity,
            block: None,
            item: None,
            finding,
            detail: detail.into(),
        });
    }

    fn finish(mut self) -> Vec<Finding> {
        if self.left_out > 0 {
            self.findings.push(Finding {
                severity: Severity::Warning,
                block: None,
                item: None,
                finding: "there are more findings",
                detail: format!("{} findings were left out.", self.left_out),
            });
        }
        self.findings
    }
}

/// What all steps share.
struct Context<'a> {
    index: Relation,
    heap: Relation,
    meta: &'a Meta,
    snapshot: &'a LatestSnapshot,
}

/// An item's place for a detail.
fn place(ptr: ItemPtr) -> String {
    format!("block {}, offset {}", ptr.block, ptr.offset)
}

/// What of a failed step is a finding: a damaged index. Everything else is an error of this function too.
fn damage(result: Result<()>) -> Result<Option<Error>> {
    match result {
        Ok(()) => Ok(None),
        Err(error) if error.state == SqlState::IndexCorrupted => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

/// Message and detail of an error as one detail.
fn words(error: &Error) -> String {
    match &error.detail {
        Some(detail) => format!("{}: {detail}", error.message),
        None => error.message.to_string(),
    }
}

/// Checks an index; with `is_deep` also every visible row of its table against what is stored of it.
/// # Errors
/// 55000 for an index that is not valid, 0A000 for a format that this library cannot read, 53200 without memory for
/// a few bytes a row. XX001 by PostgreSQL for a page whose header is damaged: it does not hand out such a page.
pub fn verify(opened: &OpenIndex, is_deep: bool) -> Result<Vec<Finding>> {
    let (index, heap) = (opened.index(), opened.heap());
    if !opened.is_valid() {
        return Err(Error::new(
            SqlState::ObjectNotInPrerequisiteState,
            format!("index \"{}\" is not valid", index.name()),
        )
        .with_hint("Drop it, or REINDEX it."));
    }
    // Before the first page: what the snapshot sees was in the index before this.
    let snapshot = LatestSnapshot::take();
    let mut report = Report::default();
    let meta = match read_meta(index) {
        Ok(meta) => meta,
        Err(error) if error.state == SqlState::IndexCorrupted => {
            report.page(
                Severity::Error,
                META_BLOCK,
                "meta page is not valid",
                words(&error),
            );
            return Ok(report.finish());
        }
        Err(error) => return Err(error),
    };
    let context = Context {
        index,
        heap,
        meta: &meta,
        snapshot: &snapshot,
    };
    let (metric, of) = validate::metric_of(index)?;
    if (metric, of) != (meta.shape.metric, meta.shape.of) {
        report.page(
            Severity::Error,
            META_BLOCK,
            "metric is not that of the operator class",
            format!(
                "It is {:?} of {}, not {metric:?} of {}.",
                meta.shape.metric,
                meta.shape.of.name(),
                of.name()
            ),
        );
    }
    let mean = match read_mean(index, &meta) {
        Ok(mean) => Some(mean),
        Err(error) => {
            if let Some(error) = damage(Err(error))? {
                report.page(
                    Severity::Error,
                    meta.params,
                    "mean is not valid",
                    words(&error),
                );
            }
            None
        }
    };
    let facts = pages::check(&context, &mut report)?;
    let mut rows = nodes::check(&context, &facts, &mut report)?;
    uppers::check(&context, &facts, &mut report)?;
    lists::check(&context, &facts, &mut report)?;
    check_reachable(&context, &facts, &mut report)?;
    rows::check_pointers(&context, &mut rows, &mut report);
    if is_deep && let Some(mean) = mean {
        let params = meta.shape.code_params(mean);
        // Evaluates the index's expressions.
        let _rights = OwnerRights::lend_to_owner(heap);
        rows::check_table(&context, &params, &mut rows, &mut report)?;
        if meta.shape.has_any_codes() {
            edge_codes::check(&context, &params, &mut report);
        }
    }
    Ok(report.finish())
}

/// Reports live nodes that no walk from the entry point finds.
fn check_reachable(context: &Context<'_>, facts: &PageFacts, report: &mut Report) -> Result<()> {
    let mut missing: Vec<ItemPtr> = facts
        .slots
        .nodes
        .iter()
        .filter(|(_, slot)| slot.state == SlotState::Live)
        .map(|(node, _)| node)
        .collect();
    // A walk beside an insert can miss a list at the moment in which it is replaced, hence twice.
    for _ in 0..2 {
        if missing.is_empty() {
            return Ok(());
        }
        let meta = read_meta(context.index)?;
        // Walks read only lists: any parameters of the right length do.
        let params = meta.shape.code_params(Vec::new());
        let mut hints = take_hints(context.index);
        let walk = Reached::from_entry(
            context.index,
            &meta,
            Through::All,
            &params,
            &mut hints,
            &mut interrupt::check,
        );
        keep_hints(hints);
        match walk {
            Ok(reached) => missing.retain(|node| !reached.contains(*node)),
            Err(error) => {
                if let Some(error) = damage(Err(error))? {
                    report.index(Severity::Error, "graph cannot be walked", words(&error));
                }
                return Ok(());
            }
        }
    }
    for node in missing {
        interrupt::check();
        let Ok(held) = rows::rows_of(context, node) else {
            continue; // reported with the chain
        };
        let visible = held
            .iter()
            .find(|tid| context.snapshot.sees(context.heap, **tid));
        match visible {
            Some(tid) => report.item(
                Severity::Error,
                node,
                "node cannot be reached",
                format!("It holds row ({},{}).", tid.block, tid.offset),
            ),
            None if held.is_empty() => {}
            None => report.item(
                Severity::Info,
                node,
                "node cannot be reached",
                "None of its rows is visible: an insert was interrupted, or has not committed yet.",
            ),
        }
    }
    Ok(())
}
