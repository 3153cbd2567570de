//! Vectors with equal codes: one node while the graph is built, unfolded into a tree of copies at the end.
//!
//! Inserted one by one, copies of a vector would fill each other's lists: searches would then walk from copy
//! to copy, and later copies would lose every link to them. Unfolded, the original keeps its own neighbors
//! and leads to its copies in a tree of logarithmic depth, and every copy has the original's neighbors.

use crate::hnsw::build::builder::{BaseKeys, BuildControl, BuildFailure, Topology, try_filled};
use crate::hnsw::codes::CodeArena;
use rayon::prelude::*;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering;

/// Groups of two and more vectors with equal codes.
#[derive(Debug)]
pub(super) struct EqualCodes {
    /// Ids of all groups one after another, ascending in each group.
    members: Vec<u32>,
    /// End of each group in `members`.
    ends: Vec<u32>,
    is_copy: Vec<bool>,
}

impl EqualCodes {
    /// Finds all groups.
    /// # Errors
    /// `OutOfMemory`, `Canceled`.
    pub(super) fn try_find(
        arena: &CodeArena,
        control: &BuildControl,
    ) -> Result<Self, BuildFailure> {
        let mut hashed = try_filled(arena.len(), || (0_u64, 0_u32))?;
        hashed
            .par_iter_mut()
            .enumerate()
            .try_for_each(|(id, slot)| {
                if control.cancel.load(Ordering::Relaxed) {
                    return Err(BuildFailure::Canceled);
                }
                *slot = (hash(arena, id as u32), id as u32);
                Ok(())
            })?;
        hashed.par_sort_unstable();
        let same_hashes = || {
            hashed
                .chunk_by(|a, b| a.0 == b.0)
                .filter(|same| same.len() > 1)
        };
        let mut found = Self {
            members: try_reserved(same_hashes().map(<[_]>::len).sum())?,
            ends: try_reserved(same_hashes().count())?,
            is_copy: try_filled(arena.len(), || false)?,
        };
        for same_hash in same_hashes() {
            // Two vectors of equal hash are equal but for accidents, which then only stay apart.
            let Some(&(_, original)) = same_hash.first() else {
                continue;
            };
            let start = found.members.len();
            for &(_, id) in same_hash.iter().skip(1) {
                if are_equal(arena, original, id) {
                    if found.members.len() == start {
                        found.members.push(original);
                    }
                    found.members.push(id);
                    found.is_copy[id as usize] = true;
                }
            }
            if found.members.len() > start {
                found.ends.push(found.members.len() as u32);
            }
        }
        Ok(found)
    }

    /// Most bytes that the groups of `rows` vectors keep until the end of the build.
    pub(super) fn kept_bytes(rows: usize) -> usize {
        rows * (size_of::<bool>() + size_of::<u32>()) + rows / 2 * size_of::<u32>()
    }

    /// Bytes that finding them takes besides.
    pub(super) fn working_bytes(rows: usize) -> usize {
        rows * size_of::<(u64, u32)>()
    }

    /// Whether `id` is a copy of a vector with a smaller id.
    pub(super) fn is_copy(&self, id: u32) -> bool {
        self.is_copy[id as usize]
    }

    /// Gives the links that [`Self::unfold`] made their keys; none of them counts as covered.
    pub(super) fn unfold_keys(&self, topology: &Topology, arena: &CodeArena, keys: &mut BaseKeys) {
        for &id in &self.members {
            let start = id as usize * topology.base_degree;
            for (place, &neighbor) in topology.neighbors(id, 0).iter().enumerate() {
                keys.keys[start + place] = arena.key(id, neighbor);
                keys.clear_covered(start + place);
            }
        }
    }

    /// Gives every copy its lists. Copies have level 0 and no list yet.
    pub(super) fn unfold(&self, topology: &mut Topology) {
        let degree = topology.base_degree;
        let fan_out = (degree / 8).max(2);
        let mut own = Vec::with_capacity(degree);
        let mut list = Vec::with_capacity(degree);
        let mut start = 0;
        for &end in &self.ends {
            let group = &self.members[start..end as usize];
            start = end as usize;
            let Some(&original) = group.first() else {
                continue;
            };
            own.clear();
            own.extend_from_slice(topology.neighbors(original, 0));
            for (position, &id) in group.iter().enumerate() {
                let first_child = position * fan_out + 1;
                list.clear();
                list.extend(group.iter().skip(first_child).take(fan_out));
                // The next copy in a ring: a second way to each copy, in case the tree loses a node.
                let next = group[(position + 1) % group.len()];
                if degree > 2 * fan_out && !list.contains(&next) {
                    list.push(next);
                }
                list.extend(own.iter().take(degree - list.len()));
                let (slots, count) = topology.list_mut(id, 0);
                slots[..list.len()].copy_from_slice(&list);
                *count = list.len() as u8;
            }
        }
    }
}

/// An empty vector with room for exactly `capacity` elements.
fn try_reserved(capacity: usize) -> Result<Vec<u32>, BuildFailure> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(capacity)
        .map_err(|_| BuildFailure::OutOfMemory(capacity * size_of::<u32>()))?;
    Ok(vec)
}

fn hash(arena: &CodeArena, id: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    arena.code(id).hash(&mut hasher);
    hasher.finish()
}

fn are_equal(arena: &CodeArena, a: u32, b: u32) -> bool {
    arena.code(a) == arena.code(b)
        && arena.factors[a as usize].scale == arena.factors[b as usize].scale
}
