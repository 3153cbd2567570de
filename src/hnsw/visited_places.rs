//! The set of places a search has seen: open addressing, cleared by a new epoch instead of by writing. Pure.

/// Places are at most 48 bits long; the epoch fills the rest of an entry.
const PLACE_BITS: u32 = 48;
const FIRST_CAPACITY: usize = 2048;

/// A set of places, empty after [`VisitedPlaces::clear`].
#[derive(Debug)]
pub struct VisitedPlaces {
    entries: Vec<u64>,
    epoch: u16,
    used: usize,
}

impl Default for VisitedPlaces {
    fn default() -> Self {
        Self {
            entries: vec![0; FIRST_CAPACITY],
            epoch: 1,
            used: 0,
        }
    }
}

impl VisitedPlaces {
    /// Forgets all places.
    pub fn clear(&mut self) {
        self.used = 0;
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.entries.fill(0);
            self.epoch = 1;
        }
    }

    /// Number of places in the set.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether the set has no place.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Bytes of memory held.
    pub fn size_bytes(&self) -> usize {
        self.entries.len() * size_of::<u64>()
    }

    /// Adds `place` (below 2^48); returns whether it was new.
    #[inline]
    pub fn insert(&mut self, place: u64) -> bool {
        debug_assert!(place >> PLACE_BITS == 0);
        if self.used * 2 >= self.entries.len() {
            self.grow();
        }
        let entry = place | (u64::from(self.epoch) << PLACE_BITS);
        let mask = self.entries.len() - 1;
        let mut at = hash(place) & mask;
        loop {
            let found = self.entries[at];
            if found == entry {
                return false;
            }
            if (found >> PLACE_BITS) as u16 != self.epoch {
                self.entries[at] = entry;
                self.used += 1;
                return true;
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let capacity = self.entries.len() * 2;
        let old = std::mem::replace(&mut self.entries, vec![0; capacity]);
        let mask = capacity - 1;
        for entry in old {
            if (entry >> PLACE_BITS) as u16 == self.epoch {
                let mut at = hash(entry & ((1 << PLACE_BITS) - 1)) & mask;
                while (self.entries[at] >> PLACE_BITS) as u16 == self.epoch {
                    at = (at + 1) & mask;
                }
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

    #[test]
    fn behaves_as_a_set_over_growth_and_epochs() {
        let mut visited = VisitedPlaces::default();
        for _ in 0..70_000 {
            visited.clear();
            assert!(visited.insert(7));
            assert!(!visited.insert(7));
        }
        visited.clear();
        let mut reference = std::collections::HashSet::new();
        let mut x = 1u64;
        for _ in 0..20_000 {
            x = x
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let place = (x >> 33) % 10_000;
            assert_eq!(visited.insert(place), reference.insert(place));
        }
        assert_eq!(visited.len(), reference.len());
    }
}
