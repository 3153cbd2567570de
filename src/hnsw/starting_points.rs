//! Where the search of a scan starts on level 0, and where it starts again when that leads no further.

use super::disk_graph::DiskGraph;
use super::graph::GraphStore;
use super::layout::{ItemPtr, Meta};
use super::search::{Bounds, LayerSearch, descend};
use crate::error::Result;

/// Length of a search's list for which it has one more starting point, and how many it has at most.
const EF_PER_SEED: usize = 8;
const MAX_SEEDS: usize = 128;

/// Where a search starts next, when what it has started from leads no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartingPoints {
    /// The nodes that the descent ends at.
    Nearest,
    /// The entry point: a part of the graph around the query may have no way out, but the entry leads everywhere.
    Entry,
    /// Every node: one that lost its last in-edge is found only so, until vacuum links it again.
    All,
    /// There is nothing left.
    None,
}

impl StartingPoints {
    /// Adds the next starting points to `search`, whose list has `ef` places; `false` if there are no more.
    /// # Errors
    /// XX002 for a damaged index.
    pub fn add_next(
        &mut self,
        meta: &Meta,
        graph: &mut DiskGraph<'_>,
        search: &mut LayerSearch<ItemPtr>,
        (ef, bounds): (usize, Bounds),
    ) -> Result<bool> {
        match *self {
            Self::Nearest => {
                seed_nearest(meta, graph, search, ef)?;
                *self = Self::Entry;
            }
            Self::Entry => {
                let ground = if meta.entry_level > 0 {
                    graph.ground(meta.entry)?
                } else {
                    Some(meta.entry)
                };
                if let Some(entry) = ground {
                    search.seed(graph, 0, &[entry])?;
                }
                *self = Self::All;
            }
            Self::All => {
                for block in 1..graph.block_count() {
                    if search.is_bounded(bounds) {
                        break;
                    }
                    let nodes = graph.nodes_on(block)?;
                    search.seed(graph, 0, &nodes)?;
                    crate::pg::interrupt::check();
                }
                *self = Self::None;
            }
            Self::None => return Ok(false),
        }
        Ok(true)
    }
}

/// Seeds a search that holds nothing yet with the nodes that the descent ends at: the nearest few of a search of level 1
/// whose list is a part of `ef`. A single node, as greedy descent gives it, ends in the wrong one of several clusters
/// now and then, above all after vacuum, and no list of level 0 is long enough to lead out again.
fn seed_nearest(
    meta: &Meta,
    graph: &mut DiskGraph<'_>,
    search: &mut LayerSearch<ItemPtr>,
    ef: usize,
) -> Result<()> {
    let bottom = meta.entry_level.min(1);
    let Some(nearest) = descend(graph, search, meta.entry, meta.entry_level, bottom)? else {
        return Ok(());
    };
    if bottom == 0 {
        search.clear();
        return search.seed(graph, 0, &[nearest]);
    }
    search.clear();
    let width = (ef / EF_PER_SEED).clamp(1, MAX_SEEDS);
    search.seed(graph, 1, &[nearest])?;
    search.run(graph, 1, width, Bounds::NONE)?;
    let mut found = Vec::with_capacity(width);
    search.take_best(&mut found);
    search.clear();
    let mut seeds = Vec::with_capacity(found.len());
    for candidate in found {
        seeds.extend(graph.ground(candidate.node)?);
    }
    search.seed(graph, 0, &seeds)
}
