//! Codes of many vectors in one block, for builds.

use super::{CodeForm, CodeParams, Factors, code_key, sparse_key};
use crate::distance::{Kernels, bits, kernels, prefetch};
use crate::error::{Error, Result, SqlState};
use crate::types::indexed::IndexedValue;
use rayon::prelude::*;

/// Codes of `len` vectors in one block, for builds.
#[derive(Debug)]
pub struct CodeArena {
    /// Shared parameters.
    pub params: CodeParams,
    /// One behind the other.
    codes: Vec<i8>,
    /// One a vector.
    pub factors: Vec<Factors>,
    /// Bytes of each code, if all are as long.
    code_len: Option<usize>,
    /// Else the end of each in `codes`.
    ends: Vec<usize>,
    kernels: &'static Kernels,
    bit_kernels: &'static bits::Kernels,
    /// The code being made.
    encoded: Vec<i8>,
}

impl CodeArena {
    /// An empty arena with room for `capacity` vectors.
    /// # Errors
    /// 53200 if the memory cannot be had.
    pub fn try_with_capacity(params: CodeParams, capacity: usize) -> Result<Self> {
        let mut arena = Self {
            code_len: params.code_len(),
            params,
            codes: Vec::new(),
            ends: Vec::new(),
            factors: Vec::new(),
            kernels: kernels(),
            bit_kernels: bits::kernels(),
            encoded: Vec::new(),
        };
        arena.reserve(capacity)?;
        Ok(arena)
    }

    /// Bytes that an arena takes for each vector beside its code.
    pub fn bytes_per_vector(params: &CodeParams) -> usize {
        size_of::<Factors>() + params.code_len().map_or(size_of::<usize>(), |_| 0)
    }

    /// Bytes that the codes take, with room for others.
    pub fn code_bytes(&self) -> usize {
        self.codes.capacity()
    }

    /// Makes room for `additional` vectors, apart from their codes if these differ in length.
    fn reserve(&mut self, additional: usize) -> Result<()> {
        let bytes = additional.checked_mul(self.code_len.unwrap_or(0));
        let ends = self.code_len.map_or(additional, |_| 0);
        let reserved = bytes.is_some_and(|bytes| self.codes.try_reserve(bytes).is_ok())
            && self.ends.try_reserve(ends).is_ok()
            && self.factors.try_reserve(additional).is_ok();
        if reserved {
            return Ok(());
        }
        Err(self.out_of_memory(additional))
    }

    fn out_of_memory(&self, vectors: usize) -> Error {
        Error::new(SqlState::OutOfMemory, "out of memory").with_detail(format!(
            "Failed on codes of {vectors} vectors of {} dimensions.",
            self.params.dims
        ))
    }

    /// Encodes one vector behind the last and returns its id.
    /// # Errors
    /// 53200 if the arena is full and cannot grow; it is unchanged then.
    /// # Panics
    /// If `vector` is not `params.dims` long.
    pub fn push(&mut self, vector: &[f32]) -> Result<u32> {
        self.push_value(IndexedValue::Dense(vector))
    }

    /// Encodes one value behind the last and returns its id.
    /// # Errors
    /// 53200 if the arena is full and cannot grow; it is unchanged then.
    /// # Panics
    /// If the value is of another form than the codes, or has other dimensions.
    pub fn push_value(&mut self, value: IndexedValue<'_>) -> Result<u32> {
        let mut code = std::mem::take(&mut self.encoded);
        let factors = self.params.encode_value(value, &mut code);
        let id = self.push_code(&code, factors);
        self.encoded = code;
        id
    }

    /// Encodes vectors that lie one behind the other, on the threads of the current rayon pool; the first
    /// gets the id [`Self::len`] had.
    /// # Errors
    /// 53200 if the memory cannot be had; the arena is unchanged then.
    /// # Panics
    /// If `vectors` is not a whole number of vectors long, or codes are not of elements.
    pub fn push_many(&mut self, vectors: &[f32]) -> Result<()> {
        assert_eq!(self.params.form, CodeForm::Elements);
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
    /// If `code` is not as long as those of the index.
    pub fn push_code(&mut self, code: &[i8], factors: Factors) -> Result<u32> {
        self.reserve(1)?;
        match self.code_len {
            Some(len) => assert_eq!(code.len(), len),
            None => {
                if self.codes.capacity() - self.codes.len() < code.len() {
                    // An eighth at a time: a build counts what it has room for.
                    let more = code.len().max(self.codes.capacity() / 8);
                    let reserved = self.codes.try_reserve_exact(more);
                    reserved.map_err(|_| self.out_of_memory(1))?;
                }
                self.ends.push(self.codes.len() + code.len());
            }
        }
        let id = self.factors.len();
        self.codes.extend_from_slice(code);
        self.factors.push(factors);
        Ok(id as u32)
    }

    /// Keeps the vectors for which `is_kept` says so, in their order, with new ids from 0 on. Takes no memory.
    pub fn retain(&mut self, mut is_kept: impl FnMut(u32) -> bool) {
        let (mut kept, mut kept_bytes, mut start) = (0, 0, 0);
        for id in 0..self.factors.len() {
            let end = self
                .code_len
                .map_or_else(|| self.ends[id], |len| start + len);
            if is_kept(id as u32) {
                self.codes.copy_within(start..end, kept_bytes);
                kept_bytes += end - start;
                self.factors[kept] = self.factors[id];
                if let Some(place) = self.ends.get_mut(kept) {
                    *place = kept_bytes;
                }
                kept += 1;
            }
            start = end;
        }
        self.codes.truncate(kept_bytes);
        self.ends.truncate(kept);
        self.factors.truncate(kept);
    }

    /// Code of vector `id`.
    /// # Panics
    /// If there is no such vector.
    #[inline(always)]
    pub fn code(&self, id: u32) -> &[i8] {
        let id = id as usize;
        match self.code_len {
            Some(len) => &self.codes[id * len..(id + 1) * len],
            None => {
                let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
                &self.codes[start..self.ends[id]]
            }
        }
    }

    /// Ordering key of two vectors, see [`CodeParams::code_key`]. Symmetric.
    /// # Panics
    /// If one of the vectors does not exist.
    #[inline]
    pub fn key(&self, a: u32, b: u32) -> f32 {
        let metric = self.params.metric;
        let of = |id: u32| (self.code(id), &self.factors[id as usize]);
        match self.params.form {
            CodeForm::Elements => code_key(self.kernels, metric, of(a), of(b)),
            CodeForm::Bits(form) => form.key(self.bit_kernels, metric, self.code(a), self.code(b)),
            CodeForm::NonZeros(_) => sparse_key(metric, of(a), of(b)),
        }
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
