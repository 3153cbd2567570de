//! One insertion: search the levels from the top, then link from the bottom.
//!
//! Linking from the bottom is what keeps a new node from being a dead end for other threads: it is found on
//! a level only after its lists on that level and all below are stored.

use super::links::Links;
use super::sketches::{SketchQuery, Sketches};
use crate::hnsw::build::builder::{BuildFailure, try_filled};
use crate::hnsw::codes::CodeArena;
use crate::hnsw::nearest::NearestList;
use crate::hnsw::select::{Link, add_neighbor, select_neighbors};
use crate::hnsw::visited::VisitedSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};

/// What all threads of a build share.
pub(super) struct Shared<'a> {
    pub(super) arena: &'a CodeArena,
    /// Where they pay.
    pub(super) sketches: Option<&'a Sketches>,
    pub(super) links: &'a Links,
    pub(super) levels: &'a [u8],
    pub(super) entry: u32,
    pub(super) ef_construction: usize,
    pub(super) cancel: &'a AtomicBool,
}

/// Scratch space of one thread; nothing in it is allocated again per insertion.
pub(super) struct Scratch {
    visited: VisitedSet,
    nearest: NearestList,
    /// The node being inserted, if there are sketches.
    query: SketchQuery,
    /// Unvisited neighbors of the node being expanded.
    unvisited: Vec<u32>,
    /// Chosen neighbors on each level.
    chosen: Vec<Vec<Link<u32>>>,
    list: Vec<Link<u32>>,
}

impl Scratch {
    /// Space for a graph of `nodes` nodes, `m` links, lists of `ef_construction` candidates.
    pub(super) fn try_new(
        nodes: usize,
        m: usize,
        ef_construction: usize,
        top_level: u8,
    ) -> Result<Self, BuildFailure> {
        let mut nearest = NearestList::default();
        nearest.reset(ef_construction);
        let chosen = try_filled(usize::from(top_level) + 1, || {
            Vec::with_capacity(ef_construction)
        })?;
        Ok(Self {
            visited: VisitedSet::try_new(nodes)
                .map_err(|_| BuildFailure::OutOfMemory(VisitedSet::memory_bytes(nodes)))?,
            nearest,
            query: SketchQuery::default(),
            // One more than a list holds, as the place after the last new one is written too.
            unvisited: vec![0; 2 * m + 1],
            chosen,
            list: Vec::with_capacity(2 * m + 1),
        })
    }

    /// Bytes that [`Self::try_new`] takes.
    pub(super) fn memory_bytes(
        nodes: usize,
        m: usize,
        ef_construction: usize,
        top_level: u8,
    ) -> usize {
        VisitedSet::memory_bytes(nodes)
            + ef_construction * size_of::<u64>()
            + (2 * m + 1) * size_of::<u32>()
            + (usize::from(top_level) + 1)
                * (size_of::<Vec<Link<u32>>>() + ef_construction * size_of::<Link<u32>>())
            + (2 * m + 1) * size_of::<Link<u32>>()
    }
}

impl Shared<'_> {
    /// Inserts `node`, which is not the entry and not yet linked.
    /// # Errors
    /// `Canceled`; the node is then not linked.
    pub(super) fn insert(&self, node: u32, scratch: &mut Scratch) -> Result<(), BuildFailure> {
        if self.sketches.is_some() {
            scratch.query.set(self.arena, node);
        }
        let top = self.levels[self.entry as usize];
        let level = self.levels[node as usize].min(top);
        scratch.nearest.reset(1);
        scratch
            .nearest
            .offer(self.arena.key(node, self.entry), self.entry);
        for upper in (level + 1..=top).rev() {
            self.search(node, upper, 1, scratch)?;
        }
        for own in (0..=level).rev() {
            self.search(node, own, self.ef_construction, scratch)?;
            let chosen = &mut scratch.chosen[usize::from(own)];
            let key_between = |a, b| Ok::<_, Infallible>(self.arena.key(a, b));
            let max = self.links.degree(own);
            let standing = |id| self.links.standing(id, own);
            let candidates = scratch.nearest.iter();
            let Ok(()) = select_neighbors(candidates, max, key_between, standing, chosen);
        }
        for own in 0..=level {
            self.link(node, own, scratch);
        }
        Ok(())
    }

    /// Replaces the nodes in `scratch.nearest` by the `ef` nearest to `node` that a search from them finds.
    fn search(
        &self,
        node: u32,
        level: u8,
        ef: usize,
        scratch: &mut Scratch,
    ) -> Result<(), BuildFailure> {
        let Scratch {
            visited,
            nearest,
            query,
            unvisited,
            ..
        } = scratch;
        nearest.restart(ef);
        visited.clear();
        // A back-link from a higher level may lead to the node itself.
        visited.insert(node);
        for (_, start) in nearest.iter() {
            visited.insert(start);
        }
        while let Some(expanded) = nearest.expand_next() {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(BuildFailure::Canceled);
            }
            // Every neighbor is written and only the new ones counted: whether one is new is a coin toss
            // that no branch predictor wins.
            let mut new = 0;
            self.links.for_each_neighbor(expanded, level, |neighbor| {
                unvisited[new] = neighbor;
                new += usize::from(visited.insert(neighbor));
            });
            let unvisited = &mut unvisited[..new];
            match self.sketches {
                Some(sketches) => unvisited.iter().for_each(|&id| sketches.prefetch(id)),
                None => unvisited.iter().for_each(|&id| self.arena.prefetch(id)),
            }
            if let Some(next) = nearest.next() {
                self.links.prefetch(next, level);
            }
            let hopeful = match self.sketches {
                Some(sketches) => self.keep_hopeful(sketches, query, nearest.limit(), unvisited),
                None => unvisited,
            };
            for &neighbor in &*hopeful {
                if nearest.offer(self.arena.key(node, neighbor), neighbor) {
                    self.links.prefetch(neighbor, level);
                }
            }
        }
        Ok(())
    }

    /// Keeps those of `nodes` that may be nearer to the query than `limit`, and asks for their codes.
    #[inline(always)]
    fn keep_hopeful<'n>(
        &self,
        sketches: &Sketches,
        query: &SketchQuery,
        limit: f32,
        nodes: &'n mut [u32],
    ) -> &'n mut [u32] {
        let mut kept = 0;
        for place in 0..nodes.len() {
            let id = nodes[place];
            // Also if neither is a number that can be compared.
            let is_hopeless = limit < f32::INFINITY && sketches.probable_key(query, id) >= limit;
            if !is_hopeless {
                self.arena.prefetch(id);
                nodes[kept] = id;
                kept += 1;
            }
        }
        &mut nodes[..kept]
    }

    /// Stores the chosen neighbors of `node` on `level`, then the links back to it.
    fn link(&self, node: u32, level: u8, scratch: &mut Scratch) {
        let Scratch { chosen, list, .. } = scratch;
        let chosen = &chosen[usize::from(level)];
        let max = self.links.degree(level);
        for link in chosen {
            self.links.prefetch_for_update(link.id, level);
        }
        // Counted before others can see the links and let them go.
        for link in chosen {
            self.links.count_in(link.id, level);
        }
        self.links.update(node, level, list, |own| {
            own.clear();
            own.extend_from_slice(chosen);
            true
        });
        // The nearest last: once enough lists lead to the node, those that most searches pass need not make room for it.
        for (place, link) in chosen.iter().enumerate().rev() {
            // What the next list is compared with comes while this one is rewritten.
            if let Some(next) = place.checked_sub(1).and_then(|next| chosen.get(next)) {
                let prefetch = |id| self.arena.prefetch(id);
                self.links.for_each_diverse(next.id, level, prefetch);
            }
            self.links.update(link.id, level, list, |back_links| {
                if back_links.iter().any(|back| back.id == node) {
                    return false;
                }
                let key_to_new = |other| Ok::<_, Infallible>(self.arena.key(node, other));
                let standing = |id| self.links.standing(id, level);
                self.links.count_in(node, level);
                let new = (link.key, node);
                let Ok(gone) = add_neighbor(back_links, new, max, key_to_new, standing);
                if let Some(gone) = gone {
                    self.links.count_out(gone, level);
                }
                gone != Some(node)
            });
        }
    }
}
