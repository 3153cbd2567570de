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

/// Lists of level 0 of some nodes that follow one another, and the codes of these nodes and of their neighbors: what many
/// threads may read at once.
pub trait BaseLists: Sync {
    /// One more than the last node whose list is here.
    fn end(&self) -> u32;

    /// Neighbors of a node whose list is here, nearest first.
    fn neighbors(&self, node: u32) -> &[u32];

    /// Code and factors of a node whose list is here, or of a neighbor of one. `None` if codes are not kept.
    fn code(&self, node: u32) -> Option<(&[i8], &Factors)>;
}

/// The nodes `0..node_count` of a finished graph.
///
/// A node's content and its upper lists may be asked for in any order, cheapest in ascending order; lists of level 0
/// in ascending order of the nodes only.
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

    /// Content of a node.
    fn node(&mut self, node: u32) -> Result<NodeData<'_>>;

    /// Puts the neighbors of `node` on `level`, which it has and which is above 0, into `out`, nearest first.
    fn upper_neighbors(&mut self, node: u32, level: u8, out: &mut Vec<u32>) -> Result<()>;

    /// Lists of level 0 from that of `first` on, at least this one.
    fn base_lists(&mut self, first: u32) -> Result<&dyn BaseLists>;
}
