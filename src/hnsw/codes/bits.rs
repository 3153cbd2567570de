//! Codes of bit strings: the string itself as far as it fits an item, and counts of the bits behind that. Pure; index
//! format.
//!
//! A count tells how many of 128 bits are set. Two groups have at most as many bits in common as the smaller
//! count says, and at least as many in any as the larger one: so both distances are never overestimated, and keys are
//! true lower bounds. They are exact for a string that fits whole, which is every one of less than some 50,000 bits.

use crate::distance::{Metric, bits};
use crate::types::indexed::BitString;

/// Bytes whose bits share a count: 128 bits, so that a count fits a byte.
const GROUP_BYTES: usize = 16;

/// How strings of one length are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitForm {
    /// Bytes of a string.
    bytes: usize,
    /// Bytes of it that a code begins with.
    whole: usize,
}

impl BitForm {
    /// The form for strings of `len` bits whose codes may take `room` bytes; `None` if not even counts fit.
    pub fn fitting(len: usize, room: usize) -> Option<Self> {
        let bytes = len.div_ceil(8);
        let mut form = Self {
            bytes,
            whole: bytes,
        };
        if bytes > room {
            // Of the largest possible, for each byte less a group's count takes a sixteenth of what it frees.
            form.whole = (GROUP_BYTES * room).checked_sub(bytes)? / (GROUP_BYTES - 1);
            while form.code_len() > room {
                form.whole = form.whole.checked_sub(1)?;
            }
        }
        Some(form)
    }

    /// Whether this is the form for strings of `len` bits.
    pub(super) fn is_of(self, len: usize) -> bool {
        self.bytes == len.div_ceil(8)
    }

    /// Bytes of a code.
    pub fn code_len(self) -> usize {
        self.whole + (self.bytes - self.whole).div_ceil(GROUP_BYTES)
    }

    /// Writes the code of `string` to `code`.
    /// # Panics
    /// If the string does not have this form's length.
    pub(super) fn encode(self, string: BitString<'_>, code: &mut Vec<i8>) {
        assert_eq!(string.bytes().len(), self.bytes);
        let (whole, rest) = string.bytes().split_at(self.whole);
        let count = |group: &[u8]| group.iter().map(|byte| byte.count_ones()).sum::<u32>() as i8;
        code.clear();
        code.extend_from_slice(bytemuck::cast_slice(whole));
        // 128 does not fit an i8, but its byte comes back as 128.
        code.extend(rest.chunks(GROUP_BYTES).map(count));
    }

    /// A lower bound of the distance of two strings by their codes: the distance itself if they are whole.
    /// # Panics
    /// If a code does not have this form's length.
    #[inline]
    pub(super) fn key(self, kernels: &bits::Kernels, metric: Metric, a: &[i8], b: &[i8]) -> f32 {
        let (a, a_counts) = bytemuck::cast_slice::<_, u8>(a).split_at(self.whole);
        let (b, b_counts) = bytemuck::cast_slice::<_, u8>(b).split_at(self.whole);
        let groups = || a_counts.iter().zip(b_counts);
        if metric == Metric::Hamming {
            let grouped: u64 = groups().map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
            return (kernels.differing(a, b) + grouped) as f32;
        }
        let (common, any) = groups().fold(kernels.common_and_any(a, b), |(common, any), (a, b)| {
            (common + u64::from(*a.min(b)), any + u64::from(*a.max(b)))
        });
        if common == 0 {
            1.0
        } else {
            (1.0 - common as f64 / any as f64) as f32
        }
    }

    /// Bits of a string that a code has whole, with those that fill up the last byte.
    pub fn whole_bits(self) -> usize {
        8 * self.whole
    }

    /// The bytes of these bits.
    pub fn whole_bytes(self, code: &[i8]) -> &[u8] {
        bytemuck::cast_slice(&code[..self.whole])
    }
}

/// A true lower bound of what the metric's operator returns, from a key.
pub(super) fn lower_bound(metric: Metric, key: f32) -> f64 {
    match metric {
        // Counts of bits are far below 2^24.
        Metric::Hamming => f64::from(key),
        _ => f64::from(key.next_down().max(0.0)),
    }
}
