//! The binary16 number and its conversions from and to binary32: the definition of right for the SIMD ones.
//!
//! Ours instead of the crate `half`: kernels convert inside registers, which a crate cannot do for them, and what is
//! left is the two functions below. They need no branch, and compilers vectorise loops over them for any target;
//! those of `half` look at the CPU in every call, and the crate would bring `zerocopy` and its macros along.

use std::hint::select_unpredictable;

/// An IEEE binary16 number: 11 significant bits, magnitudes from 2^-24 to 65504.
#[derive(Debug, Clone, Copy, Default)]
#[repr(transparent)]
pub struct Half(u16);

/// Bits of infinity; greater magnitudes are NaN.
const INFINITY: u32 = 0x7c00;
/// The same in binary32.
const INFINITY_32: u32 = 0x7f80_0000;
/// Bits of the smallest magnitude with all significant bits, 2^-14.
const MIN_NORMAL: u32 = 0x0400;
/// The same in binary32.
const MIN_NORMAL_32: u32 = 0x3880_0000;
/// Bits of a significand that binary32 has and binary16 has not.
const DROPPED: u32 = 13;
/// What a converted exponent differs by, at its place in binary32.
const BIAS: u32 = (127 - 15) << 23;

impl Half {
    /// The number of these bits.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits of the number.
    pub const fn to_bits(self) -> u16 {
        self.0
    }

    /// Whether this is neither NaN nor infinite.
    #[inline]
    pub fn is_finite(self) -> bool {
        u32::from(self.0) & 0x7fff < INFINITY
    }

    /// The number in binary32, exactly; a NaN is quiet and keeps its payload.
    #[inline]
    pub fn to_f32(self) -> f32 {
        let sign = (u32::from(self.0) & 0x8000) << 16;
        let magnitude = u32::from(self.0) & 0x7fff;
        let widened = magnitude << DROPPED;
        // Below the normal numbers the bits count units of 2^-24.
        let subnormal = (magnitude as i32 as f32 * f32::from_bits(0x3380_0000)).to_bits();
        let quiet = if magnitude > INFINITY { 1 << 22 } else { 0 };
        // A plain `if` here keeps compilers from vectorising sums over halves, which then take twice as long.
        let bits = select_unpredictable(
            magnitude < MIN_NORMAL,
            subnormal,
            select_unpredictable(
                magnitude < INFINITY,
                widened + BIAS,
                widened | INFINITY_32 | quiet,
            ),
        );
        f32::from_bits(sign | bits)
    }

    /// The number nearest to `value`, ties to even: infinite from 65520 on, zero up to 2^-25; a NaN is quiet and keeps
    /// the high bits of its payload.
    #[inline]
    pub fn from_f32(value: f32) -> Self {
        let sign = value.to_bits() >> 16 & 0x8000;
        let magnitude = value.to_bits() & 0x7fff_ffff;
        // Adding half a unit of the last kept bit, less one where that bit is even, makes the carry that rounds to
        // nearest, ties to even; it runs on into the exponent, and from the last exponent to infinity.
        let odd = magnitude >> DROPPED & 1;
        let normal = magnitude.wrapping_sub(BIAS).wrapping_add(0xfff + odd) >> DROPPED;
        // Next to 1/2 numbers are 2^-24 apart, as the subnormal ones are: the addition rounds.
        let subnormal = (f32::from_bits(magnitude) + 0.5)
            .to_bits()
            .wrapping_sub(0.5_f32.to_bits());
        let bits = if magnitude < MIN_NORMAL_32 {
            subnormal
        } else if magnitude <= INFINITY_32 {
            normal.min(INFINITY)
        } else {
            INFINITY | 0x200 | magnitude >> DROPPED & 0x3ff
        };
        Self((sign | bits) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value of a finite binary16 by the words of the standard: sign, significand, power of two.
    fn defined(bits: u16) -> f64 {
        let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
        let magnitude = match exponent {
            0 => fraction * 2_f64.powi(-24),
            _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
        };
        if bits >> 15 == 1 {
            -magnitude
        } else {
            magnitude
        }
    }

    fn rounded(value: f32) -> u16 {
        Half::from_f32(value).to_bits()
    }

    // Proves: every number is widened to its value by the standard, with its sign, and narrowed back to its bits.
    #[test]
    fn every_number_is_converted_exactly() {
        for bits in 0..=u16::MAX {
            let wide = Half::from_bits(bits).to_f32();
            match bits & 0x7fff {
                0x7c00 => assert_eq!(wide.abs(), f32::INFINITY),
                0x7c01.. => assert!(wide.is_nan()),
                _ => assert_eq!(f64::from(wide), defined(bits)),
            }
            assert_eq!(wide.is_sign_negative(), bits >> 15 == 1, "{bits:#x}");
            assert_eq!(
                Half::from_bits(bits).is_finite(),
                wide.is_finite(),
                "{bits:#x}"
            );
            let quiet = if bits & 0x7fff > 0x7c00 { 0x200 } else { 0 };
            assert_eq!(rounded(wide), bits | quiet, "{bits:#x}");
        }
    }

    // Proves: numbers at, just below and just above the middle of two neighbors go to the even one, the lower and
    // the higher one; the last such pair is the largest number and infinity.
    #[test]
    fn ties_go_to_even() {
        for low in 0..0x7c00 {
            let high = low + 1;
            // The next number after the last one would be 65536, by the same words.
            let (below, above) = (defined(low), defined(high));
            // Of 12 significant bits at most: exact in binary32.
            let middle = ((below + above) / 2.0) as f32;
            let even = if low % 2 == 0 { low } else { high };
            assert_eq!(rounded(middle), even, "{low:#x}");
            assert_eq!(rounded(middle.next_down()), low, "{low:#x}");
            assert_eq!(rounded(middle.next_up()), high, "{low:#x}");
            assert_eq!(rounded(-middle), even | 0x8000, "{low:#x}");
        }
    }

    // Proves: what is too small becomes zero of its sign, what is too large infinite, and NaN stays NaN.
    #[test]
    fn what_does_not_fit_keeps_its_kind() {
        assert_eq!(rounded(f32::from_bits(1)), 0);
        assert_eq!(rounded(-1e-8), 0x8000);
        assert_eq!(rounded(65519.996), 0x7bff);
        assert_eq!(rounded(65520.0), 0x7c00);
        assert_eq!(rounded(-f32::MAX), 0xfc00);
        assert_eq!(rounded(f32::INFINITY), 0x7c00);
        assert_eq!(rounded(f32::NAN) & 0x7fff, 0x7e00);
        assert_eq!(rounded(f32::from_bits(0x7f80_0001)) & 0x7fff, 0x7e00);
    }
}
