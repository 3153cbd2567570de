//! Sparse vectors against their oracles: identity for round trips, dense vectors for distances, order and casts; damaged
//! input gives an error that names the type, and never a panic.

use annex::distance::sparse::{NonZeros, inner_product, l1, l2_squared};
use annex::distance::{self, Metric};
use annex::error::Result;
use annex::types::sparse::{SparseVector, SparseView, binary, compare, text};
use annex::types::vector;
use proptest::prelude::*;
use proptest::sample::Index;

fn parsed(literal: &[u8]) -> Result<SparseVector> {
    text::parse(literal, -1)
}

fn printed(vector: SparseView) -> Vec<u8> {
    let mut out = vec![0xff; text::print_bound(vector.values().len())];
    let len = text::print(vector, &mut out);
    out.truncate(len);
    out
}

fn encoded(vector: SparseView) -> Vec<u8> {
    let mut message = vec![0xff; binary::encoded_len(vector.values().len())];
    binary::encode(vector, &mut message);
    message
}

fn dense(vector: &SparseVector) -> Vec<f32> {
    let mut elements = vec![9.0; vector.view().dims()];
    vector.view().write_dense(&mut elements).unwrap();
    elements
}

fn non_zeros(vector: &SparseVector) -> NonZeros<'_> {
    NonZeros::new(vector.view().indices(), vector.view().values())
}

/// What every sparse vector promises.
fn assert_valid(vector: SparseView) {
    assert!((1..=1_000_000_000).contains(&vector.dims()));
    assert_eq!(vector.indices().len(), vector.values().len());
    assert!(vector.indices().is_sorted_by(|a, b| a < b));
    assert!(
        vector
            .indices()
            .iter()
            .all(|&index| (index as usize) < vector.dims())
    );
    assert!(vector.values().iter().all(|&x| x.is_finite() && x != 0.0));
}

/// Every finite number but zero is as likely as its bits.
fn any_non_zero() -> impl Strategy<Value = f32> {
    any::<u32>()
        .prop_map(f32::from_bits)
        .prop_filter("finite, not zero", |x| x.is_finite() && *x != 0.0)
}

/// Vectors of any dimensions, with elements in any order.
fn wide() -> impl Strategy<Value = SparseVector> {
    let dims = prop_oneof![1_usize..50, 1_usize..=1_000_000_000];
    let elements = prop::collection::vec((any::<Index>(), any_non_zero()), 0..40);
    (dims, elements).prop_map(|(dims, elements)| {
        let mut elements: Vec<(i64, f32)> = elements
            .into_iter()
            .map(|(index, value)| (index.index(dims) as i64, value))
            .collect();
        elements.sort_by_key(|&(index, _)| std::cmp::Reverse(index));
        elements.dedup_by_key(|&mut (index, _)| index);
        SparseVector::from_elements(dims, elements).unwrap()
    })
}

/// Two vectors of as many dimensions, whose elements are mostly zero, always, or never.
fn pairs(element: impl Strategy<Value = f32> + Clone) -> impl Strategy<Value = [Vec<f32>; 2]> {
    (1_usize..200).prop_flat_map(move |dims| {
        let one = (0..=4_u32).prop_flat_map({
            let element = element.clone();
            move |weight| {
                let element = prop_oneof![weight => element.clone(), 4 - weight => Just(0.0)];
                prop::collection::vec(element, dims)
            }
        });
        [one.clone(), one]
    })
}

fn small_integers() -> impl Strategy<Value = f32> + Clone {
    (-9_i8..=9).prop_map(f32::from)
}

fn sparse([a, b]: &[Vec<f32>; 2]) -> [SparseVector; 2] {
    [a, b].map(|x| SparseVector::from_dense(x.iter().copied()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    // Proves: what is printed reads back as the same vector.
    #[test]
    fn text_round_trip(vector in wide()) {
        assert_valid(vector.view());
        prop_assert_eq!(parsed(&printed(vector.view())), Ok(vector));
    }

    // Proves: what is sent is received as the same vector.
    #[test]
    fn binary_round_trip(vector in wide()) {
        prop_assert_eq!(binary::decode(&encoded(vector.view()), -1), Ok(vector));
    }

    // Proves: a literal may name its elements in any order, with zeros among them and white space around every token.
    #[test]
    fn order_and_space_do_not_matter(vector in wide(), rotation in any::<Index>(), spaces in "[ \t\n]{1,8}") {
        let view = vector.view();
        let mut elements: Vec<String> = view.indices().iter().zip(view.values())
            .map(|(index, value)| format!("{} :{spaces}{value:e}", index + 1))
            .chain([format!("{}:0", view.dims() / 2 + 1), "0: -0.0".to_owned()])
            .collect();
        let rotation = rotation.index(elements.len());
        elements.rotate_left(rotation);
        let literal = format!("{spaces}{{{}{spaces}}} /{}{spaces}", elements.join(&format!("{spaces}, ")), view.dims());
        prop_assert_eq!(parsed(literal.as_bytes()), Ok(vector));
    }

    // Proves: dense and back is the same vector.
    #[test]
    fn dense_round_trip(pair in pairs(any_non_zero().boxed())) {
        for (elements, vector) in pair.iter().zip(sparse(&pair)) {
            assert_valid(vector.view());
            prop_assert_eq!(&dense(&vector), elements);
        }
    }

    // Proves: sums of small integers, which every order of summation gives exactly, are those of the dense vectors; with
    // them every distance is.
    #[test]
    fn distances_are_those_of_dense_vectors(pair in pairs(small_integers())) {
        let ([a, b], [x, y]) = (&pair, sparse(&pair));
        let (x, y) = (non_zeros(&x), non_zeros(&y));
        prop_assert_eq!(l2_squared(x, y), distance::l2_squared(a, b));
        prop_assert_eq!(inner_product(x, y), distance::inner_product(a, b));
        prop_assert_eq!(l1(x, y), distance::l1(a, b));
        for metric in [Metric::L2, Metric::InnerProduct, Metric::Cosine, Metric::L1] {
            let (sparse, dense) = (metric.sparse_distance(x, y), metric.distance(a, b));
            prop_assert!(sparse == dense || sparse.is_nan() && dense.is_nan(), "{sparse} for {dense}");
        }
    }

    // Proves: of other numbers the sums are as near to binary64 truth as any order of summation: 2^-24 times the number
    // of operations, relative to the sum of magnitudes.
    #[test]
    fn distances_are_near_the_truth(pair in pairs((-1_000_000_i32..1_000_000).prop_map(|x| x as f32 / 1024.0))) {
        let ([a, b], [x, y]) = (&pair, sparse(&pair));
        let (x, y) = (non_zeros(&x), non_zeros(&y));
        let unit = (a.len() + 8) as f64 * f64::from(f32::EPSILON) / 2.0;
        let near = |got: f32, term: fn(f64, f64) -> f64| {
            let terms = a.iter().zip(b).map(|(&x, &y)| term(x.into(), y.into()));
            let (want, magnitude) = terms.fold((0.0, 0.0), |(sum, all), term| (sum + term, all + term.abs()));
            (f64::from(got) - want).abs() <= unit * magnitude
        };
        prop_assert!(near(l2_squared(x, y), |x, y| (x - y) * (x - y)));
        prop_assert!(near(inner_product(x, y), |x, y| x * y));
        prop_assert!(near(l1(x, y), |x, y| (x - y).abs()));
    }

    // Proves: the order is that of the dense vectors, and the norm and the normalized vector are theirs.
    #[test]
    fn order_and_norm_are_those_of_dense_vectors(pair in pairs(prop_oneof![small_integers(), any_non_zero()].boxed()), cut in any::<Index>()) {
        let [mut a, b] = pair;
        a.truncate(1 + cut.index(a.len()));
        let pair = [a, b];
        let ([a, b], [x, y]) = (&pair, sparse(&pair));
        prop_assert_eq!(compare(x.view(), y.view()), vector::compare(a, b));
        prop_assert_eq!(compare(y.view(), x.view()), vector::compare(b, a));
        prop_assert_eq!(x.view().norm(), vector::norm(a));
        let mut normalized = vec![9.0; a.len()];
        vector::normalize(a, &mut normalized).unwrap();
        let result = x.view().normalized().unwrap();
        assert_valid(result.view());
        prop_assert_eq!(dense(&result), normalized);
    }

    // Proves: text with bytes changed, cut or doubled is read or refused, and every refusal names the type.
    #[test]
    fn damaged_literals_are_refused_by_name(
        vector in wide(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let mut literal = printed(vector.view());
        for (place, byte, kind) in damage {
            let at = place.index(literal.len());
            match kind {
                0 => literal[at] = byte,
                1 => literal.insert(at, byte),
                2 => literal.truncate(at + 1),
                _ => literal[at] = b",.{}/:e+-x 0n"[usize::from(byte) % 13],
            }
        }
        match parsed(&literal) {
            Ok(vector) => assert_valid(vector.view()),
            Err(error) => prop_assert!(error.message.contains("sparsevec"), "{}", error.message),
        }
    }

    // Proves: a message with fields changed or cut is a valid vector or an error.
    #[test]
    fn damaged_messages_are_refused(
        vector in wide(),
        damage in prop::collection::vec((any::<Index>(), prop_oneof![any::<u32>(), 0..9_u32]), 1..4),
        cut in prop_oneof![4 => Just(None), 1 => any::<Index>().prop_map(Some)],
    ) {
        let mut message = encoded(vector.view());
        for (place, field) in damage {
            let at = 4 * place.index(message.len() / 4);
            message[at..at + 4].copy_from_slice(&field.to_be_bytes());
        }
        if let Some(cut) = cut {
            message.truncate(cut.index(message.len()));
        }
        if let Ok(vector) = binary::decode(&message, -1) {
            assert_valid(vector.view());
            prop_assert!(message.starts_with(&encoded(vector.view())));
        }
    }

    // Proves: arbitrary bytes are a vector or an error, in both forms.
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(vector) = binary::decode(&bytes, -1) {
            assert_valid(vector.view());
        }
        if let Err(error) = parsed(&bytes) {
            prop_assert!(error.message.contains("sparsevec"), "{}", error.message);
        }
    }
}
