//! The kernels of every level this CPU has against the scalar definition and binary64 truth.

use annex::distance::{Element, Half, Kernels, Level, scalar};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Runs `cases` cases, the same ones in every run.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(8),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Evenly spread numbers. Not proptest's own range of floats: an assertion in its sampler can fail.
fn uniform(low: f32, high: f32) -> impl Strategy<Value = f32> + Clone {
    (0u32..=1 << 24).prop_map(move |i| low + (high - low) * (i as f32 / (1 << 24) as f32))
}

/// Every level this CPU has.
fn levels() -> impl Iterator<Item = &'static Kernels> {
    Level::ALL.into_iter().filter_map(Kernels::for_level)
}

/// Sum of `terms` in binary64 and of their magnitudes.
fn sum_and_magnitude(terms: impl Iterator<Item = f64>) -> (f64, f64) {
    terms.fold((0.0, 0.0), |(sum, magnitude), term| {
        (sum + term, magnitude + term.abs())
    })
}

/// Whether a sum of `len` terms is within the error that any order of summation may have: 2^-24 times the number of
/// operations, relative to the sum of magnitudes.
fn close(len: usize, got: f32, terms: (f64, f64)) -> Result<(), TestCaseError> {
    let unit = (len + 8) as f64 * f64::from(f32::EPSILON) / 2.0;
    let (want, magnitude) = terms;
    prop_assert!(
        (f64::from(got) - want).abs() <= unit * magnitude,
        "{got} for {want}"
    );
    Ok(())
}

/// Checks the kernels over dense vectors of every level against binary64 truth.
fn check_dense_kernels<E: Element>(a: &[E], b: &[E]) -> Result<(), TestCaseError> {
    let wide = |x: &E| f64::from(x.to_f32());
    let pairs = || a.iter().zip(b).map(|(x, y)| (wide(x), wide(y)));
    let close = |got, terms| close(a.len(), got, terms);
    for k in levels() {
        close(
            k.l2_squared(a, b),
            sum_and_magnitude(pairs().map(|(x, y)| (x - y) * (x - y))),
        )?;
        close(
            k.inner_product(a, b),
            sum_and_magnitude(pairs().map(|(x, y)| x * y)),
        )?;
        close(
            k.l1(a, b),
            sum_and_magnitude(pairs().map(|(x, y)| (x - y).abs())),
        )?;
        let parts = k.cosine_parts(a, b);
        close(parts.0, sum_and_magnitude(pairs().map(|(x, y)| x * y)))?;
        close(parts.1, sum_and_magnitude(pairs().map(|(x, _)| x * x)))?;
        close(parts.2, sum_and_magnitude(pairs().map(|(_, y)| y * y)))?;
    }
    Ok(())
}

/// Checks the kernels of taxicab distance to codes of every level: against binary64 truth, and each other.
fn check_l1_kernels(a: &[f32], codes: &[i8], scale: f32) -> Result<(), TestCaseError> {
    let coded = || {
        a.iter()
            .zip(codes)
            .map(|(&x, &c)| (f64::from(x), f64::from(scale * f32::from(c))))
    };
    let close = |got, terms| close(a.len(), got, terms);
    for k in levels() {
        close(
            k.l1_f32_i8(a, scale, codes),
            sum_and_magnitude(coded().map(|(x, c)| (x - c).abs())),
        )?;
        let floats: Vec<f32> = codes.iter().map(|&c| 0.75 * f32::from(c)).collect();
        let rev: Vec<i8> = codes.iter().rev().copied().collect();
        prop_assert_eq!(
            k.l1_i8_i8(0.75, codes, scale, &rev),
            k.l1_f32_i8(&floats, scale, &rev)
        );
        prop_assert_eq!(
            k.l1_i8_i8(0.75, codes, scale, &rev),
            k.l1_i8_i8(scale, &rev, 0.75, codes)
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(64))]

    /// Every level computes the scalar definition, at every length up to four vectors and one element, in
    /// slices at any alignment.
    #[test]
    fn kernels_equal_their_definition(
        a in prop::collection::vec(uniform(-1.0, 1.0), 262),
        b in prop::collection::vec(uniform(-1e3, 1e3), 262),
        query in prop::collection::vec(-8191i16..=8191, 262),
        codes in prop::collection::vec(-127i8..=127, 262),
        other in prop::collection::vec(-127i8..=127, 262),
        scale in uniform(1e-3, 10.0),
    ) {
        for len in 0..=257 {
            let start = len % 5;
            let part = start..start + len;
            for k in levels() {
                prop_assert_eq!(
                    k.dot_i16_i8(&query[part.clone()], &codes[part.clone()]),
                    scalar::dot_i16_i8(&query[part.clone()], &codes[part.clone()])
                );
                prop_assert_eq!(
                    k.dot_i8_i8(&codes[part.clone()], &other[part.clone()]),
                    scalar::dot_i8_i8(&codes[part.clone()], &other[part.clone()])
                );
            }
            check_dense_kernels(&a[part.clone()], &b[part.clone()])?;
            check_l1_kernels(&a[part.clone()], &codes[part.clone()], scale)?;
            let halves = |x: &[f32]| x.iter().map(|&x| Half::from_f32(x)).collect::<Vec<_>>();
            check_dense_kernels(&halves(&a)[part.clone()], &halves(&b)[part.clone()])?;
        }
    }
}

/// Integer kernels stay exact where 32-bit sums would overflow.
#[test]
fn integer_kernels_do_not_overflow() {
    for len in [2047, 2048, 2049, 4096, 16_000, 150_001] {
        for (q, c) in [(8191, 127), (-8191, 127), (8191, -127), (-8191, -127)] {
            for k in levels() {
                let want = i64::from(q) * i64::from(c) * len as i64;
                assert_eq!(k.dot_i16_i8(&vec![q; len], &vec![c; len]), want);
                for other in [127, -127] {
                    let want = i64::from(other) * i64::from(c) * len as i64;
                    assert_eq!(k.dot_i8_i8(&vec![other; len], &vec![c; len]), want);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// Sums over signs are the sums of the elements whose sign is set, on every level, for any number of sets.
    #[test]
    fn masked_sums_count_what_is_set(
        query in prop::collection::vec(-128i8..=127, 17 * 64),
        signs in prop::collection::vec(any::<u8>(), 17 * 8 * 5),
    ) {
        for blocks in [1, 2, 3, 6, 17] {
            for sets in 0..=5 {
                let (query, signs) = (&query[..blocks * 64], &signs[..blocks * 8 * sets]);
                let want: Vec<i32> = signs
                    .chunks_exact(blocks * 8)
                    .map(|set| {
                        let is_set = |i: &usize| set[i / 8] >> (i % 8) & 1 == 1;
                        (0..query.len()).filter(is_set).map(|i| i32::from(query[i])).sum()
                    })
                    .collect();
                for k in levels() {
                    let mut sums = vec![i32::MAX; sets];
                    k.masked_sums(query, signs, &mut sums);
                    prop_assert_eq!(&sums, &want, "{:?}", k.level());
                }
            }
        }
    }
}

/// Each conversion of every level gives the bits of the definition.
fn check_conversions(singles: &[f32], halves: &[Half]) {
    for k in levels() {
        let mut narrowed = vec![Half::default(); singles.len()];
        k.narrow(singles, &mut narrowed);
        for (single, half) in singles.iter().zip(&narrowed) {
            let want = Half::from_f32(*single).to_bits();
            assert_eq!(half.to_bits(), want, "{single:e} {:?}", k.level());
        }
        let mut widened = vec![0.0; halves.len()];
        k.widen(halves, &mut widened);
        for (half, single) in halves.iter().zip(&widened) {
            let want = half.to_f32().to_bits();
            assert_eq!(single.to_bits(), want, "{half:?} {:?}", k.level());
        }
    }
}

/// The processor's conversions equal ours: for every half, NaN too, and for binary32 numbers of all exponents, with the
/// bits around the cut in every state.
#[test]
fn conversions_equal_their_definition() {
    let halves: Vec<Half> = (0..=u16::MAX).map(Half::from_bits).collect();
    // Sign, exponent and the high 8 bits of the significand, beside bits that decide how the rest is rounded.
    let beside = [
        0x0000, 0x0001, 0x0fff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x2fff, 0x3000, 0x3001, 0x7000,
        0x7fff,
    ];
    let singles: Vec<f32> = (0..=u16::MAX)
        .flat_map(|high| beside.map(|low| f32::from_bits(u32::from(high) << 16 | low)))
        .collect();
    check_conversions(&singles, &halves);
}

proptest! {
    #![proptest_config(cases(64))]

    /// So do they for any bits and at every length up to two vectors and one element.
    #[test]
    fn conversions_of_any_bits_equal_their_definition(
        singles in prop::collection::vec(any::<u32>().prop_map(f32::from_bits), 33),
        halves in prop::collection::vec(any::<u16>().prop_map(Half::from_bits), 33),
    ) {
        for len in 0..=33 {
            check_conversions(&singles[33 - len..], &halves[..len]);
        }
    }
}

/// Sums of the largest halves are exact where binary32 is.
#[test]
fn sums_of_halves_leave_their_range() {
    let (largest, least) = (Half::from_f32(65504.0), Half::from_f32(-65504.0));
    for len in [1, 7, 8, 9, 31, 64, 100] {
        let (a, b) = (vec![largest; len], vec![least; len]);
        let n = len as f32;
        for k in levels() {
            assert_eq!(k.l1(&a, &b), 131_008.0 * n);
            // 65504 is 2047 * 2^5: squares have 22 significant bits, and sums of up to 4 of them 24.
            let want = 65504.0 * 65504.0 * n;
            assert!((k.inner_product(&a, &a) - want).abs() <= want * 1e-6);
            assert_eq!(k.inner_product(&a, &b), -k.inner_product(&a, &a));
        }
    }
}
