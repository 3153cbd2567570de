//! What is left to gain in the kernels of a search: each beside a loop that only loads the same bytes with the same
//! instructions, in the first-level cache and out of memory. Prints CSV; `cargo bench --bench kernel_limits`, half a minute.
//!
//! No kernel can be faster than its loads. `share` is the time of the loads in that of the kernel: 1 is the limit of the
//! load ports (first-level cache) or of the memory's bandwidth for one core that reads in order (memory).

use annex::distance::{Kernels, Vectorized, kernels};
use std::hint::black_box;
use std::time::Instant;

const DIMS: [usize; 4] = [50, 384, 784, 1536];
/// Bytes that are out of every cache.
const MEMORY: usize = 512 << 20;
/// Bytes of operands that stay in the first-level cache beside a query.
const FIRST_LEVEL: usize = 8 << 10;
/// Neighbors of a node in an index with the default `m`.
const NEIGHBORS: usize = 32;

/// Loads every byte once, as wide as the level's registers, and combines them by the cheapest operation.
struct Load<'a>(&'a [u64]);

impl Vectorized for Load<'_> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        const LANES: usize = 32; // four registers of the widest level
        let (chunks, tail) = self.0.as_chunks::<LANES>();
        let mut lanes = [0; LANES];
        for chunk in chunks {
            for (lane, &word) in lanes.iter_mut().zip(chunk) {
                *lane ^= word;
            }
        }
        lanes.iter().chain(tail).fold(0, |all, &word| all ^ word)
    }
}

/// One operand of a kernel, the other of which is a query that stays in the cache.
struct Case {
    name: &'static str,
    /// Bytes of the operand for so many dimensions.
    bytes: fn(usize) -> usize,
    call: fn(&Kernels, &Query, &[u64]) -> f32,
}

/// A query in the forms that kernels take.
struct Query {
    floats: Vec<f32>,
    ints: Vec<i16>,
    /// Padded to whole blocks of 64.
    blocks: Vec<i8>,
}

impl Query {
    fn new(dims: usize) -> Self {
        let at = |i: usize| (i * 37 % 101) as i16 - 50;
        Self {
            floats: (0..dims).map(|i| f32::from(at(i))).collect(),
            ints: (0..dims).map(|i| at(i) * 100).collect(),
            blocks: (0..dims.next_multiple_of(64))
                .map(|i| at(i) as i8)
                .collect(),
        }
    }
}

/// The bytes of codes: any value but -128, which kernels do not promise.
fn codes(words: &[u64], dims: usize) -> &[i8] {
    &bytemuck::cast_slice(words)[..dims]
}

const CASES: [Case; 3] = [
    Case {
        name: "l2_squared",
        bytes: |dims| 4 * dims,
        call: |kernels, query, words| {
            let floats: &[f32] = bytemuck::cast_slice(words);
            kernels.l2_squared(&query.floats, &floats[..query.floats.len()])
        },
    },
    Case {
        name: "dot_i16_i8",
        bytes: |dims| dims,
        call: |kernels, query, words| {
            kernels.dot_i16_i8(&query.ints, codes(words, query.ints.len())) as f32
        },
    },
    Case {
        name: "masked_sums of 32",
        bytes: |dims| NEIGHBORS * dims.div_ceil(64) * 8,
        call: |kernels, query, words| {
            let mut sums = [0; NEIGHBORS];
            kernels.masked_sums(&query.blocks, bytemuck::cast_slice(words), &mut sums);
            sums[0] as f32
        },
    },
];

/// Nanoseconds of one operand when all of them are gone through in order: the best of several rounds.
fn time(operands: &[u64], words_each: usize, mut call: impl FnMut(&[u64])) -> f64 {
    let count = operands.len() / words_each;
    // As many calls a round whatever the size, so that a clock's resolution does not matter.
    let passes = (200_000 / count).max(1);
    let round = |_| {
        let start = Instant::now();
        for _ in 0..passes {
            operands.chunks_exact(words_each).for_each(&mut call);
        }
        start.elapsed().as_secs_f64() * 1e9 / (count * passes) as f64
    };
    (0..7).map(round).fold(f64::INFINITY, f64::min)
}

fn main() {
    // Small values, finite as floats, none of them -128 as an integer.
    let memory: Vec<u64> = (0..MEMORY / size_of::<u64>())
        .map(|i| (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) & 0x3F3F_3F3F_3F3F_3F3F)
        .collect();
    let kernels = kernels();
    println!("kernel,dims,level,operands,nanoseconds,loads,share,gigabytes_per_second");
    for case in &CASES {
        for dims in DIMS {
            let query = Query::new(dims);
            let words_each = (case.bytes)(dims).div_ceil(size_of::<u64>());
            let first_level = (FIRST_LEVEL / size_of::<u64>()).max(words_each);
            for (place, words) in [("first-level cache", first_level), ("memory", memory.len())] {
                let operands = &memory[..words];
                let kernel = time(operands, words_each, |operand| {
                    black_box((case.call)(kernels, black_box(&query), black_box(operand)));
                });
                let loads = time(operands, words_each, |operand| {
                    black_box(kernels.vectorized(Load(black_box(operand))));
                });
                let (name, level) = (case.name, kernels.level());
                let rate = (words_each * size_of::<u64>()) as f64 / kernel;
                println!(
                    "{name},{dims},{level:?},{place},{kernel:.1},{loads:.1},{:.2},{rate:.1}",
                    loads / kernel
                );
            }
        }
    }
}
