//! Passes 2 and 3 of VACUUM: lists that lead to tombstones get the best of their remaining neighbors and of the
//! tombstones' neighbors instead; then slots are freed.
//!
//! Every live node can be reached all the time, so also after a crash: nodes that only tombstones lead to are linked
//! to others first, while the tombstones are still there; and a list that is repaired loses no live neighbor but one
//! that it still leads to in two steps. The local rule is that of FreshDiskANN (arXiv 2105.09613). Pass 3 runs only after a complete pass 2, which also
//! drops every stale edge it meets: a slot's generation therefore cannot wrap around below an edge that still
//! bears the old number. One content lock at a time, but for meta before a page (`placement.rs`).

use super::back_link::{Codes, add_back_link, choose, replace_if_unchanged};
use super::code_cache::CodeCache;
use super::codes::{CodeParams, Query};
use super::disk_graph::{DiskGraph, corrupt_item, decode_meta, expect_kind, read_mean, read_meta};
use super::eviction::leads_to;
use super::graph::GraphStore;
use super::kept::{keep_hints, take_hints};
use super::layout::{ItemPtr, META_BLOCK, Meta, PageKind, SlotState, free};
use super::placement::{offer_free_slots, write_meta_in};
use super::reachability::{Reached, Through};
use super::search::{Bounds, LayerSearch, descend};
use super::slots::{EdgeState, IndexSlots, SlotMap};
use crate::error::Result;
use crate::pg::buffer::{BufferHints, Exclusive};
use crate::pg::compat::vacuum_delay_point;
use crate::pg::failpoint;
use crate::pg::relation::Relation;
use crate::pg::wal::Change;

/// Tries for a list that inserts keep changing, before it is left to the next vacuum.
const TRIES: usize = 5;
/// Candidates kept for a repaired list, as a multiple of its length.
const CANDIDATE_FACTOR: usize = 3;
/// Rounds of linking unreachable nodes; each finds what the one before displaced or had to leave.
const LINK_ROUNDS: usize = 5;
/// Candidates of the search for a place to link an unreachable node to.
const LINK_EF: usize = 64;

/// One repair of one index.
pub struct Repair {
    index: Relation,
    meta: Meta,
    params: CodeParams,
    slots: IndexSlots,
    hints: BufferHints,
}

impl Repair {
    /// Prepares the repair of what `slots` shows.
    pub fn open(index: Relation, meta: &Meta, slots: IndexSlots) -> Result<Self> {
        let mean = read_mean(index, meta)?;
        let params = meta.shape.code_params(mean);
        Ok(Self {
            index,
            meta: meta.clone(),
            params,
            slots,
            hints: take_hints(index),
        })
    }

    /// Runs passes 2 and 3.
    pub fn run(mut self) -> Result<()> {
        let uppers = live(&self.slots.uppers);
        let nodes = live(&self.slots.nodes);
        self.link_unreachable(&uppers, &nodes)?;
        failpoint::hit("vacuum_relinked");
        self.replace_entry(&uppers)?;
        for (upper, level) in &uppers {
            for at in 1..=*level {
                self.repair_list(*upper, at)?;
            }
            vacuum_delay_point();
        }
        for (node, _) in &nodes {
            self.repair_list(*node, 0)?;
            vacuum_delay_point();
        }
        failpoint::hit("vacuum_repaired");
        // For what inserts of the same time have changed.
        self.link_unreachable(&uppers, &nodes)?;
        self.free_slots(PageKind::Upper)?;
        self.free_slots(PageKind::Node)?;
        keep_hints(self.hints);
        Ok(())
    }

    fn edge_state(&self, level: u8, edge: ItemPtr) -> EdgeState {
        let slots = if level == 0 {
            &self.slots.nodes
        } else {
            &self.slots.uppers
        };
        slots.edge_state(edge)
    }

    /// Pass 2 for one list: nothing if all its edges are valid.
    fn repair_list(&mut self, owner: ItemPtr, level: u8) -> Result<()> {
        let (index, shape) = (self.index, self.meta.shape);
        for _ in 0..TRIES {
            let Some((version, neighbors, query)) = self.read_owner(owner, level)? else {
                return Ok(());
            };
            let states: Vec<_> = neighbors
                .iter()
                .map(|edge| self.edge_state(level, *edge))
                .collect();
            if states.iter().all(|state| *state == EdgeState::Valid) {
                return Ok(());
            }
            let mut graph = DiskGraph::new(index, &shape, &query, &mut self.hints);
            let slots = if level == 0 {
                &self.slots.nodes
            } else {
                &self.slots.uppers
            };
            let mut candidates: Vec<ItemPtr> = Vec::new();
            let mut beyond = Vec::new();
            for (edge, state) in neighbors.iter().zip(&states) {
                match state {
                    EdgeState::Valid => candidates.push(*edge),
                    EdgeState::Dead => {
                        graph.neighbors(*edge, level, &mut beyond)?;
                        candidates.extend(
                            beyond
                                .iter()
                                .filter(|e| slots.edge_state(**e) == EdgeState::Valid),
                        );
                    }
                    EdgeState::Stale | EdgeState::Invalid => {}
                }
            }
            candidates.sort_unstable_by_key(|candidate| candidate.place());
            candidates.dedup_by_key(|candidate| candidate.place());
            candidates.retain(|candidate| candidate.place() != owner.place());
            let mut evaluated = Vec::new();
            graph.evaluate(&candidates, level, &mut evaluated)?;
            evaluated.retain(|candidate| candidate.is_live);
            evaluated.sort_unstable_by(|a, b| a.key.total_cmp(&b.key));
            evaluated.truncate(CANDIDATE_FACTOR * shape.degree(level));
            let mut cache = CodeCache::default();
            cache.load(&mut graph, level, [owner])?;
            let mut list = choose(
                &self.params,
                &mut graph,
                &mut cache,
                owner,
                level,
                evaluated.iter().map(|candidate| candidate.node).collect(),
                shape.degree(level),
            )?;
            let edges = neighbors.iter().zip(&states);
            let valid: Vec<ItemPtr> = edges
                .filter(|(_, state)| **state == EdgeState::Valid)
                .map(|(edge, _)| *edge)
                .collect();
            keep_ways(
                &self.params,
                &mut graph,
                &mut cache,
                level,
                &mut list,
                &valid,
            )?;
            let codes = Codes {
                params: &self.params,
                cache: &cache,
            };
            if replace_if_unchanged(index, &shape, codes, owner, level, version, &list)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Version, neighbors and code (as a query) of a list's owner; `None` if it is gone or a tombstone.
    fn read_owner(
        &mut self,
        owner: ItemPtr,
        level: u8,
    ) -> Result<Option<(u16, Vec<ItemPtr>, Query)>> {
        let placeholder = Query::placeholder(&self.params);
        let params = &self.params;
        let mut graph = DiskGraph::new(self.index, &self.meta.shape, &placeholder, &mut self.hints);
        if level == 0 {
            let read = graph.with_node(owner, |node| {
                (node.state() == SlotState::Live).then(|| {
                    let query = Query::from_code(params, node.code(), &node.factors());
                    (node.list_version(), node.neighbors().collect(), query)
                })
            })?;
            Ok(read.flatten())
        } else {
            graph.with_upper(owner, |upper| {
                let query = Query::from_code(params, upper.code(), &upper.factors());
                (
                    upper.list_version(),
                    upper.neighbors(level).collect(),
                    query,
                )
            })
        }
    }

    /// The entry point that the index is to have: the present one, or a live node of the highest level if that is a
    /// tombstone or of a lower level.
    fn live_entry(&self, meta: &Meta, uppers: &[(ItemPtr, u8)]) -> (ItemPtr, u8) {
        let slots = if meta.entry_level > 0 {
            &self.slots.uppers
        } else {
            &self.slots.nodes
        };
        let highest = uppers.iter().max_by_key(|(_, level)| *level);
        let is_live = slots.edge_state(meta.entry) == EdgeState::Valid;
        // An insert that was interrupted leaves a node above the entry.
        let is_highest = highest.is_none_or(|(_, level)| *level <= meta.entry_level);
        if !meta.entry.is_some() || (is_live && is_highest) {
            return (meta.entry, meta.entry_level);
        }
        let any_node = || {
            self.slots
                .nodes
                .iter()
                .find(|(_, slot)| slot.state == SlotState::Live)
        };
        match highest {
            Some((upper, level)) => (*upper, *level),
            // Without any live node the index is empty: the next insert starts it anew.
            None => any_node().map_or((ItemPtr::NONE, 0), |(node, _)| (node, 0)),
        }
    }

    /// Gives the index another entry point if the present one is a tombstone.
    fn replace_entry(&mut self, uppers: &[(ItemPtr, u8)]) -> Result<()> {
        let buffer = Exclusive::read(self.index, META_BLOCK);
        let mut meta = decode_meta(self.index, buffer.page())?;
        let entry = self.live_entry(&meta, uppers);
        if entry != (meta.entry, meta.entry_level) {
            (meta.entry, meta.entry_level) = entry;
            let change = Change::begin(self.index);
            write_meta_in(&change, &buffer, &meta);
            change.commit();
        }
        self.meta = meta;
        Ok(())
    }

    /// Links live nodes that no walk over live nodes from the future entry point finds, and islands (`reachability.rs`),
    /// to near nodes that one finds.
    fn link_unreachable(
        &mut self,
        uppers: &[(ItemPtr, u8)],
        nodes: &[(ItemPtr, u8)],
    ) -> Result<()> {
        for round in 0..LINK_ROUNDS {
            let meta = read_meta(self.index)?;
            let mut future = meta.clone();
            (future.entry, future.entry_level) = self.live_entry(&meta, uppers);
            let mut reached = Reached::from_entry(
                self.index,
                &future,
                Through::LiveMainland,
                &self.params,
                &mut self.hints,
                &mut vacuum_delay_point,
            )?;
            // Nodes beside which nothing is reached yet wait for others to be linked; at last they take the entry.
            let is_last = round + 1 == LINK_ROUNDS;
            let mut unreachable = 0;
            for (node, _) in nodes {
                vacuum_delay_point();
                if reached.contains(*node) {
                    continue;
                }
                unreachable += 1;
                if self.link(&meta, *node, &reached, is_last)? {
                    reached.extend(
                        *node,
                        self.index,
                        &future,
                        &self.params,
                        &mut self.hints,
                        &mut vacuum_delay_point,
                    )?;
                }
            }
            if unreachable == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Links one node to the nearest reached node that has room, else to the nearest one, or to the start of the walk
    /// if none is found and `or_to_start`. `false` if there is none, or the node is gone.
    fn link(
        &mut self,
        meta: &Meta,
        node: ItemPtr,
        reached: &Reached,
        or_to_start: bool,
    ) -> Result<bool> {
        let shape = meta.shape;
        let Some((_, _, query)) = self.read_owner(node, 0)? else {
            return Ok(false);
        };
        let mut graph = DiskGraph::new(self.index, &shape, &query, &mut self.hints);
        let mut search = LayerSearch::default();
        let Some(entry) = descend(&mut graph, &mut search, meta.entry, meta.entry_level, 0)? else {
            return Ok(false);
        };
        let mut found = Vec::new();
        // A search that ends on the node's own island finds nothing: the other way leads over the mainland.
        for from in [Some(entry), reached.start()].into_iter().flatten() {
            search.clear();
            search.seed(&mut graph, 0, &[from])?;
            search.run(&mut graph, 0, LINK_EF, Bounds::NONE)?;
            search.take_best(&mut found);
            found.retain(|candidate| reached.contains(candidate.node));
            if !found.is_empty() {
                break;
            }
        }
        found.sort_unstable_by(|a, b| a.key.total_cmp(&b.key));
        let mut neighbors = Vec::new();
        let mut owner = found.first().map(|candidate| candidate.node);
        for candidate in &found {
            graph.neighbors(candidate.node, 0, &mut neighbors)?;
            if neighbors.len() < shape.degree(0) {
                owner = Some(candidate.node);
                break;
            }
        }
        let start = reached.start().filter(|_| or_to_start);
        let Some(owner) = owner.or(start) else {
            return Ok(false);
        };
        let mut cache = CodeCache::default();
        add_back_link(
            self.index,
            &shape,
            &self.params,
            &mut graph,
            &mut cache,
            owner,
            node,
            0,
            true,
        )
    }

    /// Pass 3: frees the slots of tombstones (or of their upper items), page by page, and offers the pages.
    fn free_slots(&mut self, kind: PageKind) -> Result<()> {
        let slots = if kind == PageKind::Node {
            &self.slots.nodes
        } else {
            &self.slots.uppers
        };
        let dead: Vec<ItemPtr> = slots
            .iter()
            .filter(|(_, slot)| slot.state == SlotState::Tombstone)
            .map(|(ptr, _)| ptr)
            .collect();
        for on_page in dead.chunk_by(|a, b| a.block == b.block) {
            let block = on_page[0].block;
            {
                let buffer = Exclusive::read(self.index, block);
                expect_kind(self.index, block, buffer.page(), kind)?;
                let change = Change::begin(self.index);
                let mut page = change.register(&buffer);
                for ptr in on_page {
                    let item = page
                        .item_mut(ptr.offset)
                        .ok_or_else(|| corrupt_item(self.index, block, ptr.offset, "item"))?;
                    free(item);
                }
                change.commit();
            }
            offer_free_slots(self.index, kind, block)?;
            failpoint::hit("vacuum_freed");
            vacuum_delay_point();
        }
        Ok(())
    }
}

/// Puts those of `valid` back into a repaired list that it no longer leads to in two steps, in place of the worst
/// others: there are enough, because the list has lost a tombstone for at least one of them.
fn keep_ways(
    params: &CodeParams,
    graph: &mut DiskGraph<'_>,
    cache: &mut CodeCache,
    level: u8,
    list: &mut [ItemPtr],
    valid: &[ItemPtr],
) -> Result<()> {
    cache.load(graph, level, valid.iter().copied())?;
    // A neighbor put back takes the place of one that may have led to another: look again until nothing changes.
    loop {
        let mut lost = None;
        for edge in valid {
            let is_here = list.contains(edge) || cache.find(*edge).is_none();
            if !is_here && !leads_to(params, graph, cache, level, list, *edge)? {
                lost = Some(*edge);
                break;
            }
        }
        let Some(lost) = lost else { return Ok(()) };
        match list.iter().rposition(|edge| !valid.contains(edge)) {
            Some(place) => list[place] = lost,
            None => return Ok(()),
        }
    }
}

/// The slots in use, with their levels.
fn live(slots: &SlotMap) -> Vec<(ItemPtr, u8)> {
    let mut live = Vec::with_capacity(slots.count(SlotState::Live));
    live.extend(
        slots
            .iter()
            .filter(|(_, slot)| slot.state == SlotState::Live)
            .map(|(ptr, slot)| (ptr, slot.level)),
    );
    live
}
