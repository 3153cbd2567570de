//! Build time and recall of the graph builders, in one process without PostgreSQL.
//!
//! `cargo bench --bench build` uses seeded mixture data; `cargo bench --bench build -- METRIC BASE QUERIES`
//! reads two `.npy` files of binary32 rows (METRIC: l2, ip, cosine, l1). `BUILDERS=flat` leaves the reference
//! builder out, `RAYON_NUM_THREADS` sets the threads. Recall@10 is against exact distances of the vectors, by
//! the order of the codes alone: what the executor's reordering adds is not in it.

use annex::distance::{self, Metric};
use annex::hnsw::build::builder::{BuildControl, BuildParams, GraphBuilder, Topology};
use annex::hnsw::build::flat::FlatBuilder;
use annex::hnsw::build::hnsw_rs::HnswRsBuilder;
use annex::hnsw::build::refine::refine;
use annex::hnsw::codes::{CodeArena, CodeParams, MeanAccumulator, Query};
use annex::hnsw::memory_graph::MemorySearch;
use rayon::prelude::*;
use std::time::Instant;

const MAX_QUERIES: usize = 500;
const K: usize = 10;

/// Rows of equal dimensions, one behind the other.
struct Rows {
    dims: usize,
    values: Vec<f32>,
}

impl Rows {
    fn iter(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.dims)
    }
}

fn main() {
    // cargo adds `--bench` to the arguments of a benchmark.
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let (metric, base, queries) = match args.as_slice() {
        [metric, base, queries] => (parse_metric(metric), read_npy(base), read_npy(queries)),
        _ => {
            let dims = 128;
            let mut values = mixture(100_500, dims, 400);
            let queries = values.split_off(100_000 * dims);
            let rows = |values| Rows { dims, values };
            (Metric::L2, rows(values), rows(queries))
        }
    };
    let arena = encode(metric, &base);
    println!(
        "{} x {}, {metric:?}, {} threads",
        arena.len(),
        base.dims,
        rayon::current_num_threads()
    );
    let truth: Vec<Vec<u32>> = queries
        .values
        .par_chunks_exact(queries.dims)
        .take(MAX_QUERIES)
        .map(|query| exact(metric, &base, query))
        .collect();
    run("flat", &FlatBuilder, &arena, &queries, &truth);
    if std::env::var("BUILDERS").as_deref() != Ok("flat") {
        run("hnsw_rs", &HnswRsBuilder, &arena, &queries, &truth);
    }
}

fn run(
    name: &str,
    builder: &(impl GraphBuilder + Sync),
    arena: &CodeArena,
    queries: &Rows,
    truth: &[Vec<u32>],
) {
    let params = BuildParams {
        m: 16,
        upper_degree: 16,
        base_degree: 32,
        ef_construction: 64,
        max_level: 8,
        seed: 1,
        threads: rayon::current_num_threads(),
    };
    let control = BuildControl::default();
    let start = Instant::now();
    let mut graph = rayon::scope(|_| builder.build(arena, &params, &control)).expect("a graph");
    let built = start.elapsed();
    let report = refine(&mut graph, arena, &control).expect("a connected graph");
    let links: usize = graph.base_counts.iter().map(|&n| usize::from(n)).sum();
    println!(
        "{name}: built in {:.2} s, refined in {:.2} s ({} links), {:.1} links and {:.0} B a node",
        built.as_secs_f64(),
        (start.elapsed() - built).as_secs_f64(),
        report.relinked,
        links as f64 / arena.len() as f64,
        builder.memory_bytes(arena.len(), &params, &arena.params) as f64 / arena.len() as f64,
    );
    for ef in [20, 40, 80, 160] {
        let start = Instant::now();
        let recall = recall(&graph, arena, queries, truth, ef);
        let per_query = start.elapsed().as_secs_f64() / truth.len() as f64;
        println!(
            "  ef {ef:3}: recall {recall:.4}, {:.0} us a query",
            per_query * 1e6
        );
    }
}

/// Share of the true ten nearest among the ten found.
fn recall(
    graph: &Topology,
    arena: &CodeArena,
    queries: &Rows,
    truth: &[Vec<u32>],
    ef: usize,
) -> f64 {
    let mut search = MemorySearch::try_new(graph.len()).expect("memory");
    let mut hits = 0;
    for (query, truth) in queries.iter().zip(truth) {
        let query = Query::from_vector(&arena.params, query);
        let found = search.search(graph, arena, ef, |id| {
            query.key(arena.code(id), &arena.factors[id as usize])
        });
        let nearest = found.iter().take(K);
        hits += nearest.filter(|(_, id)| truth.contains(id)).count();
    }
    hits as f64 / (K * truth.len()) as f64
}

fn exact(metric: Metric, base: &Rows, query: &[f32]) -> Vec<u32> {
    let mut keys: Vec<(f32, u32)> = base
        .iter()
        .zip(0..)
        .map(|(row, id)| (true_key(metric, query, row), id))
        .collect();
    keys.select_nth_unstable_by(K, |a, b| a.0.total_cmp(&b.0));
    keys.truncate(K);
    keys.into_iter().map(|(_, id)| id).collect()
}

fn true_key(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    match metric {
        Metric::L2 => distance::l2_squared(a, b),
        Metric::InnerProduct => -distance::inner_product(a, b),
        Metric::L1 => distance::l1(a, b),
        _ => {
            let (product, aa, bb) = distance::cosine_parts(a, b);
            1.0 - product / (aa * bb).sqrt()
        }
    }
}

fn encode(metric: Metric, base: &Rows) -> CodeArena {
    let mut mean = MeanAccumulator::new(metric, base.dims);
    base.iter().for_each(|row| mean.add(row));
    let mut params = CodeParams::new(metric, base.dims, mean.finish());
    if metric != Metric::L1 && base.dims >= 48 {
        params = params.with_rotation(); // as those of an index that chooses its form itself
    }
    let mut arena = CodeArena::try_with_capacity(params, base.iter().len()).expect("memory");
    arena.push_many(&base.values).expect("memory");
    arena
}

fn parse_metric(name: &str) -> Metric {
    match name {
        "l2" => Metric::L2,
        "ip" => Metric::InnerProduct,
        "cosine" => Metric::Cosine,
        "l1" => Metric::L1,
        other => panic!("unknown metric {other}"),
    }
}

/// A version 1 file of a two-dimensional, C-ordered little-endian binary32 array.
fn read_npy(path: &str) -> Rows {
    let bytes = std::fs::read(path).unwrap_or_else(|cause| panic!("{path}: {cause}"));
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let (header, body) = bytes[10..].split_at(header_len);
    let header = std::str::from_utf8(header).expect("an ASCII header");
    assert!(
        header.contains("'<f4'") && header.contains("'fortran_order': False"),
        "{header}"
    );
    let shape = header.split(['(', ')']).nth(1).expect("a shape");
    let dims = shape.split(',').nth(1).expect("two dimensions").trim();
    Rows {
        dims: dims.parse().expect("a number"),
        values: body
            .chunks_exact(4)
            .map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]))
            .collect(),
    }
}

/// `rows` points around `centers` centers, wide enough that the groups overlap.
fn mixture(rows: usize, dims: usize, centers: usize) -> Vec<f32> {
    let mut state = 1_u64;
    let mut uniform = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let positions: Vec<f32> = (0..centers * dims).map(|_| uniform()).collect();
    let mut values = Vec::with_capacity(rows * dims);
    for _ in 0..rows {
        let center = (uniform() * centers as f32) as usize * dims;
        let center = &positions[center..center + dims];
        values.extend(center.iter().map(|x| x + uniform() - 0.5));
    }
    values
}
