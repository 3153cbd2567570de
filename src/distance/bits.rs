//! Distances of bit strings, given as bytes of equal number with the padding bits clear. Pure.
//!
//! [`scalar`] defines each kernel; [`Kernels`] holds the versions for one instruction set, which all count the same.

mod dispatch;
pub mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use dispatch::{Kernels, Level, kernels};

/// Number of bits that differ.
/// # Panics
/// If the lengths differ; SQL callers have reported 22000 before.
#[inline]
pub fn hamming(a: &[u8], b: &[u8]) -> u64 {
    kernels().differing(a, b)
}

/// 1 - (bits set in both) / (bits set in any), and 1 if no bit is set in both.
/// # Panics
/// If the lengths differ.
#[inline]
pub fn jaccard(a: &[u8], b: &[u8]) -> f64 {
    match kernels().common_and_any(a, b) {
        (0, _) => 1.0,
        (common, any) => 1.0 - common as f64 / any as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves: both distances at their ends, and that strings without a common bit are as far apart as can be.
    #[test]
    fn distances_at_their_ends() {
        assert_eq!((hamming(&[], &[]), jaccard(&[], &[])), (0, 1.0));
        for len in [1, 8, 64, 100] {
            let (none, all, half) = (vec![0; len], vec![0xff; len], vec![0x55; len]);
            let bits = 8 * len as u64;
            assert_eq!((hamming(&all, &all), jaccard(&all, &all)), (0, 0.0));
            assert_eq!((hamming(&none, &all), jaccard(&none, &all)), (bits, 1.0));
            assert_eq!(
                (hamming(&half, &all), jaccard(&half, &all)),
                (bits / 2, 0.5)
            );
            assert_eq!((hamming(&none, &none), jaccard(&none, &none)), (0, 1.0));
        }
    }
}
