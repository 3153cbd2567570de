//! One-bit sketches of the codes of a graph under construction: a cache line or two tell of most nodes that a search
//! meets that they are too far, so that their codes, which are dimensions long, never leave the memory.
//!
//! The sketch of `v` is the signs of its code, which are RaBitQ's with the index's mean as the center (see
//! `crate::hnsw::codes`, whose signs have a list's owner as theirs). With `b` these signs, `<q, v>` is about
//! `|v|^2 / |v|_1 * <q, b>`. A rotation spreads what every vector says over all dimensions, and `|v|^2 / |v|_1 * b`
//! is `v` and a rest of length `SPREAD * |v|` in a direction that `q` knows nothing of: so much, times `|q|` and
//! over the root of the dimensions, an estimate is off on average.

use crate::distance::prefetch::{self, LINE};
use crate::distance::{Kernels, Metric, kernels};
use crate::hnsw::build::builder::{BuildControl, BuildFailure, try_filled};
use crate::hnsw::codes::{CodeArena, CodeForm, CodeParams, sign_bytes};
use rayon::prelude::*;
use std::sync::atomic::Ordering;

/// Shorter codes are compared as fast as sketches.
const MIN_DIMS: usize = 128;

/// Length of what a scaled sketch has beside its vector, in lengths of the vector: `sqrt(pi / 2 - 1)`.
const SPREAD: f32 = 0.755_51;

/// How many deviations an estimate must lie beyond what is wanted for the node to be left out. By experiment
/// (README.md, "Build").
const CAUTION: f32 = 1.0;

/// Squared norm and ratio, behind the signs.
const FACTOR_BYTES: usize = 2 * size_of::<f32>();

/// Sketches of all vectors of an arena.
#[derive(Debug)]
pub(super) struct Sketches {
    metric: Metric,
    kernels: &'static Kernels,
    /// `stride` bytes each, from `start` on: signs, then the factors.
    bytes: Vec<u8>,
    /// Where the first full cache line begins.
    start: usize,
    stride: usize,
    sign_bytes: usize,
    /// What lengths of query and vector are multiplied with for the doubt about their estimate.
    doubt: f32,
}

/// A vector of the arena as it is compared with sketches. Reused: setting it allocates only once.
#[derive(Debug, Default)]
pub(super) struct SketchQuery {
    /// The code, padded with zeros to whole blocks of signs.
    ints: Vec<i8>,
    /// `<q, b>` is `slope * (sum of the ints where b is positive) - base`.
    slope: f32,
    base: f32,
    norm_squared: f32,
    norm: f32,
}

impl Sketches {
    /// Bytes for each vector; 0 if codes of these parameters get no sketches.
    pub(super) fn bytes_per_vector(params: &CodeParams) -> usize {
        let is_sketched = params.form == CodeForm::Elements
            && params.is_rotated
            && params.metric != Metric::L1
            && params.dims >= MIN_DIMS;
        if !is_sketched {
            return 0;
        }
        // No sketch begins within a cache line that it does not end in, if one line holds it.
        let least = sign_bytes(params.dims) + FACTOR_BYTES;
        least.next_power_of_two().min(least.next_multiple_of(LINE))
    }

    /// Sketches of all vectors of `arena`, made on the threads of the current pool; `None` if they would not pay.
    /// # Errors
    /// `OutOfMemory`, `Canceled`.
    pub(super) fn try_new(
        arena: &CodeArena,
        control: &BuildControl,
    ) -> Result<Option<Self>, BuildFailure> {
        let params = &arena.params;
        let stride = Self::bytes_per_vector(params);
        if stride == 0 {
            return Ok(None);
        }
        let mut bytes = try_filled(arena.len() * stride + LINE, || 0_u8)?;
        let start = bytes.as_ptr().align_offset(LINE).min(LINE);
        let sign_bytes = sign_bytes(params.dims);
        bytes[start..start + arena.len() * stride]
            .par_chunks_exact_mut(stride)
            .zip(arena.factors.par_iter())
            .enumerate()
            .try_for_each(|(id, (sketch, factors))| {
                if control.cancel.load(Ordering::Relaxed) {
                    return Err(BuildFailure::Canceled);
                }
                let (signs, rest) = sketch.split_at_mut(sign_bytes);
                let absolute = write_signs(arena.code(id as u32), signs);
                let length_l1 = factors.scale * absolute as f32;
                let ratio = factors.norm_squared / length_l1;
                // Of a code of zeros only the norm is known, which is all there is.
                let ratio = if ratio.is_finite() { ratio } else { 0.0 };
                rest[..4].copy_from_slice(&factors.norm_squared.to_le_bytes());
                rest[4..8].copy_from_slice(&ratio.to_le_bytes());
                Ok(())
            })?;
        Ok(Some(Self {
            metric: params.metric,
            kernels: kernels(),
            bytes,
            start,
            stride,
            sign_bytes,
            doubt: CAUTION * SPREAD / (params.dims as f32).sqrt(),
        }))
    }

    #[inline(always)]
    fn sketch(&self, id: u32) -> &[u8] {
        let start = self.start + id as usize * self.stride;
        &self.bytes[start..start + self.sign_bytes + FACTOR_BYTES]
    }

    /// Asks the CPU to bring the sketch of vector `id` into its caches.
    /// # Panics
    /// If there is no such vector.
    #[inline(always)]
    pub(super) fn prefetch(&self, id: u32) {
        prefetch::slice(self.sketch(id));
    }

    /// A key that [`CodeArena::key`] of the query and vector `id` is probably not below: in about five cases of six.
    /// # Panics
    /// If there is no such vector.
    #[inline(always)]
    pub(super) fn probable_key(&self, query: &SketchQuery, id: u32) -> f32 {
        let (signs, factors) = self.sketch(id).split_at(self.sign_bytes);
        let mut sums = [0];
        self.kernels.masked_sums(&query.ints, signs, &mut sums);
        let factor = |at: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&factors[at..at + 4]);
            f32::from_le_bytes(bytes)
        };
        let (norm_squared, ratio) = (factor(0), factor(4));
        let product = ratio * (query.slope * sums[0] as f32 - query.base)
            + self.doubt * query.norm * norm_squared.sqrt();
        if self.metric == Metric::InnerProduct {
            -product
        } else {
            query.norm_squared + norm_squared - 2.0 * product
        }
    }
}

impl SketchQuery {
    /// Makes this the query of vector `id` of `arena`.
    /// # Panics
    /// If there is no such vector.
    pub(super) fn set(&mut self, arena: &CodeArena, id: u32) {
        let code = arena.code(id);
        let factors = &arena.factors[id as usize];
        self.ints.clear();
        self.ints.extend_from_slice(code);
        self.ints.resize(sign_bytes(code.len()) * 8, 0);
        let total: i32 = code.iter().map(|&element| i32::from(element)).sum();
        self.slope = 2.0 * factors.scale;
        self.base = factors.scale * total as f32;
        self.norm_squared = factors.norm_squared;
        self.norm = factors.norm_squared.sqrt();
    }
}

/// Sets the bit of each positive element and returns the sum of all magnitudes.
fn write_signs(code: &[i8], signs: &mut [u8]) -> u32 {
    let mut absolute = 0;
    for (byte, elements) in signs.iter_mut().zip(code.chunks(8)) {
        for (bit, &element) in elements.iter().enumerate() {
            *byte |= u8::from(element > 0) << bit;
            absolute += u32::from(element.unsigned_abs());
        }
    }
    absolute
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 400;

    /// Vectors around a few centers, the same each time.
    fn arena(metric: Metric, dims: usize) -> CodeArena {
        let mut state = 1_u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        let centers: Vec<f32> = (0..4 * dims).map(|_| uniform()).collect();
        let params = CodeParams::new(metric, dims, Vec::new()).with_rotation();
        let mut arena = CodeArena::try_with_capacity(params, ROWS).unwrap();
        for row in 0..ROWS {
            let center = &centers[row % 4 * dims..][..dims];
            let vector: Vec<f32> = center.iter().map(|x| x + uniform()).collect();
            arena.push(&vector).unwrap();
        }
        arena
    }

    /// Proves: a probable key is above the true one in about a case of six, as its docs say, and near to it.
    #[test]
    fn probable_keys_are_near_and_mostly_below() {
        for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
            for dims in [128, 200, 384, 784] {
                let arena = arena(metric, dims);
                let made = Sketches::try_new(&arena, &BuildControl::default());
                let sketches = made.unwrap().unwrap();
                let mut query = SketchQuery::default();
                let (mut above, mut off, mut pairs) = (0, 0.0, 0);
                for a in 0..50 {
                    query.set(&arena, a);
                    for b in (0..ROWS as u32).filter(|&b| b != a) {
                        let probable = sketches.probable_key(&query, b);
                        let norms = query.norm * arena.factors[b as usize].norm_squared.sqrt();
                        let key = arena.key(a, b);
                        above += u32::from(probable > key);
                        off += (probable - key).abs() / norms;
                        pairs += 1;
                    }
                }
                let share = f64::from(above) / f64::from(pairs);
                assert!((0.05..0.25).contains(&share), "{metric:?} {dims}: {share}");
                let off = off / pairs as f32 * (dims as f32).sqrt();
                assert!(off < 4.0, "{metric:?} {dims}: {off}");
            }
        }
    }

    /// Proves: a vector without length is as far as the query is long, and nothing is divided by zero.
    #[test]
    fn zero_vectors_have_sketches() {
        let params = CodeParams::new(Metric::L2, 128, Vec::new()).with_rotation();
        let mut arena = CodeArena::try_with_capacity(params, 2).unwrap();
        arena.push(&[0.0; 128]).unwrap();
        arena.push(&[1.0; 128]).unwrap();
        let made = Sketches::try_new(&arena, &BuildControl::default());
        let sketches = made.unwrap().unwrap();
        let mut query = SketchQuery::default();
        query.set(&arena, 1);
        assert_eq!(
            sketches.probable_key(&query, 0),
            arena.factors[1].norm_squared
        );
        query.set(&arena, 0);
        assert_eq!(
            sketches.probable_key(&query, 1),
            arena.factors[1].norm_squared
        );
    }

    /// Proves: codes that sketches would not tell apart get none, and sketches do not straddle cache lines in vain.
    #[test]
    fn only_long_rotated_codes_are_sketched() {
        let dense = |dims| CodeParams::new(Metric::L2, dims, Vec::new());
        let bytes = Sketches::bytes_per_vector;
        assert_eq!(bytes(&dense(384)), 0);
        assert_eq!(bytes(&dense(127).with_rotation()), 0);
        assert_eq!(bytes(&CodeParams::sparse(Metric::L2, 500, 40)), 0);
        assert_eq!(bytes(&dense(128).with_rotation()), 32);
        assert_eq!(bytes(&dense(384).with_rotation()), 64);
        assert_eq!(bytes(&dense(784).with_rotation()), 128);
        assert_eq!(bytes(&dense(1536).with_rotation()), 256);
        assert_eq!(bytes(&dense(16_000).with_rotation()), 2048);
    }
}
