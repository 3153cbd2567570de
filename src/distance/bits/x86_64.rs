//! Bit kernels of x86-64. Every function here needs the CPU features of its module; `dispatch` alone calls them, after
//! its check. Slices are expected to be of equal length; the shorter one counts otherwise.
#![allow(unsafe_code)]

/// AVX-512 F, BW and VPOPCNTDQ.
pub(super) mod avx512 {
    use std::arch::x86_64::*;

    /// Bytes of a vector.
    const LEN: usize = 64;

    /// Declares small functions with the features of this level.
    macro_rules! operations {
        ($(fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty { $body:expr })*) => {$(
            #[inline]
            #[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq")]
            fn $name($($arg: $type),*) -> $result { $body }
        )*};
    }

    operations! {
        fn xor(x: __m512i, y: __m512i) -> __m512i { _mm512_xor_si512(x, y) }
        fn and(x: __m512i, y: __m512i) -> __m512i { _mm512_and_si512(x, y) }
        fn or(x: __m512i, y: __m512i) -> __m512i { _mm512_or_si512(x, y) }
        fn add_ones(sum: __m512i, x: __m512i) -> __m512i { _mm512_add_epi64(sum, _mm512_popcnt_epi64(x)) }
        fn total(x: __m512i) -> u64 { _mm512_reduce_add_epi64(x) as u64 }
        fn load(x: &[u8; LEN]) -> __m512i {
            // SAFETY: the array is as long as the vector; the load needs no alignment.
            unsafe { _mm512_loadu_si512(x.as_ptr().cast()) }
        }
        fn load_tail(x: &[u8]) -> __m512i {{
            let mask = (1 << (x.len() % LEN)) - 1;
            // SAFETY: bytes beyond the slice are masked out, and masked bytes are not accessed.
            unsafe { _mm512_maskz_loadu_epi8(mask, x.as_ptr().cast()) }
        }}
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq")]
    pub fn differing(a: &[u8], b: &[u8]) -> u64 {
        let ((a_chunks, a_tail), (b_chunks, b_tail)) = (a.as_chunks(), b.as_chunks());
        let mut sum = _mm512_setzero_si512();
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            sum = add_ones(sum, xor(load(a), load(b)));
        }
        total(add_ones(sum, xor(load_tail(a_tail), load_tail(b_tail))))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq")]
    pub fn common_and_any(a: &[u8], b: &[u8]) -> (u64, u64) {
        let ((a_chunks, a_tail), (b_chunks, b_tail)) = (a.as_chunks(), b.as_chunks());
        let (mut common, mut any) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            let (a, b) = (load(a), load(b));
            common = add_ones(common, and(a, b));
            any = add_ones(any, or(a, b));
        }
        let (a, b) = (load_tail(a_tail), load_tail(b_tail));
        (
            total(add_ones(common, and(a, b))),
            total(add_ones(any, or(a, b))),
        )
    }
}

/// AVX2 and POPCNT: the definition, compiled for them. A table of half bytes looked up by hand was not faster.
pub(super) mod avx2 {
    use crate::distance::bits::scalar;

    #[target_feature(enable = "avx2,popcnt")]
    pub fn differing(a: &[u8], b: &[u8]) -> u64 {
        scalar::differing(a, b)
    }

    #[target_feature(enable = "avx2,popcnt")]
    pub fn common_and_any(a: &[u8], b: &[u8]) -> (u64, u64) {
        scalar::common_and_any(a, b)
    }
}
