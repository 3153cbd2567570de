//! What can be done with dense binary32 vectors beside measuring their distance. Pure.
//!
//! Operations write into a slice that the caller provides, usually the result's own storage, of the length
//! that their contract names. Operands of equal length are the caller's duty: it has reported 22000 before.

use super::{VECTOR, text};
use crate::error::{Error, Result};
use std::cmp::Ordering;
use std::ops::Range;

/// Checks that all elements are finite.
/// # Errors
/// 22000 for the first that is not.
pub fn check_elements(elements: &[f32]) -> Result<()> {
    match elements.iter().position(|element| !element.is_finite()) {
        None => Ok(()),
        Some(at) => Err(text::not_finite(VECTOR, elements[at], at + 1)),
    }
}

fn check_overflow(result: &[f32]) -> Result<()> {
    // A fold over all elements is vectorised; the position is looked for only when there is one.
    if result.iter().fold(true, |all, x| all & x.is_finite()) {
        return Ok(());
    }
    let at = result.iter().position(|x| !x.is_finite()).unwrap_or(0);
    Err(Error::overflow(at + 1))
}

fn combine(a: &[f32], b: &[f32], result: &mut [f32], operation: impl Fn(f32, f32) -> f32) {
    assert!(a.len() == b.len() && a.len() == result.len());
    for ((place, &x), &y) in result.iter_mut().zip(a).zip(b) {
        *place = operation(x, y);
    }
}

/// `result = a + b`, element by element.
/// # Errors
/// 22003 if an element becomes infinite.
/// # Panics
/// If the three lengths differ.
pub fn add(a: &[f32], b: &[f32], result: &mut [f32]) -> Result<()> {
    combine(a, b, result, |x, y| x + y);
    check_overflow(result)
}

/// `result = a - b`, element by element.
/// # Errors
/// 22003 if an element becomes infinite.
/// # Panics
/// If the three lengths differ.
pub fn subtract(a: &[f32], b: &[f32], result: &mut [f32]) -> Result<()> {
    combine(a, b, result, |x, y| x - y);
    check_overflow(result)
}

/// `result = a * b`, element by element.
/// # Errors
/// 22003 if an element becomes infinite, or zero while neither factor is.
/// # Panics
/// If the three lengths differ.
pub fn multiply(a: &[f32], b: &[f32], result: &mut [f32]) -> Result<()> {
    combine(a, b, result, |x, y| x * y);
    check_overflow(result)?;
    let factors = a.iter().zip(b);
    match factors
        .zip(result)
        .position(|((&x, &y), product)| *product == 0.0 && x != 0.0 && y != 0.0)
    {
        None => Ok(()),
        Some(at) => Err(Error::underflow(at + 1)),
    }
}

/// `result = a / |a|`, or all zeros if the norm of `a` is zero. The norm is taken in binary64.
/// # Errors
/// 22003 if an element becomes infinite.
/// # Panics
/// If the lengths differ.
pub fn normalize(a: &[f32], result: &mut [f32]) -> Result<()> {
    assert_eq!(a.len(), result.len());
    let norm = norm(a);
    if norm > 0.0 {
        for (place, &x) in result.iter_mut().zip(a) {
            *place = (f64::from(x) / norm) as f32;
        }
        check_overflow(result)
    } else {
        result.fill(0.0);
        Ok(())
    }
}

/// Euclidean norm, accumulated in binary64; finite for every vector.
pub fn norm(a: &[f32]) -> f64 {
    let squares = a.iter().map(|&x| f64::from(x) * f64::from(x));
    squares.sum::<f64>().sqrt()
}

/// Sets bit `i` of `bits`, counted from the high bit of the first byte, if element `i` is above zero, and
/// clears every other bit.
/// # Panics
/// If `bits` is not `ceil(a.len() / 8)` long.
pub fn quantize_binary(a: &[f32], bits: &mut [u8]) {
    assert_eq!(bits.len(), a.len().div_ceil(8));
    for (byte, elements) in bits.iter_mut().zip(a.chunks(8)) {
        *byte = elements
            .iter()
            .enumerate()
            .fold(0, |byte, (at, &x)| byte | u8::from(x > 0.0) << (7 - at));
    }
}

/// The elements that `subvector` takes from a vector of `dims` elements: `count` from `start` on, which counts
/// from 1. A start below 1 eats into the count, and the end is cut at the vector's.
/// # Errors
/// 22000 if nothing is left.
pub fn subvector_range(dims: usize, start: i32, count: i32) -> Result<Range<usize>> {
    let first = i64::from(start) - 1;
    let end = (first + i64::from(count)).min(dims as i64);
    let first = first.max(0);
    if count < 1 || first >= end {
        return Err(Error::no_dimensions(VECTOR.name));
    }
    Ok(first as usize..end as usize)
}

/// Order of two vectors: that of the first elements that differ, else the shorter one first. 0 equals -0.
pub fn compare(a: &[f32], b: &[f32]) -> Ordering {
    let differing = a.iter().zip(b).find(|(x, y)| x != y);
    match differing {
        Some((x, y)) if x < y => Ordering::Less,
        // No vector holds a NaN.
        Some(_) => Ordering::Greater,
        None => a.len().cmp(&b.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves: overflow and underflow are reported with their element, and true zeros are no underflow.
    #[test]
    fn arithmetic_reports_what_does_not_fit() {
        let mut result = [0.0; 2];
        let overflow = Err(Error::overflow(2));
        assert_eq!(add(&[1.0, 3e38], &[2.0, 3e38], &mut result), overflow);
        assert_eq!(subtract(&[1.0, -3e38], &[2.0, 3e38], &mut result), overflow);
        assert_eq!(multiply(&[1.0, 1e30], &[2.0, 1e30], &mut result), overflow);
        assert_eq!(
            multiply(&[0.0, 1e-30], &[1e-30, 1e-30], &mut result),
            Err(Error::underflow(2))
        );
        assert_eq!(multiply(&[2.0, 0.0], &[3.0, 1e-30], &mut result), Ok(()));
        assert_eq!(result, [6.0, 0.0]);
    }

    // Proves: norms neither overflow nor underflow, and a zero vector stays one.
    #[test]
    fn norm_is_taken_in_binary64() {
        let mut result = [9.0; 2];
        assert_eq!(normalize(&[3e38, 2e38], &mut result), Ok(()));
        assert_eq!(normalize(&[3e-45, 0.0], &mut result), Ok(()));
        assert_eq!(result, [1.0, 0.0]);
        assert_eq!(normalize(&[0.0, -0.0], &mut result), Ok(()));
        assert_eq!(result, [0.0, 0.0]);
        assert_eq!(norm(&[3.0, 4.0]), 5.0);
    }

    // Proves: only elements above zero set a bit; padding stays clear.
    #[test]
    fn binary_quantization_fills_bytes_from_the_high_bit() {
        let mut bits = [0xff; 2];
        let vector = [1.0, 0.0, -0.0, -1.0, 1e-45, 0.0, 0.0, 2.0, 3.0];
        quantize_binary(&vector, &mut bits);
        assert_eq!(bits, [0b1000_1001, 0b1000_0000]);
    }

    // Proves: every start and count is cut to what exists, without overflow.
    #[test]
    fn subvector_is_cut_at_both_ends() {
        assert_eq!(subvector_range(5, 1, 3), Ok(0..3));
        assert_eq!(subvector_range(5, 3, 100), Ok(2..5));
        assert_eq!(subvector_range(5, -1, 3), Ok(0..1));
        assert_eq!(subvector_range(5, i32::MIN, i32::MAX).ok(), None);
        assert_eq!(subvector_range(5, 5, i32::MAX), Ok(4..5));
        for (start, count) in [(1, 0), (1, -1), (6, 1), (-1, 2), (i32::MAX, i32::MAX)] {
            assert!(subvector_range(5, start, count).is_err(), "{start} {count}");
        }
    }

    // Proves: the order is that of arrays.
    #[test]
    fn order_is_by_element_then_length() {
        assert_eq!(compare(&[1.0, 2.0], &[1.0, 3.0]), Ordering::Less);
        assert_eq!(compare(&[2.0], &[1.0, 3.0]), Ordering::Greater);
        assert_eq!(compare(&[1.0], &[1.0, -3.0]), Ordering::Less);
        assert_eq!(compare(&[0.0], &[-0.0]), Ordering::Equal);
    }
}
