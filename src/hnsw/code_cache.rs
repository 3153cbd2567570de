//! Codes of nodes read from pages during one insert or repair, so that each is read once.

use super::codes::{CodeParams, Factors};
use super::disk_graph::DiskGraph;
use super::layout::ItemPtr;
use crate::error::Result;
use std::collections::HashMap;

/// Codes by the pointer of their node (level 0) or upper item; one level at a time.
pub struct CodeCache {
    dims: usize,
    places: HashMap<ItemPtr, u32>,
    codes: Vec<i8>,
    factors: Vec<Factors>,
    hashes: Vec<(u64, ItemPtr)>,
}

impl CodeCache {
    /// An empty cache for codes of `dims` elements.
    pub fn new(dims: usize) -> Self {
        Self {
            dims,
            places: HashMap::new(),
            codes: Vec::new(),
            factors: Vec::new(),
            hashes: Vec::new(),
        }
    }

    /// Forgets everything: the next codes may be those of another level.
    pub fn clear(&mut self) {
        self.places.clear();
        self.codes.clear();
        self.factors.clear();
        self.hashes.clear();
    }

    /// Whether the code of `node` is here; it is not if the node was gone when it was to be loaded.
    pub fn contains(&self, node: ItemPtr) -> bool {
        self.places.contains_key(&node)
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
            .filter(|node| !self.contains(*node))
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

    /// Adds a code that the caller has read.
    pub fn add(&mut self, node: ItemPtr, code: &[i8], factors: Factors) {
        if self
            .places
            .insert(node, self.factors.len() as u32)
            .is_none()
        {
            self.codes.extend_from_slice(code);
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

    fn get(&self, node: ItemPtr) -> Option<(&[i8], &Factors)> {
        let place = *self.places.get(&node)? as usize;
        Some((
            self.codes.get(place * self.dims..(place + 1) * self.dims)?,
            self.factors.get(place)?,
        ))
    }

    /// Order key of two nodes; infinite if one of them is not here, so that it is never preferred.
    pub fn key(&self, params: &CodeParams, a: ItemPtr, b: ItemPtr) -> f32 {
        match (self.get(a), self.get(b)) {
            (Some((a, fa)), Some((b, fb))) => params.code_key(a, fa, b, fb),
            _ => f32::INFINITY,
        }
    }
}
