//! One binary32 number of any spelling at the start of a text, as C's `strtof` reads it in the C locale. Pure.
//!
//! The usual spellings have a faster way, which is in `decimal.rs`; both round to nearest, ties to even, in one step.

/// Why no number was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberError {
    /// The text does not start with a number.
    Missing,
    /// The number is too large for binary32; `len` bytes of text are the number.
    Overflow {
        /// Length of the number in bytes.
        len: usize,
    },
}

/// The number that `text` starts with and its length in bytes. May be NaN or infinite if it is spelled so.
/// A number too small becomes 0 of its sign.
/// # Errors
/// See [`NumberError`].
#[cold]
#[inline(never)]
pub fn parse(text: &[u8]) -> Result<(f32, usize), NumberError> {
    let sign_len = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let is_negative = text.first() == Some(&b'-');
    let unsigned = text.get(sign_len..).unwrap_or_default();
    let (magnitude, len) = if let Some(len) = spelled(unsigned, b"infinity") {
        (f32::INFINITY, len)
    } else if let Some(len) = spelled(unsigned, b"inf") {
        (f32::INFINITY, len)
    } else if let Some(len) = spelled(unsigned, b"nan") {
        (f32::NAN, len)
    } else {
        let (value, len) = match parse_hexadecimal(unsigned) {
            Some(number) => number,
            None => parse_decimal(unsigned).ok_or(NumberError::Missing)?,
        };
        if value.is_infinite() {
            return Err(NumberError::Overflow {
                len: sign_len + len,
            });
        }
        (value, len)
    };
    let value = if is_negative { -magnitude } else { magnitude };
    Ok((value, sign_len + len))
}

fn spelled(text: &[u8], word: &[u8]) -> Option<usize> {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
        .then_some(word.len())
}

fn count_while(text: &[u8], at: usize, belongs: fn(&u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take_while(|byte| belongs(byte)).count()
}

/// End of an exponent that starts with one of `marks` at `at`, or `at` if there is none.
fn exponent_end(text: &[u8], at: usize, marks: [u8; 2]) -> usize {
    if !text.get(at).is_some_and(|byte| marks.contains(byte)) {
        return at;
    }
    let signed = at + 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
    match count_while(text, signed, u8::is_ascii_digit) {
        0 => at,
        digits => signed + digits,
    }
}

/// End of `digits [. digits]` from `at` on, if it has a digit.
fn mantissa_end(text: &[u8], at: usize, is_digit: fn(&u8) -> bool) -> Option<usize> {
    let whole = count_while(text, at, is_digit);
    let point = at + whole;
    let fraction = match text.get(point) {
        Some(b'.') => count_while(text, point + 1, is_digit),
        _ => 0,
    };
    match (whole, fraction) {
        (0, 0) => None,
        // The point belongs to the number in `5.` too.
        _ if text.get(point) == Some(&b'.') => Some(point + 1 + fraction),
        _ => Some(point),
    }
}

fn parse_decimal(text: &[u8]) -> Option<(f32, usize)> {
    let end = mantissa_end(text, 0, u8::is_ascii_digit)?;
    let end = exponent_end(text, end, *b"eE");
    let number = std::str::from_utf8(text.get(..end)?).ok()?;
    Some((number.parse().ok()?, end))
}

/// Reads `0x1.8p3`; `None` if the text is not of that form, so that `0x` is read as `0`.
fn parse_hexadecimal(text: &[u8]) -> Option<(f32, usize)> {
    spelled(text, b"0x")?;
    let end = mantissa_end(text, 2, u8::is_ascii_hexdigit)?;
    // Of at most 40 significant bits, the last one is set if anything follows: such a number rounds to
    // binary32 as the full one does, and binary64 holds and scales it exactly.
    let (mut mantissa, mut exponent, mut is_fraction) = (0_u64, 0_i64, false);
    for &byte in text.get(2..end)? {
        let Some(value) = (byte as char).to_digit(16).map(u64::from) else {
            is_fraction = true;
            continue;
        };
        if mantissa < 1 << 36 {
            mantissa = mantissa * 16 + value;
            exponent -= if is_fraction { 4 } else { 0 };
        } else {
            mantissa |= u64::from(value != 0);
            exponent += if is_fraction { 0 } else { 4 };
        }
    }
    let full_end = exponent_end(text, end, *b"pP");
    if full_end > end {
        let written = std::str::from_utf8(text.get(end + 1..full_end)?).ok()?;
        // Too many digits for 64 bits: any such exponent is beyond every mantissa that fits a literal.
        let far = if written.starts_with('-') {
            -(1 << 40)
        } else {
            1 << 40
        };
        exponent += written
            .parse::<i64>()
            .unwrap_or(far)
            .clamp(-(1 << 40), 1 << 40);
    }
    let scale = 2_f64.powi(exponent.clamp(-400, 400) as i32);
    Some(((mantissa as f64 * scale) as f32, full_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> f32 {
        let (value, len) = parse(text.as_bytes()).unwrap();
        assert_eq!(len, text.len(), "{text}");
        value
    }

    // Proves: the forms that strtof takes are read whole.
    #[test]
    fn every_spelling_is_read_whole() {
        for (text, expected) in [
            ("1", 1.0),
            ("+1", 1.0),
            ("-1.5", -1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1e3),
            ("1E+03", 1e3),
            ("12.5e-1", 1.25),
            ("1e-05", 1e-5),
            ("0x10", 16.0),
            ("0X1.8P1", 3.0),
            ("0x.8p-1", 0.25),
            ("0x1.fffffefp127", f32::MAX),
            ("3.4028235e38", f32::MAX),
            ("1e-45", f32::from_bits(1)),
            ("0x1p-149", f32::from_bits(1)),
            ("16777217", 16_777_216.0),
            ("16777219", 16_777_220.0),
            ("0x1000001", 16_777_216.0),
            ("0x1000001.0000000000000000001", 16_777_218.0),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
        assert!(value("nan").is_nan());
        assert_eq!(value("-Infinity"), f32::NEG_INFINITY);
        assert_eq!(value("INF"), f32::INFINITY);
    }

    // Proves: numbers too small become zero and keep their sign.
    #[test]
    fn underflow_keeps_the_sign() {
        for text in ["-0", "-1e-46", "-0x1p-999999999999999999999", "-0.0e99"] {
            assert_eq!(value(text).to_bits(), (-0.0_f32).to_bits(), "{text}");
        }
    }

    // Proves: what follows a number is left alone, and half an exponent does not belong to it.
    #[test]
    fn the_number_ends_where_strtof_ends_it() {
        for (text, len) in [
            ("1e", 1),
            ("1e+", 1),
            ("1ex", 1),
            ("0x", 1),
            ("0x.", 1),
            ("0xg", 1),
            ("0x1p", 3),
            ("1.2.3", 3),
            ("1,2", 1),
            ("infinit", 3),
            ("12345678,", 8),
            ("0.12345678]", 10),
            ("1e5,", 3),
            ("1e05 ", 4),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap().1, len, "{text}");
        }
    }

    // Proves: text without a number, and a number too large, are told apart.
    #[test]
    fn failures_are_told_apart() {
        for text in [
            "", "-", "+", ".", "e5", "-.", "--1", "a", " 1", "i", "\u{e9}",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(NumberError::Missing), "{text}");
        }
        for text in ["1e39", "-3.4028236e38", "0x1p128", "1e99999999999999999999"] {
            assert_eq!(
                parse(text.as_bytes()),
                Err(NumberError::Overflow { len: text.len() }),
                "{text}"
            );
        }
    }
}
