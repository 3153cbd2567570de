//! Passes 2 and 3 of VACUUM: lists that lead to tombstones get the best of their remaining neighbors and of the
//! tombstones' neighbors instead; nodes that cannot be reached any more are linked again; then slots are freed.
//!
//! The local rule is that of FreshDiskANN (arXiv 2105.09613). Pass 3 runs only after a complete pass 2, which also
//! drops every stale edge it meets: a slot's generation therefore cannot wrap around below an edge that still
//! bears the old number. One content lock at a time, but for meta before a page (`placement.rs`).

use super::back_link::{add_back_link, choose, replace_if_unchanged};
use super::code_cache::CodeCache;
use super::codes::{CodeParams, Query};
use super::disk_graph::{DiskGraph, corrupt_item, decode_meta, expect_kind, read_mean, read_meta};
use super::graph::GraphStore;
use super::layout::{ItemPtr, META_BLOCK, Meta, PageKind, SlotState, free};
use super::placement::{offer_free_slots, write_meta_in};
use super::reachability::Reached;
use super::scan::{keep_hints, take_hints};
use super::search::{Bounds, LayerSearch, descend};
use super::slots::{EdgeState, IndexSlots};
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
/// Rounds of linking unreachable nodes again; each finds what the one before displaced.
const RELINK_ROUNDS: usize = 5;
/// Candidates of the search for a place to link an unreachable node to.
const RELINK_EF: usize = 64;

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
        let params = CodeParams::new(meta.shape.metric, meta.shape.dims, mean);
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
        let uppers: Vec<_> = live(self.slots.uppers.iter());
        for (upper, level) in &uppers {
            for at in 1..=*level {
                self.repair_list(*upper, at)?;
            }
            vacuum_delay_point();
        }
        let nodes: Vec<_> = live(self.slots.nodes.iter());
        for (node, _) in &nodes {
            self.repair_list(*node, 0)?;
            vacuum_delay_point();
        }
        self.replace_entry(&uppers)?;
        failpoint::hit("vacuum_repaired");
        self.relink_unreachable(&nodes)?;
        failpoint::hit("vacuum_relinked");
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
            let mut cache = CodeCache::new(shape.dims);
            cache.load(&mut graph, level, [owner])?;
            let list = choose(
                &self.params,
                &mut graph,
                &mut cache,
                owner,
                level,
                evaluated.iter().map(|candidate| candidate.node).collect(),
                shape.degree(level),
            )?;
            if replace_if_unchanged(index, &shape, owner, level, version, &list)? {
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
        let placeholder = Query::from_code(
            &self.params,
            &vec![0; self.params.dims],
            &Default::default(),
        );
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

    /// Gives the index another entry point if the present one is a tombstone: a live node of the highest level.
    fn replace_entry(&mut self, uppers: &[(ItemPtr, u8)]) -> Result<()> {
        let buffer = Exclusive::read(self.index, META_BLOCK);
        let mut meta = decode_meta(self.index, buffer.page())?;
        let slots = if meta.entry_level > 0 {
            &self.slots.uppers
        } else {
            &self.slots.nodes
        };
        if !meta.entry.is_some() || slots.edge_state(meta.entry) == EdgeState::Valid {
            self.meta = meta;
            return Ok(());
        }
        let highest = uppers.iter().max_by_key(|(_, level)| *level);
        let any_node = || {
            self.slots
                .nodes
                .iter()
                .find(|(_, slot)| slot.state == SlotState::Live)
        };
        (meta.entry, meta.entry_level) = match highest {
            Some((upper, level)) => (*upper, *level),
            // Without any live node the index is empty: the next insert starts it anew.
            None => any_node().map_or((ItemPtr::NONE, 0), |(node, _)| (node, 0)),
        };
        let change = Change::begin(self.index);
        write_meta_in(&change, &buffer, &meta);
        change.commit();
        self.meta = meta;
        Ok(())
    }

    /// Links live nodes that no walk from the entry point finds to near nodes that one does find.
    fn relink_unreachable(&mut self, nodes: &[(ItemPtr, u8)]) -> Result<()> {
        for _ in 0..RELINK_ROUNDS {
            let meta = read_meta(self.index)?;
            let mut reached = Reached::from_entry(
                self.index,
                &meta,
                &self.params,
                &mut self.hints,
                &mut vacuum_delay_point,
            )?;
            let mut relinked = 0;
            for (node, _) in nodes {
                if !reached.contains(*node) && self.relink(&meta, *node)? {
                    relinked += 1;
                    reached.extend(
                        *node,
                        self.index,
                        &meta,
                        &self.params,
                        &mut self.hints,
                        &mut vacuum_delay_point,
                    )?;
                }
                vacuum_delay_point();
            }
            if relinked == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Links one node to the nearest node that has room, else to the nearest one. `false` if the node is gone.
    fn relink(&mut self, meta: &Meta, node: ItemPtr) -> Result<bool> {
        let shape = meta.shape;
        let Some((_, _, query)) = self.read_owner(node, 0)? else {
            return Ok(false);
        };
        let mut graph = DiskGraph::new(self.index, &shape, &query, &mut self.hints);
        let Some(entry) = descend(&mut graph, meta.entry, meta.entry_level, 0)? else {
            return Ok(false);
        };
        let mut search = LayerSearch::default();
        search.seed(&mut graph, 0, &[entry])?;
        search.run(&mut graph, 0, RELINK_EF, Bounds::NONE)?;
        let mut found = Vec::new();
        search.take_best(&mut found);
        found.retain(|candidate| candidate.node.place() != node.place());
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
        let Some(owner) = owner else { return Ok(false) };
        let mut cache = CodeCache::new(shape.dims);
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

/// The slots in use, with their levels.
fn live(slots: impl Iterator<Item = (ItemPtr, super::slots::Slot)>) -> Vec<(ItemPtr, u8)> {
    slots
        .filter(|(_, slot)| slot.state == SlotState::Live)
        .map(|(ptr, slot)| (ptr, slot.level))
        .collect()
}
