//! Builds in parts against what every graph must be, and against the build that fits: in memory, without a server.

use annex::distance::Metric;
use annex::error::{Error, Result, SqlState};
use annex::hnsw::build::builder::{BuildControl, BuildParams, GraphBuilder, Topology};
use annex::hnsw::build::flat::FlatBuilder;
use annex::hnsw::build::hnsw_rs::HnswRsBuilder;
use annex::hnsw::build::partition::{
    Host, PartLink, Settings, SpillFile, SpilledGraph, SpilledRows, merge_lists,
};
use annex::hnsw::build::refine::refine;
use annex::hnsw::build::source::{Lists, NodeSource};
use annex::hnsw::codes::{CodeArena, CodeParams, Factors, MeanAccumulator, Query};
use annex::hnsw::memory_graph::MemorySearch;
use annex::hnsw::vector_hash::vector_hash;
use annex::pg::relation::Tid;
use annex::types::indexed::IndexedValue;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

const METRICS: [Metric; 4] = [Metric::L2, Metric::InnerProduct, Metric::Cosine, Metric::L1];

/// A file in memory.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl SpillFile for Bytes {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let start = offset as usize;
        let found = self.0.get(start..start + bytes.len());
        let found = found.ok_or_else(|| Error::new(SqlState::IoError, "beyond the end"))?;
        bytes.copy_from_slice(found);
        Ok(())
    }
}

/// Threads of a pool of its own; cancels a build after some long pieces of work.
struct Pool {
    pool: rayon::ThreadPool,
    cancel_after: Cell<usize>,
}

impl Pool {
    fn new(threads: usize) -> Self {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        Self {
            pool: pool.expect("threads"),
            cancel_after: Cell::new(usize::MAX),
        }
    }
}

impl Host for Pool {
    type File = Bytes;

    fn new_file(&self) -> Result<Bytes> {
        Ok(Bytes::default())
    }

    fn announce(&self, _nodes: u64) {}

    fn run<T: Send>(&self, control: &BuildControl, work: impl FnOnce() -> T + Send) -> Result<T> {
        let left = self.cancel_after.get();
        control.cancel.store(left == 0, Ordering::Relaxed);
        self.cancel_after.set(left.saturating_sub(1));
        Ok(self.pool.install(work))
    }

    fn run_short<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        Ok(self.pool.install(work))
    }
}

/// Numbers in `0.0..1.0` from a seed.
fn uniform(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    }
}

/// Overlapping groups of points.
fn mixture(seed: u64, rows: usize, dims: usize) -> Vec<f32> {
    const CENTERS: usize = 30;
    let mut next = uniform(seed);
    let centers: Vec<f32> = (0..CENTERS * dims).map(|_| next() - 0.3).collect();
    let mut values = Vec::with_capacity(rows * dims);
    for _ in 0..rows {
        let center = (next() * CENTERS as f32) as usize * dims;
        let center = &centers[center..center + dims];
        values.extend(center.iter().map(|x| x + 2.0 * (next() - 0.5)));
    }
    values
}

fn code_params(metric: Metric, dims: usize, values: &[f32]) -> CodeParams {
    let mut mean = MeanAccumulator::new(metric, dims);
    values.chunks_exact(dims).for_each(|row| mean.add(row));
    CodeParams::new(metric, dims, mean.finish())
}

fn settings<'a>(
    params: &CodeParams,
    builder: &'a (dyn GraphBuilder + Sync),
    build: BuildParams,
    members: usize,
) -> Settings<'a> {
    Settings {
        code_len: params.dims,
        params: params.clone(),
        build,
        builder,
        members,
        memory_bytes: 1 << 20,
        with_base_codes: true,
        with_upper_codes: true,
    }
}

/// Row number as a row pointer, and back.
fn tid(row: usize) -> Tid {
    Tid {
        block: row as u32 / 100,
        offset: (row % 100) as u16 + 1,
    }
}

fn row_of(tid: Tid) -> usize {
    tid.block as usize * 100 + usize::from(tid.offset) - 1
}

fn build<'a>(settings: Settings<'a>, threads: usize, values: &[f32]) -> SpilledGraph<'a, Pool> {
    let dims = settings.params.dims;
    let mut rows = SpilledRows::new(Pool::new(threads), settings).expect("a file");
    for (row, vector) in values.chunks_exact(dims).enumerate() {
        rows.push_value(tid(row), vector_hash(vector), IndexedValue::Dense(vector))
            .expect("room");
    }
    rows.build(&BuildControl::default()).expect("a graph")
}

/// Copies the codes of a list's owner and members, as they are beside the list.
fn copy_codes(
    lists: &dyn Lists,
    node: u32,
    list: &[u32],
    codes: &mut Vec<(u32, Vec<i8>, Factors)>,
) {
    for id in list.iter().chain([&node]) {
        let (code, factors) = lists.code(*id).expect("a code");
        codes.push((*id, code.to_vec(), *factors));
    }
}

/// Lists and rows of a graph, read in the order in which pages are written.
struct Whole {
    entry: u32,
    /// Lists of each node, from level 0 up.
    lists: Vec<Vec<Vec<u32>>>,
    rows: Vec<Vec<usize>>,
}

fn read(graph: &mut dyn NodeSource) -> Whole {
    let levels: HashMap<u32, u8> = graph.uppers().collect();
    let chained: HashMap<u32, usize> = graph.chained().collect();
    let mut whole = Whole {
        entry: graph.entry(),
        lists: Vec::new(),
        rows: Vec::new(),
    };
    let (mut list, mut codes) = (Vec::new(), Vec::new());
    for node in 0..graph.node_count() as u32 {
        let tids = graph.node(node).expect("a node").tids;
        let rows: Vec<usize> = tids.iter().map(|tid| row_of(*tid)).collect();
        assert_eq!(
            chained.get(&node).copied().unwrap_or(rows.len()),
            rows.len()
        );
        assert_eq!(chained.contains_key(&node), rows.len() > 2);
        whole.rows.push(rows);
        let lists = graph.base_lists(node).expect("lists").0;
        lists.neighbors(node, 0, &mut list);
        copy_codes(lists, node, &list, &mut codes);
        whole.lists.push(vec![list.clone()]);
    }
    for node in 0..graph.node_count() as u32 {
        for level in 1..=levels.get(&node).copied().unwrap_or(0) {
            let lists = graph.upper_lists().expect("lists");
            lists.neighbors(node, level, &mut list);
            copy_codes(lists, node, &list, &mut codes);
            whole.lists[node as usize].push(list.clone());
        }
    }
    for (id, code, factors) in codes {
        let data = graph.node(id).expect("a node");
        assert_eq!((data.code, data.factors), (&code[..], factors));
    }
    let rows: usize = whole.rows.iter().map(Vec::len).sum();
    assert_eq!(graph.tid_count(), rows as u64);
    whole
}

impl Whole {
    /// Panics unless lists are within their degree, without repetition, and lead to nodes of their level.
    fn assert_well_formed(&self, m: usize) {
        for (node, lists) in self.lists.iter().enumerate() {
            for (level, list) in lists.iter().enumerate() {
                assert!(list.len() <= if level == 0 { 2 * m } else { m });
                let distinct: HashSet<u32> = list.iter().copied().collect();
                assert_eq!(distinct.len(), list.len(), "node {node} level {level}");
                assert!(
                    !distinct.contains(&(node as u32)),
                    "node {node} level {level}"
                );
                for &neighbor in list {
                    assert!(self.lists[neighbor as usize].len() > level, "node {node}");
                }
            }
        }
        let highest = self.lists.iter().map(Vec::len).max();
        assert_eq!(self.lists.get(self.entry as usize).map(Vec::len), highest);
    }

    /// Panics unless a walk from the entry, level by level, finds every node, as `annex.verify` demands.
    fn assert_reachable(&self) {
        let mut reached = HashSet::from([self.entry]);
        let top = self.lists[self.entry as usize].len();
        for level in (0..top).rev() {
            let mut queue: Vec<u32> = reached.iter().copied().collect();
            while let Some(node) = queue.pop() {
                let list = &self.lists[node as usize][level];
                queue.extend(list.iter().filter(|&&neighbor| reached.insert(neighbor)));
            }
            let of_level = self.lists.iter().filter(|lists| lists.len() > level);
            assert_eq!(reached.len(), of_level.count(), "level {level}");
        }
    }

    /// Panics unless each row is in one node, with all rows of equal vectors and no other.
    fn assert_rows(&self, dims: usize, values: &[f32]) {
        let vector = |row: usize| -> Vec<u32> {
            let row = &values[row * dims..][..dims];
            row.iter().map(|x| (x + 0.0).to_bits()).collect()
        };
        let mut nodes = HashMap::new();
        let mut seen = HashSet::new();
        for rows in &self.rows {
            let own = vector(rows[0]);
            for &row in rows {
                assert_eq!(vector(row), own);
                assert!(seen.insert(row));
            }
            assert!(nodes.insert(own, ()).is_none(), "a vector in two nodes");
        }
        assert_eq!(seen.len(), values.len() / dims);
    }

    fn to_topology(&self, m: usize) -> Topology {
        let mut topology = Topology {
            base_degree: 2 * m,
            upper_degree: m,
            entry: self.entry,
            ..Topology::default()
        };
        for lists in &self.lists {
            topology.levels.push(lists.len() as u8 - 1);
            topology.base_counts.push(lists[0].len() as u8);
            topology.base.extend_from_slice(&lists[0]);
            topology.base.resize(topology.levels.len() * 2 * m, 0);
            topology
                .upper_start
                .push(topology.upper_counts.len() as u32);
            for list in &lists[1..] {
                topology.upper_counts.push(list.len() as u8);
                topology.upper.extend_from_slice(list);
                topology.upper.resize(topology.upper_counts.len() * m, 0);
            }
        }
        topology
    }
}

/// Share of the ten nearest codes that a search finds.
fn recall(graph: &Topology, arena: &CodeArena, queries: &[f32], ef: usize) -> f64 {
    let mut search = MemorySearch::try_new(graph.len()).expect("memory");
    let mut hits = 0;
    for query in queries.chunks_exact(arena.params.dims) {
        let query = Query::from_vector(&arena.params, query);
        let key = |id: u32| query.key(arena.code(id), &arena.factors[id as usize]);
        let mut truth: Vec<(f32, u32)> = (0..arena.len() as u32).map(|id| (key(id), id)).collect();
        truth.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let found = search.search(graph, arena, ef, key);
        let found: HashSet<u32> = found.iter().take(10).map(|(_, id)| id).collect();
        hits += truth[..10]
            .iter()
            .filter(|(_, id)| found.contains(id))
            .count();
    }
    hits as f64 / (queries.len() / arena.params.dims * 10) as f64
}

/// Proves: in parts of a quarter of the rows, the graph finds as much as one that is built at once, each metric. On one
/// thread, so that both are the same in every run.
#[test]
fn parts_find_what_the_whole_finds() {
    let (rows, dims) = (12_000, 16);
    let build_params = BuildParams {
        m: 8,
        upper_degree: 8,
        base_degree: 16,
        ef_construction: 40,
        max_level: 4,
        seed: 42,
        threads: 1,
    };
    let mut values = mixture(1, rows + 800, dims);
    let queries = values.split_off(rows * dims);
    for metric in METRICS {
        let params = code_params(metric, dims, &values);
        let settings = settings(&params, &FlatBuilder, build_params, rows / 4);
        let mut spilled = build(settings, 1, &values);
        assert!(spilled.part_count() >= 8, "{} parts", spilled.part_count());
        let whole = read(&mut spilled);
        whole.assert_well_formed(build_params.m);
        whole.assert_reachable();
        whole.assert_rows(dims, &values);
        let mut arena = CodeArena::try_with_capacity(params.clone(), rows).expect("memory");
        for rows in &whole.rows {
            arena
                .push(&values[rows[0] * dims..][..dims])
                .expect("memory");
        }
        let in_parts = recall(&whole.to_topology(build_params.m), &arena, &queries, 40);

        let pool = Pool::new(1).pool;
        let control = BuildControl::default();
        let at_once = pool.install(|| {
            let mut graph = FlatBuilder.build(&arena, &build_params, &control)?;
            refine(&mut graph, &arena, &control)?;
            Ok::<_, annex::hnsw::build::builder::BuildFailure>(graph)
        });
        let at_once = recall(&at_once.expect("a graph"), &arena, &queries, 40);
        assert!(in_parts > 0.9, "{metric:?}: {in_parts}");
        assert!(
            in_parts >= at_once - 0.01,
            "{metric:?}: {in_parts} in parts, {at_once} at once"
        );
    }
}

/// Proves: one thread and one seed always give the same graph.
#[test]
fn one_thread_builds_the_same_parts_again() {
    let (rows, dims) = (3000, 8);
    let values = mixture(3, rows, dims);
    let params = code_params(Metric::L2, dims, &values);
    let build_params = BuildParams {
        m: 4,
        upper_degree: 4,
        base_degree: 8,
        ef_construction: 20,
        max_level: 4,
        seed: 1,
        threads: 1,
    };
    let [first, second] = [(); 2].map(|()| {
        let settings = settings(&params, &FlatBuilder, build_params, 700);
        read(&mut build(settings, 1, &values))
    });
    assert_eq!(first.lists, second.lists);
    assert_eq!(first.rows, second.rows);
}

/// Proves: a cancel in any of the long pieces of work ends the build with that.
#[test]
fn a_cancelled_build_says_so() {
    let (rows, dims) = (3000, 8);
    let values = mixture(4, rows, dims);
    let params = code_params(Metric::L2, dims, &values);
    let build_params = BuildParams {
        m: 4,
        upper_degree: 4,
        base_degree: 8,
        ef_construction: 20,
        max_level: 4,
        seed: 1,
        threads: 2,
    };
    for pieces in 0..6 {
        let pool = Pool::new(2);
        pool.cancel_after.set(pieces);
        let settings = settings(&params, &FlatBuilder, build_params, 700);
        let mut spilled = SpilledRows::new(pool, settings).expect("a file");
        for (row, vector) in values.chunks_exact(dims).enumerate() {
            spilled
                .push_value(tid(row), vector_hash(vector), IndexedValue::Dense(vector))
                .expect("room");
        }
        let failure = spilled.build(&BuildControl::default()).err();
        let state = failure.map(|error| error.state);
        assert_eq!(state, Some(SqlState::QueryCanceled), "after {pieces}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Proves: whatever the rows, many of them equal, and however small the parts, every node is reachable, every
    /// row is in the node of its vector, and no list is malformed.
    #[test]
    fn every_graph_of_parts_is_whole(
        seed in any::<u64>(),
        rows in 1_usize..600,
        dims in 1_usize..6,
        // Few values a dimension make many equal vectors.
        values_each in prop::sample::select(vec![1.0_f32, 2.0, 5.0, 1e6]),
        metric in prop::sample::select(METRICS.to_vec()),
        m in 2_usize..10,
        more_candidates in 0_usize..30,
        max_level in 1_u8..6,
        threads in 1_usize..4,
        members in 80_usize..400,
        is_reference in any::<bool>(),
    ) {
        let mut next = uniform(seed);
        let values: Vec<f32> =
            (0..rows * dims).map(|_| (next() * values_each).floor() - 1.0).collect();
        let params = code_params(metric, dims, &values);
        let build_params =
            BuildParams { m, upper_degree: m, base_degree: 2 * m, ef_construction: 2 * m + more_candidates, max_level, seed, threads };
        let builder: &(dyn GraphBuilder + Sync) =
            if is_reference { &HnswRsBuilder } else { &FlatBuilder };
        let settings = settings(&params, builder, build_params, members);
        let whole = read(&mut build(settings, threads, &values));
        whole.assert_well_formed(m);
        whole.assert_reachable();
        whole.assert_rows(dims, &values);
    }

    /// Proves: a merged list has each neighbor once, nearest first, all needed ones, and as many as there are places.
    #[test]
    fn merged_lists_keep_what_is_needed(
        links in prop::collection::vec((0_u32..40, any::<bool>(), any::<bool>()), 0..40),
        max in 2_usize..20,
    ) {
        let mut needed = HashSet::new();
        let mut links: Vec<PartLink> = links
            .into_iter()
            .map(|(id, is_diverse, is_needed)| {
                let is_needed = is_needed && needed.len() < max && needed.insert(id);
                // As in a build: the key follows from the neighbor.
                PartLink { id, key: ((id * 7) % 40) as f32, is_diverse, is_needed }
            })
            .collect();
        let distinct: HashSet<u32> = links.iter().map(|link| link.id).collect();
        let mut merged = Vec::new();
        merge_lists(&mut links, max, &mut merged);
        prop_assert_eq!(merged.len(), distinct.len().min(max));
        prop_assert!(merged.is_sorted_by_key(|id| (id * 7) % 40));
        let merged: HashSet<u32> = merged.into_iter().collect();
        prop_assert_eq!(merged.len(), distinct.len().min(max));
        prop_assert!(merged.is_superset(&needed) && merged.is_subset(&distinct));
    }
}
