//! One table of kernels per instruction set level, chosen once for the CPU this process runs on.
//!
//! A [`Kernels`] can only be had from [`kernels`] or [`Kernels::for_level`], and both hand out a table only
//! after the CPU was found to have every feature of its level: that check is what makes the methods safe.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::x86_64::{avx2, avx512};
use super::{Way, scalar};
use std::sync::OnceLock;

/// An instruction set that kernels are written for, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the compiler's target always has.
    Scalar,
    /// x86-64 with AVX2 and FMA (Haswell, Zen).
    Avx2Fma,
    /// x86-64 with AVX-512 F, BW, VL and VNNI (Ice Lake, Zen 4) beside AVX2 and FMA.
    Avx512,
}

impl Level {
    /// Every level, weakest first.
    pub const ALL: [Level; 3] = [Level::Scalar, Level::Avx2Fma, Level::Avx512];

    /// Whether this CPU has all features of the level.
    fn is_available(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2Fma => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2Fma.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// `(a.b, a.a, b.b)`.
type CosineParts = (f32, f32, f32);

/// Unsafe as the others of [`Kernels`].
type WayKernel = unsafe fn(f32, &[i8], f32, &[i8], &mut [u8]) -> Way;

/// The kernels of one level. Every method panics if its slices differ in length.
#[derive(Debug)]
pub struct Kernels {
    level: Level,
    // The kernels of a level are unsafe to call on a CPU without its features; see the head of this file.
    l2_squared: unsafe fn(&[f32], &[f32]) -> f32,
    inner_product: unsafe fn(&[f32], &[f32]) -> f32,
    l1: unsafe fn(&[f32], &[f32]) -> f32,
    cosine_parts: unsafe fn(&[f32], &[f32]) -> CosineParts,
    dot_i16_i8: unsafe fn(&[i16], &[i8]) -> i64,
    dot_i8_i8: unsafe fn(&[i8], &[i8]) -> i64,
    l1_f32_i8: unsafe fn(&[f32], f32, &[i8]) -> f32,
    l1_i8_i8: unsafe fn(f32, &[i8], f32, &[i8]) -> f32,
    masked_sums: unsafe fn(&[i8], &[u8], &mut [i32]),
    way: WayKernel,
}

/// A table of the kernels that a module has under their common names.
macro_rules! table {
    ($level:expr, $module:ident) => {
        Kernels {
            level: $level,
            l2_squared: $module::l2_squared,
            inner_product: $module::inner_product,
            l1: $module::l1,
            cosine_parts: $module::cosine_parts,
            dot_i16_i8: $module::dot_i16_i8,
            dot_i8_i8: $module::dot_i8_i8,
            l1_f32_i8: $module::l1_f32_i8,
            l1_i8_i8: $module::l1_i8_i8,
            masked_sums: $module::masked_sums,
            way: $module::way,
        }
    };
}

static SCALAR: Kernels = table!(Level::Scalar, scalar);
#[cfg(target_arch = "x86_64")]
static AVX2_FMA: Kernels = table!(Level::Avx2Fma, avx2);
#[cfg(target_arch = "x86_64")]
static AVX512: Kernels = table!(Level::Avx512, avx512);

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
            Level::Avx512 => &AVX512,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2Fma => &AVX2_FMA,
            _ => &SCALAR,
        })
    }

    /// Level of this table.
    pub fn level(&self) -> Level {
        self.level
    }

    /// See [`super::l2_squared`].
    #[inline]
    pub fn l2_squared(&self, a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        // SAFETY: this table was handed out only after `is_available` had found its level's CPU features.
        unsafe { (self.l2_squared)(a, b) }
    }

    /// See [`super::inner_product`].
    #[inline]
    pub fn inner_product(&self, a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (self.inner_product)(a, b) }
    }

    /// See [`super::l1`].
    #[inline]
    pub fn l1(&self, a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (self.l1)(a, b) }
    }

    /// See [`super::cosine_parts`].
    #[inline]
    pub fn cosine_parts(&self, a: &[f32], b: &[f32]) -> (f32, f32, f32) {
        assert_eq!(a.len(), b.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (self.cosine_parts)(a, b) }
    }

    /// Exact inner product of a query in `-8191..=8191` with a code in `-127..=127`.
    /// Values outside these ranges give a number that differs between levels.
    #[inline]
    pub fn dot_i16_i8(&self, query: &[i16], code: &[i8]) -> i64 {
        assert_eq!(query.len(), code.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (self.dot_i16_i8)(query, code) }
    }

    /// Exact inner product of two codes in `-127..=127`.
    /// A value of -128 gives a number that differs between levels.
    #[inline]
    pub fn dot_i8_i8(&self, a: &[i8], b: &[i8]) -> i64 {
        assert_eq!(a.len(), b.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (self.dot_i8_i8)(a, b) }
    }

    /// `sum(|query_i - scale * code_i|)` in binary32; the product is rounded before the difference.
    #[inline]
    pub fn l1_f32_i8(&self, query: &[f32], scale: f32, code: &[i8]) -> f32 {
        assert_eq!(query.len(), code.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (self.l1_f32_i8)(query, scale, code) }
    }

    /// `sum(|a_scale * a_i - b_scale * b_i|)` in binary32, the same bits as [`Self::l1_f32_i8`] of the
    /// rounded products `a_scale * a_i`, and symmetric.
    #[inline]
    pub fn l1_i8_i8(&self, a_scale: f32, a: &[i8], b_scale: f32, b: &[i8]) -> f32 {
        assert_eq!(a.len(), b.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (self.l1_i8_i8)(a_scale, a, b_scale, b) }
    }

    /// For each of `sums.len()` sets of signs, one behind the other in `signs`, the exact sum of those elements of
    /// `query` whose bit is set: bit `i % 8` of byte `i / 8` for element `i`.
    /// # Panics
    /// If `query` is not a multiple of 64 long, or `signs` not `query.len() / 8` bytes for each sum.
    #[inline]
    pub fn masked_sums(&self, query: &[i8], signs: &[u8], sums: &mut [i32]) {
        assert!(query.len().is_multiple_of(64) && signs.len() == sums.len() * (query.len() / 8));
        // SAFETY: as in `l2_squared`.
        unsafe { (self.masked_sums)(query, signs, sums) }
    }

    /// The way from `from * a` to `to * b`: writes its signs, bit `i % 8` of byte `i / 8` for element `i`, set where
    /// it is not negative, and returns its sums. In binary32 without fused operations, added in an order of its own:
    /// the same bits on every level, as they are stored in indexes.
    /// # Panics
    /// If `signs` has fewer bits than the codes elements; those beyond are left alone.
    #[inline]
    pub fn way(&self, from: f32, a: &[i8], to: f32, b: &[i8], signs: &mut [u8]) -> Way {
        assert!(a.len() == b.len() && a.len().div_ceil(8) <= signs.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (self.way)(from, a, to, b, signs) }
    }
}
