//! Codes of many vectors in one block, for builds.

use super::{CodeParams, Factors, code_key};
use crate::distance::{Kernels, kernels, prefetch};
use crate::error::{Error, Result, SqlState};
use rayon::prelude::*;

/// Codes of `len` vectors in one block, for builds.
#[derive(Debug)]
pub struct CodeArena {
    /// Shared parameters.
    pub params: CodeParams,
    /// `params.dims` codes a vector.
    pub codes: Vec<i8>,
    /// One a vector.
    pub factors: Vec<Factors>,
    kernels: &'static Kernels,
}

impl CodeArena {
    /// An empty arena with room for `capacity` vectors.
    /// # Errors
    /// 53200 if the memory cannot be had.
    pub fn try_with_capacity(params: CodeParams, capacity: usize) -> Result<Self> {
        let mut arena = Self {
            params,
            codes: Vec::new(),
            factors: Vec::new(),
            kernels: kernels(),
        };
        arena.reserve(capacity)?;
        Ok(arena)
    }

    /// Bytes that an arena takes for each vector.
    pub fn bytes_per_vector(dims: usize) -> usize {
        dims + size_of::<Factors>()
    }

    /// Makes room for `additional` vectors.
    fn reserve(&mut self, additional: usize) -> Result<()> {
        let reserved = additional
            .checked_mul(self.params.dims)
            .is_some_and(|bytes| self.codes.try_reserve(bytes).is_ok())
            && self.factors.try_reserve(additional).is_ok();
        if reserved {
            return Ok(());
        }
        Err(
            Error::new(SqlState::OutOfMemory, "out of memory").with_detail(format!(
                "Failed on codes of {additional} vectors of {} dimensions.",
                self.params.dims
            )),
        )
    }

    /// Encodes one vector behind the last and returns its id.
    /// # Errors
    /// 53200 if the arena is full and cannot grow; it is unchanged then.
    /// # Panics
    /// If `vector` is not `params.dims` long.
    pub fn push(&mut self, vector: &[f32]) -> Result<u32> {
        self.reserve(1)?;
        let id = self.factors.len();
        let start = self.codes.len();
        self.codes.resize(start + self.params.dims, 0);
        let factors = self.params.encode(vector, &mut self.codes[start..]);
        self.factors.push(factors);
        Ok(id as u32)
    }

    /// Encodes vectors that lie one behind the other, on the threads of the current rayon pool; the first
    /// gets the id [`Self::len`] had.
    /// # Errors
    /// 53200 if the memory cannot be had; the arena is unchanged then.
    /// # Panics
    /// If `vectors` is not a whole number of vectors long.
    pub fn push_many(&mut self, vectors: &[f32]) -> Result<()> {
        let dims = self.params.dims;
        assert_eq!(vectors.len() % dims, 0);
        let count = vectors.len() / dims;
        self.reserve(count)?;
        let first = self.factors.len();
        self.codes.resize(self.codes.len() + vectors.len(), 0);
        self.factors.resize(first + count, Factors::default());
        let params = &self.params;
        (
            vectors.par_chunks_exact(dims),
            self.codes[first * dims..].par_chunks_exact_mut(dims),
            &mut self.factors[first..],
        )
            .into_par_iter()
            .for_each(|(vector, code, factors)| *factors = params.encode(vector, code));
        Ok(())
    }

    /// Adds a code made elsewhere with the same parameters and returns its id.
    /// # Errors
    /// 53200 if the arena is full and cannot grow.
    /// # Panics
    /// If `code` is not `params.dims` long.
    pub fn push_code(&mut self, code: &[i8], factors: Factors) -> Result<u32> {
        assert_eq!(code.len(), self.params.dims);
        self.reserve(1)?;
        let id = self.factors.len();
        self.codes.extend_from_slice(code);
        self.factors.push(factors);
        Ok(id as u32)
    }

    /// Keeps the vectors for which `is_kept` says so, in their order, with new ids from 0 on. Takes no memory.
    pub fn retain(&mut self, mut is_kept: impl FnMut(u32) -> bool) {
        let dims = self.params.dims;
        let mut kept = 0;
        for id in 0..self.factors.len() {
            if is_kept(id as u32) {
                self.codes
                    .copy_within(id * dims..(id + 1) * dims, kept * dims);
                self.factors[kept] = self.factors[id];
                kept += 1;
            }
        }
        self.codes.truncate(kept * dims);
        self.factors.truncate(kept);
    }

    /// Code of vector `id`.
    /// # Panics
    /// If there is no such vector.
    #[inline(always)]
    pub fn code(&self, id: u32) -> &[i8] {
        let start = id as usize * self.params.dims;
        &self.codes[start..start + self.params.dims]
    }

    /// Ordering key of two vectors, see [`CodeParams::code_key`]. Symmetric.
    /// # Panics
    /// If one of the vectors does not exist.
    #[inline]
    pub fn key(&self, a: u32, b: u32) -> f32 {
        code_key(
            self.kernels,
            self.params.metric,
            (self.code(a), &self.factors[a as usize]),
            (self.code(b), &self.factors[b as usize]),
        )
    }

    /// Asks the CPU to bring code and factors of vector `id` into its caches.
    /// # Panics
    /// If there is no such vector.
    #[inline]
    pub fn prefetch(&self, id: u32) {
        prefetch::slice(self.code(id));
        prefetch::slice(std::slice::from_ref(&self.factors[id as usize]));
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.factors.len()
    }

    /// Whether the arena holds no vector.
    pub fn is_empty(&self) -> bool {
        self.factors.is_empty()
    }
}
