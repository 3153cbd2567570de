//! The kernels of every level this CPU has against the scalar definition and binary64 truth.

use annex::distance::{Kernels, Level, scalar};
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

/// Checks the binary32 kernels of every level against binary64 truth, within the error that any order of
/// summation may have: 2^-24 times the number of operations, relative to the sum of magnitudes.
fn check_float_kernels(
    a: &[f32],
    b: &[f32],
    codes: &[i8],
    scale: f32,
) -> Result<(), TestCaseError> {
    let pairs = || a.iter().zip(b).map(|(&x, &y)| (f64::from(x), f64::from(y)));
    let coded = || {
        a.iter()
            .zip(codes)
            .map(|(&x, &c)| (f64::from(x), f64::from(scale * f32::from(c))))
    };
    let unit = (a.len() + 8) as f64 * f64::from(f32::EPSILON) / 2.0;
    let close = |got: f32, terms: (f64, f64)| {
        let (want, magnitude) = terms;
        prop_assert!(
            (f64::from(got) - want).abs() <= unit * magnitude,
            "{got} for {want}"
        );
        Ok(())
    };
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
            check_float_kernels(&a[part.clone()], &b[part.clone()], &codes[part.clone()], scale)?;
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

    /// The way between two codes has the same bits on every level, for every length: they are stored in indexes.
    #[test]
    fn ways_have_the_same_bits_on_every_level(
        a in prop::collection::vec(-127i8..=127, 200),
        b in prop::collection::vec(-127i8..=127, 200),
        from in uniform(1e-3, 1e3),
        to in uniform(1e-3, 1e3),
    ) {
        for len in (0..=40).chain([63, 64, 65, 100, 199, 200]) {
            let (a, b) = (&a[..len], &b[..len]);
            let mut want_signs = vec![0; 32];
            let want = Kernels::for_level(Level::Scalar).map(|k| k.way(from, a, to, b, &mut want_signs));
            for (i, (u, v)) in a.iter().zip(b).enumerate() {
                let is_forward = to * f32::from(*v) - from * f32::from(*u) >= 0.0;
                prop_assert_eq!(want_signs[i / 8] >> (i % 8) & 1 == 1, is_forward);
            }
            for k in levels() {
                let mut signs = vec![0; 32];
                let way = Some(k.way(from, a, to, b, &mut signs));
                prop_assert_eq!(way, want, "{:?} {}", k.level(), len);
                prop_assert_eq!(&signs, &want_signs, "{:?} {}", k.level(), len);
            }
        }
    }
}
