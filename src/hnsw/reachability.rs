//! Which nodes a search can reach from the entry point on level 0: a breadth-first walk over the pages.

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
        // The entry's own node, where a search goes on that finds too few from where its descent ends.
        let ground = match meta.entry_level {
            _ if !meta.entry.is_some() => None,
            0 => Some(meta.entry),
            _ => graph.ground(meta.entry)?,
        };
        if let Some(entry) = ground {
            reached.start = Some(entry);
            reached.walk_from(entry, &mut graph, between)?;
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
        if self.places.insert(start.place()) {
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
                let state = graph.with_node(*neighbor, |node| node.state())?;
                let is_wanted = match self.through {
                    Through::All => state.is_some(),
                    Through::Live => state == Some(SlotState::Live),
                };
                if is_wanted {
                    self.places.insert(neighbor.place());
                    self.queue.push(*neighbor);
                }
            }
            between();
        }
        Ok(())
    }
}
