//! One table of kernels per instruction set level, chosen once for the CPU this process runs on.
//!
//! A [`Kernels`] can only be had from [`kernels`] or [`Kernels::for_level`], and both hand out a table only
//! after the CPU was found to have every feature of its level: that check is what makes the methods safe.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::x86_64::{avx2, avx2_halves, avx512, avx512_halves};
use super::{Element, Half, Way, scalar};
use std::sync::OnceLock;

/// An instruction set that kernels are written for, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the compiler's target always has.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C (Haswell, Zen).
    Avx2Fma,
    /// x86-64 with AVX-512 F, BW, VL and VNNI (Ice Lake, Zen 4) beside the level below.
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
            Level::Avx2Fma => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
            }
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

/// The kernels of one level over dense vectors of one element type. Only a table of [`Kernels`] has one.
#[derive(Debug)]
pub struct DenseKernels<E> {
    // Unsafe to call on a CPU without the features of their level; see the head of this file.
    l2_squared: unsafe fn(&[E], &[E]) -> f32,
    inner_product: unsafe fn(&[E], &[E]) -> f32,
    l1: unsafe fn(&[E], &[E]) -> f32,
    cosine_parts: unsafe fn(&[E], &[E]) -> CosineParts,
}

/// The kernels of one level. Every method panics if its slices differ in length.
#[derive(Debug)]
pub struct Kernels {
    level: Level,
    singles: DenseKernels<f32>,
    halves: DenseKernels<Half>,
    // The kernels of a level are unsafe to call on a CPU without its features; see the head of this file.
    widen: unsafe fn(&[Half], &mut [f32]),
    narrow: unsafe fn(&[f32], &mut [Half]),
    dot_i16_i8: unsafe fn(&[i16], &[i8]) -> i64,
    dot_i8_i8: unsafe fn(&[i8], &[i8]) -> i64,
    l1_f32_i8: unsafe fn(&[f32], f32, &[i8]) -> f32,
    l1_i8_i8: unsafe fn(f32, &[i8], f32, &[i8]) -> f32,
    masked_sums: unsafe fn(&[i8], &[u8], &mut [i32]),
    way: WayKernel,
}

/// The dense kernels that a module has under their common names.
macro_rules! dense_table {
    ($module:ident) => {
        DenseKernels {
            l2_squared: $module::l2_squared,
            inner_product: $module::inner_product,
            l1: $module::l1,
            cosine_parts: $module::cosine_parts,
        }
    };
}

/// A table of the kernels that a module has under their common names, and those over halves of another one.
macro_rules! table {
    ($level:expr, $module:ident, $halves:ident) => {
        Kernels {
            level: $level,
            singles: dense_table!($module),
            halves: dense_table!($halves),
            widen: $module::widen,
            narrow: $module::narrow,
            dot_i16_i8: $module::dot_i16_i8,
            dot_i8_i8: $module::dot_i8_i8,
            l1_f32_i8: $module::l1_f32_i8,
            l1_i8_i8: $module::l1_i8_i8,
            masked_sums: $module::masked_sums,
            way: $module::way,
        }
    };
}

static SCALAR: Kernels = table!(Level::Scalar, scalar, scalar);
#[cfg(target_arch = "x86_64")]
static AVX2_FMA: Kernels = table!(Level::Avx2Fma, avx2, avx2_halves);
#[cfg(target_arch = "x86_64")]
static AVX512: Kernels = table!(Level::Avx512, avx512, avx512_halves);

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

/// Work in plain Rust that the compiler is to vectorize for the CPU at hand: see [`Kernels::vectorized`].
pub trait Vectorized {
    /// What comes out.
    type Output;

    /// Does the work. Implementations are `#[inline(always)]`, and so is what they call in their loops: only code that
    /// is inlined is compiled for each level. The result is the same on every level, as Rust fuses and reorders no
    /// operations of floats.
    fn run(self) -> Self::Output;
}

/// [`Vectorized`] work, compiled with the features of a level.
#[cfg(target_arch = "x86_64")]
macro_rules! run_with {
    ($name:ident, $features:literal) => {
        #[target_feature(enable = $features)]
        fn $name<W: Vectorized>(work: W) -> W::Output {
            work.run()
        }
    };
}
#[cfg(target_arch = "x86_64")]
run_with!(run_with_avx2, "avx2");
#[cfg(target_arch = "x86_64")]
run_with!(run_with_avx512, "avx2,avx512f");

impl Kernels {
    /// Does `work` with the instructions of this level.
    #[inline]
    pub fn vectorized<W: Vectorized>(&self, work: W) -> W::Output {
        match self.level {
            // SAFETY: as in `l2_squared`.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { run_with_avx512(work) },
            // SAFETY: as in `l2_squared`.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2Fma => unsafe { run_with_avx2(work) },
            _ => work.run(),
        }
    }

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

    /// The kernels over binary32 elements.
    #[inline(always)]
    pub(super) fn singles(&self) -> &DenseKernels<f32> {
        &self.singles
    }

    /// The kernels over binary16 elements.
    #[inline(always)]
    pub(super) fn halves(&self) -> &DenseKernels<Half> {
        &self.halves
    }

    /// See [`super::l2_squared`].
    #[inline]
    pub fn l2_squared<E: Element>(&self, a: &[E], b: &[E]) -> f32 {
        assert_eq!(a.len(), b.len());
        // SAFETY: this table, and whichever else `kernels_of` may take its kernels from, was handed out only after
        // `is_available` had found its level's CPU features.
        unsafe { (E::kernels_of(self).l2_squared)(a, b) }
    }

    /// See [`super::inner_product`].
    #[inline]
    pub fn inner_product<E: Element>(&self, a: &[E], b: &[E]) -> f32 {
        assert_eq!(a.len(), b.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (E::kernels_of(self).inner_product)(a, b) }
    }

    /// See [`super::l1`].
    #[inline]
    pub fn l1<E: Element>(&self, a: &[E], b: &[E]) -> f32 {
        assert_eq!(a.len(), b.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (E::kernels_of(self).l1)(a, b) }
    }

    /// See [`super::cosine_parts`].
    #[inline]
    pub fn cosine_parts<E: Element>(&self, a: &[E], b: &[E]) -> (f32, f32, f32) {
        assert_eq!(a.len(), b.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (E::kernels_of(self).cosine_parts)(a, b) }
    }

    /// See [`super::widen`].
    #[inline]
    pub fn widen(&self, halves: &[Half], singles: &mut [f32]) {
        assert_eq!(halves.len(), singles.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (self.widen)(halves, singles) }
    }

    /// See [`super::narrow`].
    #[inline]
    pub fn narrow(&self, singles: &[f32], halves: &mut [Half]) {
        assert_eq!(singles.len(), halves.len());
        // SAFETY: as in `l2_squared`.
        unsafe { (self.narrow)(singles, halves) }
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
