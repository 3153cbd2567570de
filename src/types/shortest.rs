//! One binary32 number as the shortest decimal that reads back as the same number, in PostgreSQL's float4
//! style. Pure.
//!
//! The digits follow R. Giulietti, "The Schubfach way to render doubles", for binary32. As in PostgreSQL a
//! decimal must lie strictly inside the rounding interval, so that it reads back under every rounding mode.

/// Most bytes that one number takes: `-1.17549435e-38` and one to spare.
pub const MAX_LEN: usize = 16;

/// Writes `value` to the start of `out` and returns how many bytes it took; the rest of `out` is undefined.
/// NaN and infinities, which no vector holds, are written as PostgreSQL does.
#[inline]
pub fn write(value: f32, out: &mut [u8; MAX_LEN]) -> usize {
    let bits = value.to_bits();
    let exponent = (bits >> 23) & 0xff;
    let fraction = bits & 0x007f_ffff;
    let text = if exponent == 0xff {
        let is_infinite = fraction == 0;
        Text::of(if is_infinite { b"Infinity" } else { b"NaN" })
    } else if exponent == 0 && fraction == 0 {
        Text::of(b"0")
    } else {
        let (digits, power) = shortest_digits(fraction, exponent);
        layout(digits, power)
    };
    // Signs of a vector's elements cannot be predicted: no branch.
    let is_negative = usize::from(value.is_sign_negative() && !value.is_nan());
    let signed = text.bytes << (8 * is_negative) | u128::from(b'-') * is_negative as u128;
    *out = signed.to_le_bytes();
    text.len + is_negative
}

/// Up to 16 bytes of text, the first one lowest: shifting it is how text is moved without loops.
#[derive(Clone, Copy)]
struct Text {
    bytes: u128,
    len: usize,
}

impl Text {
    const fn of(text: &[u8]) -> Self {
        let mut bytes = 0;
        let mut at = text.len();
        while at > 0 {
            at -= 1;
            bytes = bytes << 8 | text[at] as u128;
        }
        let len = text.len();
        Self { bytes, len }
    }

    /// The first `len` bytes.
    #[inline(always)]
    fn start(self, len: usize) -> Self {
        let bytes = self.bytes & ((1 << (8 * len)) - 1);
        Self { bytes, len }
    }

    /// What follows the first `len` bytes.
    #[inline(always)]
    fn rest(self, len: usize) -> Self {
        let bytes = self.bytes >> (8 * len);
        let len = self.len - len;
        Self { bytes, len }
    }

    /// This text, which has nothing behind its length, and `next`.
    #[inline(always)]
    fn then(self, next: Self) -> Self {
        Self {
            bytes: self.bytes | next.bytes << (8 * self.len),
            len: self.len + next.len,
        }
    }
}

/// The text of `digits * 10^power`, without a sign.
#[inline(always)]
fn layout(digits: u32, power: i32) -> Text {
    const POINT: Text = Text::of(b".");
    const ZERO_AND_POINT: Text = Text::of(b"0.000");
    let count = digits.ilog10();
    // 9 digits, left-aligned: the first one and a word of eight.
    let aligned = digits * POWERS_OF_TEN[(8 - count) as usize];
    let tail = eight_digits(aligned % 100_000_000);
    let first = u128::from(aligned / 100_000_000) | u128::from(b'0');
    let digits = Text {
        bytes: first | u128::from(tail | ASCII_ZEROS) << 8,
        len: 9 - tail.leading_zeros() as usize / 8,
    };
    let exponent = power + count as i32;
    match exponent {
        -4..=-1 => {
            let zeros = exponent.unsigned_abs() as usize + 1;
            ZERO_AND_POINT.start(zeros).then(digits)
        }
        0..=5 => {
            let whole = exponent as usize + 1;
            if digits.len <= whole {
                // The bytes behind the last digit are zeros already.
                return digits.start(whole);
            }
            digits.start(whole).then(POINT).then(digits.rest(whole))
        }
        _ => {
            let mantissa = if digits.len == 1 {
                digits.start(1)
            } else {
                let all = digits.start(digits.len);
                all.start(1).then(POINT).then(all.rest(1))
            };
            let sign = if exponent < 0 { b'-' } else { b'+' };
            let size = exponent.unsigned_abs() as u8;
            let suffix = [b'e', sign, b'0' + size / 10, b'0' + size % 10];
            mantissa.then(Text::of(&suffix))
        }
    }
}

const ASCII_ZEROS: u64 = 0x3030_3030_3030_3030;
const POWERS_OF_TEN: [u32; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// The eight decimal digits of `value` < 10^8, one a byte, most significant in the lowest byte: the number is
/// split into fours, then pairs, then digits, with a multiplication in place of each division.
#[inline(always)]
fn eight_digits(value: u32) -> u64 {
    let fours = u64::from(value / 10_000) | u64::from(value % 10_000) << 32;
    let hundreds = ((fours * 5243) >> 19) & 0x0000_007f_0000_007f;
    let pairs = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (pairs - tens * 10) << 8
}

/// Digits and power of ten of the shortest decimal for the number of these fields, which is not 0.
/// The digits may end in zeros.
#[inline(always)]
fn shortest_digits(fraction: u32, biased_exponent: u32) -> (u32, i32) {
    let (mantissa, exponent) = match biased_exponent {
        0 => (fraction, -149),
        _ => (fraction | 1 << 23, biased_exponent as i32 - 150),
    };
    // Below a power of two the next number is only half as far away.
    let is_lopsided = fraction == 0 && biased_exponent > 1;
    let power = if is_lopsided {
        floor_log10_of_three_quarters_pow2(exponent)
    } else {
        floor_log10_of_pow2(exponent)
    };
    // All below is in quarters of 10^power: the number, and the ends of its rounding interval.
    let factor = POW10_TOP_BITS[(-power - MIN_POWER) as usize];
    let shift = exponent + floor_log2_of_pow10(-power) + 1;
    let scaled = |quarters: u32| scale_to_odd(factor, quarters << shift);
    let center = scaled(4 * mantissa);
    let above_low = scaled(4 * mantissa - if is_lopsided { 1 } else { 2 }) + 1;
    let below_high = scaled(4 * mantissa + 2) - 1;

    let floor = center / 4;
    if floor >= 10 {
        // One digit less, if exactly one of the two candidates is inside.
        let tens = floor / 10;
        let is_low_inside = above_low <= 40 * tens;
        let is_high_inside = 40 * tens + 40 <= below_high;
        if is_low_inside != is_high_inside {
            return (tens + u32::from(is_high_inside), power + 1);
        }
    }
    let is_low_inside = above_low <= 4 * floor;
    let is_high_inside = 4 * floor + 4 <= below_high;
    if is_low_inside != is_high_inside {
        return (floor + u32::from(is_high_inside), power);
    }
    // Both inside: the nearer one, the even one of two equally near.
    let middle = 4 * floor + 2;
    let round_up = center > middle || (center == middle && floor % 2 == 1);
    (floor + u32::from(round_up), power)
}

/// `factor * scaled / 2^64`, with the lowest bit set if it is not exact: comparisons with even numbers are
/// then as good as exact.
#[inline(always)]
fn scale_to_odd(factor: u64, scaled: u32) -> u32 {
    let product = u128::from(factor) * u128::from(scaled);
    let rest = (product >> 32) as u32;
    // The factor is rounded up by less than one, so that a rest of 1 still means an exact product.
    (product >> 64) as u32 | u32::from(rest > 1)
}

// Fixed-point logarithms, right for all exponents that binary32 needs (tested below).
const fn floor_log10_of_pow2(exponent: i32) -> i32 {
    (exponent * 1_262_611) >> 22
}

const fn floor_log10_of_three_quarters_pow2(exponent: i32) -> i32 {
    (exponent * 1_262_611 - 524_031) >> 22
}

const fn floor_log2_of_pow10(power: i32) -> i32 {
    (power * 1_741_647) >> 19
}

const MIN_POWER: i32 = -31;
const MAX_POWER: i32 = 45;
/// The 64 highest bits of 10^[`MIN_POWER`] to 10^[`MAX_POWER`], rounded up.
static POW10_TOP_BITS: [u64; (MAX_POWER - MIN_POWER + 1) as usize] = pow10_top_bits();

const fn pow10_top_bits() -> [u64; (MAX_POWER - MIN_POWER + 1) as usize] {
    let mut table = [0; (MAX_POWER - MIN_POWER + 1) as usize];
    let mut power = MIN_POWER;
    while power <= MAX_POWER {
        // A power of ten has the significant bits of the same power of five, which fits 128 bits.
        let five = 5_u128.pow(power.unsigned_abs());
        table[(power - MIN_POWER) as usize] = if power < 0 {
            reciprocal_top_bits(five)
        } else {
            top_bits(five)
        };
        power += 1;
    }
    table
}

const fn top_bits(value: u128) -> u64 {
    let bits = 128 - value.leading_zeros();
    if bits <= 64 {
        return (value << (64 - bits)) as u64;
    }
    let dropped = bits - 64;
    let is_exact = value.trailing_zeros() >= dropped;
    (value >> dropped) as u64 + if is_exact { 0 } else { 1 }
}

/// The 64 highest bits of `1 / value`, rounded up, by long division; `value` is no power of two.
const fn reciprocal_top_bits(value: u128) -> u64 {
    let mut quotient = 0_u64;
    let mut remainder = 1_u128;
    while quotient >> 63 == 0 {
        remainder <<= 1;
        quotient <<= 1;
        if remainder >= value {
            remainder -= value;
            quotient |= 1;
        }
    }
    quotient + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f32) -> String {
        let mut out = [0; MAX_LEN];
        let len = write(value, &mut out);
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    // Proves: the style is PostgreSQL's: where the exponent starts, its sign and its two digits.
    #[test]
    fn style_is_that_of_float4() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (-0.00012345679, "-0.00012345679"),
            (0.00001, "1e-05"),
            (123456.0, "123456"),
            (123456.7, "123456.7"),
            (100000.0, "100000"),
            (999999.0, "999999"),
            (1e6, "1e+06"),
            (123456789.0, "1.2345679e+08"),
            (f32::MAX, "3.4028235e+38"),
            (f32::MIN_POSITIVE, "1.1754944e-38"),
            (f32::from_bits(1), "1e-45"),
            (-1.175494351e-38, "-1.1754944e-38"),
            (0.60009766, "0.60009766"),
            (16777216.0, "1.6777216e+07"),
            (f32::INFINITY, "Infinity"),
            (f32::NEG_INFINITY, "-Infinity"),
            (f32::NAN, "NaN"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    // Proves: a decimal on the very edge of the interval is not taken, as PostgreSQL does not take it
    // (3.355445e+07, one digit shorter, would read back only because ties go to even).
    #[test]
    fn edges_of_the_interval_are_outside() {
        assert_eq!(text(33_554_448.0), "3.3554448e+07");
    }

    // Proves: the fixed-point logarithms are floors of the true ones over the whole range of use.
    #[test]
    fn logarithms_are_exact() {
        for exponent in -149..=104_i32 {
            let log = f64::from(exponent) * 2_f64.log10();
            assert_eq!(floor_log10_of_pow2(exponent), log.floor() as i32);
            let log = log + 0.75_f64.log10();
            assert_eq!(
                floor_log10_of_three_quarters_pow2(exponent),
                log.floor() as i32
            );
        }
        for power in MIN_POWER..=MAX_POWER {
            let log = f64::from(power) * 10_f64.log2();
            assert_eq!(floor_log2_of_pow10(power), log.floor() as i32);
        }
    }

    // Proves: every number reads back, and its digits are as few as the standard library's, except where that
    // takes an edge of the interval; a sample of all exponents with fractions that end in 0s and 1s.
    #[test]
    fn numbers_read_back_with_fewest_digits() {
        let significant = |text: &str| {
            let digits = text
                .split('e')
                .next()
                .unwrap_or_default()
                .replace(['.', '-'], "");
            digits.trim_matches('0').len()
        };
        let mut state = 1_u32;
        for exponent in 0..255_u32 {
            for step in 0..2_000_u32 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let fraction = match step {
                    0..24 => 1 << step >> 1,
                    24..48 => 0x007f_ffff >> (step - 24),
                    _ => state >> 9,
                };
                let value = f32::from_bits(exponent << 23 | fraction & 0x007f_ffff);
                let written = text(value);
                assert_eq!(written.parse::<f32>().unwrap().to_bits(), value.to_bits());
                let (ours, theirs) = (significant(&written), significant(&format!("{value:e}")));
                assert!(ours >= theirs, "{written}");
                if ours > theirs {
                    let nearest_shorter: f64 = format!("{value:e}").parse().unwrap();
                    let half_step = f64::from(value.next_up()) - f64::from(value);
                    assert_eq!(
                        (nearest_shorter - f64::from(value)).abs(),
                        half_step / 2.0,
                        "{written}"
                    );
                }
            }
        }
    }
}
