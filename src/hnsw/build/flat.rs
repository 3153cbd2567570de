//! Our own bulk builder of an HNSW graph: flat arrays of ids, one lock per node, no allocation per insertion.
//!
//! Follows Malkov and Yashunin (see `select`) with these differences. Levels are drawn before the first
//! insertion, so the entry point is known from the start and never moves: no insertion can find the graph
//! without an entry. Vectors with equal codes are one node of the graph and are unfolded at the end (`equal`).
//! Never calls PostgreSQL.

mod equal;
mod insert;
mod links;
mod sketches;

use super::builder::{
    BaseKeys, BuildControl, BuildFailure, BuildParams, GraphBuilder, Topology, try_filled,
};
use crate::hnsw::codes::{CodeArena, CodeParams};
use crate::hnsw::nearest::MAX_NODES;
use equal::EqualCodes;
use insert::{Scratch, Shared};
use links::Links;
use sketches::Sketches;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Nodes inserted by one thread before the others join: a small graph that two threads extend at once gets
/// poor lists, as neither sees the other's node.
const SERIAL_NODES: usize = 1000;
/// Nodes a thread takes at a time.
const CHUNK: usize = 32;

/// The default builder.
#[derive(Debug, Clone, Copy, Default)]
pub struct FlatBuilder;

impl GraphBuilder for FlatBuilder {
    fn memory_bytes(&self, rows: usize, params: &BuildParams, codes: &CodeParams) -> usize {
        let levels = draw_levels(rows, params);
        let upper_lists: usize = levels.map(usize::from).sum();
        let nodes = rows * size_of::<u8>();
        let scratch =
            Scratch::memory_bytes(rows, params.m, params.ef_construction, params.max_level);
        let sketches = rows * Sketches::bytes_per_vector(codes);
        let working =
            Links::memory_bytes(rows, upper_lists, params.m) + sketches + scratch * params.threads;
        // The codes are grouped before the lists exist, so only the larger of the two counts.
        nodes + EqualCodes::kept_bytes(rows) + working.max(EqualCodes::working_bytes(rows))
    }

    fn build(
        &self,
        arena: &CodeArena,
        params: &BuildParams,
        control: &BuildControl,
    ) -> Result<Topology, BuildFailure> {
        let Some(built) = Built::try_new(arena, params, control)? else {
            return Ok(empty(params));
        };
        let mut topology = built.links.into_topology(built.levels, built.entry)?;
        built.equal.unfold(&mut topology);
        Ok(topology)
    }

    fn build_with_keys(
        &self,
        arena: &CodeArena,
        params: &BuildParams,
        control: &BuildControl,
    ) -> Result<(Topology, BaseKeys), BuildFailure> {
        let Some(mut built) = Built::try_new(arena, params, control)? else {
            return Ok((empty(params), BaseKeys::default()));
        };
        let mut keys = built.links.take_base_keys()?;
        let mut topology = built.links.into_topology(built.levels, built.entry)?;
        built.equal.unfold(&mut topology);
        built.equal.unfold_keys(&topology, arena, &mut keys);
        Ok((topology, keys))
    }
}

/// A graph whose lists are complete but for those of copies.
struct Built {
    levels: Vec<u8>,
    entry: u32,
    links: Links,
    equal: EqualCodes,
}

impl Built {
    /// `None` for no nodes.
    fn try_new(
        arena: &CodeArena,
        params: &BuildParams,
        control: &BuildControl,
    ) -> Result<Option<Self>, BuildFailure> {
        let len = arena.len();
        if len == 0 {
            return Ok(None);
        }
        if len >= MAX_NODES {
            return Err(BuildFailure::Internal(format!(
                "{len} vectors in one graph, where fewer than {MAX_NODES} fit"
            )));
        }
        let equal = EqualCodes::try_find(arena, control)?;
        let mut levels = try_filled(len, || 0_u8)?;
        for (id, (slot, level)) in levels.iter_mut().zip(draw_levels(len, params)).enumerate() {
            // A copy is reached through its original and needs no shortcut of its own.
            *slot = if equal.is_copy(id as u32) { 0 } else { level };
        }
        let entry = first_of_highest(&levels);
        let links = Links::try_new(&levels, params.base_degree, params.upper_degree)?;
        let sketches = Sketches::try_new(arena, control)?;
        let shared = Shared {
            arena,
            sketches: sketches.as_ref(),
            links: &links,
            levels: &levels,
            entry,
            ef_construction: params.ef_construction,
            cancel: &control.cancel,
        };
        insert_all(&shared, &equal, params.m, control)?;
        Ok(Some(Self {
            levels,
            entry,
            links,
            equal,
        }))
    }
}

fn empty(params: &BuildParams) -> Topology {
    Topology {
        base_degree: params.base_degree,
        upper_degree: params.upper_degree,
        ..Topology::default()
    }
}

/// Inserts every node but the entry and the copies: the first ones on this thread, the rest on all threads.
fn insert_all(
    shared: &Shared<'_>,
    equal: &EqualCodes,
    m: usize,
    control: &BuildControl,
) -> Result<(), BuildFailure> {
    let len = shared.levels.len();
    let top_level = shared.levels[shared.entry as usize];
    let mut scratches = try_filled_results(rayon::current_num_threads(), || {
        Scratch::try_new(len, m, shared.ef_construction, top_level)
    })?;
    let insert_range = |range: std::ops::Range<usize>, scratch: &mut Scratch| {
        let count = range.len() as u64;
        for id in range {
            let id = id as u32;
            if id != shared.entry && !equal.is_copy(id) {
                shared.insert(id, scratch)?;
            }
        }
        control.inserted.fetch_add(count, Ordering::Relaxed);
        Ok(())
    };
    let serial = len.min(SERIAL_NODES);
    if let Some(scratch) = scratches.first_mut() {
        for start in (0..serial).step_by(CHUNK) {
            insert_range(start..serial.min(start + CHUNK), scratch)?;
        }
    }
    let next = AtomicUsize::new(serial);
    let failure = Mutex::new(None);
    rayon::scope(|scope| {
        for scratch in &mut scratches {
            let (next, failure, insert_range) = (&next, &failure, &insert_range);
            scope.spawn(move |_| {
                loop {
                    let start = next.fetch_add(CHUNK, Ordering::Relaxed);
                    if start >= len {
                        break;
                    }
                    if let Err(cause) = insert_range(start..len.min(start + CHUNK), scratch) {
                        next.store(len, Ordering::Relaxed);
                        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause);
                        break;
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(cause) => Err(cause),
        None => Ok(()),
    }
}

/// `len` elements made one by one.
fn try_filled_results<T>(
    len: usize,
    make: impl Fn() -> Result<T, BuildFailure>,
) -> Result<Vec<T>, BuildFailure> {
    (0..len).map(|_| make()).collect()
}

fn first_of_highest(levels: &[u8]) -> u32 {
    let mut first = 0;
    for (id, level) in levels.iter().enumerate() {
        if *level > levels[first] {
            first = id;
        }
    }
    first as u32
}

/// Levels of nodes `0..len`: at least `l` with probability `m^-l`, which is the paper's
/// `floor(-ln(uniform) / ln(m))`, in integers and therefore the same on every machine.
fn draw_levels(len: usize, params: &BuildParams) -> impl Iterator<Item = u8> {
    let (m, max_level, seed) = (params.m.max(2) as u64, params.max_level, params.seed);
    (0..len as u64).map(move |id| {
        let uniform = split_mix(seed ^ split_mix(id));
        let mut threshold = u64::MAX / m;
        let mut level = 0;
        while level < max_level && uniform < threshold {
            level += 1;
            threshold /= m;
        }
        level
    })
}

/// SplitMix64's output function, a bijection that scatters consecutive numbers.
fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves: levels follow the paper's distribution, stay below the bound and depend on the seed only.
    #[test]
    fn levels_follow_the_distribution() {
        let mut params = BuildParams {
            m: 16,
            upper_degree: 16,
            base_degree: 32,
            ef_construction: 64,
            max_level: 3,
            seed: 7,
            threads: 1,
        };
        let levels: Vec<u8> = draw_levels(160_000, &params).collect();
        let count = |least: u8| levels.iter().filter(|&&level| level >= least).count();
        // 10,000 and 625 are expected; the bounds are five standard deviations away.
        assert!((9_500..10_500).contains(&count(1)), "{}", count(1));
        assert!((500..750).contains(&count(2)), "{}", count(2));
        assert_eq!(count(4), 0);
        assert_eq!(levels, draw_levels(160_000, &params).collect::<Vec<u8>>());
        params.seed = 8;
        assert_ne!(levels, draw_levels(160_000, &params).collect::<Vec<u8>>());
    }
}
