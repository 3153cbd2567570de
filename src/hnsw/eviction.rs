//! Which neighbor leaves a full list when another one comes in.
//!
//! The paper keeps the best list and lets go whoever is left over, which may have been the last way to a node. Ours
//! lets go only a node that the owner still reaches over one of the neighbors that stay: what a search could reach
//! before an insert it can reach after it, by induction over all later evictions. Takes share locks only, one at a
//! time; a change of another backend meanwhile can still break a way, which vacuum mends (`repair.rs`).

use super::code_cache::{CachedCode, CodeCache};
use super::codes::CodeParams;
use super::disk_graph::DiskGraph;
use super::layout::{ItemPtr, SlotState};
use crate::error::Result;

/// Neighbors tried, the worst first, before a list is left as it is.
const VICTIMS: usize = 4;

/// A list with a place made for a new neighbor.
pub struct Room {
    /// The list, new neighbor included.
    pub list: Vec<ItemPtr>,
    /// A node that the list no longer leads to in two steps: the new neighbor has to lead there.
    pub orphan: Option<ItemPtr>,
}

/// Chooses who leaves. `all` is the old list and `new`; `best` is what the heuristic keeps of it, nearest first.
/// `None` if `new` is not among the best or nobody can leave, unless `is_forced`.
#[allow(clippy::too_many_arguments)] // what a back-link works with, see back_link.rs
pub fn make_room(
    params: &CodeParams,
    graph: &mut DiskGraph<'_>,
    cache: &CodeCache,
    level: u8,
    all: &[ItemPtr],
    best: Vec<ItemPtr>,
    new: ItemPtr,
    degree: usize,
    is_forced: bool,
) -> Result<Option<Room>> {
    if !best.contains(&new) && !is_forced {
        return Ok(None);
    }
    // Those that are gone have no code here and leave without a question.
    let left_out = all
        .iter()
        .copied()
        .filter(|node| *node != new && cache.find(*node).is_some() && !best.contains(node));
    let mut old: Vec<ItemPtr> = best.iter().copied().filter(|node| *node != new).collect();
    old.extend(left_out);
    let with_new = |kept: &mut Vec<ItemPtr>| {
        // The heuristic's order is kept; a forced neighbor comes last.
        let position = best.iter().position(|node| *node == new);
        kept.insert(position.unwrap_or(kept.len()).min(kept.len()), new);
    };
    if old.len() < degree {
        with_new(&mut old);
        return Ok(Some(Room {
            list: old,
            orphan: None,
        }));
    }
    for at in (0..old.len()).rev().take(VICTIMS) {
        let mut kept = old.clone();
        let victim = kept.remove(at);
        with_new(&mut kept);
        if leads_to(params, graph, cache, level, &kept, victim)? {
            return Ok(Some(Room {
                list: kept,
                orphan: None,
            }));
        }
    }
    if !is_forced {
        return Ok(None);
    }
    let orphan = old.pop();
    with_new(&mut old);
    Ok(Some(Room { list: old, orphan }))
}

/// Whether one of `nodes` (live ones on level 0) has `target` in its list of `level`; those nearest to it are asked
/// first. Codes that `cache` lacks do not count.
pub fn leads_to(
    params: &CodeParams,
    graph: &mut DiskGraph<'_>,
    cache: &CodeCache,
    level: u8,
    nodes: &[ItemPtr],
    target: ItemPtr,
) -> Result<bool> {
    let Some(code) = cache.find(target) else {
        return Ok(false);
    };
    let mut by_key: Vec<(f32, CachedCode)> = nodes
        .iter()
        .filter_map(|node| cache.find(*node))
        .map(|node| (cache.key(params, node, code), node))
        .collect();
    by_key.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    for (_, node) in by_key {
        let node = cache.node(node);
        let found = if level == 0 {
            graph.with_node(node, |node| {
                node.state() == SlotState::Live && node.neighbors().any(|next| next == target)
            })?
        } else {
            graph.with_upper(node, |upper| {
                upper.neighbors(level).any(|next| next == target)
            })?
        };
        if found == Some(true) {
            return Ok(true);
        }
    }
    Ok(false)
}
