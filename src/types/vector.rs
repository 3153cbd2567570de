//! What can be done with dense vectors of any element type beside measuring their distance. Pure. Calculation is in
//! binary32, and each element of a result is rounded once.
//!
//! Operations write into a slice that the caller provides, usually the result's own storage, of the length
//! that their contract names. Operands of equal length are the caller's duty: it has reported 22000 before.

use super::VectorType;
use super::element::{self, DenseElement};
use crate::distance::Element;
use crate::error::{Error, Result};
use std::cmp::Ordering;
use std::ops::Range;

fn check_overflow<E: Element>(result: &[E]) -> Result<()> {
    match element::first_not_finite(result) {
        None => Ok(()),
        Some(at) => Err(Error::overflow(at + 1)),
    }
}

/// `result = a + b`, element by element.
/// # Errors
/// 22003 if an element becomes infinite.
/// # Panics
/// If the three lengths differ.
pub fn add<E: DenseElement>(a: &[E], b: &[E], result: &mut [E]) -> Result<()> {
    E::combine(a, b, result, |x, y| x + y);
    check_overflow(result)
}

/// `result = a - b`, element by element.
/// # Errors
/// 22003 if an element becomes infinite.
/// # Panics
/// If the three lengths differ.
pub fn subtract<E: DenseElement>(a: &[E], b: &[E], result: &mut [E]) -> Result<()> {
    E::combine(a, b, result, |x, y| x - y);
    check_overflow(result)
}

/// `result = a * b`, element by element.
/// # Errors
/// 22003 if an element becomes infinite, or zero while neither factor is.
/// # Panics
/// If the three lengths differ.
pub fn multiply<E: DenseElement>(a: &[E], b: &[E], result: &mut [E]) -> Result<()> {
    E::combine(a, b, result, |x, y| x * y);
    check_overflow(result)?;
    let factors = a.iter().zip(b);
    match factors
        .zip(result)
        .position(|((&x, &y), product)| is_zero(*product) && !is_zero(x) && !is_zero(y))
    {
        None => Ok(()),
        Some(at) => Err(Error::underflow(at + 1)),
    }
}

fn is_zero<E: Element>(x: E) -> bool {
    x.to_f32() == 0.0
}

/// `result = a / |a|`, or all zeros if the norm of `a` is zero. The norm is taken in binary64.
/// # Errors
/// 22003 if an element becomes infinite.
/// # Panics
/// If the lengths differ.
pub fn normalize<E: Element>(a: &[E], result: &mut [E]) -> Result<()> {
    assert_eq!(a.len(), result.len());
    let norm = norm(a);
    if norm > 0.0 {
        for (place, &x) in result.iter_mut().zip(a) {
            *place = E::from_f32((f64::from(x.to_f32()) / norm) as f32);
        }
        check_overflow(result)
    } else {
        result.fill(E::default());
        Ok(())
    }
}

/// Euclidean norm, accumulated in binary64; finite for every vector.
pub fn norm<E: Element>(a: &[E]) -> f64 {
    let squares = a
        .iter()
        .map(|&x| f64::from(x.to_f32()) * f64::from(x.to_f32()));
    squares.sum::<f64>().sqrt()
}

/// Sets bit `i` of `bits`, counted from the high bit of the first byte, if element `i` is above zero, and
/// clears every other bit.
/// # Panics
/// If `bits` is not `ceil(a.len() / 8)` long.
pub fn quantize_binary<E: Element>(a: &[E], bits: &mut [u8]) {
    assert_eq!(bits.len(), a.len().div_ceil(8));
    for (byte, elements) in bits.iter_mut().zip(a.chunks(8)) {
        *byte = elements.iter().enumerate().fold(0, |byte, (at, &x)| {
            byte | u8::from(x.to_f32() > 0.0) << (7 - at)
        });
    }
}

/// The elements that `subvector` takes from a value of `dims` elements: `count` from `start` on, which counts
/// from 1. A start below 1 eats into the count, and the end is cut at the vector's.
/// # Errors
/// 22000 if nothing is left.
pub fn subvector_range(
    of: VectorType,
    dims: usize,
    start: i32,
    count: i32,
) -> Result<Range<usize>> {
    let first = i64::from(start) - 1;
    let end = (first + i64::from(count)).min(dims as i64);
    let first = first.max(0);
    if count < 1 || first >= end {
        return Err(Error::no_dimensions(of.name));
    }
    Ok(first as usize..end as usize)
}

/// Order of two vectors: that of the first elements that differ, else the shorter one first. 0 equals -0.
pub fn compare<E: Element>(a: &[E], b: &[E]) -> Ordering {
    let mut pairs = a.iter().zip(b).map(|(x, y)| (x.to_f32(), y.to_f32()));
    let differing = pairs.find(|(x, y)| x != y);
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
    use crate::distance::Half;
    use crate::types::{HALFVEC, VECTOR};

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
        assert_eq!(subvector_range(VECTOR, 5, 1, 3), Ok(0..3));
        assert_eq!(subvector_range(VECTOR, 5, 3, 100), Ok(2..5));
        assert_eq!(subvector_range(VECTOR, 5, -1, 3), Ok(0..1));
        assert_eq!(subvector_range(VECTOR, 5, i32::MIN, i32::MAX).ok(), None);
        assert_eq!(subvector_range(VECTOR, 5, 5, i32::MAX), Ok(4..5));
        for (start, count) in [(1, 0), (1, -1), (6, 1), (-1, 2), (i32::MAX, i32::MAX)] {
            assert!(
                subvector_range(VECTOR, 5, start, count).is_err(),
                "{start} {count}"
            );
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

    fn halves<const N: usize>(singles: [f32; N]) -> [Half; N] {
        singles.map(Half::from_f32)
    }

    // Proves: halves are calculated the same wherever they stand in a long vector.
    #[test]
    fn long_halves_are_calculated_as_short_ones() {
        let a: Vec<Half> = (0..1000_u16)
            .map(|i| Half::from_f32(f32::from(i) / 7.0))
            .collect();
        let mut result = vec![Half::default(); a.len()];
        assert_eq!(multiply(&a, &a, &mut result), Ok(()));
        for (x, product) in a.iter().zip(&result) {
            let mut alone = [Half::default()];
            assert_eq!(multiply(&[*x], &[*x], &mut alone), Ok(()));
            assert_eq!(product.to_bits(), alone[0].to_bits());
        }
    }

    // Proves: halves are calculated in binary32 and rounded once, to even, with the limits of their own type.
    #[test]
    fn halves_are_rounded_once() {
        let mut result = halves([0.0; 2]);
        // 2049 lies between two neighbors, and so does 2051.
        assert_eq!(
            add(&halves([2048.0, 2050.0]), &halves([1.0; 2]), &mut result),
            Ok(())
        );
        assert_eq!(result.map(Half::to_f32), [2048.0, 2052.0]);
        assert_eq!(
            add(&halves([1.0, 65504.0]), &halves([1.0, 16.0]), &mut result),
            Err(Error::overflow(2))
        );
        assert_eq!(
            subtract(&halves([1.0, 65504.0]), &halves([1.0, -8.0]), &mut result),
            Ok(())
        );
        assert_eq!(result.map(Half::to_f32), [0.0, 65504.0]);
        assert_eq!(
            multiply(&halves([0.0, 1e-4]), &halves([1e-4; 2]), &mut result),
            Err(Error::underflow(2))
        );
        assert_eq!(normalize(&halves([3.0, 4.0]), &mut result), Ok(()));
        assert_eq!(result.map(Half::to_f32), [0.600_097_66, 0.799_804_7]);
        assert_eq!(norm(&halves([65504.0, 0.0])), 65504.0);
        assert_eq!(compare(&halves([0.0]), &halves([-0.0])), Ordering::Equal);
        assert_eq!(
            compare(&halves([-1.0, 9.0]), &halves([1.0])),
            Ordering::Less
        );
        assert_eq!(
            subvector_range(HALFVEC, 1, 2, 1),
            Err(Error::no_dimensions("halfvec"))
        );
    }
}
