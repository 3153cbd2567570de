//! Times every kernel at every level this CPU has, hot and one call after the other, and prints
//! nanoseconds and the ratio to the scalar level as CSV. `cargo bench --bench kernels`, a few seconds.

use annex::distance::sparse::{NonZeros, inner_product, l2_squared};
use annex::distance::{Half, Kernels, Level, bits};
use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

const DIMS: [usize; 6] = [50, 128, 384, 768, 784, 1536];

/// Vectors and codes of one length.
struct Input {
    floats: [Vec<f32>; 2],
    halves: [Vec<Half>; 2],
    /// Where conversions write.
    widened: RefCell<Vec<f32>>,
    narrowed: RefCell<Vec<Half>>,
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
        let floats: [Vec<f32>; 2] = [floats(), floats()];
        let to_halves = |x: &Vec<f32>| x.iter().map(|&x| Half::from_f32(x)).collect();
        Self {
            halves: [to_halves(&floats[0]), to_halves(&floats[1])],
            widened: RefCell::new(vec![0.0; dims]),
            narrowed: RefCell::new(vec![Half::default(); dims]),
            floats,
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

const CASES: [Case; 16] = [
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
    ("l2_squared of halves", |k, i| {
        k.l2_squared(&i.halves[0], &i.halves[1])
    }),
    ("inner_product of halves", |k, i| {
        k.inner_product(&i.halves[0], &i.halves[1])
    }),
    ("l1 of halves", |k, i| k.l1(&i.halves[0], &i.halves[1])),
    ("cosine_parts of halves", |k, i| {
        k.cosine_parts(&i.halves[0], &i.halves[1]).0
    }),
    ("widen", |k, i| {
        let mut singles = i.widened.borrow_mut();
        k.widen(&i.halves[0], &mut singles);
        singles[0]
    }),
    ("narrow", |k, i| {
        let mut halves = i.narrowed.borrow_mut();
        k.narrow(&i.floats[0], &mut halves);
        halves[0].to_f32()
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

type BitCase = (&'static str, fn(&bits::Kernels, &[u8], &[u8]) -> u64);

const BIT_CASES: [BitCase; 2] = [
    ("hamming", |k, a, b| k.differing(a, b)),
    ("jaccard", |k, a, b| k.common_and_any(a, b).0),
];

/// Kernels over bit strings, one bit a dimension.
fn time_bits() {
    for (name, kernel) in BIT_CASES {
        for dims in DIMS.into_iter().chain([65_536]) {
            let input = Input::new(8 * dims.div_ceil(8));
            let bytes = |values: &[i8]| -> Vec<u8> {
                let of_dims = values.chunks(8);
                of_dims.map(|x| x[0] as u8 ^ (x[1] as u8 * 2)).collect()
            };
            let (a, b) = (bytes(&input.codes[0]), bytes(&input.codes[1]));
            let mut scalar = f64::NAN;
            for level in bits::Level::ALL {
                let Some(kernels) = bits::Kernels::for_level(level) else {
                    continue;
                };
                let nanoseconds = time(|| {
                    black_box(kernel(kernels, black_box(&a), black_box(&b)));
                });
                if level == bits::Level::Scalar {
                    scalar = nanoseconds;
                }
                let ratio = scalar / nanoseconds;
                println!("{name},{dims},{level:?},{nanoseconds:.1},{ratio:.1}");
            }
        }
    }
}

/// Distances of sparse vectors, by the number of elements that are not zero; every second index is shared by chance.
fn time_sparse() {
    for non_zeros in [16, 128, 1024] {
        let input = Input::new(non_zeros);
        let ascending = |steps: &[i8]| -> Vec<u32> {
            let next = |at: &mut u32, step: &i8| {
                *at += 1 + u32::from(*step > 63);
                Some(*at)
            };
            steps.iter().scan(0, next).collect()
        };
        let indices = input.codes.each_ref().map(|steps| ascending(steps));
        let a = NonZeros::new(&indices[0], &input.floats[0]);
        let b = NonZeros::new(&indices[1], &input.floats[1]);
        let nanoseconds = time(|| {
            black_box(l2_squared(black_box(a), black_box(b)));
        });
        println!("sparse l2_squared,{non_zeros},Scalar,{nanoseconds:.1},1.0");
        let nanoseconds = time(|| {
            black_box(inner_product(black_box(a), black_box(b)));
        });
        println!("sparse inner_product,{non_zeros},Scalar,{nanoseconds:.1},1.0");
    }
}

fn main() {
    println!("kernel,dims,level,nanoseconds,times_scalar");
    time_bits();
    time_sparse();
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
