//! Codes against their definition: reconstruction errors and lower bounds against binary64 truth and the
//! operators' own binary32 results at every level, for any finite input; golden bytes.

use annex::distance::{Kernels, Level, Metric};
use annex::hnsw::codes::{CodeArena, CodeParams, Factors, MeanAccumulator, Query, sign_bytes};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const METRICS: [Metric; 4] = [Metric::L2, Metric::InnerProduct, Metric::Cosine, Metric::L1];

/// Metrics and whether codes are rotated: all pairs that an index can have.
const FORMS: [(Metric, bool); 7] = [
    (Metric::L2, false),
    (Metric::InnerProduct, false),
    (Metric::Cosine, false),
    (Metric::L1, false),
    (Metric::L2, true),
    (Metric::InnerProduct, true),
    (Metric::Cosine, true),
];

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

/// What the SQL operator of `metric` returns, with the kernels of one level.
fn operator(kernels: &Kernels, metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    match metric {
        Metric::L2 => f64::from(kernels.l2_squared(a, b)).sqrt(),
        Metric::InnerProduct => -f64::from(kernels.inner_product(a, b)),
        Metric::L1 => f64::from(kernels.l1(a, b)),
        _ => {
            let (dot, aa, bb) = kernels.cosine_parts(a, b);
            let similarity = f64::from(dot) / (f64::from(aa) * f64::from(bb)).sqrt();
            1.0 - similarity.clamp(-1.0, 1.0)
        }
    }
}

/// The same from one sequential binary32 sum, the order that rounds worst.
fn operator_in_sequence(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let sum = |term: &dyn Fn(f32, f32) -> f32| {
        let terms = a.iter().zip(b).map(|(&x, &y)| term(x, y));
        f64::from(terms.fold(0.0f32, |sum, term| sum + term))
    };
    match metric {
        Metric::L2 => sum(&|x, y| (x - y) * (x - y)).sqrt(),
        Metric::InnerProduct => -sum(&|x, y| x * y),
        Metric::L1 => sum(&|x, y| (x - y).abs()),
        _ => {
            let norms = sum(&|x, _| x * x) * sum(&|_, y| y * y);
            1.0 - (sum(&|x, y| x * y) / norms.sqrt()).clamp(-1.0, 1.0)
        }
    }
}

/// PostgreSQL's order of float8: NaN is greater than any number.
fn is_at_most(bound: f64, exact: f64) -> bool {
    !bound.is_nan() && (exact.is_nan() || bound <= exact)
}

/// Finite values of every kind: ordinary, tiny, denormal, huge, zero.
fn any_element() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => uniform(-1.0, 1.0),
        1 => Just(0.0f32),
        1 => uniform(-1e30, 1e30),
        1 => any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |x| x.is_finite()),
        1 => prop::sample::select(vec![f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, -1e-45, 1e-40, 1e19, -1e19, 1e-20]),
    ]
}

/// A vector whose elements share one magnitude, or do not.
fn vector(dims: usize) -> impl Strategy<Value = Vec<f32>> {
    let ordinary = prop::collection::vec(uniform(-1.0, 1.0), dims);
    let scaled =
        (prop::collection::vec(uniform(-1.0, 1.0), dims), -45i32..38).prop_map(|(x, e)| {
            x.iter()
                .map(|x| (f64::from(*x) * 10f64.powi(e)) as f32)
                .collect()
        });
    let constant = (any_element(), Just(dims)).prop_map(|(x, n)| vec![x; n]);
    let mixed = prop::collection::vec(any_element(), dims);
    prop_oneof![3 => ordinary, 2 => scaled, 1 => constant, 2 => mixed]
}

/// `x`, and a vector that is equal, near, opposite, a multiple or unrelated.
fn pair(dims: usize) -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    (vector(dims), vector(dims), -7i32..0, 0u8..6).prop_map(|(x, y, e, relation)| {
        let finite = |v: f32| v.clamp(f32::MIN, f32::MAX);
        let related = match relation {
            0 => x.clone(),
            1 | 2 => {
                let step = 10f32.powi(e);
                x.iter()
                    .zip(&y)
                    .map(|(x, y)| finite(x + finite(x * step) * y.clamp(-1.0, 1.0)))
                    .collect()
            }
            3 => x.iter().map(|x| -x).collect(),
            4 => x.iter().map(|x| finite(x * 3.0)).collect(),
            _ => y,
        };
        (x, related)
    })
}

/// Dimensions, a mean or none, and two vectors.
fn case() -> impl Strategy<Value = (Vec<f32>, Vec<f32>, Vec<f32>)> {
    prop_oneof![8 => 1usize..70, 1 => 100usize..400, 2 => Just(1usize)].prop_flat_map(|dims| {
        let mean = prop_oneof![
            Just(Vec::new()),
            prop::collection::vec(uniform(-0.5, 0.5), dims),
            vector(dims)
        ];
        (mean, pair(dims)).prop_map(|(mean, (q, x))| (mean, q, x))
    })
}

fn params(metric: Metric, dims: usize, mean: &[f32]) -> CodeParams {
    let mean = if metric == Metric::InnerProduct {
        Vec::new()
    } else {
        mean.to_vec()
    };
    CodeParams::new(metric, dims, mean)
}

/// [`params`] of rotated codes or others.
fn params_of((metric, is_rotated): (Metric, bool), dims: usize, mean: &[f32]) -> CodeParams {
    let params = params(metric, dims, mean);
    if is_rotated {
        params.with_rotation()
    } else {
        params
    }
}

fn encode(params: &CodeParams, x: &[f32]) -> (Vec<i8>, Factors) {
    let mut code = vec![0; params.dims];
    let factors = params.encode(x, &mut code);
    (code, factors)
}

/// Proves that no lower bound exceeds what the operator returns, at any level and in any summation.
fn check_bounds(
    params: &CodeParams,
    query: &Query,
    q: &[f32],
    x: &[f32],
) -> Result<(), TestCaseError> {
    let (code, factors) = encode(params, x);
    let slack = query.slack(&factors);
    prop_assert!(!slack.is_nan() && slack >= 0.0, "slack {slack}");
    for level in levels() {
        let key = query.clone().with_kernels(level).key(&code, &factors);
        prop_assert!(!key.is_nan());
        prop_assert!(params.metric == Metric::InnerProduct || key >= 0.0);
        let bound = query.lower_bound(key, slack);
        prop_assert!(params.metric == Metric::InnerProduct || bound >= 0.0);
        let sequence = operator_in_sequence(params.metric, q, x);
        prop_assert!(
            is_at_most(bound, sequence),
            "{bound} > {sequence} in sequence"
        );
        for kernels in levels() {
            let exact = operator(kernels, params.metric, q, x);
            prop_assert!(
                is_at_most(bound, exact),
                "{bound} > {exact} at {:?}",
                kernels.level()
            );
        }
    }
    Ok(())
}

/// Distance of `metric` in binary64.
fn truth(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(&x, &y)| (f64::from(x), f64::from(y)));
    let dot = || pairs().map(|(x, y)| x * y).sum::<f64>();
    match metric {
        Metric::L2 => pairs().map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt(),
        Metric::InnerProduct => -dot(),
        Metric::L1 => pairs().map(|(x, y)| (x - y).abs()).sum(),
        _ => {
            let norms = pairs().fold((0.0, 0.0), |(n, m), (x, y)| (n + x * x, m + y * y));
            1.0 - dot() / (norms.0 * norms.1).sqrt()
        }
    }
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn lower_bounds_are_true((mean, q, x) in case()) {
        for form in FORMS {
            let params = params_of(form, q.len(), &mean);
            check_bounds(&params, &Query::from_vector(&params, &q), &q, &x)?;
        }
    }

    #[test]
    fn lower_bounds_of_coded_queries_are_true((mean, q, x) in case()) {
        for form in FORMS {
            let params = params_of(form, q.len(), &mean);
            let (code, factors) = encode(&params, &q);
            check_bounds(&params, &Query::from_code(&params, &code, &factors), &q, &x)?;
        }
    }

    /// The stored error is at least the true one, and for ordinary vectors at most what rounding to half a
    /// step can cost.
    #[test]
    fn errors_bound_the_reconstruction((mean, x, _) in case()) {
        for metric in METRICS {
            let params = params(metric, x.len(), &mean);
            let (code, factors) = encode(&params, &x);
            prop_assert!(code.iter().all(|&c| c != i8::MIN));
            prop_assert!(!factors.error.is_nan() && factors.error >= 0.0);
            prop_assert!(factors.scale.is_finite() && factors.norm_squared.is_finite());
            prop_assert!(params.decode(&code, &factors).iter().all(|x| !x.is_nan()));

            let norm = x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            let divisor = if metric == Metric::Cosine { norm } else { 1.0 };
            if divisor == 0.0 {
                prop_assert_eq!(factors.error, f32::INFINITY);
                continue;
            }
            let errors = x.iter().enumerate().map(|(i, &x)| {
                let mean = params.mean.get(i).copied().unwrap_or(0.0);
                let hat = f64::from(mean) + f64::from(factors.scale) * f64::from(code[i]);
                (f64::from(x) / divisor - hat).abs()
            });
            let error = match metric {
                Metric::L1 => errors.sum::<f64>(),
                _ => errors.map(|e| e * e).sum::<f64>().sqrt(),
            };
            // The test's own sums round, too.
            prop_assert!(error * (1.0 - 1e-12) - 1e-15 * divisor.min(1.0) <= f64::from(factors.error), "{error} > {}", factors.error);

            let is_ordinary = x.iter().chain(&params.mean).all(|x| x.abs() <= 1.0) && norm > 1e-3;
            if is_ordinary {
                let count = x.len() as f64;
                let dims = if metric == Metric::L1 { count } else { count.sqrt() };
                let half_a_step = 0.501 * f64::from(factors.scale) + 1e-6;
                prop_assert!(f64::from(factors.error) <= half_a_step * dims + 1e-9);
            }
        }
    }

    /// Keys order by the true distance up to the slack, and bounds lose no more than twice the slack and the
    /// rounding allowance: neither is trivially safe.
    #[test]
    fn bounds_are_tight(
        (q, x) in (1usize..400).prop_flat_map(|dims| {
            let one = || prop::collection::vec(uniform(0.1, 1.0), dims);
            (one(), one())
        }),
    ) {
        for form in FORMS {
            let metric = form.0;
            let params = params_of(form, q.len(), &vec![0.25 / (q.len() as f32).sqrt(); q.len()]);
            let query = Query::from_vector(&params, &q);
            let (code, factors) = encode(&params, &x);
            let (key, slack) = (query.key(&code, &factors), query.slack(&factors));
            let exact = truth(metric, &q, &x);
            let (distance, estimate) = match metric {
                Metric::L2 => (exact, f64::from(key).sqrt()),
                Metric::Cosine => ((2.0 * exact.max(0.0)).sqrt(), f64::from(key).sqrt()),
                _ => (exact, f64::from(key)),
            };
            let bound = query.lower_bound(key, slack);
            let slack = f64::from(slack);
            let rounding = 1e-3 * (1.0 + distance.abs());
            prop_assert!((distance - estimate).abs() <= slack + rounding, "{form:?} {distance} {estimate} {slack}");
            let reach = 2.0 * slack + rounding;
            let least = match metric {
                Metric::Cosine => (distance - reach).max(0.0).powi(2) / 2.0 - 1e-4,
                _ => distance - reach,
            };
            prop_assert!(bound >= least, "{form:?} {bound} < {least}");
            let steps = 0.6 * f64::from(factors.scale) * q.len() as f64;
            prop_assert!(metric == Metric::InnerProduct || slack <= steps + 1e-3, "{form:?} {slack} {steps}");
        }
    }

    /// Keys between codes are symmetric and the same through a query, through the parameters and an arena.
    #[test]
    fn keys_between_codes_agree((mean, a, b) in case()) {
        for form in FORMS {
            let params = params_of(form, a.len(), &mean);
            let mut arena = CodeArena::try_with_capacity(params.clone(), 4).unwrap();
            arena.push(&a).unwrap();
            arena.push_many(&[b.clone(), a.clone()].concat()).unwrap();
            let (code, factors) = encode(&params, &b);
            arena.push_code(&code, factors).unwrap();
            prop_assert_eq!(arena.len(), 4);
            prop_assert_eq!(arena.code(0), arena.code(2));
            prop_assert_eq!(arena.code(1), arena.code(3));
            prop_assert_eq!(arena.factors[0], arena.factors[2]);
            arena.prefetch(3);

            let mut kept = CodeArena::try_with_capacity(params.clone(), 4).unwrap();
            kept.push_many(&[b.clone(), a.clone(), b.clone(), a.clone()].concat()).unwrap();
            kept.retain(|id| id == 1 || id == 2);
            prop_assert_eq!((kept.len(), kept.code(0), kept.code(1)), (2, arena.code(0), arena.code(1)));
            prop_assert_eq!(&kept.factors[..], &arena.factors[..2]);

            let (ca, fa) = encode(&params, &a);
            let key = arena.key(0, 1);
            prop_assert_eq!(key, arena.key(1, 0));
            prop_assert_eq!(key, params.code_key(&ca, &fa, &code, &factors));
            prop_assert_eq!(key, Query::from_code(&params, &ca, &fa).key(&code, &factors));
            prop_assert_eq!(key, Query::from_code(&params, &code, &factors).key(&ca, &fa));
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// Lower bounds hold at the largest dimension, where sequential binary32 sums are far off.
    #[test]
    fn lower_bounds_are_true_in_many_dimensions((q, x) in pair(16_000)) {
        for form in FORMS {
            let params = params_of(form, q.len(), &[]);
            check_bounds(&params, &Query::from_vector(&params, &q), &q, &x)?;
        }
    }
}

/// A vector and its code have moved in no byte since the first release: indexes on disk depend on it.
#[test]
fn golden_codes() {
    let x = [0.5, -1.0, 0.25, 3.0e-3, 0.0, 0.75];
    let mean = [0.125, 0.0, -0.25, 0.0, 0.5, 1.0];
    let cases = [
        (Metric::L2, &mean[..], GOLDEN_L2),
        (Metric::InnerProduct, &[], GOLDEN_INNER_PRODUCT),
        (Metric::Cosine, &mean[..], GOLDEN_COSINE),
        (Metric::L1, &mean[..], GOLDEN_L1),
    ];
    for (metric, mean, (code, factors)) in cases {
        let got = encode(&params(metric, x.len(), mean), &x);
        let bits = [got.1.scale, got.1.norm_squared, got.1.error].map(f32::to_bits);
        assert_eq!((&got.0[..], bits), (&code[..], factors), "{metric:?}");
    }

    // Longer than the partial sums are many: their order shows in the last bits.
    let x: Vec<f32> = (0..27u32)
        .map(|i| (i * i * 7919 % 1000) as f32 / 1000.0 - 0.5)
        .collect();
    let (_, factors) = encode(&params(Metric::L2, 27, &[]), &x);
    let bits = [factors.scale, factors.norm_squared, factors.error].map(f32::to_bits);
    assert_eq!(bits, [998310404, 1075322847, 1002545080]);
}

// Computed by another program, in exact rationals where the format rounds.
type Golden = ([i8; 6], [u32; 3]);
const GOLDEN_L2: Golden = (
    [48, -127, 64, 0, -64, -32],
    [1006699012, 1071344707, 1005429635],
);
const GOLDEN_INNER_PRODUCT: Golden = (
    [64, -127, 32, 0, 0, 95],
    [1006699012, 1072709956, 1002051115],
);
const GOLDEN_COSINE: Golden = (
    [42, -127, 75, 0, -87, -79],
    [1002204536, 1067318743, 996608464],
);
const GOLDEN_L1: Golden = (
    [48, -127, 64, 0, -64, -32],
    [1006699012, 1071344707, 1015112983],
);

/// The code of an edge has moved in no bit either: deep verify compares it with what another library wrote.
#[test]
fn golden_edges() {
    let codes = [
        (0..70).map(|i| (i * 37 % 255 - 127) as i8).collect(),
        (0..70)
            .map(|i| ((i * 101 + 13) % 255 - 127) as i8)
            .collect::<Vec<i8>>(),
    ];
    let factors = [0.03125 * 1.1, 0.02].map(|scale| Factors {
        scale,
        ..Factors::default()
    });
    for (metric, expected) in [
        (Metric::L2, [3285096316, 1088225653]),
        (Metric::Cosine, [3285096316, 1088225653]),
        (Metric::InnerProduct, [0, 1079837045]),
    ] {
        let params = params_of((metric, true), 70, &[]);
        let mut signs = vec![0xEE; sign_bytes(70)];
        let [owner, neighbor] = [0, 1].map(|i| (codes[i].as_slice(), &factors[i]));
        let edge = params.encode_edge(owner, neighbor, &mut signs);
        assert_eq!(signs, GOLDEN_SIGNS, "{metric:?}");
        let bits = [edge.offset, edge.step].map(f32::to_bits);
        assert_eq!(bits, expected, "{metric:?}");
    }
}

const GOLDEN_SIGNS: [u8; 16] = [
    0x87, 0xc3, 0x63, 0x73, 0x38, 0x3c, 0x16, 0x83, 0x23, 0, 0, 0, 0, 0, 0, 0,
];

/// Input at the ends of the number range gives usable factors and the trivial bound where no other is known.
#[test]
fn extreme_input_gives_trivial_bounds() {
    for form in FORMS {
        for value in [0.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, 1e30] {
            let params = params_of(form, 3, &[f32::MIN; 3]);
            let q = [value; 3];
            let query = Query::from_vector(&params, &q);
            check_bounds(&params, &query, &q, &q).unwrap();
            let (code, factors) = encode(&params, &q);
            let coded = Query::from_code(&params, &code, &factors);
            check_bounds(&params, &coded, &q, &q).unwrap();
        }
    }
    let params = params(Metric::InnerProduct, 2, &[]);
    let query = Query::from_vector(&params, &[f32::MAX, f32::MAX]);
    let (code, factors) = encode(&params, &[f32::MAX, f32::MIN]);
    let slack = query.slack(&factors);
    assert_eq!(slack, f32::INFINITY);
    let key = query.key(&code, &factors);
    assert_eq!(query.lower_bound(key, slack), f64::NEG_INFINITY);
}

/// The mean is that of the vectors as they are encoded, and inner product has none.
#[test]
fn means() {
    let mean = |metric| {
        let mut accumulator = MeanAccumulator::new(metric, 2);
        for x in [[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]] {
            accumulator.add(&x);
        }
        accumulator.finish()
    };
    assert_eq!(mean(Metric::L2), [1.0, 2.0]);
    assert_eq!(mean(Metric::L1), [1.0, 2.0]);
    assert_eq!(mean(Metric::Cosine), [0.3, 0.9]);
    assert!(mean(Metric::InnerProduct).is_empty());
    assert!(MeanAccumulator::new(Metric::L2, 2).finish().is_empty());
}

/// An arena that cannot be had is an error, not an abort.
#[test]
fn arena_reports_out_of_memory() {
    let params = CodeParams::new(Metric::L2, 16_000, Vec::new());
    for capacity in [usize::MAX, usize::MAX / 16_000 / 4] {
        let error = CodeArena::try_with_capacity(params.clone(), capacity).unwrap_err();
        assert_eq!(error.state, annex::error::SqlState::OutOfMemory);
    }
}
