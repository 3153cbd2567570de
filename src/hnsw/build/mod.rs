//! Bulk build: rows are loaded as codes, a graph is built over them in memory, and pages are written and logged.
//!
//! Phases, as `pg_stat_progress_create_index` names them: initializing (the mean is sampled), loading tuples,
//! building graph, writing pages. Rows that `maintenance_work_mem` cannot hold go to temporary files, and the graph is
//! built in parts (`partition`); if not even parts of useful size fit, they are inserted one by one. Locks: none of ours; PostgreSQL holds the table's lock, and nobody else sees the index yet.

pub mod builder;
mod encoder;
pub mod flat;
pub mod hnsw_rs;
mod loader;
pub mod partition;
mod plan;
pub mod refine;
pub mod source;
mod spill_host;
mod writer;

use self::builder::{BuildControl, BuildFailure, BuildParams, GraphBuilder, Topology};
use self::loader::{LoadedGraph, Loader};
use self::partition::{MIN_MEMBERS, Settings, SpilledRows};
use self::source::NodeSource;
use self::spill_host::Backend;
use super::codes::{CodeArena, CodeParams, MeanAccumulator};
use super::insert::{IndexedVector, Inserter};
use super::layout::{Meta, Shape, Storage};
use super::options::{Builder, Options};
use super::validate;
use crate::distance::Metric;
use crate::error::{Error, Result, SqlState};
use crate::pg::heap_scan::IndexBuild;
use crate::pg::page::PageMut;
use crate::pg::relation::{ColumnValue, Relation, Tid};
use crate::pg::{failpoint, interrupt, memory, progress, worker_pool};
use crate::types::datum;
use crate::types::indexed::{IndexedType, IndexedValue};
use std::sync::atomic::{AtomicBool, Ordering};

/// Names of the phases; the first two are pgvector's.
pub const PHASES: [&std::ffi::CStr; 4] = [
    c"initializing",
    c"loading tuples",
    c"building graph",
    c"writing pages",
];
const LOADING: i64 = 2;
const BUILDING: i64 = 3;
const WRITING: i64 = 4;

/// Rows the mean is taken of, and table blocks read for them at most.
const MEAN_ROWS: u64 = 4000;
const MEAN_BLOCKS: u32 = 256;
/// Seed of the level choice: builds of the same rows give the same levels.
const LEVEL_SEED: u64 = 0x5EED;

/// What `ambuild` reports to PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BuildCounts {
    /// Rows of the table.
    pub heap_tuples: f64,
    /// Rows in the index.
    pub index_tuples: f64,
}

/// Shape of a new index: from its column's type modifier, operator class and options.
/// # Errors
/// 22023 for a column without dimensions or contradicting options, 54000 for more dimensions than fit a page.
pub fn new_shape(index: Relation) -> Result<(Shape, Options)> {
    let options = Options::of(index);
    let (metric, of) = validate::metric_of(index)?;
    let dims = usize::try_from(index.first_column_typmod()).map_err(|_| no_dimensions(of))?;
    let max_dims = Shape::max_dims_of(of, options.m);
    if dims > max_dims {
        return Err(too_many_dimensions(of, dims, max_dims, options.m));
    }
    options.validate()?;
    let shape = match options.storage {
        None => automatic_shape(of, metric, dims, options.m),
        Some(Storage::Compact) => Shape::compact(metric, dims, options.m).of(of),
        Some(Storage::Inline) => Shape::inline(metric, dims, options.m)
            .filter(|_| Shape::signs_tell(of, metric))
            .ok_or_else(|| no_inline_form(of, metric, &options, dims))?
            .of(of),
    };
    Ok((shape, options))
}

/// Shape of an index whose options do not name a form of nodes. Dimensions are at most [`Shape::max_dims_of`].
pub fn automatic_shape(of: IndexedType, metric: Metric, dims: usize, m: usize) -> Shape {
    if of.is_dense() {
        Shape::auto(metric, dims, m).of(of)
    } else {
        Shape::compact(metric, dims, m).of(of)
    }
}

/// 22023: a column of vectors of any dimensions.
pub fn no_dimensions(of: IndexedType) -> Error {
    let name = of.name();
    Error::new(
        SqlState::InvalidParameterValue,
        "column does not have dimensions",
    )
    .with_hint(format!(
        "Declare the column as {name}(n), or index an expression with a cast to {name}(n)."
    ))
}

/// 54000: a node would not fit a page.
fn too_many_dimensions(of: IndexedType, dims: usize, most: usize, m: usize) -> Error {
    let hint = match of {
        IndexedType::Bit => {
            "Index a part of it: substring(column from 1 for n)::bit(n).".to_owned()
        }
        _ => format!(
            "A smaller m allows more dimensions; or index subvector(column, 1, n)::{}(n).",
            of.name()
        ),
    };
    Error::new(
        SqlState::ProgramLimitExceeded,
        format!("column cannot have more than {most} dimensions for hnsw index"),
    )
    .with_detail(format!("The column has {dims} dimensions, m is {m}."))
    .with_hint(hint)
}

/// 0A000 or 54000: `storage = inline` where there is no such form.
fn no_inline_form(of: IndexedType, metric: Metric, options: &Options, dims: usize) -> Error {
    if !Shape::signs_tell(of, metric) {
        let distances = if of == IndexedType::Sparsevec {
            "distances of sparse vectors".to_owned()
        } else {
            format!("{} distances", metric.title())
        };
        return Error::new(
            SqlState::FeatureNotSupported,
            "storage \"inline\" is not supported by the operator class",
        )
        .with_detail(format!("Signs of differences do not tell {distances}."))
        .with_hint("Use storage \"auto\" or \"compact\".");
    }
    Error::new(
        SqlState::ProgramLimitExceeded,
        "neighbors do not fit a page with storage \"inline\"",
    )
    .with_detail(format!(
        "The column has {dims} dimensions, m is {}.",
        options.m
    ))
    .with_hint("Use a smaller m, or storage \"auto\" or \"compact\".")
}

/// Writes the empty index of an unlogged table's init fork.
pub fn build_empty(index: Relation) -> Result<()> {
    let (shape, options) = new_shape(index)?;
    writer::write_empty(index, &Meta::new(shape, options.ef_construction as u16))
}

/// Builds the index.
pub fn build(build: &IndexBuild) -> Result<BuildCounts> {
    let (shape, options) = new_shape(build.index)?;
    let meta = Meta::new(shape, options.ef_construction as u16);
    let params = shape.code_params(sample_mean(build, &shape));
    progress::set_phase(LOADING);
    let mut run = memory::ContextBox::new(Run {
        build,
        options,
        meta,
        loader: Some(Loader::try_new(
            build,
            &params,
            memory_limit(&shape, &params, &options),
        )?),
        params,
        spilled: None,
        inserter: None,
        index_tuples: 0,
    });
    let heap_tuples = build.scan(&mut |tid, value| run.add(tid, value));
    run.finish()?;
    Ok(BuildCounts {
        heap_tuples,
        index_tuples: run.index_tuples as f64,
    })
}

/// The mean of a sample of rows from blocks spread over the table; empty for none.
fn sample_mean(build: &IndexBuild, shape: &Shape) -> Vec<f32> {
    if !shape.has_mean() {
        return Vec::new();
    }
    let mut mean = MeanAccumulator::new(shape.metric, shape.dims);
    let blocks = build.heap.block_count();
    let samples = blocks.min(MEAN_BLOCKS);
    for i in 0..samples {
        let block = (u64::from(blocks) * u64::from(i) / u64::from(samples)) as u32;
        build.scan_blocks(block, 1, &mut |_, value| {
            failpoint::begin_unit("sample_row");
            if let Some(value) = value {
                datum::with_column_value(value, shape.of, |value| {
                    if let IndexedValue::Dense(elements) = value
                        && elements.len() == shape.dims
                    {
                        mean.add(elements);
                    }
                })?;
            }
            Ok(())
        });
        if mean.count() >= MEAN_ROWS {
            break;
        }
        interrupt::check();
    }
    mean.finish()
}

/// What makes the graph of a build with these options.
pub fn graph_builder(options: &Options) -> &'static (dyn GraphBuilder + Sync) {
    match options.builder {
        Builder::Flat => &flat::FlatBuilder,
        Builder::HnswRs => &hnsw_rs::HnswRsBuilder,
    }
}

/// What a builder is told of an index.
pub fn build_params(shape: &Shape, options: &Options) -> BuildParams {
    BuildParams {
        m: options.m,
        upper_degree: shape.degree(1),
        base_degree: shape.base_degree,
        ef_construction: options.ef_construction,
        max_level: shape.max_level(),
        seed: LEVEL_SEED,
        threads: worker_pool::build_threads(),
    }
}

/// What `maintenance_work_mem` allows, and how many bytes a row takes of it.
#[derive(Debug, Clone, Copy)]
struct MemoryLimit {
    bytes: usize,
    /// With its code, if all codes are as long.
    bytes_per_row: usize,
    /// Bytes of a code; `None` if codes differ in length.
    code_len: Option<usize>,
    /// Most bytes of a code.
    most_code_len: usize,
}

impl MemoryLimit {
    /// Bytes of the largest row, with what its code makes codes of differing lengths grow by.
    fn largest_row(&self) -> usize {
        self.bytes_per_row + self.code_len.map_or(self.most_code_len, |_| 0)
    }

    /// Rows that fit at most.
    fn most_rows(&self) -> usize {
        self.bytes / self.bytes_per_row
    }
}

fn memory_limit(shape: &Shape, params: &CodeParams, options: &Options) -> MemoryLimit {
    /// Rows over which a builder's fixed costs are spread for the estimate.
    const ROWS: usize = 100_000;
    let graph_bytes =
        graph_builder(options).memory_bytes(ROWS, &build_params(shape, options), params);
    let graph = graph_bytes / ROWS;
    let code_len = params.code_len();
    let fixed = CodeArena::bytes_per_vector(params) + loader::BYTES_PER_ROW + graph + 1;
    MemoryLimit {
        bytes: memory::maintenance_work_mem_bytes(),
        bytes_per_row: fixed + code_len.unwrap_or(0),
        code_len,
        most_code_len: shape.code_len(),
    }
}

/// What a build in parts may take, if it is worth while.
fn partition_settings(
    shape: &Shape,
    options: &Options,
    params: &CodeParams,
    limit: MemoryLimit,
) -> Option<Settings<'static>> {
    /// Beside what a row takes in memory anyway: its number in the whole graph, and the tree of its part.
    const BYTES_PER_MEMBER: usize = 4 * size_of::<u32>();
    let memory_bytes = memory::maintenance_work_mem_bytes();
    // An eighth is for buffers.
    let members = memory_bytes / 8 * 7 / (limit.bytes_per_row + BYTES_PER_MEMBER);
    // Records of temporary files are found by their number, so codes have to be as long.
    let code_len = limit.code_len?;
    (members >= MIN_MEMBERS && shape.max_level() > 0).then(|| Settings {
        params: params.clone(),
        code_len,
        build: build_params(shape, options),
        builder: graph_builder(options),
        members,
        memory_bytes,
        with_base_codes: shape.has_codes(0),
        with_upper_codes: shape.has_codes(1),
    })
}

/// One build while the table is being scanned.
struct Run<'a> {
    build: &'a IndexBuild,
    options: Options,
    meta: Meta,
    params: CodeParams,
    /// Until memory is full.
    loader: Option<Loader>,
    /// From then on.
    spilled: Option<SpilledRows<'static, Backend>>,
    /// Instead, if memory is too small for parts.
    inserter: Option<Inserter>,
    index_tuples: u64,
}

impl Run<'_> {
    fn add(&mut self, tid: Tid, value: Option<ColumnValue>) -> Result<()> {
        interrupt::check();
        failpoint::begin_unit("load_row");
        let Some(value) = value else { return Ok(()) };
        datum::with_column_value(value, self.meta.shape.of, |value| match IndexedVector::new(
            &self.meta.shape,
            value,
        )? {
            Some(vector) => self.add_vector(tid, &vector),
            None => Ok(()),
        })?
    }

    fn add_vector(&mut self, tid: Tid, vector: &IndexedVector<'_>) -> Result<()> {
        if let Some(loader) = self.loader.as_mut() {
            if loader.has_room() {
                loader.push(tid, vector)?;
                self.index_tuples += 1;
                return Ok(());
            }
            self.overflow(tid)?;
        }
        if let Some(spilled) = self.spilled.as_mut() {
            spilled.push_value(tid, vector.hash(), vector.value())?;
            self.index_tuples += 1;
            return Ok(());
        }
        let index = self.build.index;
        let inserter = match self.inserter.as_mut() {
            Some(inserter) => inserter,
            None => self.inserter.insert(Inserter::open(index)?),
        };
        inserter.insert(tid, vector)?;
        self.index_tuples += 1;
        Ok(())
    }

    /// Moves the rows in memory, which is full, to where the others will go.
    fn overflow(&mut self, at: Tid) -> Result<()> {
        let Some(loader) = self.loader.as_ref() else {
            return Ok(());
        };
        let shape = &self.meta.shape;
        let settings = partition_settings(shape, &self.options, &self.params, loader.limit());
        self.report_overflow(loader, at, settings.is_some());
        let Some(settings) = settings else {
            return self.write();
        };
        let backend = Backend::start(settings.build.threads)?;
        let mut spilled = SpilledRows::new(backend, settings)?;
        if let Some(loader) = self.loader.take() {
            loader.drain(|tid, hash, factors, code| spilled.push(tid, hash, factors, code))?;
        }
        self.spilled = Some(spilled);
        Ok(())
    }

    /// Says that memory is full, and which setting would suffice.
    fn report_overflow(&self, loader: &Loader, at: Tid, in_parts: bool) {
        let read = f64::from(at.block + 1) / f64::from(self.build.heap.block_count().max(1));
        let extrapolated = loader.row_count() as f64 / read.clamp(1e-6, 1.0);
        let known = self
            .build
            .estimated_rows()
            .filter(|_| !self.build.is_partial());
        let rows = known.map_or(extrapolated, |rows| rows.max(extrapolated));
        let megabytes = (rows * 1.05 * loader.bytes_per_row() as f64 / 1048576.0).ceil();
        crate::pg::report::notice(
            format!(
                "hnsw graph no longer fits into maintenance_work_mem after {} tuples",
                loader.row_count()
            ),
            if in_parts {
                "The graph is built in parts, from temporary files, which takes about twice as long."
            } else {
                "The remaining rows are inserted one by one, which takes significantly more time."
            },
            &format!("Set maintenance_work_mem to at least {megabytes} MB."),
        );
    }

    fn finish(&mut self) -> Result<()> {
        if let Some(spilled) = self.spilled.take() {
            progress::set_phase(BUILDING);
            let mut graph = spilled.build(&BuildControl::default())?;
            return self.write_pages(&mut graph);
        }
        self.write()
    }

    /// Builds the graph over what is in memory, if anything, and writes it.
    fn write(&mut self) -> Result<()> {
        let Some(loader) = self.loader.take() else {
            return Ok(());
        };
        let loaded = loader.finish()?;
        progress::set_phase(BUILDING);
        progress::set_tuples_total(loaded.arena.len() as u64);
        let topology = self.build_graph(&loaded.arena)?;
        self.write_pages(&mut LoadedGraph {
            loaded: &loaded,
            topology: &topology,
        })
    }

    /// Writes and logs all pages.
    fn write_pages(&self, source: &mut dyn NodeSource) -> Result<()> {
        progress::set_phase(WRITING);
        progress::set_tuples_total(source.node_count() as u64);
        writer::write(
            self.build.index,
            &self.meta,
            &self.params,
            source,
            worker_pool::build_threads(),
        )
    }

    fn build_graph(&self, arena: &CodeArena) -> Result<Topology> {
        let control = BuildControl::default();
        let cancel: &AtomicBool = &control.cancel;
        let builder = graph_builder(&self.options);
        let params = build_params(&self.meta.shape, &self.options);
        let result = worker_pool::run(
            params.threads,
            cancel,
            || progress::set_tuples_done(control.inserted.load(Ordering::Relaxed)),
            || {
                let mut topology = builder.build(arena, &params, &control)?;
                refine::refine(&mut topology, arena, &control)?;
                Ok::<_, BuildFailure>(topology)
            },
        )?;
        // A cancelled build ends here, with PostgreSQL's own message.
        interrupt::check();
        result.map_err(Error::from)
    }
}

/// Makes `page` an empty page of `kind`, outside every list.
pub fn init_empty_page(page: &mut PageMut<'_>, kind: super::layout::PageKind) {
    writer::init_page(page, kind, super::layout::NO_BLOCK);
}
