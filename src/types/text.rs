//! The text form of dense vectors, `[1,2.5,-3e-05]`: parse and print. Pure, without allocation. Elements are binary32
//! here, whatever the type; those of a narrower one are rounded when all are read, and widened before they are printed.

use super::commas::{self, BLOCK};
use super::element::{self, DenseElement};
use super::number::{self, NumberError};
use super::{VectorType, decimal, integer_block, shortest};
use crate::error::{Error, Result};

/// An upper bound of the elements that a valid literal can hold, and exactly their number if it is valid: the
/// number of its commas and one more, but not more than the type can have.
pub fn element_bound(of: VectorType, literal: &[u8]) -> usize {
    (commas::count(literal) + 1).min(of.max_dims)
}

/// Longest element that lets the rest of its block be tried as short integers.
const SHORT_LEN: usize = 3;

/// Parses `literal` into `elements`, which has [`element_bound`] places, and returns how many it filled.
///
/// White space is C's, around every token. Numbers are those of [`number::parse`].
/// # Errors
/// 22P02 for what is no vector, 22000 for no elements, NaN and infinity, 22003 for a number too large, 54000
/// for too many elements. All print the name of the type.
pub fn parse(of: VectorType, literal: &[u8], elements: &mut [f32]) -> Result<usize> {
    let mut reader = Reader {
        of,
        literal,
        next: contents_start(of, literal)?,
        bound: elements.len(),
        places: elements.iter_mut(),
    };
    loop {
        reader.read_fractions()?;
        if !reader.read_block()? {
            break;
        }
    }
    reader.read_last()?;
    Ok(reader.count())
}

/// Where the first element starts, or the white space in front of it.
/// # Errors
/// 22P02 without an opening bracket, 22000 if the closing one follows.
fn contents_start(of: VectorType, literal: &[u8]) -> Result<usize> {
    let opening = skip_space(literal, 0);
    if literal.get(opening) != Some(&b'[') {
        let detail = "Vector contents must start with \"[\".";
        return Err(Error::invalid_syntax(of.name, literal, detail));
    }
    let start = opening + 1;
    if literal.get(skip_space(literal, start)) == Some(&b']') {
        return Err(Error::no_dimensions(of.name));
    }
    Ok(start)
}

/// Reads the elements of a literal in order.
struct Reader<'a> {
    of: VectorType,
    literal: &'a [u8],
    /// Where the next element starts, or the white space in front of it.
    next: usize,
    /// Places for all elements.
    bound: usize,
    /// Those not filled yet.
    places: std::slice::IterMut<'a, f32>,
}

impl Reader<'_> {
    /// Elements that were read.
    fn count(&self) -> usize {
        self.bound - self.places.len()
    }

    #[inline(always)]
    fn put(&mut self, value: f32) -> Result<()> {
        match self.places.next() {
            Some(place) => {
                *place = value;
                Ok(())
            }
            None => Err(Error::too_many_dimensions(self.of.name, self.of.max_dims)),
        }
    }

    /// Reads elements as embeddings have them, up to the first other one.
    #[inline(always)]
    fn read_fractions(&mut self) -> Result<()> {
        let mut rest = self.literal.get(self.next..).unwrap_or_default();
        loop {
            if let Some(window) = rest.first_chunk()
                && let Some((value, len)) = decimal::parse_fraction(window)
                && window.get(len) == Some(&b',')
                && let Some(after) = rest.get(len + 1..)
            {
                self.put(value)?;
                rest = after;
            } else if let Some((b' ', after)) = rest.split_first() {
                rest = after;
            } else {
                self.next = self.literal.len() - rest.len();
                return Ok(());
            }
        }
    }

    /// Reads the elements that end in the next [`BLOCK`] bytes, or the next one if it is longer. `false` if only the last
    /// element of the literal is left.
    fn read_block(&mut self) -> Result<bool> {
        let block_start = self.next;
        let rest = self.literal.get(block_start..).unwrap_or_default();
        let mut commas = commas::positions(rest.get(..BLOCK).unwrap_or(rest));
        let far = || rest.iter().position(|byte| *byte == b',');
        let Some(first) = commas.next().or_else(far) else {
            return Ok(false);
        };
        self.read_to(block_start + first)?;
        if first <= SHORT_LEN
            && let Some(numbers) = self.short_integers(block_start)
        {
            for comma in commas {
                self.put(f32::from(numbers[comma - 1]))?;
                self.next = block_start + comma + 1;
            }
        } else {
            for comma in commas {
                self.read_to(block_start + comma)?;
            }
        }
        Ok(true)
    }

    /// Reads the next element, which ends in front of the first comma behind its start.
    #[inline(always)]
    fn read_to(&mut self, comma: usize) -> Result<()> {
        let start = skip_space(self.literal, self.next);
        let before = self.literal.get(..comma).unwrap_or_default();
        let value = match decimal::parse_end(before, comma.wrapping_sub(start)) {
            Some(value) => value,
            None => self.read_any(start, Some(comma))?,
        };
        self.next = comma + 1;
        self.put(value)
    }

    /// Reads the last element, the closing bracket and what may follow it.
    fn read_last(&mut self) -> Result<()> {
        let start = skip_space(self.literal, self.next);
        let before = self.literal.strip_suffix(b"]");
        let value =
            before.and_then(|text| decimal::parse_end(text, text.len().wrapping_sub(start)));
        let value = match value {
            Some(value) => value,
            None => self.read_any(start, None)?,
        };
        self.put(value)
    }

    /// The short integers of the block at `block_start`, if it holds nothing else.
    #[inline(always)]
    fn short_integers(&self, block_start: usize) -> Option<[u16; BLOCK]> {
        let start = block_start.checked_sub(integer_block::FRONT)?;
        integer_block::parse(self.literal.get(start..)?.first_chunk()?)
    }

    /// Reads an element of any spelling at `start`; `comma` is the first one behind it, if there is any.
    #[cold]
    #[inline(never)]
    fn read_any(&self, start: usize, comma: Option<usize>) -> Result<f32> {
        let (of, literal, position) = (self.of, self.literal, self.count() + 1);
        if self.places.len() == 0 {
            return Err(Error::too_many_dimensions(of.name, of.max_dims));
        }
        let syntax = |detail: &str| Error::invalid_syntax(of.name, literal, detail);
        let text = literal.get(start..).unwrap_or_default();
        let (value, len) = match number::parse(text) {
            Ok(number) => number,
            Err(error) => return Err(number_error(of, literal, text, position, error)),
        };
        if !value.is_finite() {
            return Err(not_finite(of, value, position));
        }
        let end = skip_space(literal, start + len);
        match literal.get(end) {
            Some(b',') => Ok(value),
            Some(b']') if comma.is_none() && skip_space(literal, end + 1) == literal.len() => {
                Ok(value)
            }
            Some(b']') => Err(syntax("Junk after closing right brace.")),
            Some(_) => Err(syntax(&format!(
                "Element {position} must be followed by \",\" or \"]\"."
            ))),
            None => Err(syntax("Unexpected end of input.")),
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

/// The first place from `at` on that holds no white space.
#[inline(always)]
fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = text.get(at)
        && byte <= b' '
        && matches!(byte, b' ' | b'\t'..=b'\r')
    {
        at += 1;
    }
    at
}

/// Checks that `elements`, the numbers of the valid `literal` rounded, are finite.
/// # Errors
/// 22003 for the first that is too large for its type.
pub fn check_range<E: DenseElement>(literal: &[u8], elements: &[E]) -> Result<()> {
    if !E::IS_NARROW {
        return Ok(());
    }
    match element::first_not_finite(elements) {
        None => Ok(()),
        Some(at) => {
            let number = nth_number(literal, at);
            Err(Error::element_out_of_range(E::TYPE.name, number))
        }
    }
}

/// The text of number `at`, counted from 0, of a valid literal.
fn nth_number(literal: &[u8], at: usize) -> &[u8] {
    let part = literal.split(|byte| *byte == b',').nth(at);
    let part = part.unwrap_or_default();
    let belongs = |byte: &u8| !matches!(byte, b' ' | b'\t'..=b'\r' | b'[' | b']');
    let start = part.iter().position(belongs).unwrap_or(0);
    let end = part.iter().rposition(belongs).map_or(0, |last| last + 1);
    part.get(start..end).unwrap_or_default()
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

    // Proves: the number that a half cannot hold is printed as it was written, wherever it stands.
    #[test]
    fn numbers_too_large_for_halves_are_quoted() {
        use crate::distance::Half;
        for (literal, number) in [
            ("[65520]", "65520"),
            (" [ 1 ,\t-7.0e4\x0b,70000] ", "-7.0e4"),
            ("[1,2, 0x1p16 ]", "0x1p16"),
        ] {
            let singles = parsed(literal).unwrap();
            let halves: Vec<Half> = singles.iter().map(|&x| Half::from_f32(x)).collect();
            assert_eq!(
                check_range(literal.as_bytes(), &halves),
                Err(Error::element_out_of_range("halfvec", number.as_bytes()))
            );
            assert_eq!(check_range(literal.as_bytes(), &singles), Ok(()));
        }
    }
}
