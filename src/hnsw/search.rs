//! Greedy descent and the resumable search of one level: algorithms 2 and 5 of the HNSW paper (Malkov and
//! Yashunin, arXiv 1603.09320) over any [`GraphStore`]. Pure.
//!
//! A search that may be resumed keeps every candidate it has computed: the next batch starts from those that the
//! last one did not need, and nothing is searched twice.
//!
//! Where the store has estimates, the frontier holds nodes that have not been read, ordered by a cautious estimate of
//! their key; a node's key is computed when it is expanded, and only expanded nodes are found. Every list that names a
//! node makes its estimate surer. Both ways end when nothing in the frontier precedes the farthest of the `ef` found;
//! of what is exactly as far they look at `ef` nodes.

use super::codes::Estimate;
use super::estimates::EstimateTable;
use super::frontier::{Frontier, Waiting};
use super::graph::{Candidate, GraphStore};
use super::visited_places::VisitedPlaces;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Order by key, farthest on top.
#[derive(Debug, Clone, Copy)]
struct Farthest<N>(Candidate<N>);

impl<N> PartialEq for Farthest<N> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl<N> Eq for Farthest<N> {}
impl<N> PartialOrd for Farthest<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<N> Ord for Farthest<N> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key.total_cmp(&other.0.key)
    }
}

/// Walks greedily from `entry` on level `from` down to level `to` (exclusive) and returns the nearest node found,
/// as a handle of level `to`. `None` if the entry is gone. `search` is used for each level and left in any state.
pub fn descend<S: GraphStore>(
    store: &mut S,
    search: &mut LayerSearch<S::Node>,
    entry: S::Node,
    from: u8,
    to: u8,
) -> Result<Option<S::Node>, S::Error> {
    let mut nearest = entry;
    for level in (to + 1..=from).rev() {
        search.clear();
        search.seed(store, level, &[nearest])?;
        search.run(store, level, 1, Bounds::NONE)?;
        match search.best.pop() {
            Some(Farthest(found)) => nearest = found.node,
            None => return Ok(None),
        }
    }
    if to == 0 && from > 0 {
        store.ground(nearest)
    } else {
        Ok(Some(nearest))
    }
}

/// When a resumed search has done enough, beside having found its batch.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Computed distances after which no further candidate is expanded.
    pub max_visited: usize,
    /// Bytes of candidates after which no further candidate is expanded.
    pub max_bytes: usize,
    /// Computed distances after which a search does not go on any more only because the codes of what it has found and
    /// of what it could find are too alike (see [`GraphStore::ambiguous_up_to`]).
    pub max_ambiguous: usize,
    /// Whether all nodes with the key of the farthest found are found with it, whatever they cost: a later batch may not
    /// bring one of them whose lower bound is less.
    pub keeps_ties: bool,
}

impl Bounds {
    /// No bound, and no look at what cannot be told apart.
    pub const NONE: Bounds = Bounds {
        max_visited: usize::MAX,
        max_bytes: usize::MAX,
        max_ambiguous: 0,
        keeps_ties: false,
    };
}

/// What searches did: the measure of their cost that does not depend on the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchCounts {
    /// Nodes of level 0 whose neighbors were looked at.
    pub expanded: u64,
    /// Distances computed on level 0; estimates are none.
    pub distances: u64,
    /// Nodes of upper levels whose neighbors were looked at, once for each level.
    pub upper_expanded: u64,
    /// Distances computed on upper levels.
    pub upper_distances: u64,
}

impl SearchCounts {
    #[inline]
    fn add(&mut self, level: u8, expanded: usize, distances: usize) {
        let (all_expanded, all_distances) = if level == 0 {
            (&mut self.expanded, &mut self.distances)
        } else {
            (&mut self.upper_expanded, &mut self.upper_distances)
        };
        *all_expanded += expanded as u64;
        *all_distances += distances as u64;
    }
}

/// One search of one level, which may be resumed.
#[derive(Debug)]
pub struct LayerSearch<N> {
    counts: SearchCounts,
    visited: VisitedPlaces,
    /// In place of `visited` where the store has estimates.
    estimates: EstimateTable,
    /// Keys computed with estimates.
    expanded: usize,
    frontier: Frontier<N>,
    best: BinaryHeap<Farthest<N>>,
    /// Computed, but not among the best: for later runs, or too like the best to be left out.
    spare: Vec<Candidate<N>>,
    /// Least key found.
    nearest_key: f32,
    /// Sum and number of the slacks of what was found, as far as they are finite.
    slack_sum: f32,
    slack_count: u32,
    /// Keys up to this belong to what is found, once `ef` nodes are.
    limit: f32,
    /// Whether codes do not tell the farthest found from others, or all that are as far are asked for.
    is_ambiguous: bool,
    /// Nodes exactly as far as the farthest found that the run has expanded.
    ties: usize,
    resumable: bool,
    neighbors: Vec<N>,
    estimated: Vec<(N, Estimate)>,
    evaluated: Vec<Candidate<N>>,
}

impl<N> Default for LayerSearch<N> {
    fn default() -> Self {
        Self {
            counts: SearchCounts::default(),
            visited: VisitedPlaces::default(),
            estimates: EstimateTable::default(),
            expanded: 0,
            frontier: Frontier::default(),
            best: BinaryHeap::new(),
            spare: Vec::new(),
            nearest_key: f32::INFINITY,
            slack_sum: 0.0,
            slack_count: 0,
            limit: f32::INFINITY,
            is_ambiguous: false,
            ties: 0,
            resumable: false,
            neighbors: Vec::new(),
            estimated: Vec::new(),
            evaluated: Vec::new(),
        }
    }
}

impl<N: Copy + Eq> LayerSearch<N> {
    /// Forgets everything; keeps the memory. A resumable search keeps candidates beyond the first batch.
    pub fn reset(&mut self, resumable: bool) {
        self.clear();
        self.counts = SearchCounts::default();
        self.resumable = resumable;
    }

    /// What was done on all levels since the last `reset`.
    pub fn counts(&self) -> SearchCounts {
        self.counts
    }

    /// Forgets everything but whether it is resumable, as before a search of another level; keeps the memory.
    pub fn clear(&mut self) {
        self.visited.clear();
        self.estimates.clear();
        self.expanded = 0;
        self.nearest_key = f32::INFINITY;
        (self.slack_sum, self.slack_count) = (0.0, 0);
        self.limit = f32::INFINITY;
        self.is_ambiguous = false;
        self.frontier.clear();
        self.best.clear();
        self.spare.clear();
    }

    /// Counts distances of level 0 that were computed beside the search.
    pub fn count_distances(&mut self, count: usize) {
        self.counts.add(0, 0, count);
    }

    /// Bytes of memory held.
    pub fn size_bytes(&self) -> usize {
        let candidates = self.best.capacity() + self.spare.capacity();
        candidates * size_of::<Candidate<N>>()
            + self.frontier.size_bytes()
            + self.visited.size_bytes()
            + self.estimates.size_bytes()
    }

    /// Nodes whose distance was computed.
    pub fn visited_count(&self) -> usize {
        self.visited.len() + self.expanded
    }

    /// Adds starting points; those seen before are ignored.
    pub fn seed<S: GraphStore<Node = N>>(
        &mut self,
        store: &mut S,
        level: u8,
        entries: &[N],
    ) -> Result<(), S::Error> {
        if store.has_estimates(level) {
            self.evaluated.clear();
            store.evaluate(entries, level, &mut self.evaluated)?;
            self.counts.add(level, 0, self.evaluated.len());
            for candidate in &self.evaluated {
                let known = Estimate::exact(candidate.key);
                if let Some(key) = self.estimates.note(S::place(candidate.node), known) {
                    self.frontier.push(key, candidate.node);
                }
            }
            return Ok(());
        }
        self.neighbors.clear();
        self.neighbors.extend_from_slice(entries);
        self.admit(store, level, usize::MAX, Bounds::NONE)
    }

    /// Searches until the `ef` nearest of the nodes not yet taken are known, a bound is reached, or nothing is left.
    pub fn run<S: GraphStore<Node = N>>(
        &mut self,
        store: &mut S,
        level: u8,
        ef: usize,
        bounds: Bounds,
    ) -> Result<(), S::Error> {
        self.ties = 0;
        self.fill_best(ef);
        if store.has_estimates(level) {
            return self.run_estimated(store, level, ef, bounds);
        }
        while let Some(nearest) = self.frontier.peek() {
            self.set_limit(store, ef, bounds);
            if self.is_beyond(nearest.key, ef, bounds) || self.is_bounded(bounds) {
                break;
            }
            self.frontier.pop();
            self.ties += usize::from(nearest.key == self.limit);
            store.neighbors(nearest.node, level, &mut self.neighbors)?;
            self.counts.add(level, 1, 0);
            self.admit(store, level, ef, bounds)?;
            if let Some(next) = self.frontier.peek() {
                store.prefetch(next.node, level);
            }
        }
        Ok(())
    }

    /// [`Self::run`] where the store has estimates. A node is chosen while the one before it is expanded, so that its
    /// page can be on the way meanwhile.
    fn run_estimated<S: GraphStore<Node = N>>(
        &mut self,
        store: &mut S,
        level: u8,
        ef: usize,
        bounds: Bounds,
    ) -> Result<(), S::Error> {
        let mut chosen = None;
        loop {
            self.set_limit(store, ef, bounds);
            let next = self.choose::<S>(ef, bounds);
            if let Some(node) = next {
                self.estimates.settle(S::place(node));
                store.prefetch(node, level);
            }
            match std::mem::replace(&mut chosen, next) {
                Some(node) => self.expand(store, node, level, ef)?,
                None if next.is_none() => return Ok(()),
                None => {}
            }
        }
    }

    /// Takes the next node to expand out of the frontier; `None` if the search ends here as far as is known.
    fn choose<S: GraphStore<Node = N>>(&mut self, ef: usize, bounds: Bounds) -> Option<N> {
        loop {
            let top = self.frontier.peek()?;
            for next in self.frontier.next_few() {
                self.estimates.prefetch(S::place(next.node));
            }
            match self.estimates.order_key(S::place(top.node)) {
                // Expanded already, from a better place in the frontier.
                None => {
                    self.frontier.pop();
                }
                // It comes later than it seemed when it was put there.
                Some(key) if key > top.key => self.frontier.delay(key),
                Some(key) => {
                    if self.is_beyond(key, ef, bounds) || self.is_bounded(bounds) {
                        return None;
                    }
                    self.frontier.pop();
                    self.ties += usize::from(key == self.limit);
                    return Some(top.node);
                }
            }
        }
    }

    /// Nodes that the last run found.
    pub fn best_count(&self) -> usize {
        self.best.len()
    }

    /// Whether a bound was reached.
    pub fn is_bounded(&self, bounds: Bounds) -> bool {
        self.visited_count() >= bounds.max_visited || self.used_bytes() >= bounds.max_bytes
    }

    /// Bytes that the candidates of this search take, without what earlier searches left allocated.
    pub fn used_bytes(&self) -> usize {
        let candidates = self.best.len() + self.spare.len();
        candidates * size_of::<Candidate<N>>()
            + self.frontier.len() * size_of::<Waiting<N>>()
            + self.visited.len() * 2 * size_of::<u64>()
            + self.estimates.len() * EstimateTable::BYTES_PER_PLACE
    }

    /// Whether a node with `key` belongs to the `ef` nearest found so far.
    #[inline]
    fn is_wanted(&self, key: f32, ef: usize) -> bool {
        self.best.len() < ef || key < self.farthest_key()
    }

    /// Key of the farthest node found so far, beyond all numbers if there is none.
    #[inline]
    fn farthest_key(&self) -> f32 {
        self.best
            .peek()
            .map_or(f32::INFINITY, |farthest| farthest.0.key)
    }

    /// Sets the key beyond which nothing belongs to what is found.
    #[inline]
    fn set_limit<S: GraphStore<Node = N>>(&mut self, store: &S, ef: usize, bounds: Bounds) {
        (self.limit, self.is_ambiguous) = match self.best.peek() {
            Some(Farthest(farthest)) if self.best.len() >= ef => {
                // One node's slack says little of the others': codes have steps of their own.
                let slack = self.slack_sum / self.slack_count.max(1) as f32;
                let limit = store.ambiguous_up_to(self.nearest_key, farthest.key, slack);
                let may_go_on = self.visited_count() < bounds.max_ambiguous;
                let is_ambiguous = bounds.keeps_ties || limit > farthest.key;
                (if may_go_on { limit } else { farthest.key }, is_ambiguous)
            }
            _ => (f32::INFINITY, false),
        };
    }

    /// Whether the search ends where the nearest of the frontier has `key`.
    ///
    /// Nodes exactly as far as the farthest found may lead to nearer ones, as where distances are few, so `ef` of them
    /// are expanded. Not all: most rows may have nothing in common with a query, and be exactly as far. Only while
    /// nothing nearer is known, no direction is better than another, and the search goes on up to its bound.
    #[inline]
    fn is_beyond(&self, key: f32, ef: usize, bounds: Bounds) -> bool {
        match key.total_cmp(&self.limit) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => {
                let knows_nearer = self.nearest_key < key;
                let is_lost = !knows_nearer && self.visited_count() < bounds.max_ambiguous;
                self.ties >= ef && !self.is_ambiguous && !is_lost
            }
        }
    }

    /// Whether a node with `key`, left out of those found, cannot be told from them.
    #[inline]
    fn is_like_found(&self, key: f32) -> bool {
        self.is_ambiguous && key <= self.limit
    }

    /// Computes the key of a node taken out of the frontier, and takes in the estimates of its neighbors.
    fn expand<S: GraphStore<Node = N>>(
        &mut self,
        store: &mut S,
        node: N,
        level: u8,
        ef: usize,
    ) -> Result<(), S::Error> {
        // A search that is not resumed never expands what is beyond the limit, which falls as nearer nodes are found.
        let limit = if self.resumable {
            f32::INFINITY
        } else {
            self.limit
        };
        let expanded = store.expand(node, level, limit, &mut self.estimated)?;
        self.expanded += 1;
        self.counts.add(level, 1, 1);
        if let Some(candidate) = expanded.filter(|candidate| candidate.is_live) {
            self.keep(candidate, ef);
        }
        for (node, _) in &self.estimated {
            self.estimates.prefetch(S::place(*node));
        }
        for i in 0..self.estimated.len() {
            let (node, estimate) = self.estimated[i];
            if let Some(key) = self.estimates.note(S::place(node), estimate)
                && (self.resumable || key <= self.limit)
            {
                self.frontier.push(key, node);
            }
        }
        Ok(())
    }

    /// Takes a node whose key is computed into the found ones, or keeps it for a later run.
    #[inline]
    fn keep(&mut self, candidate: Candidate<N>, ef: usize) {
        self.nearest_key = self.nearest_key.min(candidate.key);
        if candidate.slack.is_finite() {
            self.slack_sum += candidate.slack;
            self.slack_count += 1;
        }
        let mut left_out = Some(candidate);
        if self.is_wanted(candidate.key, ef) {
            self.best.push(Farthest(candidate));
            left_out = (self.best.len() > ef)
                .then(|| self.best.pop())
                .flatten()
                .map(|Farthest(evicted)| evicted);
        }
        if let Some(candidate) = left_out
            && (self.resumable || self.is_like_found(candidate.key))
        {
            self.spare.push(candidate);
        }
    }

    /// Takes the nearest of those kept for later into the found ones, up to `ef` in all.
    fn fill_best(&mut self, ef: usize) {
        let missing = ef.saturating_sub(self.best.len());
        let left = self.spare.len().saturating_sub(missing);
        if left > 0 && missing > 0 {
            self.spare
                .select_nth_unstable_by(left, |a, b| b.key.total_cmp(&a.key));
        }
        self.best.extend(self.spare.drain(left..).map(Farthest));
    }

    /// Computes the distances of those of `self.neighbors` not seen before and sorts them into the heaps.
    fn admit<S: GraphStore<Node = N>>(
        &mut self,
        store: &mut S,
        level: u8,
        ef: usize,
        bounds: Bounds,
    ) -> Result<(), S::Error> {
        let visited = &mut self.visited;
        self.neighbors
            .retain(|node| visited.insert(S::place(*node)));
        self.evaluated.clear();
        store.evaluate(&self.neighbors, level, &mut self.evaluated)?;
        self.counts.add(level, 0, self.evaluated.len());
        for i in 0..self.evaluated.len() {
            let candidate = self.evaluated[i];
            if self.resumable
                || self.is_wanted(candidate.key, ef)
                || !self.is_beyond(candidate.key, ef, bounds)
            {
                self.frontier.push(candidate.key, candidate.node);
            }
            if candidate.is_live {
                self.keep(candidate, ef);
            }
        }
        Ok(())
    }

    /// Takes the nodes found by the last run, in no particular order: as many as it was to find, and those that cannot
    /// be told from the farthest of them.
    pub fn take_best(&mut self, out: &mut Vec<Candidate<N>>) {
        out.extend(self.best.drain().map(|Farthest(candidate)| candidate));
        if self.is_ambiguous {
            let limit = self.limit;
            out.extend(self.spare.extract_if(.., |spare| spare.key <= limit));
        }
    }

    /// Takes all remaining nodes that a resumable search computed a distance to, in no particular order.
    pub fn take_rest(&mut self, out: &mut Vec<Candidate<N>>) {
        self.take_best(out);
        out.append(&mut self.spare);
    }

    /// Gives a taken node back: a later run may return it.
    pub fn put_back(&mut self, candidate: Candidate<N>) {
        self.spare.push(candidate);
    }

    /// Whether a further run could find more nodes.
    pub fn is_exhausted(&self) -> bool {
        self.frontier.is_empty() && self.spare.is_empty() && self.best.is_empty()
    }
}
