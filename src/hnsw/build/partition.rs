//! A build of more rows than memory holds, in parts that fit. Pure: files and threads are a [`Host`]'s.
//!
//! 1. Rows go to a temporary file as codes ([`SpilledRows::push`]).
//! 2. Centers of partitions are found on a sample; each row belongs to the partition of the nearest center and is
//!    lent to that of the second nearest (`centroids`).
//! 3. The rows of each partition become nodes, those with equal vectors one, and get their numbers: the nodes of a
//!    *part* follow one another (`nodes`). A partition is one part, or several if more nodes than fit came together.
//! 4. For each part a graph is built over the nodes it owns and those lent to it (`lists`); a tree over its own nodes
//!    keeps all of them reachable (`span`).
//! 5. Nodes of upper levels, few enough to fit, get a graph of their own; the root of each tree is one of them.
//! 6. While pages are written, the two lists of each node are merged (`merge`, `source`).
//!
//! Memory is that of one part, whatever the number of rows, but for 8 bytes a node with more than two rows.

mod centroids;
mod host;
mod lists;
mod merge;
mod nodes;
mod records;
mod source;
mod span;

pub use host::{Host, SpillFile};
pub use merge::merge_lists;
pub use records::PartLink;
pub use source::SpilledGraph;

use super::builder::{BuildControl, BuildParams, GraphBuilder};
use crate::error::Result;
use crate::hnsw::codes::{CodeArena, CodeParams, Factors};
use crate::pg::relation::Tid;
use crate::types::indexed::IndexedValue;
use centroids::Centroids;
use records::Row;

/// Smaller parts are not worth while: their graphs would hardly know one another.
pub const MIN_MEMBERS: usize = 256;
/// Share of a part's members that a partition is planned to own: half of them are lent, and clusters differ in size.
const PLANNED_SHARE: f64 = 0.42;
/// Rows of the sample, if memory allows, and at least so many a partition.
const SAMPLE_ROWS: usize = 20_000;
const SAMPLE_ROWS_EACH: usize = 64;

/// What a build may take, and of what it consists.
#[derive(Clone)]
pub struct Settings<'a> {
    /// Encoding of the rows.
    pub params: CodeParams,
    /// Bytes of a code: all are as long.
    pub code_len: usize,
    /// Parameters of every graph.
    pub build: BuildParams,
    /// Makes the graphs of the parts.
    pub builder: &'a (dyn GraphBuilder + Sync),
    /// Most nodes in the graph of a part: their codes and its construction fit into memory.
    pub members: usize,
    /// Bytes of memory altogether, for what is not counted in `members`.
    pub memory_bytes: usize,
    /// Whether the codes of neighbors on level 0 will be asked for while pages are written.
    pub with_base_codes: bool,
    /// Whether those of neighbors on upper levels will be.
    pub with_upper_codes: bool,
}

impl Settings<'_> {
    /// Most nodes that a part owns: the rest is room for those lent to it.
    fn most_owned(&self) -> usize {
        (self.members * 3 / 4).max(1)
    }

    /// Most nodes with an upper level, beside the roots.
    fn most_uppers(&self) -> usize {
        self.members / 2
    }

    /// Bytes of a buffer for reading and writing many records.
    fn buffer_bytes(&self) -> usize {
        (self.memory_bytes / 32).clamp(16 << 10, 4 << 20)
    }

    /// How many records of `bytes` each such a buffer holds.
    fn records_each(&self, bytes: usize) -> usize {
        (self.buffer_bytes() / bytes).max(1)
    }

    fn partitions_for(&self, rows: u64) -> usize {
        let wanted = (rows as f64 / (self.members as f64 * PLANNED_SHARE)).ceil() as usize;
        let fit = self.memory_bytes / 2 / Centroids::memory_bytes(1, &self.params);
        wanted.min(fit).clamp(2, usize::from(u16::MAX))
    }
}

/// Rows on their way into a partitioned build.
pub struct SpilledRows<'a, H: Host> {
    host: H,
    settings: Settings<'a>,
    file: H::File,
    count: u64,
    record: Vec<u8>,
}

impl<'a, H: Host> SpilledRows<'a, H> {
    /// No rows yet.
    pub fn new(host: H, settings: Settings<'a>) -> Result<Self> {
        Ok(Self {
            file: host.new_file()?,
            record: Vec::with_capacity(Row::bytes(settings.code_len)),
            host,
            settings,
            count: 0,
        })
    }

    /// Adds a row: the hash of its vector, its code and the factors of that.
    pub fn push(&mut self, tid: Tid, hash: u64, factors: Factors, code: &[i8]) -> Result<()> {
        self.record.clear();
        let row = Row {
            factors,
            hash,
            tid,
            code,
        };
        row.put(&mut self.record);
        self.count += 1;
        self.file.append(&self.record)
    }

    /// Encodes a value and adds it.
    pub fn push_value(&mut self, tid: Tid, hash: u64, value: IndexedValue<'_>) -> Result<()> {
        let mut code = Vec::new();
        let factors = self.settings.params.encode_value(value, &mut code);
        self.push(tid, hash, factors, &code)
    }

    /// Rows so far.
    pub fn row_count(&self) -> u64 {
        self.count
    }

    /// Builds all graphs; what remains is to merge their lists, one part after the other, as they are asked for.
    /// # Errors
    /// 57014 if cancelled, 53200 if memory cannot be had, and what the host's files raise.
    pub fn build(mut self, control: &BuildControl) -> Result<SpilledGraph<'a, H>> {
        let count = self.settings.partitions_for(self.count);
        let sample = self.sample(count)?;
        let centroids = self
            .host
            .run(control, || Centroids::find(&sample, count, control))??;
        drop(sample);
        let choices = self.choose_partitions(&centroids)?;
        drop(centroids);
        let mut nodes = nodes::gather(&mut self, choices, count)?;
        let Self { host, settings, .. } = self;
        host.announce(2 * u64::from(nodes.count) + nodes.uppers.len() as u64);
        let lists = lists::build_parts(&host, &settings, &mut nodes, control)?;
        let upper = lists::build_upper(&host, &settings, &mut nodes, control)?;
        Ok(SpilledGraph::new(host, settings, nodes, lists, upper))
    }

    /// Codes of rows spread evenly over the table.
    fn sample(&mut self, partitions: usize) -> Result<CodeArena> {
        let wanted = SAMPLE_ROWS.max(SAMPLE_ROWS_EACH * partitions);
        let most = (self.settings.members / 2).max(1);
        let rows = (wanted.min(most) as u64).min(self.count);
        let mut arena = CodeArena::try_with_capacity(self.settings.params.clone(), rows as usize)?;
        let mut record = vec![0; Row::bytes(self.settings.code_len)];
        for number in 0..rows {
            let row = u64::try_from(u128::from(number) * u128::from(self.count) / u128::from(rows));
            let offset = row.unwrap_or_default() * record.len() as u64;
            self.file.read_at(offset, &mut record)?;
            let row = Row::read(&record);
            arena.push_code(row.code, row.factors)?;
        }
        Ok(arena)
    }

    /// For each row its partition and the one it is lent to, two u16.
    fn choose_partitions(&mut self, centroids: &Centroids) -> Result<H::File> {
        use rayon::prelude::*;
        let mut choices = self.host.new_file()?;
        let record = Row::bytes(self.settings.code_len);
        let batch = self.settings.records_each(record) as u64;
        let mut bytes = Vec::new();
        let mut chosen = Vec::new();
        for first in (0..self.count).step_by(batch as usize) {
            let rows = batch.min(self.count - first) as usize;
            bytes.resize(rows * record, 0);
            self.file.read_at(first * record as u64, &mut bytes)?;
            self.host.run_short(|| {
                bytes
                    .par_chunks_exact(record)
                    .map(|record| {
                        let row = Row::read(record);
                        centroids.nearest_two(row.code, &row.factors)
                    })
                    .collect_into_vec(&mut chosen);
            })?;
            choices.append(bytemuck::cast_slice(&chosen))?;
        }
        Ok(choices)
    }
}
