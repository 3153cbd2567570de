//! The candidate list of a graph search: the nearest nodes found so far, and which of them are expanded. Pure.
//!
//! The paper keeps two heaps, candidates and results. A candidate farther than the worst result ends its
//! search, so one list sorted by key that remembers its expanded entries does the same work; at the usual
//! sizes moving a few hundred bytes is cheaper than sifting through heaps, and the result is sorted.

/// Node ids a [`NearestList`] can hold are below this.
pub const MAX_NODES: usize = 1 << 31;

const EXPANDED: u64 = 1;

/// Bits that order as unsigned integers the way the keys order as numbers.
fn ordered_bits(key: f32) -> u32 {
    let bits = key.to_bits();
    bits ^ (((bits as i32 >> 31) as u32) | 0x8000_0000)
}

/// Inverse of [`ordered_bits`].
fn key_of(ordered: u32) -> f32 {
    let mask = (((!ordered) as i32 >> 31) as u32) | 0x8000_0000;
    f32::from_bits(ordered ^ mask)
}

/// The `capacity` nearest nodes offered, sorted nearest first; ties by id.
#[derive(Debug, Default)]
pub struct NearestList {
    /// Ordered key in the upper half, then the id, then the expanded flag in the lowest bit.
    entries: Vec<u64>,
    capacity: usize,
    /// No entry before this one is unexpanded.
    next: usize,
}

impl NearestList {
    /// Empties the list and sets how many nodes it keeps, at least one. Allocates only when it grows.
    pub fn reset(&mut self, capacity: usize) {
        self.capacity = capacity.max(1);
        self.entries.clear();
        self.entries.reserve(self.capacity);
        self.next = 0;
    }

    /// Makes all entries unexpanded again and sets a new capacity, dropping the farthest: the start of the
    /// search on the level below.
    pub fn restart(&mut self, capacity: usize) {
        self.capacity = capacity.max(1);
        self.entries.truncate(self.capacity);
        self.entries.reserve(self.capacity - self.entries.len());
        for entry in &mut self.entries {
            *entry &= !EXPANDED;
        }
        self.next = 0;
    }

    /// Adds a node unless the list is full of nearer or equally near ones.
    /// The caller offers each node once; `id` must be below [`MAX_NODES`].
    /// Returns whether the node is now the next to be expanded.
    pub fn offer(&mut self, key: f32, id: u32) -> bool {
        let entry = (u64::from(ordered_bits(key)) << 32) | (u64::from(id) << 1);
        if self.entries.len() == self.capacity {
            match self.entries.last() {
                Some(&worst) if entry >> 32 < worst >> 32 => self.entries.pop(),
                _ => return false,
            };
        }
        let position = self.entries.partition_point(|&other| other < entry);
        let between = self.entries.get(self.next..position).unwrap_or_default();
        let is_next = between.iter().all(|&entry| entry & EXPANDED != 0);
        self.entries.insert(position, entry);
        self.next = self.next.min(position);
        is_next
    }

    /// The key from which on [`Self::offer`] takes no node: beyond all numbers while there is room.
    pub fn limit(&self) -> f32 {
        match self.entries.last() {
            Some(&worst) if self.entries.len() == self.capacity => key_of((worst >> 32) as u32),
            _ => f32::INFINITY,
        }
    }

    /// The node that [`Self::expand_next`] would return if no nearer one is offered.
    pub fn next(&self) -> Option<u32> {
        let rest = self.entries.get(self.next..)?;
        let entry = rest.iter().find(|&entry| entry & EXPANDED == 0)?;
        Some((*entry as u32) >> 1)
    }

    /// Marks the nearest unexpanded node as expanded and returns it.
    pub fn expand_next(&mut self) -> Option<u32> {
        let rest = self.entries.get_mut(self.next..)?;
        let offset = rest.iter().position(|&entry| entry & EXPANDED == 0);
        let Some(entry) = offset.and_then(|offset| rest.get_mut(offset)) else {
            self.next = self.entries.len();
            return None;
        };
        *entry |= EXPANDED;
        self.next += offset.unwrap_or(0) + 1;
        Some((*entry as u32) >> 1)
    }

    /// Nodes with their keys, nearest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (f32, u32)> + '_ {
        self.entries
            .iter()
            .map(|&entry| (key_of((entry >> 32) as u32), (entry as u32) >> 1))
    }

    /// Number of nodes held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no node is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves: ordered bits sort as the numbers do, negative ones included, and lose nothing.
    #[test]
    fn ordered_bits_follow_the_order_of_keys() {
        let keys = [f32::MIN, -2.5, -1e-30, -0.0, 0.0, 1e-30, 1.0, f32::MAX];
        for pair in keys.windows(2) {
            assert!(ordered_bits(pair[0]) < ordered_bits(pair[1]), "{pair:?}");
        }
        for key in keys {
            assert_eq!(key_of(ordered_bits(key)).to_bits(), key.to_bits());
        }
    }

    /// Proves: the list keeps the nearest of all that were offered, sorted.
    #[test]
    fn keeps_the_nearest() {
        let mut list = NearestList::default();
        list.reset(4);
        for (key, id) in [(5.0, 5), (-1.0, 1), (9.0, 9), (3.0, 3), (2.0, 2), (7.0, 7)] {
            list.offer(key, id);
        }
        let ids: Vec<u32> = list.iter().map(|(_, id)| id).collect();
        assert_eq!(ids, [1, 2, 3, 5]);
    }

    /// Proves: each node is expanded once, nearest first, also those that arrive before the cursor.
    #[test]
    fn expands_each_node_once() {
        let mut list = NearestList::default();
        list.reset(4);
        assert!(list.offer(2.0, 20));
        assert!(!list.offer(3.0, 30));
        assert_eq!(list.expand_next(), Some(20));
        assert!(list.offer(1.0, 10));
        assert_eq!(list.next(), Some(10));
        assert_eq!(list.expand_next(), Some(10));
        assert_eq!(list.expand_next(), Some(30));
        assert_eq!(list.expand_next(), None);
        assert!(list.offer(2.5, 25));
        assert_eq!(list.expand_next(), Some(25));
        assert_eq!(list.expand_next(), None);
        list.restart(2);
        assert_eq!(list.expand_next(), Some(10));
        assert_eq!(list.len(), 2);
    }
}
