//! What a search needs of a graph, wherever it is stored: in memory or on pages. Pure.

use super::codes::Estimate;

/// A node that a search has computed a distance to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate<N> {
    /// Order key: smaller is nearer. What it measures is the store's affair (see `codes::Query::key`).
    pub key: f32,
    /// How far the true distance may lie from the key, for lower bounds.
    pub slack: f32,
    /// The node.
    pub node: N,
    /// Whether the node has rows to return; a tombstone is only traversed.
    pub is_live: bool,
}

/// A graph and one query against it.
pub trait GraphStore {
    /// Handle of a node on one level.
    type Node: Copy + Eq;
    /// Why the graph could not be read.
    type Error;

    /// A number below 2^48 that no other node of the store has.
    fn place(node: Self::Node) -> u64;

    /// Puts the neighbors of `node` on `level` into `out`, which is cleared first. A node that is gone has none.
    fn neighbors(
        &mut self,
        node: Self::Node,
        level: u8,
        out: &mut Vec<Self::Node>,
    ) -> Result<(), Self::Error>;

    /// Appends a candidate to `out` for each of `nodes` that is still there, in their order.
    fn evaluate(
        &mut self,
        nodes: &[Self::Node],
        level: u8,
        out: &mut Vec<Candidate<Self::Node>>,
    ) -> Result<(), Self::Error>;

    /// Whether lists of `level` tell about how far their members are, so that a search reads the promising ones only.
    fn has_estimates(&self, _level: u8) -> bool {
        false
    }

    /// The largest key that a node may have whose true distance is not surely beyond that of one with key `farthest`,
    /// given the least key found and the usual slack. `farthest` itself where distances are told well enough by keys.
    fn ambiguous_up_to(&self, _nearest: f32, farthest: f32, _slack: f32) -> f32 {
        farthest
    }

    /// Reads a node on a level that has estimates: puts its neighbors with their estimates into `out`, which is
    /// cleared first, and returns the node itself. Those that are surely farther than `limit` are left out. `None` if
    /// the node is gone.
    fn expand(
        &mut self,
        _node: Self::Node,
        _level: u8,
        _limit: f32,
        out: &mut Vec<(Self::Node, Estimate)>,
    ) -> Result<Option<Candidate<Self::Node>>, Self::Error> {
        out.clear();
        Ok(None)
    }

    /// Says that the neighbors of `node` on `level` will probably be asked for next.
    fn prefetch(&mut self, node: Self::Node, level: u8);

    /// The handle on level 0 of a node known by its handle on an upper level; `None` if it is gone.
    fn ground(&mut self, node: Self::Node) -> Result<Option<Self::Node>, Self::Error>;
}
