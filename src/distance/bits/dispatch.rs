//! One table of bit kernels per instruction set level, chosen once for the CPU this process runs on.
//!
//! A [`Kernels`] can only be had from [`kernels`] or [`Kernels::for_level`], and both hand out a table only after the CPU
//! was found to have every feature of its level: that check is what makes the methods safe. The levels are others than
//! those of the kernels over numbers: processors came to count bits before or after they had those instructions.
#![allow(unsafe_code)]

use super::scalar;
#[cfg(target_arch = "x86_64")]
use super::x86_64::{avx2, avx512};
use std::sync::OnceLock;

/// An instruction set that bit kernels are written for, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the compiler's target always has.
    Scalar,
    /// x86-64 with AVX2 and POPCNT (Haswell, Zen).
    Avx2,
    /// x86-64 with AVX-512 F, BW and VPOPCNTDQ (Ice Lake, Zen 4).
    Avx512Popcount,
}

impl Level {
    /// Every level, weakest first.
    pub const ALL: [Level; 3] = [Level::Scalar, Level::Avx2, Level::Avx512Popcount];

    /// Whether this CPU has all features of the level.
    fn is_available(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Popcount => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vpopcntdq")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// The kernels of one level. Every method panics if its slices differ in length.
#[derive(Debug)]
pub struct Kernels {
    level: Level,
    // The kernels of a level are unsafe to call on a CPU without its features; see the head of this file.
    differing: unsafe fn(&[u8], &[u8]) -> u64,
    common_and_any: unsafe fn(&[u8], &[u8]) -> (u64, u64),
}

/// A table of the kernels that a module has under their common names.
macro_rules! table {
    ($level:expr, $module:ident) => {
        Kernels {
            level: $level,
            differing: $module::differing,
            common_and_any: $module::common_and_any,
        }
    };
}

static SCALAR: Kernels = table!(Level::Scalar, scalar);
#[cfg(target_arch = "x86_64")]
static AVX2: Kernels = table!(Level::Avx2, avx2);
#[cfg(target_arch = "x86_64")]
static AVX512_POPCOUNT: Kernels = table!(Level::Avx512Popcount, avx512);

/// The kernels of the best level this CPU has. Detection runs at the first call.
#[inline]
pub fn kernels() -> &'static Kernels {
    static BEST: OnceLock<&'static Kernels> = OnceLock::new();
    BEST.get_or_init(|| {
        Level::ALL
            .into_iter()
            .rev()
            .find_map(Kernels::for_level)
            .unwrap_or(&SCALAR)
    })
}

impl Kernels {
    /// The kernels of `level`, or `None` if this CPU lacks one of its features.
    pub fn for_level(level: Level) -> Option<&'static Kernels> {
        if !level.is_available() {
            return None;
        }
        Some(match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Popcount => &AVX512_POPCOUNT,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => &AVX2,
            _ => &SCALAR,
        })
    }

    /// Level of this table.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Number of bits in which two strings of equal length differ.
    #[inline]
    pub fn differing(&self, a: &[u8], b: &[u8]) -> u64 {
        assert_eq!(a.len(), b.len());
        // SAFETY: this table was handed out only after `is_available` had found its level's CPU features.
        unsafe { (self.differing)(a, b) }
    }

    /// Numbers of the bits that are set in both of two strings of equal length, and of those set in any of them.
    #[inline]
    pub fn common_and_any(&self, a: &[u8], b: &[u8]) -> (u64, u64) {
        assert_eq!(a.len(), b.len());
        // SAFETY: as in `differing`.
        unsafe { (self.common_and_any)(a, b) }
    }
}
