//! Repair after a bulk build: makes every node reachable from the entry, on each of its levels. Pure.
//!
//! A search tree from the entry spans what a level reaches. For a node outside it a search finds near nodes
//! inside, and one of those gets a link to it, in a free place or in that of a link that is no edge of the
//! tree. Tree edges are never removed, so whatever was reachable stays so, and one pass reaches every node.
//!
//! Where some nodes are near to all others, as short vectors are by Euclidean distance, most nodes can be outside the
//! tree and near to the same few. Links to these few are what every list has in plenty, so such a link is given up
//! first. The lists of the few themselves, and of those where searches enter a level, are where searches turn to the
//! query's surroundings: one link less there can cost each search its way, so others are changed if any is near.

use super::builder::{BuildControl, BuildFailure, Topology};
use crate::hnsw::codes::CodeArena;
use crate::hnsw::memory_graph::MemorySearch;
use crate::hnsw::visited::VisitedSet;
use std::sync::atomic::Ordering;

/// Candidates of the search for near reachable nodes.
const EF_REPAIR: usize = 64;
/// As many lists as a list has places, times this, and it is no loss if one of them does not lead to a node.
const MANY_LISTS: usize = 2;
/// Not in the tree.
const UNREACHED: u32 = u32::MAX;

/// What [`refine`] has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RefineReport {
    /// Links added because a node could not be reached, over all levels.
    pub relinked: usize,
}

/// Bytes that [`refine`] takes for `rows` nodes.
pub fn memory_bytes(rows: usize) -> usize {
    3 * rows * size_of::<u32>() + VisitedSet::memory_bytes(rows)
}

/// Makes every node reachable from the entry by the links of level 0 alone, and on each upper level by the
/// links of that level among its nodes. Lists keep their order, nearest first.
/// # Errors
/// `Canceled`, `OutOfMemory`; `Internal` if the lists have too few places, which `m >= 2` excludes.
pub fn refine(
    graph: &mut Topology,
    arena: &CodeArena,
    control: &BuildControl,
) -> Result<RefineReport, BuildFailure> {
    let mut report = RefineReport::default();
    let Some(&top) = graph.levels.get(graph.entry as usize) else {
        return Ok(report);
    };
    let out_of_memory = |_| BuildFailure::OutOfMemory(memory_bytes(graph.len()));
    let mut repair = Repair {
        parents: Vec::new(),
        queue: Vec::new(),
        in_degrees: Vec::new(),
        search: MemorySearch::try_new(graph.len()).map_err(out_of_memory)?,
    };
    repair
        .parents
        .try_reserve_exact(graph.len())
        .and_then(|()| repair.queue.try_reserve_exact(graph.len()))
        .and_then(|()| repair.in_degrees.try_reserve_exact(graph.len()))
        .map_err(out_of_memory)?;
    // From the top, as the search for reachable nodes of a level descends through those above.
    for level in (0..=top).rev() {
        report.relinked += repair.connect_level(graph, arena, level, control)?;
    }
    Ok(report)
}

/// Scratch space of a repair.
struct Repair {
    /// Tree parent of each reached node; the entry is its own.
    parents: Vec<u32>,
    queue: Vec<u32>,
    search: MemorySearch,
    /// Links to each node, as soon as one of the level is not reached.
    in_degrees: Vec<u32>,
}

impl Repair {
    /// Connects all nodes of `level`; returns the number of links added.
    fn connect_level(
        &mut self,
        graph: &mut Topology,
        arena: &CodeArena,
        level: u8,
        control: &BuildControl,
    ) -> Result<usize, BuildFailure> {
        self.parents.clear();
        self.parents.resize(graph.len(), UNREACHED);
        self.in_degrees.clear();
        self.reach(graph, level, graph.entry, graph.entry, control)?;
        let mut relinked = 0;
        for node in 0..graph.len() as u32 {
            if control.cancel.load(Ordering::Relaxed) {
                return Err(BuildFailure::Canceled);
            }
            if graph.levels[node as usize] >= level && self.parents[node as usize] == UNREACHED {
                if self.in_degrees.is_empty() {
                    self.count_in_degrees(graph, level);
                }
                let parent = self.link_to(graph, arena, level, node)?;
                self.reach(graph, level, node, parent, control)?;
                relinked += 1;
            }
        }
        Ok(relinked)
    }

    /// Adds `start` to the tree as a child of `parent`, and all that can be reached from it.
    fn reach(
        &mut self,
        graph: &Topology,
        level: u8,
        start: u32,
        parent: u32,
        control: &BuildControl,
    ) -> Result<(), BuildFailure> {
        self.parents[start as usize] = parent;
        self.queue.clear();
        self.queue.push(start);
        let mut next = 0;
        while let Some(&node) = self.queue.get(next) {
            next += 1;
            if control.cancel.load(Ordering::Relaxed) {
                return Err(BuildFailure::Canceled);
            }
            for &neighbor in graph.neighbors(node, level) {
                if self.parents[neighbor as usize] == UNREACHED {
                    self.parents[neighbor as usize] = node;
                    self.queue.push(neighbor);
                }
            }
        }
        Ok(())
    }

    /// Links `node` from a near node of the tree, which it returns, and to near ones if it has no neighbor.
    fn link_to(
        &mut self,
        graph: &mut Topology,
        arena: &CodeArena,
        level: u8,
        node: u32,
    ) -> Result<u32, BuildFailure> {
        let key = |other| arena.key(node, other);
        let mut near: Vec<u32> = self
            .search
            .search_level(graph, arena, level, EF_REPAIR, key)
            .iter()
            .map(|(_, id)| id)
            .filter(|&id| self.parents[id as usize] != UNREACHED)
            .collect();
        if graph.neighbors(node, level).is_empty() {
            for &other in near.iter().take(graph.degree(level)) {
                insert_sorted(graph, arena, level, node, other);
                self.in_degrees[other as usize] += 1;
            }
        }
        let many = (MANY_LISTS * graph.degree(level)) as u32;
        let any_place = |parent: u32| Some((parent, self.place(graph, level, parent, 0)?));
        let is_crossing =
            |id: u32| graph.levels[id as usize] > level || self.in_degrees[id as usize] >= many;
        let mut found = near
            .iter()
            .filter(|&&parent| !is_crossing(parent))
            .find_map(|&parent| Some((parent, self.place(graph, level, parent, many)?)));
        if found.is_none() {
            near.sort_by_key(|&id| self.in_degrees[id as usize]);
            found = near.into_iter().find_map(any_place);
        }
        let everywhere = || {
            (0..graph.len() as u32).filter(|&id| {
                graph.levels[id as usize] >= level && self.parents[id as usize] != UNREACHED
            })
        };
        let Some((parent, place)) = found.or_else(|| everywhere().find_map(any_place)) else {
            return Err(BuildFailure::Internal(format!(
                "no place for a link to node {node} on level {level}"
            )));
        };
        let (slots, count) = graph.list_mut(parent, level);
        if place < usize::from(*count) {
            self.in_degrees[slots[place] as usize] -= 1;
            slots[place..usize::from(*count)].rotate_left(1);
            *count -= 1;
        }
        self.in_degrees[node as usize] += 1;
        insert_sorted(graph, arena, level, parent, node);
        Ok(parent)
    }

    /// A free place of `parent`'s list, or that of its farthest neighbor to which at least `many` lists lead and which
    /// it does not hold in the tree.
    fn place(&self, graph: &Topology, level: u8, parent: u32, many: u32) -> Option<usize> {
        let neighbors = graph.neighbors(parent, level);
        if neighbors.len() < graph.degree(level) {
            return Some(neighbors.len());
        }
        neighbors.iter().rposition(|&child| {
            self.parents[child as usize] != parent && self.in_degrees[child as usize] >= many
        })
    }

    /// Counts the links to each node on `level`.
    fn count_in_degrees(&mut self, graph: &Topology, level: u8) {
        self.in_degrees.resize(graph.len(), 0);
        for node in (0..graph.len() as u32).filter(|&id| graph.levels[id as usize] >= level) {
            for &neighbor in graph.neighbors(node, level) {
                self.in_degrees[neighbor as usize] += 1;
            }
        }
    }
}

/// Adds a neighbor where the keys say; the list has a free place.
fn insert_sorted(graph: &mut Topology, arena: &CodeArena, level: u8, owner: u32, new: u32) {
    let key = arena.key(owner, new);
    let place = graph
        .neighbors(owner, level)
        .partition_point(|&other| arena.key(owner, other) <= key);
    let (slots, count) = graph.list_mut(owner, level);
    let used = usize::from(*count);
    slots[used] = new;
    slots[place..=used].rotate_right(1);
    *count += 1;
}
