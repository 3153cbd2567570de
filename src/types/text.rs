//! The text form of dense vectors, `[1,2.5,-3e-05]`: parse and print. Pure, without allocation.

use super::number::{self, NumberError};
use super::{VectorType, shortest};
use crate::error::{Error, Result};

/// An upper bound of the elements that a valid literal can hold, and exactly their number if it is valid: the
/// number of its commas and one more, but not more than the type can have.
pub fn element_bound(of: VectorType, literal: &[u8]) -> usize {
    // Blocks of 255 so that the count fits a byte a lane, which the compiler turns into vector instructions.
    let commas: usize = literal
        .chunks(255)
        .map(|block| {
            let count = block
                .iter()
                .fold(0_u8, |count, &byte| count + u8::from(byte == b','));
            usize::from(count)
        })
        .sum();
    (commas + 1).min(of.max_dims)
}

/// Parses `literal` into `elements`, which has [`element_bound`] places, and returns how many it filled.
///
/// White space is C's, around every token. Numbers are those of [`number::parse`].
/// # Errors
/// 22P02 for what is no vector, 22000 for no elements, NaN and infinity, 22003 for a number too large, 54000
/// for too many elements. All print the name of the type.
pub fn parse(of: VectorType, literal: &[u8], elements: &mut [f32]) -> Result<usize> {
    let syntax = |detail: &str| Error::invalid_syntax(of.name, literal, detail);
    let mut rest = skip_space(literal);
    rest = match rest.split_first() {
        Some((b'[', rest)) => skip_space(rest),
        _ => return Err(syntax("Vector contents must start with \"[\".")),
    };
    if rest.first() == Some(&b']') {
        return Err(Error::no_dimensions(of.name));
    }
    let mut places = elements.iter_mut();
    let mut dims = 0;
    loop {
        let Some(element) = places.next() else {
            return Err(Error::too_many_dimensions(of.name, of.max_dims));
        };
        dims += 1;
        if let Some(window) = rest.first_chunk()
            && let Some((value, len)) = number::parse_fraction(window)
            && window.get(len) == Some(&b',')
            && let Some(after) = rest.get(len + 1..)
        {
            *element = value;
            rest = after;
            continue;
        }
        rest = skip_space(rest);
        let (value, len) = match number::parse(rest) {
            Ok(number) => number,
            Err(error) => return Err(number_error(of, literal, rest, dims, error)),
        };
        if !value.is_finite() {
            return Err(not_finite(of, value, dims));
        }
        *element = value;
        rest = skip_space(rest.get(len..).unwrap_or_default());
        match rest.split_first() {
            Some((b',', after)) => rest = after,
            Some((b']', after)) => {
                if !skip_space(after).is_empty() {
                    return Err(syntax("Junk after closing right brace."));
                }
                return Ok(dims);
            }
            Some(_) => {
                return Err(syntax(&format!(
                    "Element {dims} must be followed by \",\" or \"]\"."
                )));
            }
            None => return Err(syntax("Unexpected end of input.")),
        }
    }
}

#[cold]
fn number_error(
    of: VectorType,
    literal: &[u8],
    rest: &[u8],
    position: usize,
    error: NumberError,
) -> Error {
    match error {
        NumberError::Overflow { len } => {
            Error::element_out_of_range(of.name, rest.get(..len).unwrap_or(rest))
        }
        NumberError::Missing if rest.is_empty() => {
            Error::invalid_syntax(of.name, literal, "Unexpected end of input.")
        }
        NumberError::Missing => Error::invalid_syntax(
            of.name,
            literal,
            format!("Element {position} is not a number."),
        ),
    }
}

#[cold]
pub(super) fn not_finite(of: VectorType, value: f32, position: usize) -> Error {
    if value.is_nan() {
        Error::nan_element(of.name, position)
    } else {
        Error::infinite_element(of.name, position)
    }
}

#[inline(always)]
fn skip_space(mut text: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\t'..=b'\r', rest)) = text.split_first() {
        text = rest;
    }
    text
}

/// Bytes of buffer that [`print()`] needs for `dims` elements.
pub const fn print_bound(dims: usize) -> usize {
    // Each element and its comma; the brackets, of which one takes the place of a comma; the last element's
    // spare byte.
    dims * shortest::MAX_LEN + 2
}

/// Prints `elements` to the start of `out` and returns the length of the text.
/// # Panics
/// If `out` is shorter than [`print_bound`].
pub fn print(elements: &[f32], out: &mut [u8]) -> usize {
    let mut at = 0;
    for &element in elements {
        let Some((separator, number)) = out
            .get_mut(at..)
            .and_then(<[u8]>::split_first_mut)
            .and_then(|(separator, rest)| Some((separator, rest.first_chunk_mut()?)))
        else {
            unreachable!("print_bound leaves MAX_LEN bytes for each element");
        };
        *separator = b',';
        at += 1 + shortest::write(element, number);
    }
    out[0] = b'[';
    out[at] = b']';
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlState;
    use crate::types::VECTOR;

    fn parsed(literal: &str) -> Result<Vec<f32>> {
        let literal = literal.as_bytes();
        let mut elements = vec![0.0; element_bound(VECTOR, literal)];
        let dims = parse(VECTOR, literal, &mut elements)?;
        assert_eq!(dims, elements.len());
        Ok(elements)
    }

    fn printed(elements: &[f32]) -> String {
        let mut out = vec![0; print_bound(elements.len())];
        let len = print(elements, &mut out);
        out.truncate(len);
        String::from_utf8(out).unwrap()
    }

    // Proves: C's white space is skipped around every token.
    #[test]
    fn white_space_is_skipped() {
        assert_eq!(parsed(" \t[\n1\r,\x0b 2 \x0c] "), Ok(vec![1.0, 2.0]));
    }

    // Proves: each kind of damage has pgvector's SQLSTATE and text.
    #[test]
    fn damage_is_named() {
        use SqlState::*;
        for (literal, state, message) in [
            (
                "",
                InvalidTextRepresentation,
                "invalid input syntax for type vector: \"\"",
            ),
            (
                "1,2",
                InvalidTextRepresentation,
                "invalid input syntax for type vector: \"1,2\"",
            ),
            (
                "[1,2",
                InvalidTextRepresentation,
                "invalid input syntax for type vector: \"[1,2\"",
            ),
            (
                "[1,]",
                InvalidTextRepresentation,
                "invalid input syntax for type vector: \"[1,]\"",
            ),
            (
                "[1]x",
                InvalidTextRepresentation,
                "invalid input syntax for type vector: \"[1]x\"",
            ),
            (
                "[1a]",
                InvalidTextRepresentation,
                "invalid input syntax for type vector: \"[1a]\"",
            ),
            (
                "[ ]",
                DataException,
                "vector must have at least 1 dimension",
            ),
            ("[nan]", DataException, "NaN not allowed in vector"),
            (
                "[-inf]",
                DataException,
                "infinite value not allowed in vector",
            ),
            (
                "[4e38, 1]",
                NumericValueOutOfRange,
                "\"4e38\" is out of range for type vector",
            ),
        ] {
            let error = parsed(literal).unwrap_err();
            assert_eq!(
                (error.state, &*error.message),
                (state, message),
                "{literal}"
            );
        }
    }

    // Proves: the limit is reported at the first element beyond it, and not before.
    #[test]
    fn the_limit_is_16000_elements() {
        let literal = |dims: usize| format!("[{}]", vec!["1"; dims].join(","));
        assert_eq!(parsed(&literal(16_000)), Ok(vec![1.0; 16_000]));
        let error = parsed(&literal(16_001)).unwrap_err();
        assert_eq!(
            error.message,
            "vector cannot have more than 16000 dimensions"
        );
    }

    // Proves: the widest elements fit the buffer, and nothing but commas separates them.
    #[test]
    fn print_fits_its_bound() {
        assert_eq!(printed(&[1.0, -0.5, 1e-5]), "[1,-0.5,1e-05]");
        let widest = vec![-1.175_494_4e-38; 16_000];
        assert_eq!(parsed(&printed(&widest)), Ok(widest));
    }
}
