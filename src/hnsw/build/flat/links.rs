//! Neighbor lists of a graph under construction, shared by all threads of a build.
//!
//! Lists are slices of flat atomic arrays: one of ids, one of the keys that a back-link would otherwise have
//! to compute again. Writers hold the lock of the list's owner, one lock at a time; readers take none. A
//! reader may see a list half rewritten: some neighbor twice or not at all, never an id that is no node.
//! Lists never get shorter, so the first empty slot ends a list for every reader.

use crate::distance::prefetch;
use crate::hnsw::build::builder::{BaseKeys, BuildFailure, Topology, try_filled};
use crate::hnsw::select::{Link, Standing};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};

/// No neighbor.
const EMPTY: u32 = u32::MAX;
/// Set in the slot of a covered neighbor (see `select`); ids stay below it.
const COVERED: u32 = 1 << 31;

/// A node is rare up to so many lists that lead to it, and crowded from so many times the places of a list on.
const RARE: u32 = 2;
const CROWDED: u32 = 8;

/// All lists of a graph whose levels are known beforehand.
#[derive(Debug)]
pub(super) struct Links {
    base_degree: usize,
    upper_degree: usize,
    base: Lists,
    upper: Lists,
    /// First upper list of each node, `u32::MAX` for nodes of level 0.
    upper_start: Vec<u32>,
    locks: Vec<AtomicBool>,
}

#[derive(Debug)]
struct Lists {
    slots: Vec<AtomicU32>,
    keys: Vec<AtomicU32>,
    /// Lists that lead to the owner of each list.
    in_degrees: Vec<AtomicU32>,
}

impl Lists {
    /// Empty lists of `degree` places.
    fn try_new(count: usize, degree: usize) -> Result<Self, BuildFailure> {
        let len = count * degree;
        Ok(Self {
            slots: try_filled(len, || AtomicU32::new(EMPTY))?,
            keys: try_filled(len, || AtomicU32::new(0))?,
            in_degrees: try_filled(count, || AtomicU32::new(0))?,
        })
    }
}

/// Releases the lock of a node when dropped.
struct ListGuard<'a>(&'a AtomicBool);

impl Drop for ListGuard<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Links {
    /// Empty lists for nodes of these levels: of `base_degree` places on level 0, `upper_degree` above.
    pub(super) fn try_new(
        levels: &[u8],
        base_degree: usize,
        upper_degree: usize,
    ) -> Result<Self, BuildFailure> {
        let mut upper_lists = 0_u32;
        let mut upper_start = try_filled(levels.len(), || EMPTY)?;
        for (start, &level) in upper_start.iter_mut().zip(levels) {
            if level > 0 {
                *start = upper_lists;
                upper_lists += u32::from(level);
            }
        }
        Ok(Self {
            base_degree,
            upper_degree,
            base: Lists::try_new(levels.len(), base_degree)?,
            upper: Lists::try_new(upper_lists as usize, upper_degree)?,
            upper_start,
            locks: try_filled(levels.len(), || AtomicBool::new(false))?,
        })
    }

    /// Most bytes that [`Self::try_new`] takes for `rows` nodes with `upper_lists` lists above level 0.
    pub(super) fn memory_bytes(rows: usize, upper_lists: usize, m: usize) -> usize {
        let slots = rows * 2 * m + upper_lists * m;
        (slots * 2 + rows + upper_lists) * size_of::<AtomicU32>()
            + rows * (size_of::<u32>() + size_of::<AtomicBool>())
    }

    /// Most neighbors a list of `level` holds.
    pub(super) fn degree(&self, level: u8) -> usize {
        if level == 0 {
            self.base_degree
        } else {
            self.upper_degree
        }
    }

    fn list(&self, node: u32, level: u8) -> (&[AtomicU32], &[AtomicU32]) {
        let (lists, index) = self.lists(node, level);
        let degree = self.degree(level);
        let range = index * degree..(index + 1) * degree;
        (&lists.slots[range.clone()], &lists.keys[range])
    }

    /// Where the list of `node` on `level` is.
    fn lists(&self, node: u32, level: u8) -> (&Lists, usize) {
        if level == 0 {
            (&self.base, node as usize)
        } else {
            let first = self.upper_start[node as usize] as usize;
            (&self.upper, first + usize::from(level) - 1)
        }
    }

    fn in_degree(&self, node: u32, level: u8) -> &AtomicU32 {
        let (lists, index) = self.lists(node, level);
        &lists.in_degrees[index]
    }

    /// How many lists of `level` lead to `node`, by what [`Self::count_in`] and [`Self::count_out`] were told.
    pub(super) fn standing(&self, node: u32, level: u8) -> Standing {
        let in_degree = self.in_degree(node, level).load(Ordering::Relaxed);
        if in_degree <= RARE {
            Standing::Rare
        } else if in_degree < CROWDED * self.degree(level) as u32 {
            Standing::Ordinary
        } else {
            Standing::Crowded
        }
    }

    /// One list of `level` more leads to `node`.
    pub(super) fn count_in(&self, node: u32, level: u8) {
        self.in_degree(node, level).fetch_add(1, Ordering::Relaxed);
    }

    /// One list of `level` less leads to `node`.
    pub(super) fn count_out(&self, node: u32, level: u8) {
        self.in_degree(node, level).fetch_sub(1, Ordering::Relaxed);
    }

    /// Calls `visit` with each neighbor of `node` on `level`. Takes no lock.
    pub(super) fn for_each_neighbor(&self, node: u32, level: u8, mut visit: impl FnMut(u32)) {
        let (slots, _) = self.list(node, level);
        for slot in slots {
            let slot = slot.load(Ordering::Relaxed);
            if slot == EMPTY {
                break;
            }
            visit(slot & !COVERED);
        }
        // Pairs with the fence in `update`: whoever sees a node here also sees the node's own lists.
        fence(Ordering::Acquire);
    }

    /// Calls `visit` with each neighbor of `node` on `level` that no nearer one covers. Takes no lock.
    pub(super) fn for_each_diverse(&self, node: u32, level: u8, mut visit: impl FnMut(u32)) {
        let (slots, _) = self.list(node, level);
        for slot in slots {
            let slot = slot.load(Ordering::Relaxed);
            if slot & COVERED == 0 {
                visit(slot);
            }
        }
    }

    /// Asks the CPU to bring all that [`Self::update`] reads of `node` on `level` into its caches.
    pub(super) fn prefetch_for_update(&self, node: u32, level: u8) {
        let (slots, keys) = self.list(node, level);
        prefetch::slice(slots);
        prefetch::slice(keys);
        prefetch::slice(std::slice::from_ref(&self.locks[node as usize]));
        prefetch::slice(std::slice::from_ref(self.in_degree(node, level)));
    }

    /// Asks the CPU to bring the list of `node` on `level` into its caches.
    pub(super) fn prefetch(&self, node: u32, level: u8) {
        prefetch::slice(self.list(node, level).0);
    }

    /// Locks the lists of `node`. The holder never locks a second node, so threads cannot wait in a circle.
    fn lock(&self, node: u32) -> ListGuard<'_> {
        let lock = &self.locks[node as usize];
        let mut attempts = 0_u32;
        while lock
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            attempts += 1;
            // The holder may have lost its core; a list is rewritten in about a microsecond otherwise.
            if attempts.is_multiple_of(64) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        ListGuard(lock)
    }

    /// Rewrites the list of `node` on `level` by `change`, which gets the list sorted nearest first, must not
    /// shorten it, and returns whether to store it. `buffer` is scratch space.
    pub(super) fn update(
        &self,
        node: u32,
        level: u8,
        buffer: &mut Vec<Link<u32>>,
        change: impl FnOnce(&mut Vec<Link<u32>>) -> bool,
    ) {
        let (slots, keys) = self.list(node, level);
        let _guard = self.lock(node);
        buffer.clear();
        for (slot, key) in slots.iter().zip(keys) {
            let slot = slot.load(Ordering::Relaxed);
            if slot == EMPTY {
                break;
            }
            buffer.push(Link {
                key: f32::from_bits(key.load(Ordering::Relaxed)),
                id: slot & !COVERED,
                is_diverse: slot & COVERED == 0,
            });
        }
        if !change(buffer) {
            return;
        }
        fence(Ordering::Release);
        for ((slot, key), link) in slots.iter().zip(keys).zip(buffer.iter()) {
            let covered = if link.is_diverse { 0 } else { COVERED };
            slot.store(link.id | covered, Ordering::Relaxed);
            key.store(link.key.to_bits(), Ordering::Relaxed);
        }
    }

    /// Takes the keys of the lists of level 0, which must not be updated afterwards.
    /// # Errors
    /// `OutOfMemory` for the set of covered neighbors; the keys themselves keep their memory.
    pub(super) fn take_base_keys(&mut self) -> Result<BaseKeys, BuildFailure> {
        let mut taken = BaseKeys::try_new(self.base.slots.len())?;
        for (place, slot) in self.base.slots.iter_mut().enumerate() {
            let slot = *slot.get_mut();
            if slot != EMPTY && slot & COVERED != 0 {
                taken.set_covered(place);
            }
        }
        // `collect` reuses the memory, as in `finish`.
        taken.keys = std::mem::take(&mut self.base.keys)
            .into_iter()
            .map(|key| f32::from_bits(key.into_inner()))
            .collect();
        Ok(taken)
    }

    /// The finished graph.
    /// # Errors
    /// `OutOfMemory` for the counts; the lists themselves keep their memory.
    pub(super) fn into_topology(
        self,
        levels: Vec<u8>,
        entry: u32,
    ) -> Result<Topology, BuildFailure> {
        drop(self.locks);
        let (base, base_counts) = finish(self.base, self.base_degree)?;
        let (upper, upper_counts) = finish(self.upper, self.upper_degree)?;
        Ok(Topology {
            levels,
            base_degree: self.base_degree,
            upper_degree: self.upper_degree,
            base,
            base_counts,
            upper_start: self.upper_start,
            upper,
            upper_counts,
            entry,
        })
    }
}

/// Plain ids and the length of each list.
fn finish(lists: Lists, degree: usize) -> Result<(Vec<u32>, Vec<u8>), BuildFailure> {
    drop(lists.keys);
    // `collect` from `into_iter` of a vector of the same layout reuses its memory.
    let mut slots: Vec<u32> = lists.slots.into_iter().map(AtomicU32::into_inner).collect();
    let mut counts = try_filled(slots.len() / degree, || 0_u8)?;
    for (list, count) in slots.chunks_exact_mut(degree).zip(&mut counts) {
        for slot in list {
            if *slot == EMPTY {
                break;
            }
            *slot &= !COVERED;
            *count += 1;
        }
    }
    Ok((slots, counts))
}
