//! The operations of AVX2, FMA and F16C, and the kernels from them.
#![allow(unsafe_code)]

use crate::distance::{Half, scalar};
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
        #[target_feature(enable = "avx2,fma,f16c")]
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
#[target_feature(enable = "avx2,fma,f16c")]
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
    fn load_tail(x: &[f32], length: usize) -> Floats {
        match x.last_chunk() {
            Some(last) => _mm256_castsi256_ps(keep_last(_mm256_castps_si256(load(last)), 4 * length)),
            None => load(&padded(x, length)),
        }
    }
    fn store(x: Floats, to: &mut [f32; LANES]) -> () {
        // SAFETY: the array is as long as the vector; the store needs no alignment.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), x) }
    }
    fn load_halves(x: &[Half; LANES]) -> Floats {
        // SAFETY: the load takes the 16 bytes of the array, a half is its 16 bits; the load needs no alignment.
        _mm256_cvtph_ps(unsafe { _mm_loadu_si128(x.as_ptr().cast()) })
    }
    fn load_halves_tail(x: &[Half], length: usize) -> Floats {
        match x.last_chunk() {
            Some(last) => _mm256_castsi256_ps(keep_last(_mm256_castps_si256(load_halves(last)), 4 * length)),
            None => load_halves(&padded(x, length)),
        }
    }
    fn store_halves(x: Floats, to: &mut [Half; LANES]) -> () {{
        let halves = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x);
        // SAFETY: the store fills the 16 bytes of the array, a half is its 16 bits; the store needs no alignment.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), halves) }
    }}
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

float_kernels!("avx2,fma,f16c");
dense_kernels!("avx2,fma,f16c", f32, load, load_tail);
integer_kernels!("avx2,fma,f16c");
sign_kernel!("avx2,fma,f16c");

/// The kernels over vectors of halves.
pub(crate) mod halves {
    use super::*;

    dense_kernels!("avx2,fma,f16c", Half, load_halves, load_halves_tail);
}
