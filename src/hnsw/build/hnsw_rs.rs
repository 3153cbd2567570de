//! The reference builder: crate `hnsw_rs`, an implementation independent of ours. Never calls PostgreSQL.
//!
//! The crate is built for a process of its own; what follows keeps a backend safe from it (read in the source
//! of 0.3.5, which is pinned). It exits the process for more than 256 links: parameters are checked first. It
//! panics on NaN and negative distances: keys are shifted and bounded, and a panic becomes a failure. A point
//! inserted while the entry is unknown stays alone: the first ones are inserted serially. It knows no
//! cancellation: every insertion looks at the flag. Its lists hold entries of other levels: they are left
//! out. Insertions hold the lock of their own lists while they wait for that of another node, which lets
//! three of them wait in a circle: no more than two run at once. Levels come from a seed of its own.

use super::builder::{BuildControl, BuildFailure, BuildParams, GraphBuilder, Topology, try_filled};
use crate::distance::Metric;
use crate::hnsw::codes::{CodeArena, CodeParams};
use hnsw_rs::prelude::{Distance, Hnsw};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Points inserted before a second thread joins.
const SERIAL_POINTS: usize = 1000;
/// Points a thread takes at a time.
const CHUNK: usize = 32;
/// Insertions that cannot wait for each other in a circle.
const MAX_THREADS: usize = 2;
/// The crate's number of layers, level 0 included.
const MAX_LAYERS: usize = 16;

/// Builds with `hnsw_rs`.
#[derive(Debug, Clone, Copy, Default)]
pub struct HnswRsBuilder;

/// Distance of two ids, as the crate asks for: never NaN, never negative.
#[derive(Clone, Copy)]
struct CodeDistance<'a> {
    arena: &'a CodeArena,
    shift: f32,
}

impl<'a> CodeDistance<'a> {
    fn new(arena: &'a CodeArena) -> Self {
        // No inner product of two vectors exceeds the largest squared norm.
        let shift = match arena.params.metric {
            Metric::InnerProduct => arena
                .factors
                .iter()
                .fold(0.0, |most: f32, factors| most.max(factors.norm_squared)),
            _ => 0.0,
        };
        Self { arena, shift }
    }
}

impl Distance<u32> for CodeDistance<'_> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        match (a, b) {
            // `max` also takes a NaN away, and rounding below zero.
            (&[a], &[b]) => (self.arena.key(a, b) + self.shift).max(0.0),
            _ => f32::MAX,
        }
    }
}

type Graph<'a> = Hnsw<'a, u32, CodeDistance<'a>>;

impl GraphBuilder for HnswRsBuilder {
    /// An upper estimate: the crate allocates each link by itself, 48 bytes with the allocator's own.
    fn memory_bytes(&self, rows: usize, params: &BuildParams, _codes: &CodeParams) -> usize {
        const LINK: usize = 48;
        const POINT: usize = 64 + 32 + 64 + MAX_LAYERS * size_of::<Vec<u64>>() + 16;
        let m = params.m.max(2);
        // A list's vector of pointers has up to twice the room it needs.
        let base_list = 2 * m * (LINK + 2 * size_of::<usize>());
        let upper_list = m * (LINK + 2 * size_of::<usize>());
        let upper_lists = rows / (m - 1);
        // One entry of another level in each list above a point's level, in a vector of four pointers.
        let top_level = rows.max(1).ilog(m) as usize + 1;
        let strays = top_level.min(MAX_LAYERS) * (LINK + 4 * size_of::<usize>());
        let topology = rows * (2 * m * size_of::<u32>() + size_of::<u32>() + 2 * size_of::<u8>())
            + upper_lists * (m * size_of::<u32>() + size_of::<u8>());
        rows * (POINT + base_list + strays) + upper_lists * upper_list + topology
    }

    fn build(
        &self,
        arena: &CodeArena,
        params: &BuildParams,
        control: &BuildControl,
    ) -> Result<Topology, BuildFailure> {
        if !(2..=100).contains(&params.m) {
            return Err(BuildFailure::Internal(format!(
                "{} links per node, where 2 to 100 are possible",
                params.m
            )));
        }
        if arena.is_empty() {
            return extract(None, arena, params);
        }
        // The graph is built and dropped on the threads of the pool that called us, so this cannot catch an
        // error of PostgreSQL. Nothing of the graph is used after a panic; the arena is only read.
        catch_unwind(AssertUnwindSafe(|| {
            let graph = Hnsw::new(
                params.m,
                arena.len(),
                MAX_LAYERS.min(usize::from(params.max_level) + 1),
                // At `2 * m` candidates or fewer the crate takes all of them instead of choosing.
                params.ef_construction.max(2 * params.m + 1),
                CodeDistance::new(arena),
            );
            insert_all(&graph, arena.len(), control)?;
            extract(Some(&graph), arena, params)
        }))
        .unwrap_or_else(|panic| Err(BuildFailure::Internal(panic_message(panic.as_ref()))))
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("hnsw_rs: {}", message.unwrap_or("unknown panic"))
}

fn insert_all(graph: &Graph<'_>, len: usize, control: &BuildControl) -> Result<(), BuildFailure> {
    // Stops the other thread when one panics, as that one no longer counts up `next`.
    struct StopOnPanic<'a>(&'a AtomicBool);
    impl Drop for StopOnPanic<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                self.0.store(true, Ordering::Relaxed);
            }
        }
    }
    let has_panicked = AtomicBool::new(false);
    let is_stopped =
        || control.cancel.load(Ordering::Relaxed) || has_panicked.load(Ordering::Relaxed);
    let insert_range = |range: std::ops::Range<usize>| {
        for id in range {
            if is_stopped() {
                return;
            }
            graph.insert_slice((&[id as u32], id));
            control.inserted.fetch_add(1, Ordering::Relaxed);
        }
    };
    let serial = len.min(SERIAL_POINTS);
    insert_range(0..serial);
    let next = AtomicUsize::new(serial);
    rayon::scope(|scope| {
        for _ in 0..rayon::current_num_threads().min(MAX_THREADS) {
            scope.spawn(|_| {
                let _stop = StopOnPanic(&has_panicked);
                loop {
                    let start = next.fetch_add(CHUNK, Ordering::Relaxed);
                    if start >= len || is_stopped() {
                        break;
                    }
                    insert_range(start..len.min(start + CHUNK));
                }
            });
        }
    });
    if control.cancel.load(Ordering::Relaxed) {
        return Err(BuildFailure::Canceled);
    }
    Ok(())
}

/// Copies the lists out of the crate's graph, without entries of lower levels.
fn extract(
    graph: Option<&Graph<'_>>,
    arena: &CodeArena,
    params: &BuildParams,
) -> Result<Topology, BuildFailure> {
    let len = arena.len();
    let points = || {
        let indexation = graph.map(|graph| (graph.get_point_indexation(), graph.get_max_level()));
        indexation.into_iter().flat_map(|(indexation, layers)| {
            (0..layers).flat_map(|layer| indexation.get_layer_iterator(layer))
        })
    };
    let mut levels = try_filled(len, || 0_u8)?;
    for point in points() {
        levels[point.get_origin_id()] = point.get_point_id().0;
    }
    let mut upper_start = try_filled(len, || u32::MAX)?;
    let mut upper_lists = 0;
    let mut entry = 0;
    for (id, (start, &level)) in upper_start.iter_mut().zip(&levels).enumerate() {
        if level > 0 {
            *start = upper_lists;
            upper_lists += u32::from(level);
        }
        if level > levels[entry] {
            entry = id;
        }
    }
    let upper_lists = upper_lists as usize;
    let mut topology = Topology {
        base_degree: params.base_degree,
        upper_degree: params.upper_degree,
        base: try_filled(len * params.base_degree, || u32::MAX)?,
        base_counts: try_filled(len, || 0)?,
        upper_start,
        upper: try_filled(upper_lists * params.upper_degree, || u32::MAX)?,
        upper_counts: try_filled(upper_lists, || 0)?,
        levels,
        entry: entry as u32,
    };
    let mut list: Vec<(f32, u32)> = Vec::new();
    for point in points() {
        let id = point.get_origin_id();
        let own_level = topology.levels[id];
        for (level, neighbors) in (0..=own_level).zip(point.get_neighborhood_id()) {
            list.clear();
            list.extend(neighbors.iter().map(|n| (n.distance, n.d_id as u32)));
            list.retain(|&(_, other)| {
                other as usize != id && topology.levels[other as usize] >= level
            });
            list.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            list.dedup_by_key(|&mut (_, other)| other);
            let (slots, count) = topology.list_mut(id as u32, level);
            for (slot, &(_, other)) in slots.iter_mut().zip(&list) {
                *slot = other;
                *count += 1;
            }
        }
    }
    Ok(topology)
}
