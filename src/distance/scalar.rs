//! Reference kernels: the definition of right for every other level, and what CPUs without SIMD of ours run.
//!
//! Sums are kept in `LANES` partial sums, element `i` in sum `i % LANES`: a compiler may then use whatever
//! vector unit the target always has, and rounding errors grow with `len / LANES` instead of `len`.

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

/// See [`super::l2_squared`].
pub fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y| (x - y) * (x - y))
}

/// See [`super::inner_product`].
pub fn inner_product(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y| x * y)
}

/// See [`super::l1`].
pub fn l1(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y| (x - y).abs())
}

/// See [`super::cosine_parts`].
pub fn cosine_parts(a: &[f32], b: &[f32]) -> (f32, f32, f32) {
    (
        inner_product(a, b),
        inner_product(a, a),
        inner_product(b, b),
    )
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

/// Partial sums over the way from one code to another, see [`super::Kernels::way`]. The order of additions is part of an
/// index's format: every level keeps to it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WaySums {
    pub(super) absolute: [f32; LANES],
    pub(super) square: [f32; LANES],
    pub(super) along: [f32; LANES],
}

impl WaySums {
    /// Adds one dimension, from `u` to `v`, and returns the bit of its sign.
    #[inline(always)]
    fn add(&mut self, lane: usize, u: f32, v: f32) -> u8 {
        let way = v - u;
        let is_forward = way >= 0.0;
        self.absolute[lane] += way.abs();
        self.square[lane] += way * way;
        self.along[lane] += if is_forward { u } else { -u };
        u8::from(is_forward) << lane
    }

    /// Adds at most `LANES` dimensions and returns their signs.
    #[inline(always)]
    pub(super) fn add_dimensions(&mut self, (from, a): (f32, &[i8]), (to, b): (f32, &[i8])) -> u8 {
        let codes = a.iter().zip(b).take(LANES).enumerate();
        codes.fold(0, |bits, (lane, (u, v))| {
            bits | self.add(lane, from * f32::from(*u), to * f32::from(*v))
        })
    }

    pub(super) fn total(&self) -> super::Way {
        let [absolute, square, along] =
            [self.absolute, self.square, self.along].map(|lanes| lanes.iter().sum());
        super::Way {
            absolute,
            square,
            along,
        }
    }
}

/// See [`super::Kernels::way`].
pub fn way(from: f32, a: &[i8], to: f32, b: &[i8], signs: &mut [u8]) -> super::Way {
    let mut sums = WaySums::default();
    let codes = a.chunks(LANES).zip(b.chunks(LANES));
    for ((a, b), byte) in codes.zip(signs) {
        *byte = sums.add_dimensions((from, a), (to, b));
    }
    sums.total()
}
