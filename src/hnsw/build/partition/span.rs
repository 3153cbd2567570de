//! The links of a part's graph that must survive the merge: a tree that leads to each node of the part. Pure.
//!
//! A part owns its first nodes and borrows the others. Every node is owned once, and its links in the owning part
//! are marked as needed where the tree of that part goes; so a node has at most as many needed links as a list has
//! places. The root of each tree has an upper level, hence whatever the merge leaves out, every node stays reachable.

use crate::hnsw::build::builder::{BuildControl, BuildFailure, Topology};
use crate::hnsw::codes::CodeArena;
use crate::hnsw::memory_graph::MemorySearch;
use std::sync::atomic::Ordering;

/// Candidates of the search for near nodes of the tree.
const EF_REPAIR: usize = 64;
/// Not in the tree.
const UNREACHED: u32 = u32::MAX;

/// A tree over the owned nodes.
#[derive(Debug)]
pub(super) struct Tree {
    /// The node whose list leads to each owned node; the root is its own.
    parents: Vec<u32>,
    /// Tree links that the graph does not have: parent and child, sorted.
    added: Vec<(u32, u32)>,
}

impl Tree {
    /// Bytes that a tree over `owned` of `len` nodes takes while it is made.
    pub(super) fn memory_bytes(owned: usize, len: usize) -> usize {
        owned * (2 * size_of::<u32>() + size_of::<u8>()) + len
    }

    /// A tree from `root` over the nodes `0..owned` of `graph`, by links of level 0.
    /// # Errors
    /// `Canceled`, `OutOfMemory`.
    pub(super) fn try_new(
        graph: &Topology,
        arena: &CodeArena,
        owned: usize,
        root: u32,
        control: &BuildControl,
    ) -> Result<Self, BuildFailure> {
        let out_of_memory = |_| BuildFailure::OutOfMemory(Self::memory_bytes(owned, graph.len()));
        let mut search = MemorySearch::try_new(graph.len()).map_err(out_of_memory)?;
        let mut growing = Growing {
            graph,
            tree: Self {
                parents: vec![UNREACHED; owned],
                added: Vec::new(),
            },
            children: vec![0; owned],
            queue: Vec::new(),
        };
        growing.reach(root, root);
        for node in 0..owned as u32 {
            if control.cancel.load(Ordering::Relaxed) {
                return Err(BuildFailure::Canceled);
            }
            if growing.tree.parents[node as usize] != UNREACHED {
                continue;
            }
            let near = search.search(graph, arena, EF_REPAIR, |other| arena.key(node, other));
            let near = near.iter().map(|(_, id)| id);
            let Some(parent) = near.chain(0..owned as u32).find(|&id| growing.takes(id)) else {
                return Err(BuildFailure::Internal(format!(
                    "no place for a link to node {node}"
                )));
            };
            growing.children[parent as usize] += 1;
            growing.tree.added.push((parent, node));
            growing.reach(node, parent);
        }
        growing.tree.added.sort_unstable();
        Ok(growing.tree)
    }

    /// Whether the link from `owner` to `neighbor` is one of the tree.
    pub(super) fn holds(&self, owner: u32, neighbor: u32) -> bool {
        owner != neighbor && self.parents.get(neighbor as usize) == Some(&owner)
    }

    /// Children of `owner` that the graph has no link to.
    pub(super) fn added(&self, owner: u32) -> impl Iterator<Item = u32> + '_ {
        let first = self.added.partition_point(|(parent, _)| *parent < owner);
        self.added[first..]
            .iter()
            .take_while(move |(parent, _)| *parent == owner)
            .map(|(_, child)| *child)
    }
}

struct Growing<'a> {
    graph: &'a Topology,
    tree: Tree,
    /// Children of each node in the tree.
    children: Vec<u8>,
    queue: Vec<u32>,
}

impl Growing<'_> {
    /// Whether `node` is in the tree and can have one more child.
    fn takes(&self, node: u32) -> bool {
        let parent = self.tree.parents.get(node as usize);
        parent.is_some_and(|&parent| parent != UNREACHED)
            && usize::from(self.children[node as usize]) < self.graph.base_degree
    }

    /// Adds `start` as a child of `parent`, and all that can be reached from it.
    fn reach(&mut self, start: u32, parent: u32) {
        self.tree.parents[start as usize] = parent;
        self.queue.clear();
        self.queue.push(start);
        let mut next = 0;
        while let Some(&node) = self.queue.get(next) {
            next += 1;
            for &neighbor in self.graph.neighbors(node, 0) {
                if let Some(parent) = self.tree.parents.get_mut(neighbor as usize)
                    && *parent == UNREACHED
                {
                    // A list is no longer than the degree, so this cannot pass it; `takes` sees to added links.
                    self.children[node as usize] += 1;
                    *parent = node;
                    self.queue.push(neighbor);
                }
            }
        }
    }
}
