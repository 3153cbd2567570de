//! One binary32 number as the shortest decimal that reads back as the same number, in PostgreSQL's float4
//! style. Pure.
//!
//! The digits follow R. Giulietti, "The Schubfach way to render doubles", for binary32. As in PostgreSQL a
//! decimal must lie strictly inside the rounding interval, so that it reads back under every rounding mode.

use std::hint::select_unpredictable;

/// Most bytes that one number takes: `-1.17549435e-38` and one to spare.
pub const MAX_LEN: usize = 16;

/// Integers from here on are written with an exponent.
const LEAST_WITH_EXPONENT: u32 = 1_000_000;

/// Writes `value` to the start of `out` and returns how many bytes it took; the rest of `out` is undefined.
/// NaN and infinities, which no vector holds, are written as PostgreSQL does.
#[inline(always)]
pub fn write(value: f32, out: &mut [u8; MAX_LEN]) -> usize {
    let bits = value.to_bits();
    // The sign of an element cannot be predicted: it is written always, and overwritten if there is none.
    out[0] = b'-';
    let start = (bits >> 31) as usize;
    let integer = value.abs() as u32;
    if integer < LEAST_WITH_EXPONENT && (integer as i32 as f32).to_bits() == bits & 0x7fff_ffff {
        // Sparse vectors are long runs of zeros.
        if integer < 10 {
            out[start] = b'0' + integer as u8;
            return start + 1;
        }
        let digits = eight_digits(integer);
        // The last digit is kept, also of 0.
        let zeros = (digits.trailing_zeros() / 8).min(7);
        let text = (digits | ASCII_ZEROS) >> (8 * zeros);
        out[start..start + 8].copy_from_slice(&text.to_le_bytes());
        return start + 8 - zeros as usize;
    }
    let exponent = (bits >> 23) & 0xff;
    let fraction = bits & 0x007f_ffff;
    if exponent == 0xff {
        return write_word(value, out);
    }
    let (digits, power) = shortest_digits(fraction, exponent);
    // 9 digits, left-aligned: the first one and a word of eight. Normal numbers have at least 7.
    let (mut aligned, mut count) = (digits, 8);
    while aligned < 1_000_000 {
        (aligned, count) = (aligned * 10, count - 1);
    }
    for least in [10_000_000, 100_000_000] {
        let is_short = digits < least;
        aligned = select_unpredictable(is_short, aligned * 10, aligned);
        count -= i32::from(is_short);
    }
    let first = b'0' + (aligned / 100_000_000) as u8;
    let tail = eight_digits(aligned % 100_000_000);
    let significant = 9 - tail.leading_zeros() as usize / 8;
    let tail = (tail | ASCII_ZEROS).to_le_bytes();

    let exponent = power + count;
    if (-4..0).contains(&exponent) {
        let zeros = exponent.unsigned_abs() as usize + 1;
        out[start..start + 8].copy_from_slice(b"0.000000");
        out[start + zeros] = first;
        out[start + zeros + 1..start + zeros + 9].copy_from_slice(&tail);
        return start + zeros + significant;
    }
    let body = &mut out[start..];
    if (0..6).contains(&exponent) {
        // What follows the point moves up by one byte.
        let point = exponent as usize + 1;
        let digits = u128::from(first) | u128::from(u64::from_le_bytes(tail)) << 8;
        let whole = digits & !(u128::MAX << (8 * point));
        let text = whole | u128::from(b'.') << (8 * point) | (digits & !whole) << 8;
        body[..10].copy_from_slice(&text.to_le_bytes()[..10]);
        let fraction_len = significant.saturating_sub(point);
        return start + point + fraction_len + usize::from(fraction_len > 0);
    }
    body[0] = first;
    body[1] = b'.';
    body[2..10].copy_from_slice(&tail);
    let len = if significant == 1 { 1 } else { significant + 1 };
    let sign = if exponent < 0 { b'-' } else { b'+' };
    let size = exponent.unsigned_abs() as u8;
    body[len..len + 4].copy_from_slice(&[b'e', sign, b'0' + size / 10, b'0' + size % 10]);
    start + len + 4
}

#[cold]
fn write_word(value: f32, out: &mut [u8; MAX_LEN]) -> usize {
    let word: &[u8] = match (value.is_nan(), value.is_sign_negative()) {
        (true, _) => b"NaN",
        (_, false) => b"Infinity",
        (_, true) => b"-Infinity",
    };
    out[..word.len()].copy_from_slice(word);
    word.len()
}

const ASCII_ZEROS: u64 = 0x3030_3030_3030_3030;

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
/// The digits may end in zeros; a normal number has 7 to 9.
#[inline(always)]
fn shortest_digits(fraction: u32, biased_exponent: u32) -> (u32, i32) {
    let mantissa = match biased_exponent {
        0 => fraction,
        _ => fraction | 1 << 23,
    };
    // Below a power of two the next number is only half as far away.
    let is_lopsided = fraction == 0 && biased_exponent > 1;
    let scale = if is_lopsided {
        Scale::of(biased_exponent, true)
    } else {
        SCALES[(biased_exponent & 0xff) as usize]
    };
    let power = scale.power;
    // All below is in quarters of 10^power: the number, and the ends of its rounding interval.
    let exact = u128::from(scale.factor) * u128::from((4 * mantissa) << scale.shift);
    let half_step = u128::from(scale.factor) << (scale.shift + 1);
    let below = if is_lopsided {
        half_step / 2
    } else {
        half_step
    };
    let center = to_odd(exact);
    let above_low = to_odd(exact - below) + 1;
    let below_high = to_odd(exact + half_step) - 1;

    // Which candidate is taken cannot be predicted, and a wrong guess costs more than to compute them all.
    let floor = center / 4;
    let is_low_inside = above_low <= 4 * floor;
    let is_high_inside = 4 * floor + 4 <= below_high;
    // If both or none are inside: the nearer one, the even one of two equally near.
    let is_nearer_above = center + floor % 2 > 4 * floor + 2;
    let is_one_inside = is_low_inside != is_high_inside;
    let round_up = select_unpredictable(is_one_inside, is_high_inside, is_nearer_above);

    // One digit less, if exactly one of the two candidates is inside.
    let tens = floor / 10;
    let is_low_ten_inside = above_low <= 40 * tens;
    let is_high_ten_inside = 40 * tens + 40 <= below_high;
    let is_shorter = (floor >= 10) & (is_low_ten_inside != is_high_ten_inside);
    let digits = select_unpredictable(
        is_shorter,
        tens + u32::from(is_high_ten_inside),
        floor + u32::from(round_up),
    );
    (digits, power + i32::from(is_shorter))
}

/// `product / 2^64`, with the lowest bit set if it is not exact: comparisons with even numbers are then as good
/// as exact.
#[inline(always)]
fn to_odd(product: u128) -> u32 {
    let rest = (product >> 32) as u32;
    // The factor is rounded up by less than one, so that a rest of 1 still means an exact product.
    (product >> 64) as u32 | u32::from(rest > 1)
}

/// How numbers of one exponent are scaled: by `factor * 2^shift / 2^64` to units of 10^`power`.
#[derive(Clone, Copy)]
struct Scale {
    factor: u64,
    power: i32,
    shift: u32,
}

impl Scale {
    /// `is_lopsided`: for a power of two, whose interval is narrower below.
    const fn of(biased_exponent: u32, is_lopsided: bool) -> Self {
        let exponent = match biased_exponent {
            0 => -149,
            _ => biased_exponent as i32 - 150,
        };
        let power = if is_lopsided {
            floor_log10_of_three_quarters_pow2(exponent)
        } else {
            floor_log10_of_pow2(exponent)
        };
        Self {
            factor: POW10_TOP_BITS[(-power - MIN_POWER) as usize],
            power,
            shift: (exponent + floor_log2_of_pow10(-power) + 1) as u32,
        }
    }
}

/// By biased exponent; the last one is that of no finite number.
static SCALES: [Scale; 256] = {
    let mut scales = [Scale::of(254, false); 256];
    let mut exponent = 0;
    while exponent < 255 {
        scales[exponent] = Scale::of(exponent as u32, false);
        exponent += 1;
    }
    scales
};

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
const POW10_TOP_BITS: [u64; (MAX_POWER - MIN_POWER + 1) as usize] = pow10_top_bits();

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
