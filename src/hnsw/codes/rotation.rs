//! A fixed orthogonal transform that spreads every direction over all dimensions, for codes whose signs are to be
//! compared (`sign.rs`). Pure; index format: the same numbers on every CPU.
//!
//! Distances and inner products stay what they were, but for roundings. A few rounds of random signs, Walsh-Hadamard
//! transforms and plane rotations come close to a random rotation (Ailon and Chazelle, "The fast
//! Johnson-Lindenstrauss transform"; the mixing of halves follows Kac's walk) at `O(d log d)`. A transform covers
//! the largest power of two that fits, in turn at the beginning and at the end of the vector.

use std::f64::consts::FRAC_1_SQRT_2;

/// Rounds: each element has passed every other one after two; one more for dimensions that are no power of two.
const ROUNDS: u32 = 3;
/// Start of the sequence of signs: part of the index format.
const SEED: u64 = 0x616E_6E65_7869_6E6C;
/// Roundings of 2^-53 that one element passes, with room: for dimensions up to 2^16, in all rounds.
pub(super) const ROUNDINGS: f64 = 64.0;

/// Rotates a vector of any length in place.
#[inline(always)]
pub(super) fn rotate(values: &mut [f64]) {
    let len = values.len();
    if len < 2 {
        return;
    }
    let window = 1usize << len.ilog2();
    let mut signs = Signs::new();
    for round in 0..ROUNDS {
        signs.apply(values);
        let start = if round % 2 == 0 { 0 } else { len - window };
        hadamard(&mut values[start..start + window]);
        if window < len {
            mix_halves(values);
        }
    }
}

/// A fixed sequence of signs (splitmix64, one bit a sign).
struct Signs {
    state: u64,
    bits: u64,
    left: u32,
}

impl Signs {
    fn new() -> Self {
        Self {
            state: SEED,
            bits: 0,
            left: 0,
        }
    }

    /// Gives each value the next sign.
    #[inline(always)]
    fn apply(&mut self, values: &mut [f64]) {
        let (rest, whole) = values.split_at_mut(values.len().min(self.left as usize));
        self.flip(rest);
        for word in whole.chunks_mut(u64::BITS as usize) {
            self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut x = self.state;
            x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            self.bits = x ^ (x >> 31);
            self.left = u64::BITS;
            self.flip(word);
        }
    }

    /// Applies as many signs as there are values, of those that are left.
    #[inline(always)]
    fn flip(&mut self, values: &mut [f64]) {
        let bits = self.bits;
        for (i, value) in values.iter_mut().enumerate() {
            *value = f64::from_bits(value.to_bits() ^ ((bits >> i) << 63));
        }
        let used = values.len() as u32;
        self.bits = bits.checked_shr(used).unwrap_or(0);
        self.left -= used;
    }
}

/// Values of a transform whose first steps are taken together, in registers.
const FIRST: usize = 8;

/// The normalised Walsh-Hadamard transform of a power of two of values.
#[inline(always)]
fn hadamard(values: &mut [f64]) {
    let mut half = 1;
    if values.len() >= FIRST {
        for block in values.as_chunks_mut::<FIRST>().0 {
            for half in [1, 2, 4] {
                let before = *block;
                for (i, value) in block.iter_mut().enumerate() {
                    let other = before[i ^ half];
                    *value = if i & half == 0 {
                        before[i] + other
                    } else {
                        other - before[i]
                    };
                }
            }
        }
        half = FIRST;
    }
    while half < values.len() {
        for block in values.chunks_exact_mut(2 * half) {
            let (left, right) = block.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let factor = 1.0 / (values.len() as f64).sqrt();
    for value in values.iter_mut() {
        *value *= factor;
    }
}

/// Turns each element of the first half together with one of the second by 45 degrees: the first with the last, and so on.
#[inline(always)]
fn mix_halves(values: &mut [f64]) {
    const LANES: usize = 8;
    let middle = values.len() / 2;
    // One in the middle of an odd number stays as it is.
    let (left, right) = values.split_at_mut(values.len() - middle);
    let left = &mut left[..middle];
    let (left_blocks, left_rest) = left.as_chunks_mut::<LANES>();
    let (right_rest, right_blocks) = right.as_rchunks_mut::<LANES>();
    for (a, b) in left_blocks.iter_mut().zip(right_blocks.iter_mut().rev()) {
        let (mut sums, mut differences) = ([0.0; LANES], [0.0; LANES]);
        for i in 0..LANES {
            let (x, y) = (a[i], b[LANES - 1 - i]);
            sums[i] = (x + y) * FRAC_1_SQRT_2;
            differences[LANES - 1 - i] = (x - y) * FRAC_1_SQRT_2;
        }
        (*a, *b) = (sums, differences);
    }
    for (a, b) in left_rest.iter_mut().zip(right_rest.iter_mut().rev()) {
        (*a, *b) = ((*a + *b) * FRAC_1_SQRT_2, (*a - *b) * FRAC_1_SQRT_2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{Kernels, Level, Vectorized};

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    fn sample(len: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        (0..len).map(|_| next()).collect()
    }

    /// Proves: inner products, and so norms and distances, survive for every kind of length.
    #[test]
    fn keeps_inner_products() {
        for len in [1, 2, 3, 7, 8, 63, 64, 65, 100, 384, 784, 1000, 1536, 2047] {
            let (mut a, mut b) = (sample(len, 1), sample(len, 2));
            let expected = dot(&a, &b);
            rotate(&mut a);
            rotate(&mut b);
            let bound = ROUNDINGS * f64::EPSILON * len as f64;
            assert!((dot(&a, &b) - expected).abs() <= bound, "{len}");
        }
    }

    /// Proves: one dimension alone is spread over all, whichever it is: what makes signs carry information.
    #[test]
    fn spreads_a_single_dimension() {
        for len in [64, 100, 384, 784, 1000, 1536] {
            for at in [0, 1, len / 2, len - 1] {
                let mut values = vec![0.0; len];
                values[at] = 1.0;
                rotate(&mut values);
                let l1: f64 = values.iter().map(|x| x.abs()).sum();
                // A random direction has sqrt(2 d / pi) on average, a single dimension 1.
                let share = l1 / (2.0 * len as f64 / std::f64::consts::PI).sqrt();
                assert!((0.75..=1.26).contains(&share), "{len} {at}: {share}");
            }
        }
    }

    /// The transform as the head of this file defines it, one value after the other.
    fn rotate_plainly(values: &mut [f64]) {
        let len = values.len();
        let window = 1usize << len.ilog2();
        let (mut state, mut bits, mut left) = (SEED, 0u64, 0);
        for round in 0..ROUNDS {
            for value in values.iter_mut() {
                if left == 0 {
                    state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                    let mut x = state;
                    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                    (bits, left) = (x ^ (x >> 31), 64);
                }
                *value = if bits & 1 == 1 { -*value } else { *value };
                bits >>= 1;
                left -= 1;
            }
            let start = if round % 2 == 0 { 0 } else { len - window };
            let part = &mut values[start..start + window];
            let mut half = 1;
            while half < window {
                for i in (0..window).filter(|i| i & half == 0) {
                    (part[i], part[i + half]) =
                        (part[i] + part[i + half], part[i] - part[i + half]);
                }
                half *= 2;
            }
            part.iter_mut()
                .for_each(|x| *x *= 1.0 / (window as f64).sqrt());
            if window < len {
                for i in 0..len / 2 {
                    let (a, b) = (values[i], values[len - 1 - i]);
                    values[i] = (a + b) * FRAC_1_SQRT_2;
                    values[len - 1 - i] = (a - b) * FRAC_1_SQRT_2;
                }
            }
        }
    }

    /// Proves: whole registers at a time give every bit that single values give, on the levels this CPU has.
    #[test]
    fn is_what_its_definition_says() {
        struct Rotate<'a>(&'a mut [f64]);
        impl Vectorized for Rotate<'_> {
            type Output = ();
            #[inline(always)]
            fn run(self) {
                rotate(self.0);
            }
        }
        for len in [2, 3, 7, 8, 9, 50, 63, 64, 65, 100, 384, 784, 1000, 1536] {
            let mut expected = sample(len, 3);
            rotate_plainly(&mut expected);
            for kernels in Level::ALL.into_iter().filter_map(Kernels::for_level) {
                let mut values = sample(len, 3);
                kernels.vectorized(Rotate(&mut values));
                assert_eq!(values, expected, "{len} {:?}", kernels.level());
            }
        }
    }

    /// Proves: the numbers are part of the index format.
    #[test]
    fn is_the_same_for_ever() {
        let mut values: Vec<f64> = (0..6).map(f64::from).collect();
        rotate(&mut values);
        let rounded: Vec<i64> = values.iter().map(|x| (x * 1e6).round() as i64).collect();
        assert_eq!(rounded, GOLDEN);
    }

    const GOLDEN: [i64; 6] = [
        707_107, 1_237_437, -3_712_311, -4_419_417, -4_065_864, 1_767_767,
    ];
}
