//! SIMD kernels of x86-64.
#![allow(unsafe_code)]
pub(super) mod avx2 {
    pub use super::super::scalar::*;
}
pub(super) mod avx512 {
    pub use super::super::scalar::*;
}
