//! SIMD kernels of x86-64: the loops once, over a few named operations of each instruction set, which are in its file.
//!
//! Every function here needs the CPU features of its module; `dispatch` alone calls them, after its check.
//! Slices are expected to be of equal length; the shorter one counts otherwise.

/// Runs over two slices in chunks of `$lanes`, four independent states at a time to hide the latency of the
/// additions, and gives the states. `$load` makes a vector of a whole chunk, `$tail` of the last, shorter one
/// of a slice with zeros around it, which must leave a state as it is.
macro_rules! accumulate {
    (
        $lanes:expr, $a:expr, $b:expr, $zero:expr,
        ($load_a:ident, $tail_a:ident), ($load_b:ident, $tail_b:ident),
        |$state:ident, $x:ident, $y:ident| $step:expr
    ) => {{
        let (a_chunks, a_tail) = $a.as_chunks::<{ $lanes }>();
        let (b_chunks, b_tail) = $b.as_chunks::<{ $lanes }>();
        let (a_quads, a_rest) = a_chunks.as_chunks::<4>();
        let (b_quads, b_rest) = b_chunks.as_chunks::<4>();
        let (mut s0, mut s1, mut s2, mut s3) = ($zero, $zero, $zero, $zero);
        macro_rules! step {
            ($sum:ident, $left:expr, $right:expr) => {{
                let ($state, $x, $y) = ($sum, $left, $right);
                $sum = $step;
            }};
        }
        for (a, b) in a_quads.iter().zip(b_quads) {
            step!(s0, $load_a(&a[0]), $load_b(&b[0]));
            step!(s1, $load_a(&a[1]), $load_b(&b[1]));
            step!(s2, $load_a(&a[2]), $load_b(&b[2]));
            step!(s3, $load_a(&a[3]), $load_b(&b[3]));
        }
        // At most three chunks and a tail are left: one for each state.
        if let (Some(a), Some(b)) = (a_rest.first(), b_rest.first()) {
            step!(s0, $load_a(a), $load_b(b));
        }
        if let (Some(a), Some(b)) = (a_rest.get(1), b_rest.get(1)) {
            step!(s1, $load_a(a), $load_b(b));
        }
        if let (Some(a), Some(b)) = (a_rest.get(2), b_rest.get(2)) {
            step!(s2, $load_a(a), $load_b(b));
        }
        if !a_tail.is_empty() {
            step!(s3, $tail_a($a, a_tail.len()), $tail_b($b, b_tail.len()));
        }
        (s0, s1, s2, s3)
    }};
}

/// The kernels over dense vectors, from the operations of the module that calls this and its two ways to load elements
/// of the type.
macro_rules! dense_kernels {
    ($features:literal, $element:ty, $load:ident, $load_tail:ident) => {
        #[target_feature(enable = $features)]
        pub fn l2_squared(a: &[$element], b: &[$element]) -> f32 {
            total(accumulate!(
                LANES,
                a,
                b,
                zero(),
                ($load, $load_tail),
                ($load, $load_tail),
                |sum, x, y| {
                    let difference = sub(x, y);
                    fused_multiply_add(difference, difference, sum)
                }
            ))
        }

        #[target_feature(enable = $features)]
        pub fn inner_product(a: &[$element], b: &[$element]) -> f32 {
            total(accumulate!(
                LANES,
                a,
                b,
                zero(),
                ($load, $load_tail),
                ($load, $load_tail),
                |sum, x, y| fused_multiply_add(x, y, sum)
            ))
        }

        #[target_feature(enable = $features)]
        pub fn l1(a: &[$element], b: &[$element]) -> f32 {
            total(accumulate!(
                LANES,
                a,
                b,
                zero(),
                ($load, $load_tail),
                ($load, $load_tail),
                |sum, x, y| add(sum, abs(sub(x, y)))
            ))
        }

        #[target_feature(enable = $features)]
        pub fn cosine_parts(a: &[$element], b: &[$element]) -> (f32, f32, f32) {
            let (s0, s1, s2, s3) = accumulate!(
                LANES,
                a,
                b,
                (zero(), zero(), zero()),
                ($load, $load_tail),
                ($load, $load_tail),
                |sums, x, y| (
                    fused_multiply_add(x, y, sums.0),
                    fused_multiply_add(x, x, sums.1),
                    fused_multiply_add(y, y, sums.2),
                )
            );
            (
                total((s0.0, s1.0, s2.0, s3.0)),
                total((s0.1, s1.1, s2.1, s3.1)),
                total((s0.2, s1.2, s2.2, s3.2)),
            )
        }
    };
}

/// The other kernels that sum in binary32, and the conversions, from the operations of the module that calls this.
macro_rules! float_kernels {
    ($features:literal) => {
        /// Sum of all lanes of four vectors.
        #[inline]
        #[target_feature(enable = $features)]
        fn total((s0, s1, s2, s3): (Floats, Floats, Floats, Floats)) -> f32 {
            horizontal_sum(add(add(s0, s1), add(s2, s3)))
        }

        #[target_feature(enable = $features)]
        pub fn widen(halves: &[Half], singles: &mut [f32]) {
            let (halves, halves_rest) = halves.as_chunks::<LANES>();
            let (singles, singles_rest) = singles.as_chunks_mut::<LANES>();
            for (from, to) in halves.iter().zip(singles) {
                store(load_halves(from), to);
            }
            scalar::widen(halves_rest, singles_rest);
        }

        #[target_feature(enable = $features)]
        pub fn narrow(singles: &[f32], halves: &mut [Half]) {
            let (singles, singles_rest) = singles.as_chunks::<LANES>();
            let (halves, halves_rest) = halves.as_chunks_mut::<LANES>();
            for (from, to) in singles.iter().zip(halves) {
                store_halves(load(from), to);
            }
            scalar::narrow(singles_rest, halves_rest);
        }

        #[target_feature(enable = $features)]
        pub fn l1_f32_i8(query: &[f32], scale: f32, code: &[i8]) -> f32 {
            let scale = broadcast(scale);
            total(accumulate!(
                LANES,
                query,
                code,
                zero(),
                (load, load_tail),
                (load_codes, load_codes_tail),
                |sum, q, c| add(sum, abs(sub(q, mul(scale, c))))
            ))
        }

        #[target_feature(enable = $features)]
        pub fn l1_i8_i8(a_scale: f32, a: &[i8], b_scale: f32, b: &[i8]) -> f32 {
            let (a_scale, b_scale) = (broadcast(a_scale), broadcast(b_scale));
            total(accumulate!(
                LANES,
                a,
                b,
                zero(),
                (load_codes, load_codes_tail),
                (load_codes, load_codes_tail),
                |sum, x, y| add(sum, abs(sub(mul(a_scale, x), mul(b_scale, y))))
            ))
        }
    };
}

/// The integer kernels, from the operations of the module that calls this.
macro_rules! integer_kernels {
    ($features:literal) => {
        /// Sum of all lanes of four vectors.
        #[inline]
        #[target_feature(enable = $features)]
        fn total_i32((s0, s1, s2, s3): (Ints, Ints, Ints, Ints)) -> i32 {
            horizontal_sum_i32(add_i32(add_i32(s0, s1), add_i32(s2, s3)))
        }

        #[target_feature(enable = $features)]
        pub fn dot_i16_i8(query: &[i16], code: &[i8]) -> i64 {
            // 2048 * 8191 * 127 < 2^31: the sum of a block fits, so no part of it overflows for good.
            const BLOCK: usize = 2048;
            let mut sum = 0;
            for (query, code) in query.chunks(BLOCK).zip(code.chunks(BLOCK)) {
                sum += i64::from(total_i32(accumulate!(
                    WIDE_LANES,
                    query,
                    code,
                    zero_i32(),
                    (load_i16, load_i16_tail),
                    (load_widened, load_widened_tail),
                    |sum, q, c| dot_add_i16(sum, q, c)
                )));
            }
            sum
        }

        #[target_feature(enable = $features)]
        pub fn dot_i8_i8(a: &[i8], b: &[i8]) -> i64 {
            // 2^16 * 127 * 127 < 2^31.
            const BLOCK: usize = 1 << 16;
            let mut sum = 0;
            for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
                sum += i64::from(total_i32(accumulate!(
                    BYTE_LANES,
                    a,
                    b,
                    zero_i32(),
                    (load_i8, load_i8_tail),
                    (load_i8, load_i8_tail),
                    |sum, x, y| dot_add_i8(sum, x, y)
                )));
            }
            sum
        }
    };
}

/// The kernel over signs, from the operations of the module that calls this.
macro_rules! sign_kernel {
    ($features:literal) => {
        #[target_feature(enable = $features)]
        pub fn masked_sums(query: &[i8], signs: &[u8], sums: &mut [i32]) {
            let (query, _) = query.as_chunks::<64>();
            let (signs, _) = signs.as_chunks::<8>();
            for (sum, signs) in sums.iter_mut().zip(signs.chunks(query.len().max(1))) {
                let mut lanes = zero_i32();
                for (query, signs) in query.iter().zip(signs) {
                    lanes = add_masked(lanes, query, u64::from_le_bytes(*signs));
                }
                *sum = horizontal_sum_i32(lanes);
            }
        }
    };
}

// Behind the macros, which the files of the modules use.
pub(super) mod avx2;
pub(super) mod avx512;
pub(super) use avx2::halves as avx2_halves;
pub(super) use avx512::halves as avx512_halves;
