//! Rows of a build in memory: codes, heap row pointers, hashes; rows with equal vectors become one node.

use super::MemoryLimit;
use super::builder::Topology;
use super::encoder::{EncodedRows, Encoder};
use super::source::{Lists, NodeData, NodeSource};
use crate::error::{Error, Result, SqlState};
use crate::hnsw::codes::{CodeArena, CodeForm, CodeParams, Factors};
use crate::hnsw::insert::IndexedVector;
use crate::hnsw::layout::INLINE_TIDS;
use crate::pg::heap_scan::IndexBuild;
use crate::pg::relation::Tid;
use crate::types::indexed::IndexedValue;

/// Bytes a row takes here beside its code: pointer, hash, and its place in the grouping of equal vectors.
pub const BYTES_PER_ROW: usize = size_of::<Tid>() + size_of::<u64>() + 2 * size_of::<u32>();

/// Collects rows until memory is full.
pub struct Loader {
    arena: CodeArena,
    tids: Vec<Tid>,
    hashes: Vec<u64>,
    limit: MemoryLimit,
    /// For codes of elements: those of bits and of sparse vectors are their values, and soon copied.
    encoder: Option<Encoder>,
}

/// The nodes of a build and the heap rows of each.
pub struct Loaded {
    /// Codes, one a node.
    pub arena: CodeArena,
    /// Hash of each node's vector.
    pub hashes: Vec<u64>,
    /// All heap rows, grouped by node.
    tids: Vec<Tid>,
    /// Where the rows of each node start in `tids`; one entry more than nodes.
    starts: Vec<u32>,
}

impl Loaded {
    /// Heap rows of a node, at least one.
    pub fn tids(&self, node: u32) -> &[Tid] {
        let node = node as usize;
        &self.tids[self.starts[node] as usize..self.starts[node + 1] as usize]
    }
}

/// Nodes and graph of a build in memory.
pub struct LoadedGraph<'a> {
    /// The nodes.
    pub loaded: &'a Loaded,
    /// Their lists.
    pub topology: &'a Topology,
}

impl NodeSource for LoadedGraph<'_> {
    fn node_count(&self) -> usize {
        self.topology.len()
    }

    fn tid_count(&self) -> u64 {
        self.loaded.tids.len() as u64
    }

    fn entry(&self) -> u32 {
        self.topology.entry
    }

    fn uppers(&self) -> Box<dyn Iterator<Item = (u32, u8)> + '_> {
        let levels = (0..).zip(self.topology.levels.iter().copied());
        Box::new(levels.filter(|(_, level)| *level > 0))
    }

    fn chained(&self) -> Box<dyn Iterator<Item = (u32, usize)> + '_> {
        let rows = (0..).zip(self.loaded.starts.windows(2));
        let counts = rows.map(|(node, bounds)| (node, (bounds[1] - bounds[0]) as usize));
        Box::new(counts.filter(|(_, count)| *count > INLINE_TIDS))
    }

    fn code_len(&mut self, node: u32) -> Result<usize> {
        Ok(self.loaded.arena.code(node).len())
    }

    fn node(&mut self, node: u32) -> Result<NodeData<'_>> {
        let loaded = self.loaded;
        Ok(NodeData {
            tids: loaded.tids(node),
            hash: loaded.hashes[node as usize],
            factors: loaded.arena.factors[node as usize],
            code: loaded.arena.code(node),
        })
    }

    fn base_lists(&mut self, _first: u32) -> Result<(&dyn Lists, u32)> {
        let end = self.topology.len() as u32;
        Ok((self, end))
    }

    fn upper_lists(&mut self) -> Result<&dyn Lists> {
        Ok(self)
    }
}

impl Lists for LoadedGraph<'_> {
    fn neighbors(&self, node: u32, level: u8, out: &mut Vec<u32>) {
        out.clear();
        out.extend_from_slice(self.topology.neighbors(node, level));
    }

    fn code(&self, node: u32) -> Option<(&[i8], &Factors)> {
        let arena = &self.loaded.arena;
        Some((arena.code(node), arena.factors.get(node as usize)?))
    }
}

fn out_of_memory(rows: usize) -> Error {
    Error::new(SqlState::OutOfMemory, "out of memory")
        .with_detail(format!("The build asked for room for {rows} rows."))
        .with_hint("Lower maintenance_work_mem, or free memory on the server.")
}

impl Loader {
    /// A loader for the rows of `build`, as many as `limit` allows.
    pub fn try_new(build: &IndexBuild, params: &CodeParams, limit: MemoryLimit) -> Result<Self> {
        let expected = build
            .estimated_rows()
            .map_or(0, |rows| (rows * 1.02) as usize);
        let capacity = expected.min(limit.most_rows());
        let mut tids = Vec::new();
        let mut hashes = Vec::new();
        tids.try_reserve_exact(capacity)
            .map_err(|_| out_of_memory(capacity))?;
        hashes
            .try_reserve_exact(capacity)
            .map_err(|_| out_of_memory(capacity))?;
        let arena = CodeArena::try_with_capacity(params.clone(), capacity)?;
        Ok(Self {
            arena,
            tids,
            hashes,
            limit,
            encoder: Encoder::new(params).filter(|_| params.form == CodeForm::Elements),
        })
    }

    /// Whether another row fits.
    pub fn has_room(&self) -> bool {
        let used = self.row_count() * self.limit.bytes_per_row + self.code_bytes();
        used + self.limit.largest_row() <= self.limit.bytes
    }

    /// Bytes of the codes, if they are not counted with the rows.
    fn code_bytes(&self) -> usize {
        self.limit.code_len.map_or(self.arena.code_bytes(), |_| 0)
    }

    /// Bytes that a row takes on average.
    pub fn bytes_per_row(&self) -> usize {
        self.limit.bytes_per_row + self.code_bytes() / self.tids.len().max(1)
    }

    /// Rows so far.
    pub fn row_count(&self) -> usize {
        self.tids.len() + self.encoder.as_ref().map_or(0, Encoder::row_count)
    }

    /// The limit this loader keeps.
    pub fn limit(&self) -> MemoryLimit {
        self.limit
    }

    /// Adds a row.
    /// # Errors
    /// 53200 for memory or threads that cannot be had.
    pub fn push(&mut self, tid: Tid, vector: &IndexedVector<'_>) -> Result<()> {
        if let (Some(encoder), IndexedValue::Dense(elements)) =
            (self.encoder.as_mut(), vector.value())
        {
            encoder.push(tid, elements)?;
            if let Some(rows) = encoder.poll()? {
                self.append(&rows)?;
            }
            return Ok(());
        }
        self.reserve(1)?;
        self.arena.push_value(vector.value())?;
        self.tids.push(tid);
        self.hashes.push(vector.hash());
        Ok(())
    }

    fn reserve(&mut self, additional: usize) -> Result<()> {
        let rows = self.tids.len() + additional;
        self.tids
            .try_reserve(additional)
            .and_then(|()| self.hashes.try_reserve(additional))
            .map_err(|_| out_of_memory(rows))
    }

    fn append(&mut self, rows: &EncodedRows) -> Result<()> {
        self.reserve(rows.tids.len())?;
        let codes = rows.codes.chunks_exact(self.arena.params.dims);
        for (code, factors) in codes.zip(&rows.factors) {
            self.arena.push_code(code, *factors)?;
        }
        self.tids.extend_from_slice(&rows.tids);
        self.hashes.extend_from_slice(&rows.hashes);
        Ok(())
    }

    /// Waits for the rows that other threads still have.
    fn collect(&mut self) -> Result<()> {
        while let Some(encoder) = self.encoder.as_mut() {
            match encoder.wait()? {
                Some(rows) => self.append(&rows)?,
                None => self.encoder = None,
            }
        }
        Ok(())
    }

    /// Hands every row over: pointer, hash, factors and code.
    /// # Errors
    /// The first error of `take`.
    pub fn drain(
        mut self,
        mut take: impl FnMut(Tid, u64, Factors, &[i8]) -> Result<()>,
    ) -> Result<()> {
        self.collect()?;
        for (row, (tid, hash)) in (0..).zip(self.tids.iter().zip(&self.hashes)) {
            let factors = self.arena.factors[row as usize];
            take(*tid, *hash, factors, self.arena.code(row))?;
        }
        Ok(())
    }

    /// Makes one node of rows with equal vectors (equal hash, code and factors).
    pub fn finish(mut self) -> Result<Loaded> {
        self.collect()?;
        let rows = self.tids.len();
        let mut order: Vec<u32> = Vec::new();
        order
            .try_reserve_exact(rows)
            .map_err(|_| out_of_memory(rows))?;
        order.extend(0..rows as u32);
        order.sort_unstable_by_key(|row| (self.hashes[*row as usize], *row));
        // The first row of each group of equal vectors stands for it.
        let mut leader: Vec<u32> = Vec::new();
        leader
            .try_reserve_exact(rows)
            .map_err(|_| out_of_memory(rows))?;
        leader.extend(0..rows as u32);
        for pair in order.windows(2) {
            let (first, second) = (leader[pair[0] as usize], pair[1]);
            if self.is_equal(first, second) {
                leader[second as usize] = first;
            }
        }
        self.group(&leader)
    }

    fn is_equal(&self, a: u32, b: u32) -> bool {
        let (i, j) = (a as usize, b as usize);
        self.hashes[i] == self.hashes[j]
            && self.arena.factors[i] == self.arena.factors[j]
            && self.arena.code(a) == self.arena.code(b)
    }

    fn group(mut self, leader: &[u32]) -> Result<Loaded> {
        let rows = leader.len();
        let nodes = leader
            .iter()
            .enumerate()
            .filter(|(row, leader)| *row as u32 == **leader)
            .count();
        if nodes == rows {
            let starts = (0..=rows as u32).collect();
            return Ok(Loaded {
                arena: self.arena,
                hashes: self.hashes,
                tids: self.tids,
                starts,
            });
        }
        // Nodes are numbered as their first rows are, so what is kept only moves forward.
        let mut node_of = vec![0u32; rows];
        let mut node = 0;
        for (row, leader) in leader.iter().enumerate() {
            node_of[row] = if row as u32 == *leader {
                self.hashes[node as usize] = self.hashes[row];
                node += 1;
                node - 1
            } else {
                node_of[*leader as usize]
            };
        }
        self.hashes.truncate(nodes);
        self.arena.retain(|row| leader[row as usize] == row);
        // Counting sort of the rows by node keeps heap order within a node.
        let mut starts = vec![0u32; nodes + 1];
        for node in &node_of {
            starts[*node as usize + 1] += 1;
        }
        for i in 0..nodes {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut tids = vec![Tid::NONE; rows];
        for (row, node) in node_of.iter().enumerate() {
            let place = &mut next[*node as usize];
            tids[*place as usize] = self.tids[row];
            *place += 1;
        }
        Ok(Loaded {
            arena: self.arena,
            hashes: self.hashes,
            tids,
            starts,
        })
    }
}
