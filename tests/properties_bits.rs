//! The bit kernels of every level this CPU has against the scalar definition, and the distances against single bits.

use annex::distance::bits::{Kernels, Level, hamming, jaccard, scalar};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Every level this CPU has.
fn levels() -> impl Iterator<Item = &'static Kernels> {
    Level::ALL.into_iter().filter_map(Kernels::for_level)
}

/// Bytes that are all as likely, mostly zero, or mostly ones.
fn bytes(len: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), Just(0), Just(0xff)];
    prop_oneof![
        prop::collection::vec(any::<u8>(), len),
        prop::collection::vec(byte, len)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(8),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Every level counts what the scalar definition counts, at every length up to four vectors and one byte, in slices at
    /// any alignment.
    #[test]
    fn kernels_equal_their_definition(a in bytes(300), b in bytes(300)) {
        for len in 0..=257 {
            let start = len % 5;
            let (a, b) = (&a[start..start + len], &b[2 * start..2 * start + len]);
            for k in levels() {
                prop_assert_eq!(k.differing(a, b), scalar::differing(a, b), "{:?} {}", k.level(), len);
                prop_assert_eq!(k.common_and_any(a, b), scalar::common_and_any(a, b), "{:?} {}", k.level(), len);
            }
        }
    }

    /// The distances are those of single bits.
    #[test]
    fn distances_are_those_of_single_bits(a in bytes(90), b in bytes(90), len in 0_usize..=90) {
        let bits = |combine: fn(bool, bool) -> bool| {
            let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (at % 8) & 1 == 1;
            (0..8 * len).filter(|&at| combine(bit(&a, at), bit(&b, at))).count()
        };
        let (common, any) = (bits(|x, y| x && y), bits(|x, y| x || y));
        prop_assert_eq!(hamming(&a[..len], &b[..len]), bits(|x, y| x != y) as u64);
        let expected = if common == 0 { 1.0 } else { 1.0 - common as f64 / any as f64 };
        prop_assert_eq!(jaccard(&a[..len], &b[..len]), expected);
    }
}

/// Counts stay exact for strings longer than a block of any kernel could be.
#[test]
fn counts_do_not_overflow() {
    for len in [8191, 100_000, 1_000_003] {
        let (ones, zeros) = (vec![0xff; len], vec![0; len]);
        let bits = 8 * len as u64;
        for k in levels() {
            assert_eq!(k.differing(&ones, &zeros), bits);
            assert_eq!(k.common_and_any(&ones, &ones), (bits, bits));
            assert_eq!(k.common_and_any(&ones, &zeros), (0, bits));
        }
    }
}
