//! The text form of sparse vectors, `{1:1.5,3:-2e-05}/5`: parse and print. Pure.
//!
//! Indices count from 1 here, as SQL does, and from 0 everywhere else.

use super::{MAX_NON_ZEROS, SPARSEVEC, SparseVector, SparseView, check_finite};
use crate::error::{Error, Result};
use crate::types::number::{self, NumberError};
use crate::types::{commas, decimal, shortest, typmod};

/// Parses `literal`, which may name the elements in any order, and zeros among them.
///
/// White space is C's, around every token. Numbers are those of [`number::parse`], indices and dimensions decimal integers
/// with an optional sign.
/// # Errors
/// 22P02 for what is no sparse vector, 22000 for impossible dimensions, NaN, infinity and indices that are beyond the
/// dimensions or given twice, 22000 if `expected_typmod` is another number than the dimensions, 22003 for a number too
/// large, or too small and not zero, 54000 for too many elements or dimensions.
pub fn parse(literal: &[u8], expected_typmod: i32) -> Result<SparseVector> {
    let bound = commas::count(literal) + 1;
    if bound > MAX_NON_ZEROS {
        return Err(Error::too_many_non_zeros(MAX_NON_ZEROS));
    }
    let mut reader = Reader {
        literal,
        rest: literal,
        position: 1,
    };
    let elements = reader.read_elements(bound)?;
    let dims = reader.read_dims()?;
    SPARSEVEC.check_dims(dims)?;
    typmod::check_dims(expected_typmod, dims)?;
    SparseVector::from_elements(dims, elements)
}

/// Reads the tokens of a literal in order.
struct Reader<'a> {
    literal: &'a [u8],
    /// What has not been read yet.
    rest: &'a [u8],
    /// Number of the element that is being read, from 1.
    position: usize,
}

impl Reader<'_> {
    /// Reads `{`, the elements and `}`. Indices count from 0 in what is returned, and zeros are left out.
    fn read_elements(&mut self, bound: usize) -> Result<Vec<(i64, f32)>> {
        if !self.skip(b'{') {
            return Err(self.syntax_error("Vector contents must start with \"{\"."));
        }
        if self.skip(b'}') {
            return Ok(Vec::new());
        }
        let mut elements = Vec::with_capacity(bound);
        loop {
            let Some(index) = self.read_integer() else {
                return Err(self.unexpected("Element {} does not start with an index."));
            };
            if !self.skip(b':') {
                return Err(self.unexpected("The index of element {} must be followed by \":\"."));
            }
            let value = self.read_value()?;
            if value != 0.0 {
                // An integer is above i64::MIN.
                elements.push((index - 1, value));
            }
            if self.skip(b'}') {
                return Ok(elements);
            }
            if !self.skip(b',') {
                return Err(self.unexpected("Element {} must be followed by \",\" or \"}\"."));
            }
            self.position += 1;
        }
    }

    /// Reads `/`, the number of dimensions and the end; what is below zero becomes zero.
    fn read_dims(&mut self) -> Result<usize> {
        if !self.skip(b'/') {
            return Err(self.unexpected("The closing brace must be followed by \"/\"."));
        }
        let Some(dims) = self.read_integer() else {
            return Err(self.unexpected("The \"/\" must be followed by the number of dimensions."));
        };
        self.skip_space();
        if !self.rest.is_empty() {
            return Err(self.syntax_error("Junk after closing."));
        }
        Ok(usize::try_from(dims).unwrap_or(0))
    }

    /// Reads a decimal integer as C's `strtol` does; beyond the range of i64 it becomes the nearest one above i64::MIN.
    fn read_integer(&mut self) -> Option<i64> {
        self.skip_space();
        let (is_negative, digits) = match self.rest {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        let len = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = digits.split_at(len);
        if digits.is_empty() {
            return None;
        }
        self.rest = rest;
        let magnitude = digits.iter().fold(0_i64, |magnitude, digit| {
            magnitude
                .saturating_mul(10)
                .saturating_add(i64::from(digit - b'0'))
        });
        Some(if is_negative { -magnitude } else { magnitude })
    }

    /// Reads the value of an element.
    fn read_value(&mut self) -> Result<f32> {
        self.skip_space();
        // Most are short decimals, for which there is a faster way.
        if let Some(window) = self.rest.first_chunk()
            && let Some((value, len)) = decimal::parse_fraction(window)
            && let Some(rest @ [b',' | b'}', ..]) = self.rest.get(len..)
        {
            self.rest = rest;
            return Ok(value);
        }
        let (value, len) = match number::parse(self.rest) {
            Ok(number) => number,
            Err(NumberError::Overflow { len }) => return Err(self.out_of_range(len)),
            Err(NumberError::Missing) => {
                return Err(self.unexpected("The value of element {} is not a number."));
            }
        };
        let (number, rest) = self.rest.split_at(len);
        check_finite(value, self.position)?;
        if value == 0.0 && !is_zero(number) {
            return Err(self.out_of_range(len));
        }
        self.rest = rest;
        Ok(value)
    }

    /// Skips white space and `token`, if that comes next.
    fn skip(&mut self, token: u8) -> bool {
        self.skip_space();
        match self.rest {
            [first, rest @ ..] if *first == token => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t'..=b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    #[cold]
    fn out_of_range(&self, len: usize) -> Error {
        Error::element_out_of_range(SPARSEVEC.name, self.rest.get(..len).unwrap_or(self.rest))
    }

    /// The error for what stands where something else was expected, or for nothing. `{}` in `detail` is the element.
    #[cold]
    fn unexpected(&self, detail: &str) -> Error {
        if self.rest.is_empty() {
            return self.syntax_error("Unexpected end of input.");
        }
        self.syntax_error(&detail.replacen("{}", &self.position.to_string(), 1))
    }

    #[cold]
    fn syntax_error(&self, detail: &str) -> Error {
        Error::invalid_syntax(SPARSEVEC.name, self.literal, detail)
    }
}

/// Whether the number in this text is zero as it is written, and did not only become it.
fn is_zero(number: &[u8]) -> bool {
    let unsigned = match number {
        [b'+' | b'-', unsigned @ ..] => unsigned,
        unsigned => unsigned,
    };
    let (mantissa, exponent_marks) = match unsigned {
        [b'0', b'x' | b'X', mantissa @ ..] => (mantissa, b"pP"),
        mantissa => (mantissa, b"eE"),
    };
    mantissa
        .iter()
        .take_while(|byte| !exponent_marks.contains(byte))
        .all(|byte| matches!(byte, b'0' | b'.'))
}

/// Most digits of an index or of the dimensions, also of damaged ones.
const MAX_INDEX_LEN: usize = 10;

/// Bytes of buffer that [`print()`] needs for `non_zeros` elements, of which it leaves at least one.
pub const fn print_bound(non_zeros: usize) -> usize {
    // Each element with the brace or comma in front and the colon within; the closing brace, slash and dimensions; an
    // opening brace without elements; a byte to close the text with.
    non_zeros * (MAX_INDEX_LEN + shortest::MAX_LEN + 2) + MAX_INDEX_LEN + 4
}

/// Prints `vector` to the start of `out` and returns the length of the text; the rest of `out` is undefined.
/// # Panics
/// If `out` is shorter than [`print_bound`].
pub fn print(vector: SparseView, out: &mut [u8]) -> usize {
    out[0] = b'{';
    let mut at = 1;
    for (&index, &value) in vector.indices().iter().zip(vector.values()) {
        if at > 1 {
            out[at] = b',';
            at += 1;
        }
        at += print_integer(u64::from(index) + 1, &mut out[at..]);
        out[at] = b':';
        at += 1;
        let Some(number) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) else {
            unreachable!("print_bound leaves MAX_LEN bytes for each value");
        };
        at += shortest::write(value, number);
    }
    out[at..at + 2].copy_from_slice(b"}/");
    at + 2 + print_integer(vector.dims() as u64, &mut out[at + 2..])
}

/// Prints an integer of at most [`MAX_INDEX_LEN`] digits and returns how many it has.
fn print_integer(integer: u64, out: &mut [u8]) -> usize {
    let len = integer.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut rest = integer;
    for place in out[..len].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlState::{self, *};

    fn parsed(literal: &str) -> Result<SparseVector> {
        parse(literal.as_bytes(), -1)
    }

    fn printed(vector: SparseView) -> String {
        let mut out = vec![0xff; print_bound(vector.values().len())];
        let len = print(vector, &mut out);
        assert!(len < out.len());
        out.truncate(len);
        String::from_utf8(out).unwrap()
    }

    // Proves: what may be written in more than one way reads as the same vector.
    #[test]
    fn spellings_read_alike() {
        let expected = parsed("{1:1.5,3:-2}/5").unwrap();
        assert_eq!(expected.view(), SparseView::new(5, &[0, 2], &[1.5, -2.0]));
        for literal in [
            "{3:-2,1:1.5}/5",
            "{+1:1.5,0003:-2.}/+5",
            " \t{\n1\r:\x0b1.5\x0c, 3 : -2 } / 5 ",
            "{1:0x1.8,2:0,3:-2e0}/5",
            "{1:1.5,3:-2,1:0,9:0,-7:-0.0e5}/5",
        ] {
            assert_eq!(parsed(literal).as_ref(), Ok(&expected), "{literal}");
        }
        for literal in [
            "{}/5",
            " { } / 5",
            "{1:0}/5",
            "{5:-0}/5",
            "{99999999999:0}/5",
        ] {
            assert_eq!(parsed(literal), SparseVector::zero(5), "{literal}");
        }
    }

    // Proves: each kind of damage has pgvector's SQLSTATE and text.
    #[test]
    fn damage_is_named() {
        let syntax = |literal: &str, detail: &str| {
            let error = Error::invalid_syntax("sparsevec", literal.as_bytes(), detail);
            assert_eq!(parsed(literal), Err(error), "{literal}");
        };
        for literal in ["", " ", "1:1", "[1,2]", "1:1}/5"] {
            syntax(literal, "Vector contents must start with \"{\".");
        }
        for literal in [
            "{", "{1", "{1:", "{1:1", "{1:1,", "{1:1}", "{1:1} ", "{}", "{}/", "{}/ ",
        ] {
            syntax(literal, "Unexpected end of input.");
        }
        for literal in ["{,}/1", "{:1}/1", "{x}/1", "{-:1}/1", "{.5:1}/1"] {
            syntax(literal, "Element 1 does not start with an index.");
        }
        syntax("{1:1,}/1", "Element 2 does not start with an index.");
        for literal in ["{1}/1", "{1,}/1", "{1.5:1}/1", "{1e2:1}/1", "{1 1}/1"] {
            syntax(literal, "The index of element 1 must be followed by \":\".");
        }
        for literal in ["{1:}/1", "{1:,}/1", "{1:x}/1", "{1:-}/1"] {
            syntax(literal, "The value of element 1 is not a number.");
        }
        for literal in [
            "{1:1e}/1",
            "{1:0.5x}/1",
            "{1:1 2}/1",
            "{1:1:1}/1",
            "{1:1]/1",
        ] {
            syntax(literal, "Element 1 must be followed by \",\" or \"}\".");
        }
        for literal in ["{}5", "{}}/5", "{} 5"] {
            syntax(literal, "The closing brace must be followed by \"/\".");
        }
        for literal in ["{}/x", "{}/-", "{}//1"] {
            syntax(
                literal,
                "The \"/\" must be followed by the number of dimensions.",
            );
        }
        for literal in ["{}/5x", "{}/5.0", "{}/5 5", "{}/1e2", "{}/5}"] {
            syntax(literal, "Junk after closing.");
        }
        let named = |literal: &str, state: SqlState, message: &str| {
            let error = parsed(literal).unwrap_err();
            assert_eq!(
                (error.state, &*error.message),
                (state, message),
                "{literal}"
            );
        };
        for literal in ["{}/0", "{}/-1", "{}/-99999999999"] {
            named(
                literal,
                DataException,
                "sparsevec must have at least 1 dimension",
            );
        }
        for literal in ["{}/1000000001", "{}/99999999999999999999"] {
            named(
                literal,
                ProgramLimitExceeded,
                "sparsevec cannot have more than 1000000000 dimensions",
            );
        }
        for literal in [
            "{6:1}/5",
            "{0:1}/5",
            "{-1:1}/5",
            "{-9999999999:1}/5",
            "{9999999999:1}/5",
        ] {
            named(literal, DataException, "sparsevec index out of bounds");
        }
        named(
            "{1:1,1:1}/5",
            DataException,
            "sparsevec indices must not contain duplicates",
        );
        named("{1:nan}/1", DataException, "NaN not allowed in sparsevec");
        for literal in ["{1:inf}/1", "{1:-Infinity}/1"] {
            named(
                literal,
                DataException,
                "infinite value not allowed in sparsevec",
            );
        }
    }

    // Proves: a number that becomes zero is out of range, one that is zero is not.
    #[test]
    fn underflow_is_told_from_zero() {
        for number in [
            "1e-46",
            "-1e-46",
            "0x1p-200",
            "0xap-999",
            "4e38",
            "-4e38",
            "0.0001e-60",
        ] {
            let error = Error::element_out_of_range("sparsevec", number.as_bytes());
            assert_eq!(parsed(&format!("{{1:{number}}}/1")), Err(error), "{number}");
        }
        for number in ["0e-46", "0.000e5", "-0x0p-999", "0X.0p1", "00", "0e0", ".0"] {
            let literal = format!("{{1:{number}}}/1");
            assert_eq!(parsed(&literal), SparseVector::zero(1), "{number}");
        }
        assert!(parsed("{1:1e-45}/1").is_ok());
    }

    // Proves: elements are counted before anything is read, and the dimensions are checked against the typmod.
    #[test]
    fn limits_are_checked_in_order() {
        let literal = |count: usize| format!("{{{}}}/20000", vec!["7:0"; count].join(","));
        assert_eq!(parsed(&literal(16_000)), SparseVector::zero(20_000));
        let error = Error::too_many_non_zeros(16_000);
        assert_eq!(parsed(&literal(16_001)), Err(error.clone()));
        assert_eq!(parsed(&",".repeat(16_000)), Err(error));
        let unexpected = Err(Error::unexpected_dimensions(3, 2));
        assert_eq!(parse(b"{9:1}/2", 3), unexpected);
        assert!(parse(b"{1:1}/2", 2).is_ok());
    }

    // Proves: the widest vectors fit the buffer, damaged ones too.
    #[test]
    fn print_fits_its_bound() {
        assert_eq!(printed(SparseVector::zero(7).unwrap().view()), "{}/7");
        let zero = SparseVector::zero(1_000_000_000).unwrap();
        assert_eq!(printed(zero.view()), "{}/1000000000");
        let (index, value) = (999_999_999, -1.175_494_4e-38);
        let elements: Vec<_> = (0..16_000).map(|i| (index - i, value)).collect();
        let vector = SparseVector::from_elements(1_000_000_000, elements).unwrap();
        let text = printed(vector.view());
        assert!(text.ends_with(",1000000000:-1.1754944e-38}/1000000000"));
        assert_eq!(parsed(&text), Ok(vector));
        let damaged = SparseView::new(u32::MAX as usize, &[u32::MAX; 9], &[-f32::INFINITY; 9]);
        assert!(printed(damaged).starts_with("{4294967296:-Infinity,4294967296:"));
    }
}
