//! Asks the CPU to load memory that will be read soon. Never reads it: any address is allowed.
#![allow(unsafe_code)]

/// Bytes of a cache line.
pub const LINE: usize = 64;

/// Prefetches the cache line of `address` into all cache levels; does nothing where the CPU has no such hint.
#[inline]
pub fn line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetch is a hint: it neither faults nor changes memory, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Prefetches all cache lines of `len` bytes from `address`.
#[inline]
pub fn range(address: *const u8, len: usize) {
    let mut at = 0;
    while at < len {
        line(address.wrapping_add(at));
        at += LINE;
    }
    if len > 0 {
        line(address.wrapping_add(len - 1));
    }
}

/// Prefetches all cache lines of a slice.
#[inline]
pub fn slice<T>(items: &[T]) {
    range(items.as_ptr().cast(), size_of_val(items));
}
