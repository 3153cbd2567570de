//! The frontier of a search: the nodes it may expand next, nearest first. Pure.
//!
//! A long scan keeps hundreds of thousands of nodes it may never expand. In one heap each step of a pop would miss the
//! cache, so only the nearest are in a heap. The others wait in levels by distance, in no order within a level; the
//! nearest level is divided until a part is small enough for the heap when that is empty. This is the order of an
//! incremental quicksort (Paredes and Navarro, "Optimal Incremental Sorting", ALENEX 2006): what is never asked for is
//! never sorted, and memory is read in sequence.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Nodes that are sorted at once; the heap has at most twice as many.
const HEAP_SIZE: usize = 4096;

/// A node and the key it waits with.
#[derive(Debug, Clone, Copy)]
pub struct Waiting<N> {
    /// Orders the frontier, least first.
    pub key: f32,
    /// The node.
    pub node: N,
}

// The least key is the greatest: `BinaryHeap` has that on top.
impl<N> PartialEq for Waiting<N> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl<N> Eq for Waiting<N> {}
impl<N> PartialOrd for Waiting<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<N> Ord for Waiting<N> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.total_cmp(&self.key)
    }
}

/// Nodes that wait outside the heap: all of them at least as far as `limit`, and at most as far as those of the level before.
#[derive(Debug)]
struct Level<N> {
    limit: f32,
    nodes: Vec<Waiting<N>>,
}

/// Nodes by key, nearest first; a node may be in it more than once.
#[derive(Debug)]
pub struct Frontier<N> {
    near: BinaryHeap<Waiting<N>>,
    /// The farthest first.
    levels: Vec<Level<N>>,
    len: usize,
}

impl<N> Default for Frontier<N> {
    fn default() -> Self {
        Self {
            near: BinaryHeap::new(),
            levels: Vec::new(),
            len: 0,
        }
    }
}

impl<N: Copy> Frontier<N> {
    /// Removes everything; keeps the memory of a short search.
    pub fn clear(&mut self) {
        self.near.clear();
        self.levels.clear();
        self.len = 0;
    }

    /// Nodes in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory held.
    pub fn size_bytes(&self) -> usize {
        let outside = self.levels.iter().map(|level| level.nodes.capacity());
        (self.near.capacity() + outside.sum::<usize>()) * size_of::<Waiting<N>>()
    }

    /// Adds a node.
    #[inline]
    pub fn push(&mut self, key: f32, node: N) {
        self.len += 1;
        let waiting = Waiting { key, node };
        for level in &mut self.levels {
            if key.total_cmp(&level.limit).is_gt() {
                level.nodes.push(waiting);
                return;
            }
        }
        self.near.push(waiting);
        if self.near.len() > 2 * HEAP_SIZE {
            let near = std::mem::take(&mut self.near).into_vec();
            self.divide(near);
        }
    }

    /// The nearest node.
    #[inline]
    pub fn peek(&mut self) -> Option<Waiting<N>> {
        self.refill();
        self.near.peek().copied()
    }

    /// Removes the nearest node.
    #[inline]
    pub fn pop(&mut self) -> Option<Waiting<N>> {
        self.refill();
        let nearest = self.near.pop()?;
        self.len -= 1;
        Some(nearest)
    }

    /// Gives the nearest node another key.
    #[inline]
    pub fn delay(&mut self, key: f32) {
        if let Some(Waiting { node, .. }) = self.pop() {
            self.push(key, node);
        }
    }

    /// The nearest node and the two of which one comes next if nothing nearer is added; none of them if there are few.
    #[inline]
    pub fn next_few(&self) -> &[Waiting<N>] {
        self.near.as_slice().get(..3).unwrap_or_default()
    }

    #[inline]
    fn refill(&mut self) {
        if self.near.is_empty()
            && let Some(nearest) = self.levels.pop()
        {
            self.divide(nearest.nodes);
        }
    }

    /// Makes the nearest of `nodes`, which are nearer than all levels, the heap, and the others levels.
    #[cold]
    fn divide(&mut self, mut nodes: Vec<Waiting<N>>) {
        while nodes.len() > HEAP_SIZE {
            let half = nodes.len() / 2;
            let (_, nearest, _) = nodes.select_nth_unstable_by(half, |a, b| b.cmp(a));
            let limit = nearest.key;
            let farther = nodes.split_off(half);
            self.levels.push(Level {
                limit,
                nodes: farther,
            });
        }
        self.near = BinaryHeap::from(nodes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a search does to a frontier.
    #[derive(Debug, Clone)]
    enum Step {
        Push(Vec<i16>),
        Pop(usize),
        Delay(i16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            prop::collection::vec(any::<i16>(), 0..6_000).prop_map(Step::Push),
            (0usize..6_000).prop_map(Step::Pop),
            (0i16..1_000).prop_map(Step::Delay),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Proves: keys come out in the order in which one heap gives them, whatever goes in between, and each node
        /// as often as it went in.
        #[test]
        fn gives_what_one_heap_gives(steps in prop::collection::vec(step(), 1..24)) {
            let mut frontier = Frontier::default();
            let mut heap = BinaryHeap::new();
            let mut sum = 0i64;
            for step in steps.into_iter().chain([Step::Pop(usize::MAX)]) {
                match step {
                    Step::Push(keys) => for key in keys {
                        frontier.push(f32::from(key), i64::from(key));
                        heap.push(std::cmp::Reverse(key));
                        sum += i64::from(key);
                    },
                    Step::Pop(count) => for _ in 0..count.min(heap.len() + 1) {
                        prop_assert_eq!(frontier.len(), heap.len());
                        prop_assert_eq!(frontier.is_empty(), heap.is_empty());
                        let wanted = heap.pop().map(|std::cmp::Reverse(key)| f32::from(key));
                        prop_assert_eq!(frontier.peek().map(|top| top.key), wanted);
                        let popped = frontier.pop();
                        prop_assert_eq!(popped.map(|top| top.key), wanted);
                        sum -= popped.map_or(0, |top| top.node);
                    },
                    Step::Delay(by) => {
                        let Some(std::cmp::Reverse(top)) = heap.pop() else { continue };
                        let key = top.saturating_add(by);
                        heap.push(std::cmp::Reverse(key));
                        frontier.delay(f32::from(key));
                    }
                }
            }
            prop_assert_eq!(sum, 0);
        }
    }
}
