//! SIMD kernels of x86-64: the loops once, over a few named operations of each instruction set.
//!
//! Every function here needs the CPU features of its module; `dispatch` alone calls them, after its check.
//! Slices are expected to be of equal length; the shorter one counts otherwise.
#![allow(unsafe_code)]

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

/// The binary32 kernels, from the operations of the module that calls this.
macro_rules! float_kernels {
    ($features:literal) => {
        /// Sum of all lanes of four vectors.
        #[inline]
        #[target_feature(enable = $features)]
        fn total((s0, s1, s2, s3): (Floats, Floats, Floats, Floats)) -> f32 {
            horizontal_sum(add(add(s0, s1), add(s2, s3)))
        }

        #[target_feature(enable = $features)]
        pub fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
            total(accumulate!(
                LANES,
                a,
                b,
                zero(),
                (load, load_tail),
                (load, load_tail),
                |sum, x, y| {
                    let difference = sub(x, y);
                    fused_multiply_add(difference, difference, sum)
                }
            ))
        }

        #[target_feature(enable = $features)]
        pub fn inner_product(a: &[f32], b: &[f32]) -> f32 {
            total(accumulate!(
                LANES,
                a,
                b,
                zero(),
                (load, load_tail),
                (load, load_tail),
                |sum, x, y| fused_multiply_add(x, y, sum)
            ))
        }

        #[target_feature(enable = $features)]
        pub fn l1(a: &[f32], b: &[f32]) -> f32 {
            total(accumulate!(
                LANES,
                a,
                b,
                zero(),
                (load, load_tail),
                (load, load_tail),
                |sum, x, y| add(sum, abs(sub(x, y)))
            ))
        }

        #[target_feature(enable = $features)]
        pub fn cosine_parts(a: &[f32], b: &[f32]) -> (f32, f32, f32) {
            let (s0, s1, s2, s3) = accumulate!(
                LANES,
                a,
                b,
                (zero(), zero(), zero()),
                (load, load_tail),
                (load, load_tail),
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

/// AVX-512 F, BW, VL and VNNI.
pub(super) mod avx512 {
    use std::arch::x86_64::*;

    type Floats = __m512;
    type Ints = __m512i;
    const LANES: usize = 16;
    const WIDE_LANES: usize = 32;
    const BYTE_LANES: usize = 64;

    /// Declares small functions with the features of this level.
    macro_rules! operations {
        ($(fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty { $body:expr })*) => {$(
            #[inline]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma")]
            fn $name($($arg: $type),*) -> $result { $body }
        )*};
    }

    /// The lowest `length` bits, at most 63 of them.
    #[inline(always)]
    fn mask(length: usize) -> u64 {
        (1 << (length % 64)) - 1
    }

    /// The last `length` elements of a slice, at most `lanes` of them.
    #[inline(always)]
    fn tail<T>(x: &[T], length: usize, lanes: usize) -> &[T] {
        &x[x.len() - length.min(lanes)..]
    }

    operations! {
        fn zero() -> Floats { _mm512_setzero_ps() }
        fn broadcast(x: f32) -> Floats { _mm512_set1_ps(x) }
        fn add(x: Floats, y: Floats) -> Floats { _mm512_add_ps(x, y) }
        fn sub(x: Floats, y: Floats) -> Floats { _mm512_sub_ps(x, y) }
        fn mul(x: Floats, y: Floats) -> Floats { _mm512_mul_ps(x, y) }
        fn abs(x: Floats) -> Floats { _mm512_abs_ps(x) }
        fn fused_multiply_add(x: Floats, y: Floats, z: Floats) -> Floats { _mm512_fmadd_ps(x, y, z) }
        fn horizontal_sum(x: Floats) -> f32 { _mm512_reduce_add_ps(x) }

        fn load(x: &[f32; LANES]) -> Floats {
            // SAFETY: the array is as long as the vector; the load needs no alignment.
            unsafe { _mm512_loadu_ps(x.as_ptr()) }
        }
        fn load_tail(x: &[f32], length: usize) -> Floats {{
            let x = tail(x, length, LANES);
            // SAFETY: elements beyond the slice are masked out, and masked elements are not accessed.
            unsafe { _mm512_maskz_loadu_ps(mask(x.len()) as __mmask16, x.as_ptr()) }
        }}
        fn load_codes(x: &[i8; LANES]) -> Floats {{
            // SAFETY: the array is as long as the vector; the load needs no alignment.
            let codes = unsafe { _mm_loadu_si128(x.as_ptr().cast()) };
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes))
        }}
        fn load_codes_tail(x: &[i8], length: usize) -> Floats {{
            let x = tail(x, length, LANES);
            // SAFETY: as in `load_tail`.
            let codes = unsafe { _mm_maskz_loadu_epi8(mask(x.len()) as __mmask16, x.as_ptr()) };
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes))
        }}

        fn zero_i32() -> Ints { _mm512_setzero_si512() }
        fn add_i32(x: Ints, y: Ints) -> Ints { _mm512_add_epi32(x, y) }
        fn horizontal_sum_i32(x: Ints) -> i32 { _mm512_reduce_add_epi32(x) }
        fn dot_add_i16(sum: Ints, q: Ints, c: Ints) -> Ints { _mm512_dpwssd_epi32(sum, q, c) }
        fn load_i16(x: &[i16; WIDE_LANES]) -> Ints {
            // SAFETY: the array is as long as the vector; the load needs no alignment.
            unsafe { _mm512_loadu_epi16(x.as_ptr()) }
        }
        fn load_i16_tail(x: &[i16], length: usize) -> Ints {{
            let x = tail(x, length, WIDE_LANES);
            // SAFETY: as in `load_tail`.
            unsafe { _mm512_maskz_loadu_epi16(mask(x.len()) as __mmask32, x.as_ptr()) }
        }}
        fn load_widened(x: &[i8; WIDE_LANES]) -> Ints {
            // SAFETY: the array is as long as the vector; the load needs no alignment.
            _mm512_cvtepi8_epi16(unsafe { _mm256_loadu_epi8(x.as_ptr()) })
        }
        fn load_widened_tail(x: &[i8], length: usize) -> Ints {{
            let x = tail(x, length, WIDE_LANES);
            // SAFETY: as in `load_tail`.
            let codes = unsafe { _mm256_maskz_loadu_epi8(mask(x.len()) as __mmask32, x.as_ptr()) };
            _mm512_cvtepi8_epi16(codes)
        }}
        fn load_i8(x: &[i8; BYTE_LANES]) -> Ints {
            // SAFETY: the array is as long as the vector; the load needs no alignment.
            unsafe { _mm512_loadu_epi8(x.as_ptr()) }
        }
        fn load_i8_tail(x: &[i8], length: usize) -> Ints {{
            let x = tail(x, length, BYTE_LANES);
            // SAFETY: as in `load_tail`.
            unsafe { _mm512_maskz_loadu_epi8(mask(x.len()), x.as_ptr()) }
        }}
        fn dot_add_i8(sum: Ints, x: Ints, y: Ints) -> Ints {{
            // The instruction multiplies unsigned by signed bytes: (x + 128) y - 128 y, where y comes negated
            // into the second product. Sums wrap, so that only the final one has to fit.
            let offset = _mm512_set1_epi8(-128);
            let sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(x, offset), y);
            _mm512_dpbusd_epi32(sum, offset, _mm512_sub_epi8(_mm512_setzero_si512(), y))
        }}
        fn add_masked(sum: Ints, query: &[i8; BYTE_LANES], signs: u64) -> Ints {
            _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), _mm512_maskz_mov_epi8(signs, load_i8(query)))
        }
    }

    float_kernels!("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma");
    integer_kernels!("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma");
    sign_kernel!("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma");

    // Eight partial sums are part of the format: wider vectors would not help.
    pub use super::avx2::way;
}

/// AVX2 and FMA.
pub(super) mod avx2 {
    use crate::distance::Way;
    use crate::distance::scalar::WaySums;
    use std::arch::x86_64::*;

    type Floats = __m256;
    type Ints = __m256i;
    const LANES: usize = 8;
    const WIDE_LANES: usize = 16;
    const BYTE_LANES: usize = 32;

    /// Declares small functions with the features of this level.
    macro_rules! operations {
        ($(fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty { $body:expr })*) => {$(
            #[inline]
            #[target_feature(enable = "avx2,fma")]
            fn $name($($arg: $type),*) -> $result { $body }
        )*};
    }

    /// 32 bytes from offset `n` on select the last `n` bytes of a vector.
    static LAST_BYTES: [i8; 64] = {
        let mut bytes = [0; 64];
        let mut i = 32;
        while i < bytes.len() {
            bytes[i] = -1;
            i += 1;
        }
        bytes
    };

    /// The last `length` elements behind zeros, for slices that are shorter than a vector.
    fn padded<T: Copy + Default, const N: usize>(x: &[T], length: usize) -> [T; N] {
        let mut padded = [T::default(); N];
        padded
            .iter_mut()
            .rev()
            .zip(x.iter().rev().take(length))
            .for_each(|(to, &from)| *to = from);
        padded
    }

    /// `x` with all but its last `bytes` bytes, at most 32, set to zero.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn keep_last(x: Ints, bytes: usize) -> Ints {
        let window = LAST_BYTES[bytes..].first_chunk().unwrap_or(&[0; 32]);
        _mm256_and_si256(x, load_i8(window))
    }

    operations! {
        fn zero() -> Floats { _mm256_setzero_ps() }
        fn broadcast(x: f32) -> Floats { _mm256_set1_ps(x) }
        fn add(x: Floats, y: Floats) -> Floats { _mm256_add_ps(x, y) }
        fn sub(x: Floats, y: Floats) -> Floats { _mm256_sub_ps(x, y) }
        fn mul(x: Floats, y: Floats) -> Floats { _mm256_mul_ps(x, y) }
        fn abs(x: Floats) -> Floats { _mm256_andnot_ps(_mm256_set1_ps(-0.0), x) }
        fn fused_multiply_add(x: Floats, y: Floats, z: Floats) -> Floats { _mm256_fmadd_ps(x, y, z) }
        fn horizontal_sum(x: Floats) -> f32 {{
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps::<1>(x, x)))
        }}

        fn load(x: &[f32; LANES]) -> Floats {
            // SAFETY: the array is as long as the vector; the load needs no alignment.
            unsafe { _mm256_loadu_ps(x.as_ptr()) }
        }
        fn store(x: Floats) -> [f32; LANES] {{
            let mut lanes = [0.0; LANES];
            // SAFETY: the array is as long as the vector; the store needs no alignment.
            unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), x) };
            lanes
        }}
        fn load_tail(x: &[f32], length: usize) -> Floats {
            match x.last_chunk() {
                Some(last) => _mm256_castsi256_ps(keep_last(_mm256_castps_si256(load(last)), 4 * length)),
                None => load(&padded(x, length)),
            }
        }
        fn load_codes(x: &[i8; LANES]) -> Floats {{
            // SAFETY: the load takes the 8 bytes of the array and needs no alignment.
            let codes = unsafe { _mm_loadl_epi64(x.as_ptr().cast()) };
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes))
        }}
        fn load_codes_tail(x: &[i8], length: usize) -> Floats {
            match x.last_chunk() {
                Some(last) => _mm256_castsi256_ps(keep_last(_mm256_castps_si256(load_codes(last)), 4 * length)),
                None => load_codes(&padded(x, length)),
            }
        }

        fn zero_i32() -> Ints { _mm256_setzero_si256() }
        fn add_i32(x: Ints, y: Ints) -> Ints { _mm256_add_epi32(x, y) }
        fn horizontal_sum_i32(x: Ints) -> i32 {{
            let x = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
            let x = _mm_add_epi32(x, _mm_shuffle_epi32::<0b01_00_11_10>(x));
            _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32::<0b10_11_00_01>(x)))
        }}
        fn dot_add_i16(sum: Ints, q: Ints, c: Ints) -> Ints {
            _mm256_add_epi32(sum, _mm256_madd_epi16(q, c))
        }
        fn load_i16(x: &[i16; WIDE_LANES]) -> Ints {
            // SAFETY: the array is as long as the vector; the load needs no alignment.
            unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
        }
        fn load_i16_tail(x: &[i16], length: usize) -> Ints {
            match x.last_chunk() {
                Some(last) => keep_last(load_i16(last), 2 * length),
                None => load_i16(&padded(x, length)),
            }
        }
        fn load_widened(x: &[i8; WIDE_LANES]) -> Ints {
            // SAFETY: the array is as long as the vector; the load needs no alignment.
            _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(x.as_ptr().cast()) })
        }
        fn load_widened_tail(x: &[i8], length: usize) -> Ints {
            match x.last_chunk() {
                Some(last) => keep_last(load_widened(last), 2 * length),
                None => load_widened(&padded(x, length)),
            }
        }
        fn load_i8(x: &[i8; BYTE_LANES]) -> Ints {
            // SAFETY: the array is as long as the vector; the load needs no alignment.
            unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
        }
        fn load_i8_tail(x: &[i8], length: usize) -> Ints {
            match x.last_chunk() {
                Some(last) => keep_last(load_i8(last), length),
                None => load_i8(&padded(x, length)),
            }
        }
        fn dot_add_i8(sum: Ints, x: Ints, y: Ints) -> Ints {{
            // |x| times y with the sign of x: 2 * 127 * 127 fits the instruction's 16-bit pairs.
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(y, x));
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }}
        fn add_masked(sum: Ints, query: &[i8; 64], signs: u64) -> Ints {{
            let (query, _) = query.as_chunks();
            let sum = add_masked_half(sum, &query[0], signs as i32);
            add_masked_half(sum, &query[1], (signs >> 32) as i32)
        }}
        fn add_masked_half(sum: Ints, query: &[i8; BYTE_LANES], signs: i32) -> Ints {{
            // Byte i of the signs into the eight lanes from 8 i on; there each lane looks at a bit of its own.
            let spread = _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303);
            let bits = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
            let signs = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(signs), spread), bits);
            let kept = _mm256_and_si256(_mm256_cmpeq_epi8(signs, bits), load_i8(query));
            let pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), kept);
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }}
    }

    float_kernels!("avx2,fma");
    integer_kernels!("avx2,fma");
    sign_kernel!("avx2,fma");

    #[target_feature(enable = "avx2,fma")]
    pub fn way(from: f32, a: &[i8], to: f32, b: &[i8], signs: &mut [u8]) -> Way {
        let (from_all, to_all) = (broadcast(from), broadcast(to));
        let (mut absolute, mut square, mut along) = (zero(), zero(), zero());
        let (a_chunks, a_tail) = a.as_chunks::<LANES>();
        let (b_chunks, b_tail) = b.as_chunks::<LANES>();
        let (sign_chunks, sign_tail) = signs.split_at_mut(a_chunks.len());
        for ((a, b), byte) in a_chunks.iter().zip(b_chunks).zip(sign_chunks) {
            let start = mul(from_all, load_codes(a));
            let way = sub(mul(to_all, load_codes(b)), start);
            let forward = _mm256_cmp_ps::<_CMP_GE_OQ>(way, zero());
            absolute = add(absolute, abs(way));
            square = add(square, mul(way, way));
            let flipped = _mm256_andnot_ps(forward, broadcast(-0.0));
            along = add(along, _mm256_xor_ps(start, flipped));
            *byte = _mm256_movemask_ps(forward) as u8;
        }
        let mut sums = WaySums {
            absolute: store(absolute),
            square: store(square),
            along: store(along),
        };
        if let Some(byte) = sign_tail.first_mut().filter(|_| !a_tail.is_empty()) {
            *byte = sums.add_dimensions((from, a_tail), (to, b_tail));
        }
        sums.total()
    }
}
