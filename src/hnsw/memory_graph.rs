//! Search over a graph in memory: tests, recall measurements, and the repair after a build. Pure.

use crate::hnsw::build::builder::Topology;
use crate::hnsw::codes::CodeArena;
use crate::hnsw::nearest::NearestList;
use crate::hnsw::visited::VisitedSet;
use std::collections::TryReserveError;

/// Searches one graph; holds the scratch space of a search.
#[derive(Debug)]
pub struct MemorySearch {
    visited: VisitedSet,
    nearest: NearestList,
    /// Unvisited neighbors of the node being expanded.
    unvisited: Vec<u32>,
}

impl MemorySearch {
    /// Space for searches in a graph of `len` nodes.
    /// # Errors
    /// If the memory cannot be had.
    pub fn try_new(len: usize) -> Result<Self, TryReserveError> {
        Ok(Self {
            visited: VisitedSet::try_new(len)?,
            nearest: NearestList::default(),
            unvisited: Vec::new(),
        })
    }

    /// The about `ef` nearest nodes on `level`, sorted nearest first, found by greedy descent to that level
    /// and a search with `ef` candidates on it. `key` gives the ordering key of a node to the query; `arena`
    /// is asked for the codes of a whole list before the first key. Empty for an empty graph.
    /// # Panics
    /// If the graph has more nodes than this was made for.
    pub fn search_level(
        &mut self,
        graph: &Topology,
        arena: &CodeArena,
        level: u8,
        ef: usize,
        mut key: impl FnMut(u32) -> f32,
    ) -> &NearestList {
        self.nearest.reset(1);
        let Some(&top) = graph.levels.get(graph.entry as usize) else {
            return &self.nearest;
        };
        self.nearest.offer(key(graph.entry), graph.entry);
        for upper in (level + 1..=top).rev() {
            self.search_from_nearest(graph, arena, upper, 1, &mut key);
        }
        self.search_from_nearest(graph, arena, level, ef, &mut key);
        &self.nearest
    }

    /// [`Self::search_level`] on level 0.
    pub fn search(
        &mut self,
        graph: &Topology,
        arena: &CodeArena,
        ef: usize,
        key: impl FnMut(u32) -> f32,
    ) -> &NearestList {
        self.search_level(graph, arena, 0, ef, key)
    }

    fn search_from_nearest(
        &mut self,
        graph: &Topology,
        arena: &CodeArena,
        level: u8,
        ef: usize,
        key: &mut impl FnMut(u32) -> f32,
    ) {
        self.nearest.restart(ef);
        self.visited.clear();
        for (_, start) in self.nearest.iter() {
            self.visited.insert(start);
        }
        while let Some(expanded) = self.nearest.expand_next() {
            self.unvisited.clear();
            for &neighbor in graph.neighbors(expanded, level) {
                if self.visited.insert(neighbor) {
                    arena.prefetch(neighbor);
                    self.unvisited.push(neighbor);
                }
            }
            for &neighbor in &self.unvisited {
                self.nearest.offer(key(neighbor), neighbor);
            }
        }
    }
}
