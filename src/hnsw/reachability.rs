//! Which nodes a search can reach from the entry point on level 0: a breadth-first walk over the pages.

use super::codes::{CodeParams, Factors, Query};
use super::disk_graph::DiskGraph;
use super::graph::GraphStore;
use super::layout::{ItemPtr, Meta};
use super::search::descend;
use crate::error::Result;
use crate::pg::buffer::BufferHints;
use crate::pg::relation::Relation;
use std::collections::HashSet;

/// Places of level 0 reached so far.
#[derive(Debug, Default)]
pub struct Reached {
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
        params: &CodeParams,
        hints: &mut BufferHints,
        between: &mut dyn FnMut(),
    ) -> Result<Self> {
        let mut reached = Self::default();
        let query = no_query(params);
        let mut graph = DiskGraph::new(index, &meta.shape, &query, hints);
        if meta.entry.is_some()
            && let Some(entry) = descend(&mut graph, meta.entry, meta.entry_level, 0)?
        {
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
                if !self.places.contains(&neighbor.place())
                    && graph.with_node(*neighbor, |_| ())?.is_some()
                {
                    self.places.insert(neighbor.place());
                    self.queue.push(*neighbor);
                }
            }
            between();
        }
        Ok(())
    }
}
