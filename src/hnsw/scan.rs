//! One index scan: the order key becomes a query, batches of candidates become heap rows in order of a true lower
//! bound of their distance, and the executor reorders exactly with the row that it fetches anyway.
//!
//! Never holds a pin or a lock between two rows. `hnsw.iterative_scan` decides what follows the first batch; the
//! README beside this file says what strict order may and may not return.

use super::codes::Query;
use super::disk_graph::{
    DiskGraph, corrupt_item, expect_block, expect_kind, for_each_item, read_mean, read_meta,
};
use super::graph::Candidate;
use super::kept::{LastScan, keep_hints, keep_last_scan, keep_search, take_hints, take_search};
use super::layout::{ItemPtr, Meta, Node, PageKind, SlotState, Storage, TidChunk};
use super::left_out;
use super::row_queue::{RowQueue, ScanRow};
use super::scan_meter::ScanMeter;
use super::search::{Bounds, LayerSearch, SearchCounts};
use super::search_width;
use super::starting_points::StartingPoints;
use crate::error::Result;
use crate::guc::{self, IterativeScan};
use crate::pg::buffer::{BufferHints, Shared};
use crate::pg::relation::{ColumnValue, Relation, Tid};
use crate::pg::scanned_table::ScannedTable;
use crate::pg::{failpoint, interrupt};
use crate::types::datum;
use crate::types::indexed::IndexedValue;

/// More TID chunks than a page holds.
const CHUNKS_PER_PAGE: u32 = 32;
/// Up to so many blocks a search that finds fewer nodes than it may looks at every node, whatever the mode: a row that
/// is hard to reach is noticed first where there are few.
const SMALL_INDEX_BLOCKS: u32 = 64;
/// The shortest list of the first search of an inline index, in nodes. Its search chooses the way by one-bit codes, which
/// with a shorter list loses more recall than the time is worth.
const SHORTEST_LIST: usize = 12;
/// How many times the nodes of a batch strict order searches before it returns the batch, from the second one on: fewer
/// are found late. The search goes on from the rest, so it costs this once, not for each batch.
const LOOK_AHEAD: usize = 4;
/// The same where that would be more nodes: so many beyond the batch, and beside them a part of the batch. A long list
/// needs less of itself again to be as sure of its end.
const LONG_LOOK_AHEAD: usize = 1600;
const LONG_LOOK_AHEAD_PART: usize = 4;

/// So many nodes ahead of the one whose rows are read the CPU is asked for a node, and before that for its buffer's
/// descriptor.
const NODE_AHEAD: usize = 2;
const NODE_DESCRIPTOR_AHEAD: usize = 5;

/// What the ORDER BY operand of a scan is.
#[derive(Debug, Clone)]
pub enum OrderKey {
    /// NULL: rows come in any order.
    Null,
    /// A value of the indexed type.
    Value(ColumnValue),
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    lower_bound: f64,
    node: ItemPtr,
}

/// The settings a scan reads at its first row.
#[derive(Debug, Clone, Copy)]
struct Settings {
    ef: usize,
    mode: IterativeScan,
    max_visited: usize,
    max_bytes: usize,
    /// Whether every row is wanted in exact order: see [`Scan::read_all`].
    is_exact: bool,
}

impl Settings {
    fn current(index: Relation, meta: &Meta) -> Result<Self> {
        let mode = guc::ITERATIVE_SCAN.get();
        let max_tuples = guc::MAX_SCAN_TUPLES.get();
        let work_mem = crate::pg::memory::work_mem_bytes();
        Ok(Self {
            ef: search_width::of_scan(index, meta)?.ef_search,
            mode,
            max_visited: max_tuples as usize,
            max_bytes: (work_mem as f64 * guc::SCAN_MEM_MULTIPLIER.get()) as usize,
            is_exact: mode == IterativeScan::strict_order
                && max_tuples == i32::MAX
                && crate::pg::executor::reads_to_the_end(index),
        })
    }
}

/// A scan from its first row on.
pub struct Scan {
    index: Relation,
    meta: Meta,
    query: Query,
    order_is_null: bool,
    settings: Settings,
    left_out: Option<u64>,
    hints: Option<BufferHints>,
    search: LayerSearch<ItemPtr>,
    /// Sorted, next one last.
    pending: Vec<Pending>,
    rows: RowQueue,
    /// Rows of the node being read; its memory is used again.
    tids: Vec<Tid>,
    last_bound: f64,
    largest_slack: f32,
    batch: Vec<Candidate<ItemPtr>>,
    start: StartingPoints,
    /// Nodes returned by all batches so far.
    returned: usize,
    is_started: bool,
    is_finished: bool,
    meter: ScanMeter,
}

impl Scan {
    /// Starts a scan for `key` that returns rows of `table`; reads the settings now. `None` if the index holds no row.
    /// # Errors
    /// 22000 if the key's dimensions are not the index's, XX001 for a damaged key, XX002 for a damaged index.
    pub fn begin(index: Relation, table: ScannedTable, key: OrderKey) -> Result<Option<Self>> {
        let mut meter = ScanMeter::begin(index);
        let meta = read_meta(index)?;
        if !meta.entry.is_some() {
            meter.finish(LastScan {
                counts: SearchCounts::default(),
                rows: 0,
            });
            return Ok(None);
        }
        let params = meta.shape.code_params(read_mean(index, &meta)?);
        let query_of = |value: IndexedValue<'_>| {
            if value.dims() == meta.shape.dims {
                let left_out = left_out::hash_for(index, value);
                Ok((Query::from_value(&params, value), left_out))
            } else {
                let (expected, given) = (meta.shape.dims, value.dims());
                Err(meta.shape.of.different_dimensions(expected, given))
            }
        };
        let ((query, left_out), order_is_null) = match key {
            OrderKey::Null => ((Query::placeholder(&params), None), true),
            OrderKey::Value(value) => {
                let query = datum::with_column_value(value, meta.shape.of, query_of)??;
                (query, false)
            }
        };
        let settings = Settings::current(index, &meta)?;
        let mut search = take_search();
        search.reset(settings.mode != IterativeScan::off);
        Ok(Some(Self {
            index,
            query,
            left_out,
            meta,
            order_is_null,
            settings,
            hints: Some(take_hints(index)),
            search,
            pending: Vec::new(),
            rows: RowQueue::new(index, table),
            tids: Vec::new(),
            last_bound: f64::NEG_INFINITY,
            largest_slack: 0.0,
            batch: Vec::new(),
            start: StartingPoints::Nearest,
            returned: 0,
            is_started: false,
            is_finished: false,
            meter,
        }))
    }

    /// The next row, or `None` at the end of the scan.
    /// # Errors
    /// XX002 for a damaged index.
    pub fn next_row(&mut self) -> Result<Option<ScanRow>> {
        loop {
            let ahead = self.rows.wanted_ahead();
            while self.rows.known() <= ahead && self.load_next_node(ahead)? {}
            if ahead > 0 {
                self.rows.ask(ahead);
            }
            if let Some(row) = self.rows.pop()? {
                return Ok(Some(row));
            }
            if self.is_finished {
                return Ok(None);
            }
            self.meter.start();
            let has_more = self.fill_batch()?;
            self.meter.stop();
            if !has_more {
                return Ok(None);
            }
        }
    }

    /// Puts the rows of the batch's next node into the queue; `false` at the end of the batch.
    fn load_next_node(&mut self, ahead: usize) -> Result<bool> {
        let Some(next) = self.pending.pop() else {
            return Ok(false);
        };
        if ahead > 0 {
            self.ask_for_nodes();
        }
        let is_late = next.lower_bound < self.last_bound;
        if is_late && self.settings.mode == IterativeScan::strict_order {
            return Ok(true); // a farther row may have been returned already: see README.md, strict order
        }
        self.last_bound = self.last_bound.max(next.lower_bound);
        self.load_rows(next.node)?;
        let lower_bound = (!self.order_is_null).then_some(next.lower_bound);
        self.rows.extend(&self.tids, lower_bound);
        Ok(true)
    }

    /// Asks the CPU for nodes whose rows are read soon: a long scan has seen so many that they left its caches.
    fn ask_for_nodes(&self) {
        let Some(hints) = &self.hints else { return };
        let in_turns = |turns| self.pending.iter().rev().nth(turns).map(|next| next.node);
        if let Some(node) = in_turns(NODE_DESCRIPTOR_AHEAD) {
            hints.prefetch_descriptor(node.block);
        }
        if let Some(node) = in_turns(NODE_AHEAD) {
            let (start, len) = self.meta.shape.probable_rows(node.offset);
            hints.prefetch_item(node.block, node.offset, start, len);
        }
    }

    /// Finds the next batch; `false` if there is none.
    fn fill_batch(&mut self) -> Result<bool> {
        if self.settings.is_exact && !self.is_started && self.read_all()? {
            self.is_finished = true;
            return Ok(true);
        }
        let is_strict = self.settings.mode == IterativeScan::strict_order;
        // Later batches grow with what was returned: fewer ends of batches, at which strict order may lose rows.
        let (wanted, ef) = if self.is_started {
            let wanted = self.settings.ef.max(self.returned / 2);
            (
                wanted,
                wanted + if is_strict { look_ahead(wanted) } else { 0 },
            )
        } else {
            let shortest = match self.meta.shape.storage {
                Storage::Inline => SHORTEST_LIST,
                Storage::Compact => 1,
            };
            (usize::MAX, self.settings.ef.max(shortest))
        };
        self.search_batch(ef)?;
        let mut found = self.bound_batch();
        if is_strict && !self.is_finished {
            self.hold_back(&mut found, wanted);
        }
        self.returned += found.len();
        let nearest_last = found.iter().rev();
        self.pending
            .extend(nearest_last.map(|&(lower_bound, candidate)| Pending {
                lower_bound,
                node: candidate.node,
            }));
        Ok(!self.pending.is_empty())
    }

    /// Runs the search for one batch of `ef` nodes into `self.batch`, and decides whether it is the last one.
    fn search_batch(&mut self, ef: usize) -> Result<()> {
        let Some(hints) = self.hints.as_mut() else {
            return Ok(());
        };
        let shape = self.meta.shape;
        let mut graph =
            DiskGraph::new(self.index, &shape, &self.query, hints).leaving_out(self.left_out);
        let is_first = !self.is_started;
        self.is_started = true;
        let max_ambiguous = self.settings.max_visited;
        let keeps_ties = self.settings.mode == IterativeScan::strict_order;
        let bounds = if is_first {
            Bounds {
                max_ambiguous,
                keeps_ties,
                ..Bounds::NONE
            }
        } else {
            Bounds {
                max_visited: self.settings.max_visited,
                max_bytes: self.settings.max_bytes,
                max_ambiguous,
                keeps_ties,
            }
        };
        let is_iterative = self.settings.mode != IterativeScan::off;
        let mut is_bounded = false;
        while !is_bounded {
            self.search.run(&mut graph, 0, ef, bounds)?;
            is_bounded = self.search.is_bounded(bounds);
            let is_small = graph.block_count() <= SMALL_INDEX_BLOCKS;
            let may_go_on = is_iterative || is_small || self.start != StartingPoints::All;
            let wants_more = self.search.best_count() < ef && may_go_on;
            if wants_more
                && self
                    .start
                    .add_next(&self.meta, &mut graph, &mut self.search, (ef, bounds))?
            {
                continue;
            }
            // Vacuum may have freed the entry point since the meta page was read, and set another one before.
            let is_lost = self.returned == 0 && self.search.is_exhausted() && !is_bounded;
            let entry = self.meta.entry;
            if is_lost {
                self.meta = read_meta(self.index)?;
                self.start = StartingPoints::Nearest;
            }
            if !is_lost || self.meta.entry == entry || !self.meta.entry.is_some() {
                break;
            }
        }
        if is_bounded {
            self.search.take_rest(&mut self.batch);
        } else {
            self.search.take_best(&mut self.batch);
        }
        self.is_finished = !is_iterative
            || is_bounded
            || (self.search.is_exhausted() && self.start == StartingPoints::None);
        Ok(())
    }

    /// Takes the batch out of `self.batch`, with lower bounds of the distances and in their order.
    fn bound_batch(&mut self) -> Vec<(f64, Candidate<ItemPtr>)> {
        let bound = |c: Candidate<ItemPtr>| (self.query.lower_bound(c.key, c.slack), c);
        let mut found: Vec<_> = self.batch.drain(..).map(bound).collect();
        found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        found
    }

    /// In strict order, keeps for the next batch those that a node found later could precede: such a node is farther
    /// than this batch by its key, but its lower bound can be smaller. Of a batch that looked ahead only the nearest
    /// `wanted` are left: what lies behind them has been searched too, and few nodes are missed there.
    fn hold_back(&mut self, found: &mut Vec<(f64, Candidate<ItemPtr>)>, wanted: usize) {
        for (_, candidate) in &*found {
            self.largest_slack = self.largest_slack.max(candidate.slack);
        }
        let keys = found.iter().map(|(_, candidate)| candidate.key);
        let Some(farthest) = keys.max_by(f32::total_cmp) else {
            return;
        };
        let safe = self.query.lower_bound(farthest, self.largest_slack);
        let safe_count = found.partition_point(|(bound, _)| *bound <= safe);
        if safe_count == 0 {
            return; // nothing is known to be next: go on with what there is
        }
        for (_, candidate) in found.drain(safe_count.min(wanted)..) {
            self.search.put_back(candidate);
        }
    }

    /// Reads every node of the index, in page order, so that all rows come back in exact order: what strict order
    /// without any bound promises. `false` if the memory of the scan does not suffice.
    fn read_all(&mut self) -> Result<bool> {
        let (query, shape, index) = (&self.query, &self.meta.shape, self.index);
        let capacity = self.settings.max_bytes / size_of::<Pending>();
        let pending = &mut self.pending;
        let mut fits = true;
        for_each_item(
            index,
            PageKind::Node,
            |block, offset, item| {
                let node = Node::read(item, shape)
                    .ok_or_else(|| corrupt_item(index, block, offset, "node"))?;
                fits &= pending.len() < capacity;
                if fits && node.state() == SlotState::Live {
                    let factors = node.factors();
                    let key = query.key(node.code(), &factors);
                    let generation = node.generation();
                    pending.push(Pending {
                        lower_bound: query.lower_bound(key, query.slack(&factors)),
                        node: ItemPtr {
                            block,
                            offset,
                            generation,
                        },
                    });
                }
                Ok(())
            },
            || {
                interrupt::check();
                failpoint::begin_unit("scan_page");
            },
        )?;
        if !fits {
            self.pending = Vec::new();
            return Ok(false);
        }
        self.search.count_distances(self.pending.len());
        self.pending
            .sort_unstable_by(|a, b| b.lower_bound.total_cmp(&a.lower_bound));
        Ok(true)
    }

    /// Reads the heap rows of a node into `self.tids`: none if it was freed or lost its last row since it was found.
    fn load_rows(&mut self, node: ItemPtr) -> Result<()> {
        self.tids.clear();
        let Some(hints) = self.hints.as_mut() else {
            return Ok(());
        };
        let index = self.index;
        let tids = &mut self.tids;
        let mut graph =
            DiskGraph::new(index, &self.meta.shape, &self.query, hints).leaving_out(self.left_out);
        graph
            .with_node(node, |node| {
                if node.state() != SlotState::Live {
                    return Ok(());
                }
                // The chain is read under the node's lock: vacuum changes it only under that lock.
                read_tids(index, node, |tid| tids.push(tid))
            })?
            .unwrap_or(Ok(()))
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        let last = LastScan {
            counts: self.search.counts(),
            rows: self.rows.returned() as u64,
        };
        self.meter.finish(last);
        keep_last_scan(last);
        keep_search(std::mem::take(&mut self.search));
        if let Some(hints) = self.hints.take() {
            keep_hints(hints);
        }
    }
}

/// Nodes that strict order searches beyond a batch of `wanted`.
fn look_ahead(wanted: usize) -> usize {
    let long = LONG_LOOK_AHEAD + wanted / LONG_LOOK_AHEAD_PART;
    (wanted * (LOOK_AHEAD - 1)).min(long)
}

/// Calls `visit` with every heap row of a node whose page the caller has locked: its own, then those of its chain.
pub fn read_tids(index: Relation, node: Node<'_>, mut visit: impl FnMut(Tid)) -> Result<()> {
    node.inline_tids()
        .into_iter()
        .filter(|tid| tid.is_some())
        .for_each(&mut visit);
    let mut next = node.overflow();
    let mut remaining = u32::MAX;
    while let Some((block, offset)) = next {
        expect_block(index, block)?;
        let shared = Shared::read(index, block);
        expect_kind(index, block, shared.page(), PageKind::Overflow)?;
        let corrupt = || corrupt_item(index, block, offset, "TID chunk");
        let item = shared.page().item(offset).ok_or_else(corrupt)?;
        let chunk = TidChunk::read(item).ok_or_else(corrupt)?;
        // A chain that is longer than all chunks of the index runs in a circle.
        if remaining == u32::MAX {
            remaining = index.block_count().saturating_mul(CHUNKS_PER_PAGE);
        }
        remaining = remaining.checked_sub(1).ok_or_else(corrupt)?;
        if chunk.state() != SlotState::Live {
            return Err(corrupt());
        }
        chunk.tids().for_each(&mut visit);
        next = chunk.next();
    }
    Ok(())
}
