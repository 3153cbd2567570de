//! What the pages of a build are written from: its nodes, wherever they are kept. Pure.

use crate::error::Result;
use crate::hnsw::codes::Factors;
use crate::pg::relation::Tid;

/// One node, apart from its lists.
#[derive(Debug, Clone, Copy)]
pub struct NodeData<'a> {
    /// Its heap rows, at least one.
    pub tids: &'a [Tid],
    /// Hash of its vector.
    pub hash: u64,
    /// Factors of its code.
    pub factors: Factors,
    /// Its code.
    pub code: &'a [i8],
}

/// Some lists of a graph, and the codes of their owners and of all their members: what many threads may read at once.
pub trait Lists: Sync {
    /// Puts the neighbors of `node` on `level` into `out`, nearest first; nothing if that list is not here.
    fn neighbors(&self, node: u32, level: u8, out: &mut Vec<u32>);

    /// Code and factors of an owner or a member of a list. `None` if codes are not kept.
    fn code(&self, node: u32) -> Option<(&[i8], &Factors)>;
}

/// The nodes `0..node_count` of a finished graph.
///
/// A node's content may be asked for in any order, cheapest in ascending order; lists of level 0 in ascending order of
/// the nodes only.
pub trait NodeSource {
    /// Number of nodes.
    fn node_count(&self) -> usize;

    /// Number of heap rows of all nodes.
    fn tid_count(&self) -> u64;

    /// Node where a search starts: one of the highest level. Meaningless without nodes.
    fn entry(&self) -> u32;

    /// Nodes with a level above 0 and their levels, ascending.
    fn uppers(&self) -> Box<dyn Iterator<Item = (u32, u8)> + '_>;

    /// Nodes with more heap rows than a node item holds and the number of these rows, ascending.
    fn chained(&self) -> Box<dyn Iterator<Item = (u32, usize)> + '_>;

    /// Bytes of a node's code.
    fn code_len(&mut self, node: u32) -> Result<usize>;

    /// Content of a node.
    fn node(&mut self, node: u32) -> Result<NodeData<'_>>;

    /// Lists of level 0 of the nodes from `first` up to the one returned, which is not `first`.
    fn base_lists(&mut self, first: u32) -> Result<(&dyn Lists, u32)>;

    /// All lists of upper levels.
    fn upper_lists(&mut self) -> Result<&dyn Lists>;
}
