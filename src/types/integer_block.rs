//! The short integers in a block of a text, all at once. Pure.
//!
//! Each step is a loop of its own over bytes, which the compiler does for many bytes at a time: reading a whole block so
//! takes about as long as reading a few numbers one after the other.

use super::commas::BLOCK;

/// Bytes in front of a block that a number may start in.
pub const FRONT: usize = 3;

/// For each byte of a block that is a digit the number that ends there. `text` is the block, behind the [`FRONT`] bytes
/// that precede it. Nothing if there is anything but digits and commas, a number of more than three digits, or two
/// commas in a row.
#[inline]
pub fn parse(text: &[u8; FRONT + BLOCK]) -> Option<[u16; BLOCK]> {
    // Whether a byte is a digit, and those one to three in front of it: 0xff or 0.
    let ones = digit_masks(text, FRONT);
    let tens = digit_masks(text, FRONT - 1);
    let hundreds = digit_masks(text, FRONT - 2);
    let thousands = digit_masks(text, FRONT - 3);
    let mut is_right = [0; BLOCK];
    for at in 0..BLOCK {
        let is_comma = if text[FRONT + at] == b',' { 0xff } else { 0 };
        let is_long = ones[at] & tens[at] & hundreds[at] & thousands[at];
        is_right[at] = (ones[at] | is_comma & tens[at]) & !is_long;
    }
    if is_right.iter().fold(0xff, |all, is_right| all & is_right) != 0xff {
        return None;
    }
    let mut numbers = [0; BLOCK];
    for at in 0..BLOCK {
        let value = |front: usize| text[FRONT + at - front] & 0xf;
        let below_hundred = 10 * (value(1) & tens[at]) + value(0);
        let hundreds = u16::from(value(2) & hundreds[at] & tens[at]);
        numbers[at] = 100 * hundreds + u16::from(below_hundred);
    }
    Some(numbers)
}

#[inline(always)]
fn digit_masks(text: &[u8; FRONT + BLOCK], start: usize) -> [u8; BLOCK] {
    let mut masks = [0; BLOCK];
    for (mask, byte) in masks.iter_mut().zip(&text[start..]) {
        *mask = if byte.is_ascii_digit() { 0xff } else { 0 };
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<[u16; BLOCK]> {
        parse(text.as_bytes().first_chunk().unwrap())
    }

    // Proves: every number is at its last digit, also one that starts in front of the block.
    #[test]
    fn numbers_are_where_they_end() {
        for front in ["1,2", ",12", "123", "9,9"] {
            let text = format!("{front},0,7,10,42,100,255,999,000,05,{}", "1,".repeat(32));
            let numbers = parsed(&text).unwrap();
            let block = &text[FRONT..FRONT + BLOCK];
            for (end, _) in block.match_indices(',').skip(1) {
                let number = block[..end].rsplit(',').next().unwrap();
                assert_eq!(Ok(numbers[end - 1]), number.parse(), "{text}");
            }
        }
        let crossing = format!("[12{}", "3,".repeat(32));
        assert_eq!(parsed(&crossing).unwrap()[0], 123);
    }

    // Proves: one byte that does not belong to a list of such numbers is seen wherever it is.
    #[test]
    fn anything_else_is_refused() {
        let list = "12,".repeat(23);
        for at in FRONT..FRONT + BLOCK {
            for wrong in [".", "-", "+", " ", "e", "/", ":", "[", "]", "\0", "\x7f"] {
                let mut text = list.clone();
                text.replace_range(at..=at, wrong);
                assert_eq!(parsed(&text), None, "{text}");
            }
            let mut text = list.clone();
            text.replace_range(at..=at, if at % 3 == 2 { "0" } else { "," });
            assert_eq!(parsed(&text), None, "{text}");
        }
    }
}
