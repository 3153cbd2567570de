//! Reference kernels over bit strings: the definition of right for every other level. Always inlined, so that a level
//! can have them compiled for its own instructions.

/// See [`super::Kernels::differing`].
#[inline(always)]
pub fn differing(a: &[u8], b: &[u8]) -> u64 {
    words(a, b).map(|(x, y)| ones(x ^ y)).sum()
}

/// See [`super::Kernels::common_and_any`].
#[inline(always)]
pub fn common_and_any(a: &[u8], b: &[u8]) -> (u64, u64) {
    words(a, b).fold((0, 0), |(common, any), (x, y)| {
        (common + ones(x & y), any + ones(x | y))
    })
}

#[inline(always)]
fn ones(word: u64) -> u64 {
    u64::from(word.count_ones())
}

/// Both strings word by word, the last one filled up with zeros.
#[inline(always)]
fn words<'a>(a: &'a [u8], b: &'a [u8]) -> impl Iterator<Item = (u64, u64)> + 'a {
    let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks(), b.as_chunks());
    let whole = a_words.iter().zip(b_words);
    whole
        .map(|(&x, &y)| (u64::from_le_bytes(x), u64::from_le_bytes(y)))
        .chain(std::iter::once((last_word(a_rest), last_word(b_rest))))
}

/// A word of fewer than eight bytes and zeros.
#[inline(always)]
fn last_word(rest: &[u8]) -> u64 {
    let start = rest.iter().rev();
    start.fold(0, |word, &byte| word << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves: the counts are those of single bits, for every length around a word.
    #[test]
    fn counts_are_those_of_single_bits() {
        let bytes = |seed: u32, len: usize| -> Vec<u8> {
            (0..len as u32)
                .map(|i| (i.wrapping_mul(seed) >> 7) as u8)
                .collect()
        };
        for len in 0..=33 {
            let (a, b) = (bytes(2_654_435_761, len), bytes(40_503_001, len));
            let count = |combine: fn(bool, bool) -> bool| {
                let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (at % 8) & 1 == 1;
                let set = |at: &usize| combine(bit(&a, *at), bit(&b, *at));
                (0..8 * len).filter(set).count() as u64
            };
            assert_eq!(differing(&a, &b), count(|x, y| x != y));
            assert_eq!(
                common_and_any(&a, &b),
                (count(|x, y| x && y), count(|x, y| x || y))
            );
        }
    }
}
