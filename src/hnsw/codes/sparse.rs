//! Codes of sparse vectors: index and 16 bits of each element that is not zero. Pure; index format.
//!
//! A vector `x` (divided by its norm first for cosine) is stored as `x^ = scale * c` with `c` in `-32767..=32767`, and
//! its error as with the other codes. A code is all indices, u32 ascending, then all `c`, i16. Steps of 16 bits are far
//! below the differences between the distances of neighbors, so the order of keys is that of the vectors but for ties.

mod lookup;

pub(super) use lookup::Lookup;

use super::encode::{Centered, factors_of};
use super::{CodeParams, Factors};
use crate::types::sparse::SparseView;

/// Bytes of a code for each element.
pub const BYTES_PER_NON_ZERO: usize = 6;

/// Largest magnitude of an element of a code.
const CODE_MAX: f64 = 32_767.0;

/// A code, apart into its two lists. Whatever is on a damaged page, indices in any order included, gives numbers.
#[derive(Clone, Copy)]
struct Parts<'a> {
    indices: &'a [[u8; 4]],
    values: &'a [[u8; 2]],
}

impl<'a> Parts<'a> {
    #[inline]
    fn of(code: &'a [i8]) -> Self {
        let bytes: &[u8] = bytemuck::cast_slice(code);
        let count = bytes.len() / BYTES_PER_NON_ZERO;
        let (indices, values) = bytes.split_at(4 * count);
        let (indices, values) = (indices.as_chunks().0, values.as_chunks().0);
        // Says to the compiler that what is within one list is within the other.
        Self {
            indices,
            values: &values[..indices.len()],
        }
    }

    #[inline]
    fn values(self) -> impl Iterator<Item = i16> + 'a {
        self.values.iter().map(|bytes| i16::from_ne_bytes(*bytes))
    }

    /// Indices with their values.
    #[inline]
    fn elements(self) -> impl Iterator<Item = (u32, i16)> + 'a {
        let indices = self.indices.iter();
        let indices = indices.map(|bytes| u32::from_ne_bytes(*bytes));
        indices.zip(self.values())
    }
}

/// Elements compared at once, all of one block with all of another.
const BLOCK: usize = 8;

/// Indices behind the end of a list: those of the other list, and all there can be, are others.
const BEHIND_A: u32 = u32::MAX;
const BEHIND_B: u32 = u32::MAX - 1;

/// Elements that follow one another in a code.
#[derive(Clone, Copy)]
struct Block {
    indices: [u32; BLOCK],
    values: [i32; BLOCK],
}

impl Block {
    /// The elements from `at` on, filled up with zeros at `behind`.
    #[inline(always)]
    fn load(parts: Parts<'_>, at: usize, behind: u32) -> Self {
        let mut block = Self {
            indices: [behind; BLOCK],
            values: [0; BLOCK],
        };
        let (indices, values) = (&parts.indices[at..], &parts.values[at..]);
        if let (Some(indices), Some(values)) = (indices.first_chunk(), values.first_chunk()) {
            block.indices = indices.map(u32::from_ne_bytes);
            block.values = values.map(|value| i32::from(i16::from_ne_bytes(value)));
            return block;
        }
        for (place, index) in block.indices.iter_mut().zip(indices) {
            *place = u32::from_ne_bytes(*index);
        }
        for (place, value) in block.values.iter_mut().zip(values) {
            *place = i32::from(i16::from_ne_bytes(*value));
        }
        block
    }

    /// For each element the value that `other` has at its index, or zero.
    #[inline(always)]
    fn met(&self, other: &Self) -> [i32; BLOCK] {
        let mut met = [0; BLOCK];
        for (&index, &value) in other.indices.iter().zip(&other.values) {
            for (met, &own) in met.iter_mut().zip(&self.indices) {
                *met |= if own == index { value } else { 0 };
            }
        }
        met
    }
}

/// Calls `meet` with the values of both codes for each index that both have, by ascending index; with a zero for others.
///
/// As in a merge, but block by block: which list has the next element cannot be predicted, and a wrong guess costs more
/// than to compare eight elements with eight.
#[inline(always)]
fn walk(a: Parts<'_>, b: Parts<'_>, mut meet: impl FnMut(i32, i32)) {
    let (mut at_a, mut at_b) = (0, 0);
    if a.indices.is_empty() || b.indices.is_empty() {
        return;
    }
    let mut block_a = Block::load(a, 0, BEHIND_A);
    let mut block_b = Block::load(b, 0, BEHIND_B);
    loop {
        let met = block_a.met(&block_b);
        if met != [0; BLOCK] {
            for (x, y) in block_a.values.into_iter().zip(met) {
                meet(x, y);
            }
        }
        let (last_a, last_b) = (block_a.indices[BLOCK - 1], block_b.indices[BLOCK - 1]);
        if last_a <= last_b {
            at_a += BLOCK;
            if at_a >= a.indices.len() {
                return;
            }
            block_a = Block::load(a, at_a, BEHIND_A);
        }
        if last_b <= last_a {
            at_b += BLOCK;
            if at_b >= b.indices.len() {
                return;
            }
            block_b = Block::load(b, at_b, BEHIND_B);
        }
    }
}

/// Exact inner product of two codes' integers.
#[inline]
pub(super) fn dot(a: &[i8], b: &[i8]) -> i64 {
    let mut sum = 0;
    // Of magnitudes up to 2^15 each.
    walk(Parts::of(a), Parts::of(b), |x, y| sum += i64::from(x * y));
    sum
}

/// L1 distance of `a_scale * a` and `b_scale * b`. Symmetric to the last bit.
#[inline]
pub(super) fn l1(a_scale: f32, a: &[i8], b_scale: f32, b: &[i8]) -> f64 {
    // The norms, less what elements at the same index have in common.
    let norms = norm_l1(a_scale, a) + norm_l1(b_scale, b);
    let mut common = 0.0;
    walk(Parts::of(a), Parts::of(b), |x, y| {
        common += common_l1(a_scale, x, b_scale, y)
    });
    (norms - common).max(0.0)
}

/// What the L1 distance of two vectors is less than the sum of their norms for elements `x` and `y` at one index.
#[inline(always)]
fn common_l1(x_scale: f32, x: i32, y_scale: f32, y: i32) -> f64 {
    let (x, y) = (
        f64::from(x_scale) * f64::from(x),
        f64::from(y_scale) * f64::from(y),
    );
    x.abs() + y.abs() - (x - y).abs()
}

/// L1 norm of `scale * code`.
pub(super) fn norm_l1(scale: f32, code: &[i8]) -> f64 {
    let sum: i64 = Parts::of(code).values().map(|c| i64::from(c).abs()).sum();
    f64::from(scale) * sum as f64
}

/// Number of elements of a code.
pub(super) fn non_zeros(code: &[i8]) -> usize {
    code.len() / BYTES_PER_NON_ZERO
}

/// Writes the code of `vector` to `code` and returns its factors. The same on every CPU.
pub(super) fn encode(params: &CodeParams, vector: SparseView<'_>, code: &mut Vec<i8>) -> Factors {
    let centered = Centered::of(params, vector.values());
    let mut values = vec![0_i16; vector.values().len()];
    let factors = factors_of(&centered, CODE_MAX, &mut values, |c| c as i16);
    code.clear();
    code.extend_from_slice(bytemuck::cast_slice(vector.indices()));
    code.extend_from_slice(bytemuck::cast_slice(&values));
    factors
}
