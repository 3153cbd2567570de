//! Codes and kernels against their definitions: SIMD levels against scalar code, reconstruction errors and
//! lower bounds against binary64 truth and the operators' own binary32 results, for any finite input.

use annex::distance::{self, Kernels, Level, Metric, scalar};
use annex::hnsw::codes::{CodeArena, CodeParams, Factors, MeanAccumulator, Query};
use proptest::prelude::*;

const METRICS: [Metric; 4] = [Metric::L2, Metric::InnerProduct, Metric::Cosine, Metric::L1];

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
        Metric::Cosine => {
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
        Metric::Cosine => {
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
        4 => -1.0f32..1.0,
        1 => Just(0.0f32),
        1 => -1e30f32..1e30,
        1 => any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |x| x.is_finite()),
        1 => prop::sample::select(vec![f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, -1e-45, 1e-40, 1e19, -1e19, 1e-20]),
    ]
}

/// A vector whose elements share one magnitude, or do not.
fn vector(dims: usize) -> impl Strategy<Value = Vec<f32>> {
    let ordinary = prop::collection::vec(-1.0f32..1.0, dims);
    let scaled = (prop::collection::vec(-1.0f32..1.0, dims), -45i32..38).prop_map(|(x, e)| {
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
            prop::collection::vec(-0.5f32..0.5, dims),
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn lower_bounds_are_true((mean, q, x) in case()) {
        for metric in METRICS {
            let params = params(metric, q.len(), &mean);
            check_bounds(&params, &Query::from_vector(&params, &q), &q, &x)?;
        }
    }

    #[test]
    fn lower_bounds_of_coded_queries_are_true((mean, q, x) in case()) {
        for metric in METRICS {
            let params = params(metric, q.len(), &mean);
            let (code, factors) = encode(&params, &q);
            check_bounds(&params, &Query::from_code(&params, &code, &factors), &q, &x)?;
        }
    }
}
