//! Neighbor lists of nodes against a model: whatever lists follow each other, a node holds the neighbors wanted, each
//! with its own code.

use annex::distance::Metric;
use annex::hnsw::codes::{EdgeFactors, Factors};
use annex::hnsw::layout::{ItemPtr, Node, NodeContents, NodeMut, Shape, Storage, damage};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Neighbors that lists are drawn from, in multiples of the degree.
const POOL: usize = 3;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(8),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    let dims = prop_oneof![1usize..200, Just(768)];
    (dims, prop::sample::select(vec![2usize, 3, 8, 16])).prop_map(|(dims, m)| {
        Shape::inline(Metric::L2, dims, m).expect("a shape of the inline form")
    })
}

/// Lists of distinct members of the pool, some longer than a node holds.
fn lists(degree: usize) -> impl Strategy<Value = Vec<Vec<usize>>> {
    let pool: Vec<usize> = (0..POOL * degree).collect();
    let list = (Just(pool).prop_shuffle(), 0..=degree + 2).prop_map(|(mut pool, len)| {
        pool.truncate(len);
        pool
    });
    prop::collection::vec(list, 1..12)
}

fn case() -> impl Strategy<Value = (Shape, Vec<Vec<usize>>, Vec<bool>)> {
    shape().prop_flat_map(|shape| {
        let degree = shape.base_degree;
        let has_code = prop::collection::vec(prop::bool::weighted(0.9), POOL * degree);
        (Just(shape), lists(degree), has_code)
    })
}

fn pointer(member: usize) -> ItemPtr {
    ItemPtr {
        block: 1 + member as u32 / 7,
        offset: 1 + member as u16 % 7,
        generation: 3,
    }
}

fn factors(member: usize) -> EdgeFactors {
    EdgeFactors {
        offset: 1.0 + member as f32,
        step: -2.0 - member as f32,
    }
}

fn sign(member: usize, at: usize) -> u8 {
    1 + ((member * 31 + at * 7) % 255) as u8
}

fn new_node(shape: &Shape) -> Vec<u8> {
    let mut item = vec![0xEE; shape.node_size()];
    NodeMut::new(&mut item, shape)
        .expect("an item of the size of a node")
        .fill(&NodeContents {
            level: 0,
            tids: &[],
            overflow: None,
            upper: ItemPtr::NONE,
            hash: 5,
            factors: Factors::default(),
            code: &vec![9; shape.dims],
        });
    item
}

/// Replaces the list by those of the members whose codes can be had.
fn replace(item: &mut [u8], shape: &Shape, list: &[usize], has_code: &[bool]) {
    let wanted: Vec<ItemPtr> = list.iter().copied().map(pointer).collect();
    NodeMut::new(item, shape)
        .expect("a node")
        .set_neighbors(&wanted, |neighbor, signs| {
            let mut members = 0..has_code.len();
            let member = members.find(|member| pointer(*member) == neighbor)?;
            assert_eq!(signs.len(), shape.sign_bytes());
            for (at, byte) in signs.iter_mut().enumerate() {
                *byte = sign(member, at);
            }
            // What was written counts only with factors.
            has_code[member].then(|| factors(member))
        });
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn inline_lists_are_those_wanted((shape, lists, has_code) in case()) {
        let mut item = new_node(&shape);
        let head = item[8..shape.node_head_size()].to_vec();
        let mut before: Vec<ItemPtr> = Vec::new();
        for (round, list) in lists.iter().enumerate() {
            replace(&mut item, &shape, list, &has_code);
            prop_assert_eq!(damage::of_node(&item, &shape), None);
            prop_assert_eq!(&item[8..shape.node_head_size()], &head[..]);
            let node = Node::read(&item, &shape).expect("a node");
            prop_assert_eq!(usize::from(node.list_version()), round + 1);

            // The members wanted, of new ones those with a code, in any order.
            let wanted = &list[..list.len().min(shape.base_degree)];
            let expected: Vec<usize> = wanted
                .iter()
                .copied()
                .filter(|member| has_code[*member] || before.contains(&pointer(*member)))
                .collect();
            let now: Vec<ItemPtr> = node.neighbors().collect();
            prop_assert_eq!(now.len(), expected.len());
            let edges = node.edges();
            prop_assert_eq!(edges.signs().len(), now.len() * shape.sign_bytes());
            for member in &expected {
                let place = now.iter().position(|there| *there == pointer(*member));
                let Some(place) = place else {
                    return Err(TestCaseError::fail(format!("{member} is not there")));
                };
                prop_assert_eq!(edges.factors().nth(place), Some(factors(*member)));
                let mut signs = edges.signs().chunks_exact(shape.sign_bytes()).nth(place).into_iter().flatten();
                prop_assert!((0..shape.sign_bytes()).all(|at| signs.next() == Some(&sign(*member, at))));
            }

            // Who stays keeps its place, unless the list shrank below it.
            for (place, stays) in before.iter().enumerate().take(now.len()) {
                prop_assert!(!now.contains(stays) || now[place] == *stays, "{before:?} -> {now:?}");
            }

            // Nothing is left of others.
            let degree = shape.base_degree;
            let pointers = shape.node_head_size();
            let parts = [8, 8, shape.sign_bytes()];
            let mut start = pointers;
            for size in parts {
                prop_assert!(item[start + now.len() * size..start + degree * size].iter().all(|byte| *byte == 0));
                start += degree * size;
            }
            prop_assert!(item[start..].iter().all(|byte| *byte == 0));
            before = now;
        }
    }

    /// Compact nodes keep the order of a list and need no codes.
    #[test]
    fn compact_lists_are_as_given((shape, lists, has_code) in case()) {
        let shape = Shape::compact(Metric::L2, shape.dims, shape.m);
        prop_assert_eq!(shape.storage, Storage::Compact);
        let mut item = new_node(&shape);
        for list in &lists {
            replace(&mut item, &shape, list, &vec![false; has_code.len()]);
            let node = Node::read(&item, &shape).expect("a node");
            let kept = list.iter().copied().take(shape.base_degree).map(pointer);
            prop_assert!(node.neighbors().eq(kept));
            prop_assert!(node.edges().signs().is_empty() && node.edges().factors().len() == 0);
            let end = shape.node_head_size() + 8 * node.neighbors().len();
            prop_assert!(item[end..].iter().all(|byte| *byte == 0));
        }
    }
}
