//! One binary32 number at the start of a text, as C's `strtof` reads it in the C locale. Pure.
//!
//! Decimals whose digits fit 64 bits have a fast way, and those of the usual form a faster one; the standard library
//! reads every other decimal. All round to nearest, ties to even, in one step.

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
#[inline]
pub fn parse(text: &[u8]) -> Result<(f32, usize), NumberError> {
    match parse_short_decimal(text) {
        Some(number) => Ok(number),
        None => parse_any(text),
    }
}

const ASCII_ZEROS: u128 = u128::from_ne_bytes([b'0'; 16]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
const POWERS_OF_TEN_U64: [u64; 17] = {
    let mut powers = [1; 17];
    let mut power = 1;
    while power < powers.len() {
        powers[power] = 10 * powers[power - 1];
        power += 1;
    }
    powers
};
/// All powers of ten that binary64 holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

fn digit(text: &[u8], at: usize) -> Option<u64> {
    text.get(at)
        .map(|byte| byte.wrapping_sub(b'0'))
        .filter(|&digit| digit < 10)
        .map(u64::from)
}

/// Text that [`parse_fraction`] looks at.
pub const WINDOW: usize = 32;

/// Reads `-0.0123` at the start of `text`: one digit, the point and digits, as nearly every element of an
/// embedding is written. Returns the number and its length in bytes, or nothing if `text` starts with anything
/// else, which [`parse`] then reads. The number may be the start of a longer one, which the byte behind it tells.
///
/// Up to 15 digits are taken without a branch on their number, which no processor can predict.
#[inline(always)]
pub fn parse_fraction(text: &[u8; WINDOW]) -> Option<(f32, usize)> {
    let is_negative = text[0] == b'-';
    let sign_len = usize::from(is_negative);
    let whole = text[sign_len].wrapping_sub(b'0');
    if whole >= 10 || text[sign_len + 1] != b'.' {
        return None;
    }
    let start = sign_len + 2;
    let chunk = u128::from_le_bytes(*text[start..].first_chunk()?) ^ ASCII_ZEROS;
    // The high bit of each byte that is no digit. A carry can spoil only bytes behind such a byte.
    let others = |word: u64| (word.wrapping_add(0x7676_7676_7676_7676) | word) & HIGH_BITS;
    let (low, high) = (others(chunk as u64), others((chunk >> 64) as u64));
    let count = match low {
        0 => 8 + high.trailing_zeros() as usize / 8,
        _ => low.trailing_zeros() as usize / 8,
    };
    if count == 0 {
        return None;
    }
    // The last digit to the highest byte; what follows it is shifted out, zeros are shifted in.
    let digits = chunk << (128 - 8 * count);
    let fraction = eight_digits(digits as u64) * 100_000_000 + eight_digits((digits >> 64) as u64);
    let mut mantissa = u64::from(whole) * POWERS_OF_TEN_U64[count] + fraction;
    let mut end = start + count;
    if count == 16 {
        while let Some(value) = digit(text, end) {
            mantissa = mantissa.checked_mul(10)?.checked_add(value)?;
            end += 1;
        }
    }
    // 0, or 10^-22 to 10: neither below the normal numbers nor above all.
    let magnitude = narrowed(mantissa as f64 / POWERS_OF_TEN.get(end - start)?)?;
    let value = f32::from_bits(magnitude.to_bits() | u32::from(is_negative) << 31);
    Some((value, end))
}

/// The binary32 number nearest to `exact`, given `quotient`, which is within 2 units of its last place of
/// `exact`; nothing if `quotient` is as near to the middle between two binary32 numbers, so that `exact` may lie
/// on the other side.
#[inline(always)]
fn narrowed(quotient: f64) -> Option<f32> {
    let from_middle = (quotient.to_bits() & 0x1fff_ffff).wrapping_sub(0x1000_0000 - 2);
    (from_middle > 4).then_some(quotient as f32)
}

/// The number that eight bytes of value 0 to 9 spell, most significant in the lowest byte: neighbors are
/// added up to pairs, pairs to fours, and fours to the result.
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff
}

/// Reads `-12.345e-6` if that takes two rounded operations of binary64 and the result is certain.
///
/// `mantissa` is exact in 64 bits. Converting it and scaling it by an exact power
/// of ten rounds twice, and leaves the quotient within 2 units of its last place of the true value, as
/// [`narrowed`] wants. It refuses about one number in 10^8; those are left to the exact way.
#[inline]
fn parse_short_decimal(text: &[u8]) -> Option<(f32, usize)> {
    let is_negative = text.first() == Some(&b'-');
    let mut at = usize::from(is_negative);
    let mut mantissa = 0_u64;
    let start = at;
    while let Some(value) = digit(text, at) {
        mantissa = mantissa.checked_mul(10)?.checked_add(value)?;
        at += 1;
    }
    let mut digits = at - start;
    let mut exponent = 0_i32;
    if text.get(at) == Some(&b'.') {
        let point = at;
        at += 1;
        while let Some(value) = digit(text, at) {
            mantissa = mantissa.checked_mul(10)?.checked_add(value)?;
            at += 1;
        }
        digits += at - point - 1;
        exponent = -i32::try_from(at - point - 1).ok()?;
    }
    if digits == 0 {
        return None;
    }
    match text.get(at) {
        Some(b'e' | b'E') => {
            let (value, end) = short_exponent(text, at + 1)?;
            exponent += value;
            at = end;
        }
        // A hexadecimal float, maybe.
        Some(b'x' | b'X') => return None,
        _ => {}
    }
    let magnitude = if mantissa == 0 {
        0.0
    } else {
        let power = *POWERS_OF_TEN.get(exponent.unsigned_abs() as usize)?;
        let wide = if exponent < 0 {
            mantissa as f64 / power
        } else {
            mantissa as f64 * power
        };
        // Below the normal numbers fewer bits remain than `narrowed` looks at.
        if wide < f64::from(f32::MIN_POSITIVE) || wide > f64::from(f32::MAX) {
            return None;
        }
        narrowed(wide)?
    };
    Some((if is_negative { -magnitude } else { magnitude }, at))
}

/// Reads an exponent of one or two digits, the text behind `e`: its value and where it ends.
fn short_exponent(text: &[u8], at: usize) -> Option<(i32, usize)> {
    let (is_negative, start) = match text.get(at) {
        Some(b'-') => (true, at + 1),
        Some(b'+') => (false, at + 1),
        _ => (false, at),
    };
    let first = digit(text, start)? as i32;
    let (value, end) = match digit(text, start + 1) {
        Some(second) => (10 * first + second as i32, start + 2),
        None => (first, start + 1),
    };
    if digit(text, end).is_some() {
        return None;
    }
    Some((if is_negative { -value } else { value }, end))
}

/// Reads a number of any spelling; the exact way.
#[cold]
#[inline(never)]
fn parse_any(text: &[u8]) -> Result<(f32, usize), NumberError> {
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
