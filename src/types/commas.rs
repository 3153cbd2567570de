//! Where the commas of a text are, many bytes at a time. Pure.
//!
//! Where an element ends is known before it is read, so a processor can begin with the next ones meanwhile.

const COMMAS: u64 = u64::from_ne_bytes([b','; 8]);
const LOW_BITS: u64 = u64::from_ne_bytes([0x7f; 8]);

/// Number of the commas in `text`.
pub fn count(text: &[u8]) -> usize {
    // Blocks of 255 so that the count fits a byte a lane, which the compiler turns into vector instructions.
    let of_block = |block: &[u8]| {
        block
            .iter()
            .fold(0_u8, |count, &byte| count + u8::from(byte == b','))
    };
    text.chunks(255)
        .map(|block| usize::from(of_block(block)))
        .sum()
}

/// Bytes that [`positions`] looks at.
pub const BLOCK: usize = 64;

/// Positions of the commas in `block`, ascending.
/// # Panics
/// If `block` is longer than [`BLOCK`].
#[inline(always)]
pub fn positions(block: &[u8]) -> Positions {
    let found = match block.first_chunk() {
        Some(block) => found_in(block),
        None => {
            let mut padded = [0; BLOCK];
            padded[..block.len()].copy_from_slice(block);
            found_in(&padded)
        }
    };
    Positions(found)
}

/// The bits that are set, the lowest first.
#[derive(Debug, Clone)]
pub struct Positions(u64);

impl Iterator for Positions {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let position = self.0.trailing_zeros() as usize;
        self.0 &= self.0.wrapping_sub(1);
        (position < BLOCK).then_some(position)
    }
}

/// A bit for each comma in `block`, the lowest for the first byte.
#[inline(always)]
fn found_in(block: &[u8; BLOCK]) -> u64 {
    let (words, _) = block.as_chunks();
    let mut others = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let differing = ((word & LOW_BITS) ^ COMMAS).wrapping_add(LOW_BITS) | word;
        // The high bit of each byte that is no comma, moved to the eight highest bits: no two products of a bit with a
        // bit of the factor meet, so nothing is carried.
        others =
            others >> 8 | (differing & !LOW_BITS).wrapping_mul(0x0002_0408_1020_4081) & 0xff << 56;
    }
    !others
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves: every comma is found and nothing else, whatever its neighbors are and wherever a block ends.
    #[test]
    fn all_commas_are_found() {
        let mut text = Vec::new();
        for byte in 0..=255_u8 {
            for len in [0, 1, 7, 8, 63] {
                text.push(byte);
                text.extend(std::iter::repeat_n(b',', len % 3));
                text.extend(std::iter::repeat_n(byte.wrapping_add(1), len));
            }
        }
        for start in 0..BLOCK {
            let text = &text[start..text.len() - 2 * start];
            let all = text.iter().enumerate();
            let expected: Vec<usize> = all
                .filter_map(|(at, &byte)| (byte == b',').then_some(at))
                .collect();
            let blocks = text.chunks(BLOCK).zip((0..).step_by(BLOCK));
            let found: Vec<usize> = blocks
                .flat_map(|(block, block_start)| positions(block).map(move |at| block_start + at))
                .collect();
            assert_eq!(found, expected);
            assert_eq!(count(text), expected.len());
        }
        assert_eq!(positions(b"").next(), None);
    }
}
