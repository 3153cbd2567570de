//! Distances of bit strings, given as bytes of equal number with the padding bits clear.

/// Number of bits that differ.
/// # Panics
/// If the lengths differ; SQL callers have reported 22000 before.
pub fn hamming(a: &[u8], b: &[u8]) -> u64 {
    count(a, b, |x, y| x ^ y)
}

/// 1 - (bits set in both) / (bits set in any), and 1 if no bit is set in both.
/// # Panics
/// If the lengths differ.
pub fn jaccard(a: &[u8], b: &[u8]) -> f64 {
    let both = count(a, b, |x, y| x & y);
    if both == 0 {
        return 1.0;
    }
    1.0 - both as f64 / count(a, b, |x, y| x | y) as f64
}

fn count(a: &[u8], b: &[u8], combine: impl Fn(u64, u64) -> u64) -> u64 {
    assert_eq!(a.len(), b.len());
    let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks(), b.as_chunks());
    let words = a_words.iter().zip(b_words);
    let word_bits: u64 = words
        .map(|(&x, &y)| {
            u64::from(combine(u64::from_ne_bytes(x), u64::from_ne_bytes(y)).count_ones())
        })
        .sum();
    let rest = a_rest.iter().zip(b_rest);
    let rest_bits: u64 = rest
        .map(|(&x, &y)| u64::from(combine(x.into(), y.into()).count_ones()))
        .sum();
    word_bits + rest_bits
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves: both agree with counting bit by bit, for every length around a word.
    #[test]
    fn counts_are_those_of_single_bits() {
        let bytes = |seed: u32, len: usize| -> Vec<u8> {
            (0..len as u32)
                .map(|i| (i.wrapping_mul(seed) >> 7) as u8)
                .collect()
        };
        for len in 0..=33 {
            let (a, b) = (bytes(2_654_435_761, len), bytes(40_503_001, len));
            let bits = |combine: fn(u8, u8) -> u8| -> u32 {
                a.iter()
                    .zip(&b)
                    .map(|(&x, &y)| combine(x, y).count_ones())
                    .sum()
            };
            assert_eq!(hamming(&a, &b), u64::from(bits(|x, y| x ^ y)));
            let expected = match bits(|x, y| x & y) {
                0 => 1.0,
                both => 1.0 - f64::from(both) / f64::from(bits(|x, y| x | y)),
            };
            assert_eq!(jaccard(&a, &b), expected);
        }
    }
}
