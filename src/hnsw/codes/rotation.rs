//! A fixed orthogonal transform that spreads every direction over all dimensions, for codes whose signs are to be
//! compared (`sign.rs`). Pure; index format: the same numbers on every CPU.
//!
//! Distances and inner products stay what they were, but for roundings. A few rounds of random signs, Walsh-Hadamard
//! transforms and plane rotations come close to a random rotation (Ailon and Chazelle, "The fast
//! Johnson-Lindenstrauss transform"; the mixing of halves follows Kac's walk) at `O(d log d)`. A transform covers
//! the largest power of two that fits, in turn at the beginning and at the end of the vector.

/// Rounds: each element has passed every other one after two; one more for dimensions that are no power of two.
const ROUNDS: u32 = 3;
/// Start of the sequence of signs: part of the index format.
const SEED: u64 = 0x616E_6E65_7869_6E6C;
/// Roundings of 2^-53 that one element passes, with room: for dimensions up to 2^16, in all rounds.
pub(super) const ROUNDINGS: f64 = 64.0;

/// Rotates a vector of any length in place.
pub(super) fn rotate(values: &mut [f64]) {
    let len = values.len();
    if len < 2 {
        return;
    }
    let window = 1usize << len.ilog2();
    let mut signs = Signs::new();
    for round in 0..ROUNDS {
        for value in values.iter_mut() {
            *value = signs.apply(*value);
        }
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

    /// `value` with the next sign.
    #[inline]
    fn apply(&mut self, value: f64) -> f64 {
        if self.left == 0 {
            self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut x = self.state;
            x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            self.bits = x ^ (x >> 31);
            self.left = 64;
        }
        let sign = self.bits << 63;
        self.bits >>= 1;
        self.left -= 1;
        f64::from_bits(value.to_bits() ^ sign)
    }
}

/// The normalised Walsh-Hadamard transform of a power of two of values.
fn hadamard(values: &mut [f64]) {
    let mut half = 1;
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

/// Turns each element of the first half together with one of the second by 45 degrees.
fn mix_halves(values: &mut [f64]) {
    let middle = values.len() / 2;
    let (left, right) = values.split_at_mut(middle);
    for (a, b) in left.iter_mut().zip(right.iter_mut().rev()) {
        (*a, *b) = (
            (*a + *b) * std::f64::consts::FRAC_1_SQRT_2,
            (*a - *b) * std::f64::consts::FRAC_1_SQRT_2,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
