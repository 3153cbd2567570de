//! Times every kernel at every level this CPU has, hot and one call after the other, and prints
//! nanoseconds and the ratio to the scalar level as CSV. `cargo bench --bench kernels`, a few seconds.

use annex::distance::{Kernels, Level};
use std::hint::black_box;
use std::time::{Duration, Instant};

const DIMS: [usize; 6] = [50, 128, 384, 768, 784, 1536];

/// Vectors and codes of one length.
struct Input {
    floats: [Vec<f32>; 2],
    ints: Vec<i16>,
    codes: [Vec<i8>; 2],
    /// The dimensions in whole blocks of 64, and the signs of 32 neighbors.
    blocks: Vec<i8>,
    signs: Vec<u8>,
}

/// Neighbors of a node in an index with the default `m`.
const NEIGHBORS: usize = 32;

impl Input {
    fn new(dims: usize) -> Self {
        // A linear congruential generator: the same input in every run.
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            (state >> 33) as i32
        };
        let mut floats = || (0..dims).map(|_| next() as f32 / 1e9 - 1.0).collect();
        Self {
            floats: [floats(), floats()],
            ints: (0..dims).map(|_| (next() % 8192) as i16).collect(),
            codes: [(); 2].map(|()| (0..dims).map(|_| (next() % 128) as i8).collect()),
            blocks: (0..dims.next_multiple_of(64))
                .map(|_| (next() % 128) as i8)
                .collect(),
            signs: (0..dims.next_multiple_of(64) / 8 * NEIGHBORS)
                .map(|_| next() as u8)
                .collect(),
        }
    }
}

type Case = (&'static str, fn(&Kernels, &Input) -> f32);

const CASES: [Case; 10] = [
    ("l2_squared", |k, i| {
        k.l2_squared(&i.floats[0], &i.floats[1])
    }),
    ("inner_product", |k, i| {
        k.inner_product(&i.floats[0], &i.floats[1])
    }),
    ("l1", |k, i| k.l1(&i.floats[0], &i.floats[1])),
    ("cosine_parts", |k, i| {
        k.cosine_parts(&i.floats[0], &i.floats[1]).0
    }),
    ("dot_i16_i8", |k, i| {
        k.dot_i16_i8(&i.ints, &i.codes[0]) as f32
    }),
    ("dot_i8_i8", |k, i| {
        k.dot_i8_i8(&i.codes[0], &i.codes[1]) as f32
    }),
    ("l1_f32_i8", |k, i| {
        k.l1_f32_i8(&i.floats[0], 0.01, &i.codes[0])
    }),
    ("l1_i8_i8", |k, i| {
        k.l1_i8_i8(0.01, &i.codes[0], 0.02, &i.codes[1])
    }),
    ("masked_sums of 32", |k, i| {
        let mut sums = [0; NEIGHBORS];
        k.masked_sums(&i.blocks, &i.signs, &mut sums);
        sums[0] as f32
    }),
    ("way", |k, i| {
        let mut signs = vec![0; i.codes[0].len().div_ceil(8)];
        k.way(0.01, &i.codes[0], 0.02, &i.codes[1], &mut signs)
            .along
    }),
];

/// Nanoseconds a call: the best of several runs, which other processes disturb least.
fn time(mut call: impl FnMut()) -> f64 {
    let mut calls = 64u32;
    loop {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        if start.elapsed() > Duration::from_millis(1) {
            break;
        }
        calls *= 2;
    }
    let run = |_| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    };
    (0..15).map(run).fold(f64::INFINITY, f64::min)
}

fn main() {
    println!("kernel,dims,level,nanoseconds,times_scalar");
    for (name, kernel) in CASES {
        for dims in DIMS {
            let input = Input::new(dims);
            let mut scalar = f64::NAN;
            for level in Level::ALL {
                let Some(kernels) = Kernels::for_level(level) else {
                    continue;
                };
                let nanoseconds = time(|| {
                    black_box(kernel(kernels, black_box(&input)));
                });
                if level == Level::Scalar {
                    scalar = nanoseconds;
                }
                let ratio = scalar / nanoseconds;
                println!("{name},{dims},{level:?},{nanoseconds:.1},{ratio:.1}");
            }
        }
    }
}
