//! The operations of AVX-512 F, BW, VL and VNNI, and the kernels from them.
#![allow(unsafe_code)]

use crate::distance::{Half, scalar};
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
    fn store(x: Floats, to: &mut [f32; LANES]) -> () {
        // SAFETY: the array is as long as the vector; the store needs no alignment.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
    }
    fn load_halves(x: &[Half; LANES]) -> Floats {
        // SAFETY: the array is as long as the vector, a half is its 16 bits; the load needs no alignment.
        _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(x.as_ptr().cast()) })
    }
    fn load_halves_tail(x: &[Half], length: usize) -> Floats {{
        let x = tail(x, length, LANES);
        // SAFETY: as in `load_tail`; a half is its 16 bits.
        let halves = unsafe { _mm256_maskz_loadu_epi16(mask(x.len()) as __mmask16, x.as_ptr().cast()) };
        _mm512_cvtph_ps(halves)
    }}
    fn store_halves(x: Floats, to: &mut [Half; LANES]) -> () {{
        let halves = _mm512_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
        // SAFETY: the array is as long as the vector, a half is its 16 bits; the store needs no alignment.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), halves) }
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
dense_kernels!(
    "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma",
    f32,
    load,
    load_tail
);
integer_kernels!("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma");
sign_kernel!("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma");

/// The kernels over vectors of halves.
pub(crate) mod halves {
    use super::*;

    dense_kernels!(
        "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma",
        Half,
        load_halves,
        load_halves_tail
    );
}
