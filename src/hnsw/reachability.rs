//! Which nodes a search can reach from the entry point: a walk over the lists of every level.
//!
//! A search for a near node descends to wherever the upper levels lead, so every node that the walk of an upper level
//! finds is a starting point on the level below. Level 0 alone need not be connected: clusters far apart are not. A few
//! nodes that only an upper level leads to are an **island**, though: a search starts from the nearest few of level 1,
//! and may miss them. VACUUM counts islands as not reached, and so links them to their neighbors again.

use super::codes::{CodeParams, Query};
use super::disk_graph::DiskGraph;
use super::graph::GraphStore;
use super::layout::{ItemPtr, Meta, SlotState};
use crate::error::Result;
use crate::pg::buffer::BufferHints;
use crate::pg::relation::Relation;
use std::collections::HashSet;

/// Fewer nodes than this, which nothing on level 0 leads to from elsewhere, are an island; more are a cluster.
const CLUSTER_NODES: usize = 64;

/// Which nodes a walk goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// All, as a search does.
    All,
    /// Those that stay when vacuum has freed the tombstones, without islands.
    LiveMainland,
}

/// A set of places: a bit for each line pointer, as VACUUM has no memory for more. No node page has 128 of them, unless
/// it is damaged.
#[derive(Debug, Default)]
struct Places {
    offsets: Vec<u128>,
    beyond: HashSet<u64>,
}

impl Places {
    fn bit(place: ItemPtr) -> Option<u128> {
        1_u128.checked_shl(place.offset.into())
    }

    fn contains(&self, place: ItemPtr) -> bool {
        match Self::bit(place) {
            Some(bit) => {
                let offsets = self.offsets.get(place.block as usize);
                offsets.is_some_and(|offsets| offsets & bit != 0)
            }
            None => self.beyond.contains(&place.place()),
        }
    }

    fn insert(&mut self, place: ItemPtr) {
        let Some(bit) = Self::bit(place) else {
            self.beyond.insert(place.place());
            return;
        };
        let block = place.block as usize;
        if self.offsets.len() <= block {
            self.offsets.resize(block + 1, 0);
        }
        self.offsets[block] |= bit;
    }

    fn remove(&mut self, place: ItemPtr) {
        match Self::bit(place) {
            Some(bit) => {
                if let Some(offsets) = self.offsets.get_mut(place.block as usize) {
                    *offsets &= !bit;
                }
            }
            None => {
                self.beyond.remove(&place.place());
            }
        }
    }
}

/// Places of level 0 reached so far.
#[derive(Debug)]
pub struct Reached {
    through: Through,
    start: Option<ItemPtr>,
    places: Places,
    queue: Vec<ItemPtr>,
}

/// A query that is never compared with anything: walks read only lists.
fn no_query(params: &CodeParams) -> Query {
    Query::placeholder(params)
}

impl Reached {
    /// Walks from the entry point of an index.
    pub fn from_entry(
        index: Relation,
        meta: &Meta,
        through: Through,
        params: &CodeParams,
        hints: &mut BufferHints,
        between: &mut dyn FnMut(),
    ) -> Result<Self> {
        let mut reached = Self {
            through,
            start: None,
            places: Places::default(),
            queue: Vec::new(),
        };
        let query = no_query(params);
        let mut graph = DiskGraph::new(index, &meta.shape, &query, hints);
        for start in starting_points(&mut graph, meta, through)? {
            let is_first = reached.start.is_none();
            reached.start.get_or_insert(start);
            let found = reached.walk_from(start, &mut graph, between)?;
            let is_island = found.len() < CLUSTER_NODES && !is_first;
            if through == Through::LiveMainland && is_island {
                // A walk from elsewhere may come here yet.
                for place in found {
                    reached.places.remove(place);
                }
            }
        }
        Ok(reached)
    }

    /// Adds everything that can be reached from `start`.
    pub fn extend(
        &mut self,
        start: ItemPtr,
        index: Relation,
        meta: &Meta,
        params: &CodeParams,
        hints: &mut BufferHints,
        between: &mut dyn FnMut(),
    ) -> Result<()> {
        let query = no_query(params);
        let mut graph = DiskGraph::new(index, &meta.shape, &query, hints);
        self.walk_from(start, &mut graph, between).map(|_| ())
    }

    /// The node of level 0 that the walk started from.
    pub fn start(&self) -> Option<ItemPtr> {
        self.start
    }

    /// Whether a node was reached.
    pub fn contains(&self, node: ItemPtr) -> bool {
        self.places.contains(node)
    }

    /// Walks from `start`; returns the first nodes that no walk has come to before, [`CLUSTER_NODES`] at most.
    fn walk_from(
        &mut self,
        start: ItemPtr,
        graph: &mut DiskGraph<'_>,
        between: &mut dyn FnMut(),
    ) -> Result<Vec<ItemPtr>> {
        let mut found = Vec::new();
        let mut neighbors = vec![start];
        loop {
            for neighbor in &neighbors {
                // A stale edge leads nowhere; the place may be reached by a current one.
                if !self.places.contains(*neighbor) && is_passable(graph, *neighbor, self.through)?
                {
                    self.places.insert(*neighbor);
                    self.queue.push(*neighbor);
                    if found.len() < CLUSTER_NODES {
                        found.push(*neighbor);
                    }
                }
            }
            let Some(node) = self.queue.pop() else {
                return Ok(found);
            };
            if let Some(next) = self.queue.last() {
                graph.prefetch(*next, 0);
            }
            graph.neighbors(node, 0, &mut neighbors)?;
            between();
        }
    }
}

/// Whether a walk may go through a node: it is still there, and live if only live nodes count.
fn is_passable(graph: &mut DiskGraph<'_>, node: ItemPtr, through: Through) -> Result<bool> {
    let state = graph.with_node(node, |node| node.state())?;
    Ok(match through {
        Through::All => state.is_some(),
        Through::LiveMainland => state == Some(SlotState::Live),
    })
}

/// The nodes of level 0 below everything that walks of the upper levels find, that of the entry first.
fn starting_points(
    graph: &mut DiskGraph<'_>,
    meta: &Meta,
    through: Through,
) -> Result<Vec<ItemPtr>> {
    if !meta.entry.is_some() {
        return Ok(Vec::new());
    }
    if meta.entry_level == 0 {
        return Ok(vec![meta.entry]);
    }
    let mut uppers = vec![meta.entry];
    let mut seen = HashSet::from([meta.entry.place()]);
    let mut grounds = Vec::new();
    let mut neighbors = Vec::new();
    grounds.extend(graph.ground(meta.entry)?);
    for level in (1..=meta.entry_level).rev() {
        // What the level above has found is in `uppers` already: walk on from all of it.
        let mut at = 0;
        while let Some(upper) = uppers.get(at).copied() {
            at += 1;
            graph.neighbors(upper, level, &mut neighbors)?;
            for neighbor in &neighbors {
                if seen.contains(&neighbor.place()) {
                    continue;
                }
                let Some(ground) = graph.ground(*neighbor)? else {
                    continue;
                };
                if is_passable(graph, ground, through)? {
                    seen.insert(neighbor.place());
                    uppers.push(*neighbor);
                    grounds.push(ground);
                }
            }
        }
    }
    Ok(grounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves: the set knows exactly the places put into it and not taken out, whatever their generation, on pages with any number of items.
    #[test]
    fn places_are_a_set() {
        let mut places = Places::default();
        let place = |block, offset, generation| ItemPtr {
            block,
            offset,
            generation,
        };
        for (block, offset) in [(0, 1), (0, 127), (0, 128), (7, 2), (7, 300), (3, u16::MAX)] {
            assert!(!places.contains(place(block, offset, 0)));
            places.insert(place(block, offset, 0));
            assert!(places.contains(place(block, offset, 9)));
        }
        for (block, offset) in [(0, 127), (7, 300), (9, 1), (9, 300)] {
            places.remove(place(block, offset, 1));
            assert!(!places.contains(place(block, offset, 0)));
        }
        assert!(places.contains(place(0, 1, 0)) && places.contains(place(3, u16::MAX, 0)));
        for (block, offset) in [(0, 2), (0, 129), (1, 1), (7, 1), (7, 301), (8, 2), (9, 300)] {
            assert!(!places.contains(place(block, offset, 0)));
        }
    }
}
