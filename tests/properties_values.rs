//! Codes of bit strings and of sparse vectors against their distances: no lower bound exceeds what the operator returns;
//! keys of whole bit strings are the distance, those of sparse vectors nearly so.

use annex::distance::{Metric, bits};
use annex::hnsw::codes::{BitForm, CodeArena, CodeParams, Query};
use annex::types::indexed::{BitString, IndexedType, IndexedValue, ValueList};
use annex::types::sparse::SparseVector;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(8),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

const BIT_METRICS: [Metric; 2] = [Metric::Hamming, Metric::Jaccard];

/// Two strings of equal length that often agree, and the bytes that their codes may have.
fn bit_pairs() -> impl Strategy<Value = (usize, Vec<u8>, Vec<u8>, usize)> {
    (1usize..2000).prop_flat_map(|len| {
        let size = len.div_ceil(8);
        let bytes = || prop::collection::vec(any::<u8>(), size);
        (bytes(), bytes(), bytes(), size / 16 + 1..=size + 8).prop_map(
            move |(a, flips, rare, room)| {
                let clear = |mut bytes: Vec<u8>| {
                    let unused = 8 * bytes.len() - len;
                    if let Some(last) = bytes.last_mut() {
                        *last &= 0xff << unused;
                    }
                    bytes
                };
                let b = a.iter().zip(&flips).zip(&rare);
                let b = b.map(|((a, flip), rare)| a ^ (flip & rare)).collect();
                (len, clear(a), clear(b), room)
            },
        )
    })
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn keys_of_bit_codes_bound_the_distance((len, a, b, room) in bit_pairs()) {
        let Some(form) = BitForm::fitting(len, room) else {
            // Counts take a sixteenth of the string.
            prop_assert!(room < len.div_ceil(8).div_ceil(16));
            return Ok(());
        };
        prop_assert!(form.code_len() <= room.max(1));
        let is_whole = room >= len.div_ceil(8);
        prop_assert_eq!(form.whole_bits() >= len, is_whole);
        let value = |bytes| IndexedValue::Bits(BitString::new(len, bytes));
        for metric in BIT_METRICS {
            let params = CodeParams::bits(metric, len, form);
            let mut arena = CodeArena::try_with_capacity(params.clone(), 2).unwrap();
            arena.push_value(value(&a)).unwrap();
            arena.push_value(value(&b)).unwrap();
            let query = Query::from_value(&params, value(&a));
            let (code, factors) = (arena.code(1), arena.factors[1]);
            let key = query.key(code, &factors);
            prop_assert_eq!(key, arena.key(0, 1));
            prop_assert_eq!(key, arena.key(1, 0));
            prop_assert_eq!(key, params.code_key(arena.code(1), &factors, arena.code(0), &factors));
            let distance = match metric {
                Metric::Hamming => bits::hamming(&a, &b) as f64,
                _ => bits::jaccard(&a, &b),
            };
            prop_assert_eq!(distance, value(&a).distance(metric, &value(&b)));
            prop_assert_eq!(query.slack(&factors), 0.0);
            let bound = query.lower_bound(key, 0.0);
            prop_assert!(bound <= distance, "{} > {}", bound, distance);
            if is_whole {
                prop_assert_eq!(key, distance as f32);
                prop_assert!(bound >= distance - 1e-6);
            }
        }
    }

    // What counts cannot tell is no more than they can hide: two strings that differ in whole bits only are as far apart as
    // those bits say.
    #[test]
    fn only_counted_bits_are_not_told_apart((len, a, _, room) in bit_pairs(), flips in prop::collection::vec(any::<u16>(), 1..20)) {
        let Some(form) = BitForm::fitting(len, room) else { return Ok(()) };
        let told = form.whole_bits().min(len);
        prop_assume!(told > 0);
        let mut b = a.clone();
        for flip in flips {
            let at = usize::from(flip) % told;
            b[at / 8] ^= 0x80 >> (at % 8);
        }
        let params = CodeParams::bits(Metric::Hamming, len, form);
        let mut list = ValueList::new(IndexedType::Bit, len);
        for bytes in [&a, &b] {
            list.push(IndexedValue::Bits(BitString::new(len, bytes))).unwrap();
        }
        let mut code = Vec::new();
        let factors = params.encode_value(list.value(1), &mut code);
        let key = Query::from_value(&params, list.value(0)).key(&code, &factors);
        prop_assert_eq!(f64::from(key), bits::hamming(&a, &b) as f64);
    }
}

const SPARSE_METRICS: [Metric; 4] = [Metric::L2, Metric::InnerProduct, Metric::Cosine, Metric::L1];

/// Vectors that share some indices: of weights, of any magnitudes, and with one element far above the others.
fn sparse_vector() -> impl Strategy<Value = SparseVector> {
    let weight = || prop_oneof![0.01f32..2.0, -2.0f32..-0.01];
    let any_number = any::<u32>()
        .prop_map(f32::from_bits)
        .prop_filter("finite, not zero", |x| x.is_finite() && *x != 0.0);
    let weights = prop::collection::btree_map(0i64..200, weight(), 0..80);
    let wild = prop::collection::btree_map(0i64..200, any_number, 0..10);
    let spiked =
        prop::collection::btree_map(0i64..200, weight(), 1..40).prop_map(|mut elements| {
            if let Some((_, value)) = elements.iter_mut().next() {
                *value *= 1e6;
            }
            elements
        });
    prop_oneof![3 => weights, 1 => wild, 1 => spiked].prop_map(|elements| {
        SparseVector::from_elements(200, elements.into_iter().collect()).unwrap()
    })
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn bounds_of_sparse_codes_hold(q in sparse_vector(), x in sparse_vector()) {
        let (q, x) = (IndexedValue::Sparse(q.view()), IndexedValue::Sparse(x.view()));
        for metric in SPARSE_METRICS {
            let distance = q.distance(metric, &x);
            if metric == Metric::Cosine && (q.is_zero() || x.is_zero()) {
                continue; // not indexed, and not searched for
            }
            let params = CodeParams::sparse(metric, 200, 100);
            let mut arena = CodeArena::try_with_capacity(params.clone(), 2).unwrap();
            arena.push_value(x).unwrap();
            arena.push_value(q).unwrap();
            let (code, factors) = (arena.code(0), arena.factors[0]);
            let query = Query::from_value(&params, q);
            let key = query.key(code, &factors);
            prop_assert!(!key.is_nan());
            prop_assert_eq!(key, arena.key(0, 1));
            prop_assert_eq!(key, arena.key(1, 0));
            prop_assert_eq!(key, params.code_key(code, &factors, arena.code(1), &arena.factors[1]));
            let slack = query.slack(&factors);
            let bound = query.lower_bound(key, slack);
            // NaN has no order; the executor compares what is a number.
            prop_assert!(distance.is_nan() || bound <= distance, "{:?}: {} > {}", metric, bound, distance);
        }
    }

    // The bounds are worth something: of weights they are below the distance by less than a thousandth of the norms.
    #[test]
    fn bounds_of_weights_are_close(q in prop::collection::btree_map(0i64..100, 0.1f32..1.0, 1..50), x in prop::collection::btree_map(0i64..100, 0.1f32..1.0, 1..50)) {
        let vector = |elements: std::collections::BTreeMap<i64, f32>| SparseVector::from_elements(100, elements.into_iter().collect()).unwrap();
        let (q, x) = (vector(q), vector(x));
        let norms = q.view().norm() + x.view().norm();
        for metric in SPARSE_METRICS {
            let (q, x) = (IndexedValue::Sparse(q.view()), IndexedValue::Sparse(x.view()));
            let params = CodeParams::sparse(metric, 100, 100);
            let mut code = Vec::new();
            let factors = params.encode_value(x, &mut code);
            let query = Query::from_value(&params, q);
            let bound = query.lower_bound(query.key(&code, &factors), query.slack(&factors));
            let distance = q.distance(metric, &x);
            let scale = match metric {
                Metric::L2 => norms * (1.0 + norms / distance.max(0.01)),
                Metric::InnerProduct => norms * norms,
                Metric::Cosine => 1.0,
                _ => norms * norms * 10.0,
            };
            prop_assert!(bound >= distance - scale / 1000.0, "{:?}: {} < {}", metric, bound, distance);
        }
    }

    /// An arena whose codes differ in length keeps those that it is told to.
    #[test]
    fn arenas_keep_codes_of_any_length(vectors in prop::collection::vec((sparse_vector(), any::<bool>()), 1..20)) {
        let params = CodeParams::sparse(Metric::L2, 200, 100);
        let mut arena = CodeArena::try_with_capacity(params.clone(), 0).unwrap();
        for (vector, _) in &vectors {
            arena.push_value(IndexedValue::Sparse(vector.view())).unwrap();
        }
        arena.retain(|id| vectors[id as usize].1);
        let kept: Vec<_> = vectors.iter().filter(|(_, is_kept)| *is_kept).collect();
        prop_assert_eq!(arena.len(), kept.len());
        for (id, (vector, _)) in kept.iter().enumerate() {
            let mut code = Vec::new();
            let factors = params.encode_value(IndexedValue::Sparse(vector.view()), &mut code);
            prop_assert_eq!(arena.code(id as u32), &code[..]);
            prop_assert_eq!(arena.factors[id], factors);
        }
    }
}

// Proves: codes are the same bytes everywhere.
#[test]
fn codes_are_part_of_the_format() {
    let vector = SparseVector::from_elements(300, vec![(259, -0.25), (3, 1.0)]).unwrap();
    let params = CodeParams::sparse(Metric::L2, 300, 100);
    let mut code = Vec::new();
    let factors = params.encode_value(IndexedValue::Sparse(vector.view()), &mut code);
    // -0.25 is -8191.75 steps.
    assert_eq!(code, [3, 0, 0, 0, 3, 1, 0, 0, -1, 127, 0, -32]);
    assert_eq!(factors.scale, 1.0 / 32_767.0);
    let form = BitForm::fitting(44, 4).unwrap();
    let string = IndexedValue::Bits(BitString::new(44, &[0x81, 2, 3, 0xff, 0xf0, 0x80]));
    let params = CodeParams::bits(Metric::Hamming, 44, form);
    params.encode_value(string, &mut code);
    // Three bytes as they are, then a count of 8 + 4 + 1 bits.
    assert_eq!(code, [-127, 2, 3, 13]);
}
