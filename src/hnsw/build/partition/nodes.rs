//! Rows become nodes, partition after partition: equal vectors share one, and the nodes of a part are numbered in a
//! row. Pure.

use super::records::{NodeRecord, Row, TID_BYTES, put_tid, read_tids};
use super::{Host, Settings, SpillFile, SpilledRows};
use crate::error::{Error, Result, SqlState};
use crate::hnsw::codes::CodeArena;
use crate::hnsw::layout::INLINE_TIDS;
use crate::hnsw::nearest::MAX_NODES;
use crate::pg::relation::Tid;
use std::collections::HashMap;

/// Rows that a part may hold for each member of its graph.
const ROWS_PER_MEMBER: usize = 8;
/// Most parts that one partition is divided into by the hashes of its vectors.
const MAX_CLASSES: u64 = 1 << 16;

/// Nodes that are built together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Partition that the nodes belong to.
    pub partition: u16,
    /// The nodes it owns.
    pub first: u32,
    pub count: u32,
    /// One of them that has an upper level.
    pub root: u32,
}

/// All nodes, on disk.
pub(super) struct Nodes<F> {
    records: F,
    tids: F,
    /// Partition that each node is lent to, u16.
    lent_to: F,
    pub count: u32,
    pub tid_count: u64,
    pub parts: Vec<Part>,
    /// How many nodes are lent to each partition.
    lent_counts: Vec<u32>,
    /// Nodes with an upper level, ascending.
    pub uppers: Vec<u32>,
    /// Nodes with more than [`INLINE_TIDS`] rows, and how many.
    pub chained: Vec<(u32, u32)>,
    code_len: usize,
    record: Vec<u8>,
}

impl<F: SpillFile> Nodes<F> {
    /// The record of `node`.
    pub(super) fn read(&mut self, node: u32) -> Result<NodeRecord<'_>> {
        self.record.resize(NodeRecord::bytes(self.code_len), 0);
        let offset = u64::from(node) * self.record.len() as u64;
        self.records.read_at(offset, &mut self.record)?;
        Ok(NodeRecord::read(&self.record))
    }

    /// Record and rows of `node`.
    pub(super) fn read_with_tids(
        &mut self,
        node: u32,
        tids: &mut Vec<Tid>,
    ) -> Result<NodeRecord<'_>> {
        let NodeRecord {
            first_tid,
            tid_count,
            ..
        } = self.read(node)?;
        let mut bytes = vec![0; tid_count as usize * TID_BYTES];
        self.tids
            .read_at(first_tid * TID_BYTES as u64, &mut bytes)?;
        tids.clear();
        tids.extend(read_tids(&bytes));
        Ok(NodeRecord::read(&self.record))
    }

    /// Appends the codes of `nodes` to `arena`.
    pub(super) fn load(
        &mut self,
        nodes: impl Iterator<Item = u32>,
        arena: &mut CodeArena,
    ) -> Result<()> {
        for node in nodes {
            let record = self.read(node)?;
            arena.push_code(record.code, record.factors)?;
        }
        Ok(())
    }

    /// Appends nodes lent to part `number` to `out`, ascending, until that holds `most`: all, or an even choice.
    pub(super) fn lent(
        &mut self,
        number: usize,
        most: usize,
        settings: &Settings<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let partition = self.parts[number].partition;
        // The parts of one partition follow one another and share what is lent to it.
        let is_sibling = |part: &&Part| part.partition == partition;
        let siblings = self.parts.iter().filter(is_sibling).count() as u32;
        let before = self.parts[..number].iter().filter(is_sibling).count() as u32;
        let lent = u64::from(self.lent_counts[usize::from(partition)] / siblings).max(1);
        let room = most.saturating_sub(out.len()) as u64;
        let is_chosen = |node: u32| lent <= room || scatter(u64::from(node)) % lent < room;
        let batch = settings.records_each(size_of::<u16>()) as u32;
        let mut lent_to = Vec::new();
        for first in (0..self.count).step_by(batch as usize) {
            lent_to.resize(batch.min(self.count - first) as usize, 0_u16);
            self.lent_to.read_at(
                u64::from(first) * size_of::<u16>() as u64,
                bytemuck::cast_slice_mut(&mut lent_to),
            )?;
            let found = (first..)
                .zip(&lent_to)
                .filter(|&(node, &to)| to == partition && node % siblings == before)
                .map(|(node, _)| node)
                .filter(|&node| is_chosen(node));
            out.extend(found.take(most - out.len()));
        }
        Ok(())
    }
}

/// The nodes of a part while its rows are read.
struct Gathering {
    partition: u16,
    /// One row of each node.
    rows: Vec<u8>,
    by_hash: HashMap<u64, u32>,
    /// Node, counted from the first of the part, of each row.
    tids: Vec<(u32, Tid)>,
    lent_to: Vec<u16>,
}

impl Gathering {
    fn new(partition: u16) -> Self {
        Self {
            partition,
            rows: Vec::new(),
            by_hash: HashMap::new(),
            tids: Vec::new(),
            lent_to: Vec::new(),
        }
    }

    /// Adds a row to the node of its vector, or makes that node.
    fn add(&mut self, record: &[u8], lent_to: u16) {
        let row = Row::read(record);
        let known = self.by_hash.get(&row.hash).copied().filter(|&node| {
            let start = node as usize * record.len();
            let other = Row::read(&self.rows[start..start + record.len()]);
            other.factors == row.factors && other.code == row.code
        });
        let node = known.unwrap_or_else(|| {
            let node = self.lent_to.len() as u32;
            self.rows.extend_from_slice(record);
            self.lent_to.push(lent_to);
            // Different vectors of equal hash stay apart; the first of them keeps the entry.
            self.by_hash.entry(row.hash).or_insert(node);
            node
        });
        self.tids.push((node, row.tid));
    }

    fn is_full(&self, settings: &Settings<'_>) -> bool {
        self.lent_to.len() >= settings.most_owned()
            || self.tids.len() >= settings.members * ROWS_PER_MEMBER
    }
}

/// Decides which nodes get an upper level.
struct UpperChoice {
    threshold: u64,
    seed: u64,
    most: usize,
}

impl UpperChoice {
    /// One node in `m`, or fewer if these would not fit into memory at once.
    fn new(settings: &Settings<'_>, rows: u64) -> Self {
        let m = settings.build.m.max(2) as u64;
        let most = settings.most_uppers();
        let share = (u64::MAX / rows.max(1)).saturating_mul(most as u64) / 10 * 9;
        Self {
            threshold: share.min(u64::MAX / m),
            seed: settings.build.seed,
            most,
        }
    }

    fn takes(&self, node: u32, so_far: usize) -> bool {
        scatter(self.seed ^ u64::from(node)) < self.threshold && so_far < self.most
    }
}

/// A bijection that scatters consecutive numbers (SplitMix64's finalizer).
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Makes the nodes of all rows; `choices` holds the two partitions of each row.
pub(super) fn gather<H: Host>(
    rows: &mut SpilledRows<'_, H>,
    mut choices: H::File,
    partitions: usize,
) -> Result<Nodes<H::File>> {
    let settings = rows.settings.clone();
    let code_len = settings.code_len;
    let upper = UpperChoice::new(&settings, rows.count);
    let mut nodes = Nodes {
        records: rows.host.new_file()?,
        tids: rows.host.new_file()?,
        lent_to: rows.host.new_file()?,
        count: 0,
        tid_count: 0,
        parts: Vec::new(),
        lent_counts: vec![0; partitions],
        uppers: Vec::new(),
        chained: Vec::new(),
        code_len,
        record: Vec::new(),
    };
    for partition in 0..partitions as u16 {
        // What does not fit is divided by hashes, so that equal vectors stay together.
        let mut classes = vec![Class {
            modulus: 1,
            remainder: 0,
        }];
        while let Some(class) = classes.pop() {
            if !nodes.add_class(rows, &mut choices, partition, class, &upper)? {
                classes.extend(class.halves());
            }
        }
    }
    Ok(nodes)
}

/// The rows of a partition whose hashes leave a remainder.
#[derive(Clone, Copy)]
struct Class {
    modulus: u64,
    remainder: u64,
}

impl Class {
    fn halves(self) -> [Self; 2] {
        let modulus = 2 * self.modulus;
        [self.remainder, self.remainder + self.modulus].map(|remainder| Self { modulus, remainder })
    }
}

impl<F: SpillFile> Nodes<F> {
    /// Makes nodes of a class of the rows of `partition`; whether they fit into one part. Nothing has changed if not.
    fn add_class<H: Host<File = F>>(
        &mut self,
        rows: &mut SpilledRows<'_, H>,
        choices: &mut F,
        partition: u16,
        class: Class,
        upper: &UpperChoice,
    ) -> Result<bool> {
        let mut record = vec![0; Row::bytes(self.code_len)];
        let batch = rows.settings.records_each(size_of::<[u16; 2]>()) as u64;
        let mut chosen: Vec<[u16; 2]> = Vec::new();
        let mut gathering = Gathering::new(partition);
        let mut has_changed = false;
        for first in (0..rows.count).step_by(batch as usize) {
            rows.host.run_short(|| ())?;
            chosen.resize(batch.min(rows.count - first) as usize, [0; 2]);
            choices.read_at(
                first * size_of::<[u16; 2]>() as u64,
                bytemuck::cast_slice_mut(&mut chosen),
            )?;
            for (row, [owner, lent_to]) in (first..).zip(&chosen) {
                if *owner != partition {
                    continue;
                }
                rows.file.read_at(row * record.len() as u64, &mut record)?;
                if Row::read(&record).hash % class.modulus != class.remainder {
                    continue;
                }
                if gathering.is_full(&rows.settings) {
                    let is_divisible = gathering.lent_to.len() > 1 && class.modulus < MAX_CLASSES;
                    if is_divisible && !has_changed {
                        return Ok(false);
                    }
                    // So many rows of one vector that it gets a second node.
                    has_changed = true;
                    self.add_part(gathering, upper)?;
                    gathering = Gathering::new(partition);
                }
                gathering.add(&record, *lent_to);
            }
        }
        self.add_part(gathering, upper)?;
        Ok(true)
    }

    /// Gives the nodes of a part their numbers and writes them; nothing for a part without nodes.
    fn add_part(&mut self, mut gathered: Gathering, upper: &UpperChoice) -> Result<()> {
        let (first, count) = (self.count, gathered.lent_to.len());
        if count == 0 {
            return Ok(());
        }
        if self.count as usize + count >= MAX_NODES {
            return Err(Error::new(
                SqlState::ProgramLimitExceeded,
                format!("hnsw index cannot have more than {MAX_NODES} nodes"),
            ));
        }
        // Stable: the rows of a node stay in the order of the table.
        gathered.tids.sort_by_key(|(node, _)| *node);
        let mut bytes = Vec::new();
        let record = Row::bytes(self.code_len);
        let groups = gathered.tids.chunk_by(|a, b| a.0 == b.0);
        for ((node, group), row) in (first..)
            .zip(groups)
            .zip(gathered.rows.chunks_exact(record))
        {
            let row = Row::read(row);
            let tid_count = group.len() as u32;
            bytes.clear();
            NodeRecord {
                factors: row.factors,
                hash: row.hash,
                first_tid: self.tid_count,
                tid_count,
                code: row.code,
            }
            .put(&mut bytes);
            self.records.append(&bytes)?;
            bytes.clear();
            group.iter().for_each(|(_, tid)| put_tid(&mut bytes, *tid));
            self.tids.append(&bytes)?;
            self.tid_count += group.len() as u64;
            if group.len() > INLINE_TIDS {
                self.chained.push((node, tid_count));
            }
        }
        for partition in &gathered.lent_to {
            self.lent_counts[usize::from(*partition)] += 1;
        }
        self.lent_to
            .append(bytemuck::cast_slice(&gathered.lent_to))?;
        self.count += count as u32;
        let root = self.choose_uppers(first, upper);
        self.parts.push(Part {
            partition: gathered.partition,
            first,
            count: count as u32,
            root,
        });
        Ok(())
    }

    /// Chooses the nodes from `first` on that get an upper level; returns one of them.
    fn choose_uppers(&mut self, first: u32, upper: &UpperChoice) -> u32 {
        let before = self.uppers.len();
        for node in first..self.count {
            if upper.takes(node, self.uppers.len()) {
                self.uppers.push(node);
            }
        }
        if self.uppers.len() == before {
            self.uppers.push(first);
        }
        self.uppers[before]
    }
}
