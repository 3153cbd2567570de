//! Codes of a build's rows, made on other threads while the leader goes on reading the table.

use crate::error::Result;
use crate::hnsw::codes::{CodeParams, Factors};
use crate::hnsw::vector_hash::vector_hash;
use crate::pg::relation::Tid;
use crate::pg::worker_pool::{Helpers, Piece};
use crate::pg::{memory, worker_pool};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Bytes of the elements given to a thread at once: a part of `maintenance_work_mem`, within bounds.
const PART_OF_MEMORY: usize = 64;
const CHUNK_BYTES: RangeInclusive<usize> = (16 << 10)..=(256 << 10);
/// Chunks under way for each thread, beyond which the leader encodes too.
const CHUNKS_PER_THREAD: usize = 2;

/// Rows as they come from the table.
#[derive(Default)]
struct Chunk {
    tids: Vec<Tid>,
    /// `dims` elements a row.
    elements: Vec<f32>,
}

/// Rows as an index keeps them, in the order of the table.
pub struct EncodedRows {
    /// Where they are in the table.
    pub tids: Vec<Tid>,
    /// Hash of each vector.
    pub hashes: Vec<u64>,
    /// Factors of each code.
    pub factors: Vec<Factors>,
    /// `dims` bytes a row.
    pub codes: Vec<i8>,
}

impl Chunk {
    fn encode(self, params: &CodeParams) -> EncodedRows {
        let dims = params.dims;
        let mut codes = vec![0; self.elements.len()];
        let vectors = self.elements.chunks_exact(dims);
        let (hashes, factors) = vectors
            .zip(codes.chunks_exact_mut(dims))
            .map(|(vector, code)| (vector_hash(vector), params.encode(vector, code)))
            .unzip();
        EncodedRows {
            tids: self.tids,
            hashes,
            factors,
            codes,
        }
    }
}

/// Takes rows of vectors with all their elements, and gives them back encoded, in the same order.
pub struct Encoder {
    params: Arc<CodeParams>,
    chunk_rows: usize,
    next: Chunk,
    threads: usize,
    /// From the first full chunk on.
    helpers: Option<Helpers>,
    under_way: VecDeque<Piece<EncodedRows>>,
    /// Rows not given back yet.
    row_count: usize,
}

impl Encoder {
    /// An encoder that uses all cores a build may, but the leader's; `None` if it may use no other.
    pub fn new(params: &CodeParams) -> Option<Self> {
        let threads = worker_pool::build_threads().checked_sub(1)?;
        let bytes = memory::maintenance_work_mem_bytes() / PART_OF_MEMORY;
        let bytes = bytes.clamp(*CHUNK_BYTES.start(), *CHUNK_BYTES.end());
        (threads > 0).then(|| Self {
            params: Arc::new(params.clone()),
            chunk_rows: (bytes / (size_of::<f32>() * params.dims)).max(1),
            next: Chunk::default(),
            threads,
            helpers: None,
            under_way: VecDeque::new(),
            row_count: 0,
        })
    }

    /// Rows taken and not given back yet.
    pub fn row_count(&self) -> usize {
        self.row_count
    }

    /// Takes a row.
    /// # Errors
    /// 53200 if threads cannot be had.
    /// # Panics
    /// If it has other dimensions than the index.
    pub fn push(&mut self, tid: Tid, elements: &[f32]) -> Result<()> {
        assert_eq!(elements.len(), self.params.dims);
        self.next.tids.push(tid);
        self.next.elements.extend_from_slice(elements);
        self.row_count += 1;
        if self.next.tids.len() < self.chunk_rows {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.next);
        if self.under_way.len() >= CHUNKS_PER_THREAD * self.threads {
            let rows = chunk.encode(&self.params);
            self.under_way.push_back(Piece::done(rows));
            return Ok(());
        }
        let helpers = match self.helpers.as_ref() {
            Some(helpers) => helpers,
            None => self.helpers.insert(Helpers::start(self.threads)?),
        };
        let params = Arc::clone(&self.params);
        self.under_way
            .push_back(helpers.begin(move || chunk.encode(&params)));
        Ok(())
    }

    /// The next rows, if they are encoded.
    /// # Errors
    /// XX000 if a thread panicked.
    pub fn poll(&mut self) -> Result<Option<EncodedRows>> {
        let done = match self.under_way.front() {
            Some(piece) => piece.poll()?,
            None => None,
        };
        Ok(done.map(|rows| self.give_back(rows)))
    }

    /// The next rows, waiting for them; `None` if all have been given back.
    /// # Errors
    /// XX000 if a thread panicked.
    pub fn wait(&mut self) -> Result<Option<EncodedRows>> {
        if let Some(piece) = self.under_way.front() {
            let rows = piece.wait()?;
            return Ok(Some(self.give_back(rows)));
        }
        let rest = std::mem::take(&mut self.next);
        self.row_count -= rest.tids.len();
        Ok((!rest.tids.is_empty()).then(|| rest.encode(&self.params)))
    }

    fn give_back(&mut self, rows: EncodedRows) -> EncodedRows {
        self.under_way.pop_front();
        self.row_count -= rows.tids.len();
        rows
    }
}
