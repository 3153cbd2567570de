//! The set of nodes one search has seen, over dense node ids. Pure.
//!
//! Clearing it is one increment: each slot holds the number of the search that saw the node last. One byte
//! a node keeps the set in the cache; every 255 searches the slots are wiped.

use std::collections::TryReserveError;

/// Set of node ids below a fixed bound.
#[derive(Debug)]
pub struct VisitedSet {
    seen_in: Vec<u8>,
    epoch: u8,
}

impl VisitedSet {
    /// An empty set for ids `0..len`; takes [`Self::memory_bytes`].
    /// # Errors
    /// If the memory cannot be had.
    pub fn try_new(len: usize) -> Result<Self, TryReserveError> {
        let mut seen_in = Vec::new();
        seen_in.try_reserve_exact(len)?;
        seen_in.resize(len, 0);
        Ok(Self { seen_in, epoch: 1 })
    }

    /// Bytes of a set for `len` ids.
    pub fn memory_bytes(len: usize) -> usize {
        len
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        match self.epoch.checked_add(1) {
            Some(epoch) => self.epoch = epoch,
            None => {
                self.seen_in.fill(0);
                self.epoch = 1;
            }
        }
    }

    /// Adds `id`; whether it was absent.
    /// # Panics
    /// If `id` is not below the bound.
    pub fn insert(&mut self, id: u32) -> bool {
        let slot = &mut self.seen_in[id as usize];
        let is_new = *slot != self.epoch;
        *slot = self.epoch;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves: no id of an earlier search is taken for seen, also after the epoch has wrapped.
    #[test]
    fn clear_forgets_every_id() {
        let mut set = VisitedSet::try_new(3).unwrap();
        for round in 0..600 {
            assert!(set.insert(1), "round {round}");
            assert!(!set.insert(1), "round {round}");
            assert!(set.insert(2), "round {round}");
            set.clear();
        }
    }
}
