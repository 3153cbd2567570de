//! What a search knows of the keys of nodes it has not read: the estimates of all lists that named them, combined.
//! Open addressing, cleared by a new epoch instead of by writing. Pure.

use super::codes::Estimate;
use crate::distance::prefetch;

/// Places are at most 48 bits long; the epoch fills the rest of an entry.
const PLACE_BITS: u32 = 48;
const FIRST_CAPACITY: usize = 2048;
/// Stands for the deviation of a node whose key was computed.
const SETTLED: f32 = -1.0;

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// Place and epoch.
    tag: u64,
    key: f32,
    deviation: f32,
}

impl Entry {
    fn estimate(self) -> Estimate {
        Estimate {
            key: self.key,
            deviation: self.deviation,
        }
    }
}

/// Estimates by the place of their node, none after [`EstimateTable::clear`].
#[derive(Debug)]
pub struct EstimateTable {
    entries: Vec<Entry>,
    epoch: u16,
    used: usize,
}

impl Default for EstimateTable {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            epoch: 1,
            used: 0,
        }
    }
}

impl EstimateTable {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.used = 0;
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.entries.fill(Entry::default());
            self.epoch = 1;
        }
    }

    /// Places known.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Bytes of memory held.
    pub fn size_bytes(&self) -> usize {
        self.entries.len() * size_of::<Entry>()
    }

    /// Bytes that one place takes in a full table.
    pub const BYTES_PER_PLACE: usize = size_of::<Entry>() * 4 / 3;

    /// Asks the CPU for the memory that looking `place` up will need.
    #[inline]
    pub fn prefetch(&self, place: u64) {
        let at = hash(place) & self.entries.len().wrapping_sub(1);
        prefetch::slice(self.entries.get(at..=at).unwrap_or_default());
    }

    /// Takes another estimate of the node at `place` (below 2^48) into account. Returns its order key if the node
    /// comes earlier than known so far, or was not known.
    #[inline]
    pub fn note(&mut self, place: u64, estimate: Estimate) -> Option<f32> {
        if self.used * 4 >= self.entries.len() * 3 {
            self.grow();
        }
        let at = self.slot(place);
        let entry = self.entries[at];
        let combined = if entry.tag != self.tag(place) {
            self.used += 1;
            estimate
        } else if entry.deviation == SETTLED {
            return None;
        } else {
            entry.estimate().combine(estimate)
        };
        let is_earlier =
            entry.tag != self.tag(place) || combined.order_key() < entry.estimate().order_key();
        self.entries[at] = Entry {
            tag: self.tag(place),
            key: combined.key,
            deviation: combined.deviation,
        };
        is_earlier.then(|| combined.order_key())
    }

    /// The order key of a node as known now; `None` if its key was computed, or nothing is known of it.
    #[inline]
    pub fn order_key(&self, place: u64) -> Option<f32> {
        let entry = self.find(place)?;
        (entry.deviation != SETTLED).then(|| entry.estimate().order_key())
    }

    /// Says that the key of a known node is computed now: estimates of it do not count any more.
    #[inline]
    pub fn settle(&mut self, place: u64) {
        if self.find(place).is_some() {
            let at = self.slot(place);
            self.entries[at].deviation = SETTLED;
        }
    }

    fn find(&self, place: u64) -> Option<Entry> {
        let entry = *self.entries.get(self.slot(place))?;
        (entry.tag == self.tag(place)).then_some(entry)
    }

    fn tag(&self, place: u64) -> u64 {
        debug_assert!(place >> PLACE_BITS == 0);
        place | (u64::from(self.epoch) << PLACE_BITS)
    }

    /// Where the entry of `place` is or would be; 0 in a table without entries.
    #[inline]
    fn slot(&self, place: u64) -> usize {
        let (tag, mask) = (self.tag(place), self.entries.len().wrapping_sub(1));
        let mut at = hash(place) & mask;
        while let Some(entry) = self.entries.get(at) {
            if entry.tag == tag || (entry.tag >> PLACE_BITS) as u16 != self.epoch {
                return at;
            }
            at = (at + 1) & mask;
        }
        0
    }

    fn grow(&mut self) {
        let capacity = (self.entries.len() * 2).max(FIRST_CAPACITY);
        let old = std::mem::replace(&mut self.entries, vec![Entry::default(); capacity]);
        for entry in old {
            if (entry.tag >> PLACE_BITS) as u16 == self.epoch {
                let at = self.slot(entry.tag & ((1 << PLACE_BITS) - 1));
                self.entries[at] = entry;
            }
        }
    }
}

#[inline]
fn hash(place: u64) -> usize {
    // Fibonacci hashing: the high bits of the product are well mixed.
    (place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn estimate(key: f32, deviation: f32) -> Estimate {
        Estimate { key, deviation }
    }

    /// Proves: over growth and epochs every place has the combination of its own estimates, and what was settled
    /// stays settled until the table is cleared.
    #[test]
    fn keeps_what_each_place_was_told() {
        let mut table = EstimateTable::default();
        let mut x = 1u64;
        for epoch in 0..70_000 {
            table.clear();
            assert_eq!(table.order_key(7), None);
            assert_eq!(table.note(7, estimate(1.0, 0.5)), Some(0.75));
            table.settle(7);
            assert_eq!(table.note(7, estimate(0.0, 0.5)), None);
            assert_eq!(table.order_key(7), None);
            assert_eq!(table.len(), 1, "{epoch}");
        }
        table.clear();
        let mut reference: HashMap<u64, Option<Estimate>> = HashMap::new();
        for _ in 0..40_000 {
            x = x
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let place = (x >> 33) % 10_000;
            let told = estimate((x >> 50) as f32, 1.0 + (x >> 60) as f32);
            if x.is_multiple_of(7) {
                table.settle(place);
                if let Some(known) = reference.get_mut(&place) {
                    *known = None;
                }
                continue;
            }
            match reference.get_mut(&place) {
                None => {
                    assert_eq!(table.note(place, told), Some(told.order_key()));
                    reference.insert(place, Some(told));
                }
                Some(None) => assert_eq!(table.note(place, told), None),
                Some(Some(known)) => {
                    let before = known.order_key();
                    *known = known.combine(told);
                    let after = known.order_key();
                    assert_eq!(table.note(place, told), (after < before).then_some(after));
                }
            }
        }
        assert_eq!(table.len(), reference.len());
        for (place, known) in reference {
            assert_eq!(table.order_key(place), known.map(Estimate::order_key));
        }
    }
}
