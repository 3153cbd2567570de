//! Decimals of the usual forms. Pure.
//!
//! No branch depends on what the digits are, and few on how many there are: no processor can predict that. Where the
//! form is another one or the result not certain nothing is returned, and `number.rs` reads the number. What is returned
//! is rounded to nearest, ties to even, in one step.

/// Bytes that [`parse_fraction`] looks at.
pub const WINDOW: usize = 32;
/// Digits that fit the words used here.
const MAX_DIGITS: usize = 16;
const ASCII_ZEROS: u128 = u128::from_ne_bytes([b'0'; 16]);
/// What a point is among the values of digits.
const POINTS: u128 = u128::from_ne_bytes([b'.' ^ b'0'; 16]);
const LOWEST_BITS: u128 = u128::from_ne_bytes([1; 16]);
const HIGHEST_BITS: u128 = u128::from_ne_bytes([0x80; 16]);
/// All powers of ten that binary64 holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
const POWERS_OF_TEN_U64: [u64; MAX_DIGITS + 1] = {
    let mut powers = [1; MAX_DIGITS + 1];
    let mut power = 1;
    while power < powers.len() {
        powers[power] = 10 * powers[power - 1];
        power += 1;
    }
    powers
};

/// Reads `-0.0123` at the start of `window`: one digit, the point and digits, as nearly every element of an embedding
/// is written. Returns the number and its length in bytes, or nothing if `window` starts with anything else. It may be
/// the start of a longer number, which the byte behind it tells.
#[inline(always)]
pub fn parse_fraction(window: &[u8; WINDOW]) -> Option<(f32, usize)> {
    let is_negative = window[0] == b'-';
    let sign_len = usize::from(is_negative);
    let whole = u64::from(window[sign_len].wrapping_sub(b'0'));
    if whole > 9 || window[sign_len + 1] != b'.' {
        return None;
    }
    let start = sign_len + 2;
    let chunk = u128::from_le_bytes(*window[start..].first_chunk()?) ^ ASCII_ZEROS;
    let (low, high) = (others(chunk as u64), others((chunk >> 64) as u64));
    let count = match low {
        0 => 8 + high.trailing_zeros() as usize / 8,
        _ => low.trailing_zeros() as usize / 8,
    };
    if count == 0 {
        return None;
    }
    // The last digit to the highest byte; what follows it is shifted out, zeros are shifted in.
    let fraction = sixteen_digits(chunk << (128 - 8 * count));
    let mut mantissa = whole * POWERS_OF_TEN_U64[count] + fraction;
    let mut end = start + count;
    if count == MAX_DIGITS {
        while let Some(byte @ b'0'..=b'9') = window.get(end) {
            let digit = u64::from(byte - b'0');
            mantissa = mantissa.checked_mul(10)?.checked_add(digit)?;
            end += 1;
        }
    }
    let significand = Significand {
        mantissa,
        fraction_len: end - start,
    };
    Some((with_sign(is_negative, significand.value()?), end))
}

/// The number that the last `len` bytes of `text` are, if all of them are at most 16 bytes of digits and a point, in
/// front of it a minus or nothing, behind it an exponent of up to three bytes or nothing.
#[inline(always)]
pub fn parse_end(text: &[u8], len: usize) -> Option<f32> {
    if may_have_exponent(text) {
        return parse_scientific(text, len);
    }
    let (is_negative, digits, len) = end_of(text, len)?;
    let magnitude = match short_integer(digits, len) {
        Some(integer) => integer,
        None => Significand::of_decimal(digits, len)?.value()?,
    };
    Some(with_sign(is_negative, magnitude))
}

/// Of the last `len` bytes of `text`: whether they start with a minus, the last 16 of them, behind any others, and how
/// many follow the minus. Nothing if these are none or more.
#[inline(always)]
fn end_of(text: &[u8], len: usize) -> Option<(bool, [u8; MAX_DIGITS], usize)> {
    let is_negative = *text.get(text.len().checked_sub(len)?)? == b'-';
    let len = len - usize::from(is_negative);
    if len == 0 || len > MAX_DIGITS {
        return None;
    }
    let end = text.last_chunk().copied().unwrap_or_else(|| {
        let mut end = [0; MAX_DIGITS];
        end[MAX_DIGITS - text.len()..].copy_from_slice(text);
        end
    });
    Some((is_negative, end, len))
}

#[inline(always)]
fn with_sign(is_negative: bool, magnitude: f32) -> f32 {
    f32::from_bits(magnitude.to_bits() | u32::from(is_negative) << 31)
}

/// Whether one of the last four bytes may be a letter, the mark of an exponent; no digit and no point is taken for one.
#[inline(always)]
fn may_have_exponent(text: &[u8]) -> bool {
    text.last_chunk()
        .is_none_or(|end| u32::from_ne_bytes(*end) & 0x4040_4040 != 0)
}

/// Reads a number with an exponent, or without one: the letter may be in front of it.
#[inline(never)]
fn parse_scientific(text: &[u8], len: usize) -> Option<f32> {
    let start = text.len().checked_sub(len)?;
    let mut marks = start.max(text.len().saturating_sub(4))..text.len();
    let (significand, exponent) = match marks.find(|&at| text[at] | 0x20 == b'e') {
        Some(mark) => (&text[..mark], parse_exponent(&text[mark + 1..])?),
        None => (text, 0),
    };
    let (is_negative, digits, len) = end_of(significand, significand.len() - start)?;
    let magnitude = Significand::of_decimal(digits, len)?.scaled(exponent)?;
    Some(with_sign(is_negative, magnitude))
}

fn parse_exponent(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text.split_first()? {
        (b'-', digits) => (-1, digits),
        (b'+', digits) => (1, digits),
        _ => (1, text),
    };
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let value = |sum, byte: &u8| 10 * sum + i32::from(byte & 0xf);
    is_number.then(|| sign * digits.iter().fold(0, value))
}

/// Reads the last `len` bytes, at least one, if they are up to eight digits.
#[inline(always)]
fn short_integer(text: [u8; MAX_DIGITS], len: usize) -> Option<f32> {
    if len > 8 {
        return None;
    }
    let values = (u128::from_le_bytes(text) ^ ASCII_ZEROS) >> 64;
    let digits = values as u64 & (u64::MAX << (64 - 8 * len));
    // Less than 2^31, which takes one instruction to convert.
    (others(digits) == 0).then(|| eight_digits(digits) as i32 as f32)
}

/// `mantissa / 10^fraction_len`.
#[derive(Clone, Copy)]
struct Significand {
    mantissa: u64,
    fraction_len: usize,
}

impl Significand {
    /// Reads digits and at most one point, if they are the last `len` bytes of `text`, 1 to 16.
    #[inline(always)]
    fn of_decimal(text: [u8; MAX_DIGITS], len: usize) -> Option<Self> {
        let values = u128::from_le_bytes(text) ^ ASCII_ZEROS;
        let values = values & (u128::MAX << (128 - 8 * len));
        let differing = values ^ POINTS;
        // The lowest bit set is that of the first point: what is borrowed spoils only bytes behind it.
        let points = differing.wrapping_sub(LOWEST_BITS) & !differing & HIGHEST_BITS;
        let (digits, fraction_len) = if points == 0 {
            (values, 0)
        } else if len == 1 {
            return None;
        } else {
            // The point's byte and all in front of it; these move up by one byte, over the point.
            let moved = points ^ (points - 1);
            let digits = values & !moved | (values & (moved >> 8)) << 8;
            (digits, 15 - points.trailing_zeros() as usize / 8)
        };
        let is_decimal = (others(digits as u64) | others((digits >> 64) as u64)) == 0;
        is_decimal.then(|| Self {
            mantissa: sixteen_digits(digits),
            fraction_len,
        })
    }

    /// The number itself: 0, or 10^-22 to 10^16, neither below binary32's normal numbers nor above all. Nothing for a
    /// longer fraction.
    #[inline(always)]
    fn value(self) -> Option<f32> {
        narrowed(self.mantissa as f64 / POWERS_OF_TEN.get(self.fraction_len)?)
    }

    /// The number times `10^exponent`.
    fn scaled(self, exponent: i32) -> Option<f32> {
        let exponent = exponent - self.fraction_len as i32;
        let power = POWERS_OF_TEN.get(exponent.unsigned_abs() as usize)?;
        let wide = if exponent < 0 {
            self.mantissa as f64 / power
        } else {
            self.mantissa as f64 * power
        };
        // Below the normal numbers fewer bits remain than `narrowed` looks at.
        let normal = f64::from(f32::MIN_POSITIVE)..f64::from(f32::MAX);
        if self.mantissa == 0 || normal.contains(&wide) {
            narrowed(wide)
        } else {
            None
        }
    }
}

/// The binary32 number nearest to a mantissa scaled by a power of ten, given what binary64 makes of it, which is 0 or a
/// normal number of binary32. Converting the mantissa and scaling it round once each, so `wide` is within 2 units of its
/// last place of the true value. Nothing if it is as near to the middle between two binary32 numbers, so that the true
/// value may lie on the other side: of random numbers one in 10^8.
#[inline(always)]
fn narrowed(wide: f64) -> Option<f32> {
    let from_middle = (wide.to_bits() & 0x1fff_ffff).wrapping_sub(0x1000_0000 - 2);
    (from_middle > 4).then_some(wide as f32)
}

/// The high bit of each byte that is above 9. A carry can spoil only bytes behind such a byte.
#[inline(always)]
fn others(values: u64) -> u64 {
    (values.wrapping_add(0x7676_7676_7676_7676) | values) & HIGHEST_BITS as u64
}

/// The number that sixteen bytes of value 0 to 9 spell, most significant in the lowest byte.
#[inline(always)]
fn sixteen_digits(digits: u128) -> u64 {
    eight_digits(digits as u64) * POWERS_OF_TEN_U64[8] + eight_digits((digits >> 64) as u64)
}

/// The number that eight bytes of value 0 to 9 spell, most significant in the lowest byte: neighbors are added up to
/// pairs, pairs to fours, and fours to the result.
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(value: Option<f32>) -> Option<u32> {
        value.map(f32::to_bits)
    }

    fn fraction(text: &str) -> Option<(f32, usize)> {
        let mut window = [b','; WINDOW];
        let len = text.len().min(WINDOW);
        window[..len].copy_from_slice(&text.as_bytes()[..len]);
        parse_fraction(&window)
    }

    // Proves: fractions of any length that fits are read whole, with their sign.
    #[test]
    fn fractions_are_read_at_the_start() {
        let all_digits = "0123456789012345678901";
        for whole in ["0", "1", "9"] {
            for len in 1..=all_digits.len() {
                for sign in ["", "-"] {
                    let text = format!("{sign}{whole}.{}", &all_digits[..len]);
                    let expected: f32 = text.parse().unwrap();
                    let Some((value, len)) = fraction(&text) else {
                        // More than 64 bits.
                        assert!(len > 17, "{text}");
                        continue;
                    };
                    assert_eq!((value.to_bits(), len), (expected.to_bits(), text.len()));
                }
            }
        }
        assert_eq!(fraction("0.5.5"), Some((0.5, 3)));
        assert_eq!(fraction("1.5e3"), Some((1.5, 3)));
    }

    // Proves: what does not start with a digit, the point and a digit is left alone.
    #[test]
    fn other_starts_are_left_alone() {
        for text in [
            "", "0", "-", "-0", "0.", "-0.", ".5", "10.5", "--0.5", "+0.5", " 0.5", "0..5", "0.-5",
            "a.5", ":.5", "/.5", "0,5", "0:5",
        ] {
            assert_eq!(fraction(text), None, "{text:?}");
        }
    }

    // Proves: every form is read with its sign, wherever the text begins.
    #[test]
    fn usual_forms_are_read_at_the_end() {
        for form in [
            "0",
            "7",
            "255",
            "12345678",
            "123456789",
            "1234567890123456",
            "5.",
            ".5",
            "0.5",
            "12.75",
            "123456.5",
            "99999999999999.5",
            "0.12345678901234",
            "1e5",
            "1E+3",
            "12.5e-01",
            "8.1778317689895e-05",
            "0.0e+00",
        ] {
            for text in [form.to_owned(), format!("-{form}")] {
                let expected: f32 = text.parse().unwrap();
                for front in ["", "[", "[1,22,", "[1e5,", "[0.25,0.25,0.25,0.25,"] {
                    let value = parse_end(format!("{front}{text}").as_bytes(), text.len());
                    assert_eq!(bits(value), Some(expected.to_bits()), "{text}");
                }
            }
        }
    }

    // Proves: what is no number of such a form, in part or as a whole, is left alone, whatever precedes it.
    #[test]
    fn other_ends_are_left_alone() {
        for text in [
            "",
            "-",
            ".",
            "-.",
            "+1",
            "--1",
            "1-",
            "1 ",
            " 1",
            "0x10",
            "1.2.3",
            "1..2",
            "1.2.",
            "..",
            "1-2",
            "1.-2",
            "0.-2",
            "a.5",
            ":.5",
            "1:",
            "0.1:",
            "0.1/",
            "1e",
            "e5",
            "-e5",
            "1e+",
            "1e++1",
            "1e1.",
            "1e5e5",
            ".e5",
            "nan",
            "inf",
            "1e39",
            "1e-45",
            "12345678901234567",
            "0.\u{e9}1",
            "0.1234567 ",
            "0.123456789012 ",
        ] {
            for front in ["", "1", "0.", "12345678901234567890"] {
                let value = parse_end(format!("{front}{text}").as_bytes(), text.len());
                assert_eq!(value, None, "{text:?} behind {front:?}");
            }
        }
    }

    // Proves: a number that is longer than the text before its end is none.
    #[test]
    fn lengths_beyond_the_text_are_refused() {
        for len in [2, 8, 16, 17, usize::MAX] {
            assert_eq!(parse_end(b"1", len), None);
        }
    }
}
