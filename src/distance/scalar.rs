//! Reference kernels: the definition of right for every other level, and what CPUs without SIMD of ours run.
//!
//! Sums are kept in `LANES` partial sums, element `i` in sum `i % LANES`: a compiler may then use whatever
//! vector unit the target always has, and rounding errors grow with `len / LANES` instead of `len`.

use super::{Element, Half};

/// Number of partial sums.
const LANES: usize = 8;

/// `sum(term(a_i, b_i))` in binary32.
#[inline(always)]
fn sum<A: Copy, B: Copy>(a: &[A], b: &[B], term: impl Fn(A, B) -> f32) -> f32 {
    assert_eq!(a.len(), b.len());
    let (a_chunks, a_tail) = a.as_chunks::<LANES>();
    let (b_chunks, b_tail) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for ((sum, &x), &y) in sums.iter_mut().zip(x).zip(y) {
            *sum += term(x, y);
        }
    }
    for ((sum, &x), &y) in sums.iter_mut().zip(a_tail).zip(b_tail) {
        *sum += term(x, y);
    }
    sums.iter().fold(0.0, |total, sum| total + sum)
}

/// [`sum`] of a term of two elements in binary32.
#[inline(always)]
fn dense_sum<E: Element>(a: &[E], b: &[E], term: impl Fn(f32, f32) -> f32) -> f32 {
    sum(a, b, |x: E, y: E| term(x.to_f32(), y.to_f32()))
}

/// See [`super::l2_squared`].
pub fn l2_squared<E: Element>(a: &[E], b: &[E]) -> f32 {
    dense_sum(a, b, |x, y| (x - y) * (x - y))
}

/// See [`super::inner_product`].
pub fn inner_product<E: Element>(a: &[E], b: &[E]) -> f32 {
    dense_sum(a, b, |x, y| x * y)
}

/// See [`super::l1`].
pub fn l1<E: Element>(a: &[E], b: &[E]) -> f32 {
    dense_sum(a, b, |x, y| (x - y).abs())
}

/// See [`super::cosine_parts`].
pub fn cosine_parts<E: Element>(a: &[E], b: &[E]) -> (f32, f32, f32) {
    (
        inner_product(a, b),
        inner_product(a, a),
        inner_product(b, b),
    )
}

/// See [`super::widen`].
pub fn widen(halves: &[Half], singles: &mut [f32]) {
    for (single, half) in singles.iter_mut().zip(halves) {
        *single = half.to_f32();
    }
}

/// See [`super::narrow`].
pub fn narrow(singles: &[f32], halves: &mut [Half]) {
    for (half, single) in halves.iter_mut().zip(singles) {
        *half = Half::from_f32(*single);
    }
}

/// `sum(term(a_i, b_i))` without error, for terms of magnitude up to 2^22.
#[inline(always)]
fn exact_sum<A: Copy, B: Copy>(a: &[A], b: &[B], term: impl Fn(A, B) -> i32) -> i64 {
    assert_eq!(a.len(), b.len());
    // 256 * 2^22 < 2^31: compilers have vector instructions for sums of 32 bits.
    const BLOCK: usize = 256;
    a.chunks(BLOCK)
        .zip(b.chunks(BLOCK))
        .map(|(a, b)| i64::from(a.iter().zip(b).map(|(&x, &y)| term(x, y)).sum::<i32>()))
        .sum()
}

/// See [`super::Kernels::dot_i16_i8`].
pub fn dot_i16_i8(query: &[i16], code: &[i8]) -> i64 {
    exact_sum(query, code, |q, c| i32::from(q) * i32::from(c))
}

/// See [`super::Kernels::dot_i8_i8`].
pub fn dot_i8_i8(a: &[i8], b: &[i8]) -> i64 {
    exact_sum(a, b, |x, y| i32::from(x) * i32::from(y))
}

/// See [`super::Kernels::l1_f32_i8`].
pub fn l1_f32_i8(query: &[f32], scale: f32, code: &[i8]) -> f32 {
    sum(query, code, |q, c| (q - scale * f32::from(c)).abs())
}

/// See [`super::Kernels::l1_i8_i8`].
pub fn l1_i8_i8(a_scale: f32, a: &[i8], b_scale: f32, b: &[i8]) -> f32 {
    sum(a, b, |x, y| {
        (a_scale * f32::from(x) - b_scale * f32::from(y)).abs()
    })
}

/// See [`super::Kernels::masked_sums`].
pub fn masked_sums(query: &[i8], signs: &[u8], sums: &mut [i32]) {
    for (sum, signs) in sums.iter_mut().zip(signs.chunks((query.len() / 8).max(1))) {
        *sum = signs
            .iter()
            .zip(query.chunks(8))
            .flat_map(|(byte, query)| {
                (query.iter().enumerate())
                    .map(move |(bit, q)| i32::from(byte >> bit & 1) * i32::from(*q))
            })
            .sum();
    }
}
