//! The element types of dense vectors, as kernels and whatever else is written once for all of them see them.

use super::Half;
use super::dispatch::{DenseKernels, Kernels};
use std::fmt::Debug;

/// A number that vectors are made of: [`f32`] or [`Half`]. All calculation is in binary32.
pub trait Element: Copy + Debug + Default + Send + Sync + 'static {
    /// The number in binary32, exactly.
    fn to_f32(self) -> f32;

    /// The number nearest to `value`, ties to even; infinite if `value` is too large.
    fn from_f32(value: f32) -> Self;

    /// Whether this is neither NaN nor infinite.
    #[inline]
    fn is_finite(self) -> bool {
        self.to_f32().is_finite()
    }

    /// The kernels over such elements in a table.
    fn kernels_of(table: &Kernels) -> &DenseKernels<Self>;
}

impl Element for f32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn kernels_of(table: &Kernels) -> &DenseKernels<Self> {
        table.singles()
    }
}

impl Element for Half {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self.to_f32()
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        Half::from_f32(value)
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn kernels_of(table: &Kernels) -> &DenseKernels<Self> {
        table.halves()
    }
}
