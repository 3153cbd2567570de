//! Which nodes a search can reach from the entry point: a walk over the lists of every level.
//!
//! A search for a near node descends to wherever the upper levels lead, so every node that the walk of an upper level
//! finds is a starting point on the level below. Level 0 alone need not be connected: clusters far apart are not.

use super::codes::{CodeParams, Factors, Query};
use super::disk_graph::DiskGraph;
use super::graph::GraphStore;
use super::layout::{ItemPtr, Meta, SlotState};
use crate::error::Result;
use crate::pg::buffer::BufferHints;
use crate::pg::relation::Relation;
use std::collections::HashSet;

/// Which nodes a walk goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// All, as a search does.
    All,
    /// Those that stay when vacuum has freed the tombstones.
    Live,
}

/// Places of level 0 reached so far.
#[derive(Debug)]
pub struct Reached {
    through: Through,
    start: Option<ItemPtr>,
    places: HashSet<u64>,
    queue: Vec<ItemPtr>,
}

/// A query that is never compared with anything: walks read only lists.
fn no_query(params: &CodeParams) -> Query {
    Query::from_code(params, &vec![0; params.dims], &Factors::default())
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
            places: HashSet::new(),
            queue: Vec::new(),
        };
        let query = no_query(params);
        let mut graph = DiskGraph::new(index, &meta.shape, &query, hints);
        for start in starting_points(&mut graph, meta, through)? {
            reached.start.get_or_insert(start);
            reached.walk_from(start, &mut graph, between)?;
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
        self.walk_from(start, &mut graph, between)
    }

    /// The node of level 0 that the walk started from.
    pub fn start(&self) -> Option<ItemPtr> {
        self.start
    }

    /// Whether a node was reached.
    pub fn contains(&self, node: ItemPtr) -> bool {
        self.places.contains(&node.place())
    }

    fn walk_from(
        &mut self,
        start: ItemPtr,
        graph: &mut DiskGraph<'_>,
        between: &mut dyn FnMut(),
    ) -> Result<()> {
        let mut neighbors = Vec::new();
        if !self.places.contains(&start.place()) && is_passable(graph, start, self.through)? {
            self.places.insert(start.place());
            self.queue.push(start);
        }
        while let Some(node) = self.queue.pop() {
            if let Some(next) = self.queue.last() {
                graph.prefetch(*next, 0);
            }
            graph.neighbors(node, 0, &mut neighbors)?;
            for neighbor in &neighbors {
                // A stale edge leads nowhere; the place may be reached by a current one.
                if self.places.contains(&neighbor.place()) {
                    continue;
                }
                if is_passable(graph, *neighbor, self.through)? {
                    self.places.insert(neighbor.place());
                    self.queue.push(*neighbor);
                }
            }
            between();
        }
        Ok(())
    }
}

/// Whether a walk may go through a node: it is still there, and live if only live nodes count.
fn is_passable(graph: &mut DiskGraph<'_>, node: ItemPtr, through: Through) -> Result<bool> {
    let state = graph.with_node(node, |node| node.state())?;
    Ok(match through {
        Through::All => state.is_some(),
        Through::Live => state == Some(SlotState::Live),
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
