//! Codes of nodes read from pages during one insert or repair, so that each is read once.

use super::codes::{CodeParams, EdgeFactors, Factors};
use super::disk_graph::DiskGraph;
use super::layout::ItemPtr;
use crate::error::Result;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Hashes places: pointers come from our own pages, so no defence against chosen keys is needed.
#[derive(Default)]
struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// A code in the cache: what keys are computed of without looking it up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedCode(u32);

/// Codes by the pointer of their node (level 0) or upper item: no node has the place of an upper item.
#[derive(Default)]
pub struct CodeCache {
    codes_by_place: HashMap<u64, CachedCode, BuildHasherDefault<PlaceHasher>>,
    nodes: Vec<ItemPtr>,
    codes: Vec<i8>,
    /// End of each code in `codes`.
    ends: Vec<usize>,
    factors: Vec<Factors>,
    hashes: Vec<(u64, ItemPtr)>,
}

impl CodeCache {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.codes_by_place.clear();
        self.nodes.clear();
        self.codes.clear();
        self.ends.clear();
        self.factors.clear();
        self.hashes.clear();
    }

    /// The code of `node`; `None` if it was not loaded, or gone when it was to be loaded.
    pub fn find(&self, node: ItemPtr) -> Option<CachedCode> {
        let found = *self.codes_by_place.get(&node.place())?;
        (self.node(found) == node).then_some(found)
    }

    /// The node of a code.
    pub fn node(&self, code: CachedCode) -> ItemPtr {
        self.nodes[code.0 as usize]
    }

    /// Reads the codes of `nodes` that are not here yet. Takes share locks, one page at a time.
    pub fn load(
        &mut self,
        graph: &mut DiskGraph<'_>,
        level: u8,
        nodes: impl IntoIterator<Item = ItemPtr>,
    ) -> Result<()> {
        let missing: Vec<ItemPtr> = nodes
            .into_iter()
            .filter(|node| self.find(*node).is_none())
            .collect();
        graph.prefetch_codes(&missing, level);
        for node in missing {
            if level == 0 {
                graph.with_node(node, |item| {
                    self.hashes.push((item.hash(), node));
                    self.add(node, item.code(), item.factors());
                })?;
            } else {
                graph.with_upper(node, |item| self.add(node, item.code(), item.factors()))?;
            }
        }
        Ok(())
    }

    /// Adds a code that the caller has read. That of a slot reused since takes the place of the earlier one.
    pub fn add(&mut self, node: ItemPtr, code: &[i8], factors: Factors) {
        if self.find(node).is_none() {
            let added = CachedCode(self.nodes.len() as u32);
            self.codes_by_place.insert(node.place(), added);
            self.nodes.push(node);
            self.codes.extend_from_slice(code);
            self.ends.push(self.codes.len());
            self.factors.push(factors);
        }
    }

    /// Nodes of level 0 loaded here whose vector has this hash.
    pub fn with_hash(&self, hash: u64) -> impl Iterator<Item = ItemPtr> + '_ {
        self.hashes
            .iter()
            .filter(move |(found, _)| *found == hash)
            .map(|(_, node)| *node)
    }

    fn code(&self, code: CachedCode) -> (&[i8], &Factors) {
        let at = code.0 as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        (&self.codes[start..self.ends[at]], &self.factors[at])
    }

    /// Code and factors of `node`, as [`Self::find`].
    pub fn code_of(&self, node: ItemPtr) -> Option<(&[i8], &Factors)> {
        self.find(node).map(|code| self.code(code))
    }

    /// Writes the signs of the way from `owner` to `neighbor` and returns the edge's factors; `None` if the neighbor's
    /// code is not here.
    pub fn encode_edge(
        &self,
        params: &CodeParams,
        owner: (&[i8], &Factors),
        neighbor: ItemPtr,
        signs: &mut [u8],
    ) -> Option<EdgeFactors> {
        let neighbor = self.code_of(neighbor)?;
        Some(params.encode_edge(owner, neighbor, signs))
    }

    /// Order key of two codes.
    pub fn key(&self, params: &CodeParams, a: CachedCode, b: CachedCode) -> f32 {
        let ((a, a_factors), (b, b_factors)) = (self.code(a), self.code(b));
        params.code_key(a, a_factors, b, b_factors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves: the code of a slot's new user is found, and that of the one before no more.
    #[test]
    fn a_reused_slot_has_its_new_code() {
        let node = |generation| ItemPtr {
            block: 1,
            offset: 1,
            generation,
        };
        let mut cache = CodeCache::default();
        cache.add(node(0), &[1, 2], Factors::default());
        cache.add(node(1), &[3, 4], Factors::default());
        cache.add(node(1), &[5, 6], Factors::default());
        assert_eq!(cache.find(node(0)), None);
        assert_eq!(
            cache.code_of(node(1)).map(|(code, _)| code),
            Some(&[3, 4][..])
        );
    }
}
