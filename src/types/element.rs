//! What a dense type adds to its elements: its name and limit, its bytes on the wire, whole slices from and to
//! binary32. Pure.

use super::{HALFVEC, VECTOR, VectorType, shortest, text};
use crate::distance::{self, Element, Half};
use crate::error::{Error, Result};

/// The elements of one dense SQL type.
pub trait DenseElement: Element {
    /// The type: `vector` for binary32, `halfvec` for binary16.
    const TYPE: VectorType;

    /// Whether a finite binary32 number can be too large for an element.
    const IS_NARROW: bool;

    /// Writes the number, big-endian, to `place`, which is as long as it.
    fn write_be(self, place: &mut [u8]);

    /// The number whose bytes, big-endian, are `bytes`; zero if they are too few.
    fn read_be(bytes: &[u8]) -> Self;

    /// Writes each of `elements` to `singles`, exactly.
    /// # Panics
    /// If the lengths differ.
    fn widen(elements: &[Self], singles: &mut [f32]);

    /// Writes `operation` of each two of `a` and `b`, rounded, to `result`; infinite where it is too large.
    /// # Panics
    /// If the three lengths differ.
    fn combine(a: &[Self], b: &[Self], result: &mut [Self], operation: impl Fn(f32, f32) -> f32);

    /// Calls `read` with the elements in binary32.
    fn as_singles<T>(elements: &[Self], read: impl FnOnce(&[f32]) -> T) -> T;

    /// Calls `write` with a place in binary32, zero, for each of `elements`, which are zero too; then rounds what was
    /// written, infinite where it is too large.
    fn from_singles<T>(elements: &mut [Self], write: impl FnOnce(&mut [f32]) -> T) -> T;
}

impl DenseElement for f32 {
    const TYPE: VectorType = VECTOR;
    const IS_NARROW: bool = false;

    #[inline(always)]
    fn write_be(self, place: &mut [u8]) {
        place.copy_from_slice(&self.to_be_bytes());
    }

    #[inline(always)]
    fn read_be(bytes: &[u8]) -> Self {
        bytes.first_chunk().map_or(0.0, |x| Self::from_be_bytes(*x))
    }

    #[inline(always)]
    fn widen(elements: &[Self], singles: &mut [f32]) {
        singles.copy_from_slice(elements);
    }

    #[inline(always)]
    fn combine(a: &[Self], b: &[Self], result: &mut [Self], operation: impl Fn(f32, f32) -> f32) {
        assert!(a.len() == b.len() && a.len() == result.len());
        for ((place, &x), &y) in result.iter_mut().zip(a).zip(b) {
            *place = operation(x, y);
        }
    }

    #[inline(always)]
    fn as_singles<T>(elements: &[Self], read: impl FnOnce(&[f32]) -> T) -> T {
        read(elements)
    }

    #[inline(always)]
    fn from_singles<T>(elements: &mut [Self], write: impl FnOnce(&mut [f32]) -> T) -> T {
        write(elements)
    }
}

impl DenseElement for Half {
    const TYPE: VectorType = HALFVEC;
    const IS_NARROW: bool = true;

    #[inline(always)]
    fn write_be(self, place: &mut [u8]) {
        place.copy_from_slice(&self.to_bits().to_be_bytes());
    }

    #[inline(always)]
    fn read_be(bytes: &[u8]) -> Self {
        Self::from_bits(bytes.first_chunk().map_or(0, |x| u16::from_be_bytes(*x)))
    }

    fn widen(elements: &[Self], singles: &mut [f32]) {
        distance::widen(elements, singles);
    }

    fn combine(a: &[Self], b: &[Self], result: &mut [Self], operation: impl Fn(f32, f32) -> f32) {
        assert!(a.len() == b.len() && a.len() == result.len());
        // As many as stay in the first-level cache.
        const BLOCK: usize = 256;
        let (mut x, mut y) = ([0.0; BLOCK], [0.0; BLOCK]);
        let operands = a.chunks(BLOCK).zip(b.chunks(BLOCK));
        for ((a, b), result) in operands.zip(result.chunks_mut(BLOCK)) {
            let (x, y) = (&mut x[..a.len()], &mut y[..b.len()]);
            distance::widen(a, x);
            distance::widen(b, y);
            for (x, y) in x.iter_mut().zip(y) {
                *x = operation(*x, *y);
            }
            distance::narrow(x, result);
        }
    }

    fn as_singles<T>(elements: &[Self], read: impl FnOnce(&[f32]) -> T) -> T {
        let mut singles = vec![0.0; elements.len()];
        distance::widen(elements, &mut singles);
        read(&singles)
    }

    fn from_singles<T>(elements: &mut [Self], write: impl FnOnce(&mut [f32]) -> T) -> T {
        let mut singles = vec![0.0; elements.len()];
        let result = write(&mut singles);
        distance::narrow(&singles, elements);
        result
    }
}

/// Writes `values`, rounded, to `elements`, one for each.
/// # Errors
/// 22000 for the first that is NaN or infinite, 22003 if one is too large for an element: whichever stands first.
pub fn round<E: DenseElement>(
    values: impl Iterator<Item = f32> + Clone,
    elements: &mut [E],
) -> Result<()> {
    for (element, value) in elements.iter_mut().zip(values.clone()) {
        *element = E::from_f32(value);
    }
    check_rounded(values, elements)
}

/// Checks that `elements`, which are `values` rounded, are finite.
/// # Errors
/// As [`round`].
pub fn check_rounded<E: DenseElement>(
    mut values: impl Iterator<Item = f32>,
    elements: &[E],
) -> Result<()> {
    match first_not_finite(elements) {
        None => Ok(()),
        Some(at) => {
            let value = values.nth(at).unwrap_or(f32::NAN);
            Err(refusal(E::TYPE, value, at + 1))
        }
    }
}

/// Position, from 0, of the first element that is NaN or infinite.
pub fn first_not_finite<E: Element>(elements: &[E]) -> Option<usize> {
    // A fold over all elements is vectorised; the position is looked for only when there is one.
    if elements.iter().fold(true, |all, x| all & x.is_finite()) {
        return None;
    }
    elements.iter().position(|element| !element.is_finite())
}

/// Why `value`, element `position` counted from 1, is none of the type.
#[cold]
pub fn refusal(of: VectorType, value: f32, position: usize) -> Error {
    if value.is_finite() {
        let mut number = [0; shortest::MAX_LEN];
        let len = shortest::write(value, &mut number);
        Error::element_out_of_range(of.name, number.get(..len).unwrap_or_default())
    } else {
        text::not_finite(of, value, position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlState;

    fn refused<E: DenseElement>(values: &[f32]) -> (SqlState, String) {
        let mut elements = vec![E::default(); values.len()];
        let error = round(values.iter().copied(), &mut elements).unwrap_err();
        (error.state, error.message.into_owned())
    }

    // Proves: the first value that does not fit is named, as what it is.
    #[test]
    fn what_does_not_fit_is_named() {
        use SqlState::*;
        for (values, state, message) in [
            (
                &[1.0, f32::NAN, 65520.0][..],
                DataException,
                "NaN not allowed in halfvec",
            ),
            (
                &[f32::NEG_INFINITY],
                DataException,
                "infinite value not allowed in halfvec",
            ),
            (
                &[65519.0, 65520.0],
                NumericValueOutOfRange,
                "\"65520\" is out of range for type halfvec",
            ),
            (
                &[-1e6],
                NumericValueOutOfRange,
                "\"-1e+06\" is out of range for type halfvec",
            ),
        ] {
            assert_eq!(refused::<Half>(values), (state, message.to_owned()));
        }
        assert_eq!(refused::<f32>(&[f32::NAN]).1, "NaN not allowed in vector");
    }

    // Proves: both ways from and to binary32 give the elements, and bytes are big-endian.
    #[test]
    fn slices_and_bytes_hold_the_elements() {
        let mut halves = [Half::default(); 3];
        Half::from_singles(&mut halves, |singles| {
            singles.copy_from_slice(&[1.0, -2.0, 0.1])
        });
        assert_eq!(halves.map(Half::to_bits), [0x3c00, 0xc000, 0x2e66]);
        let sum = Half::as_singles(&halves, |singles| singles.iter().sum::<f32>());
        assert_eq!(sum, 1.0 - 2.0 + 0.099_975_586);
        let mut bytes = [0; 2];
        halves[2].write_be(&mut bytes);
        assert_eq!(bytes, [0x2e, 0x66]);
        assert_eq!(Half::read_be(&bytes).to_bits(), 0x2e66);
    }
}
