//! Why an item was refused by its `read`: the words of XX002 and of `annex.verify`. Pure.

use super::node::NODE_FACTORS;
use super::upper::{UPPER_COUNTS, UPPER_FACTORS};
use super::{CHUNK_CAPACITY, CHUNK_SIZE, COUNT, LEVEL, Shape, SlotState, factors_are_valid};

/// Of items that are all as long.
fn size(item: &[u8], expected: usize) -> Option<String> {
    (item.len() != expected).then(|| format!("It has {} bytes, not {expected}.", item.len()))
}

fn state(item: &[u8]) -> Option<String> {
    match (item.first(), SlotState::of(item)) {
        (_, Some(_)) => None,
        (Some(state), None) => Some(format!("Its state is {state}.")),
        (None, None) => Some("It has no bytes.".to_owned()),
    }
}

fn count(count: u8, most: usize, what: &str) -> Option<String> {
    (usize::from(count) > most).then(|| format!("{count} {what} where at most {most} fit."))
}

fn factors(item: &[u8], at: usize) -> Option<String> {
    (!factors_are_valid(item, at))
        .then(|| "A factor of its code is negative, infinite or not a number.".to_owned())
}

fn size_of_node(item: &[u8], shape: &Shape) -> Option<String> {
    if shape.has_one_length() {
        size(item, shape.node_size())
    } else {
        (!shape.node_fits(item)).then(|| differing_size(item, "node"))
    }
}

fn size_of_upper(item: &[u8], level: u8, shape: &Shape) -> Option<String> {
    if shape.has_one_length() {
        size(item, shape.upper_size(level))
    } else {
        (!shape.upper_fits(item, level)).then(|| differing_size(item, "upper item"))
    }
}

fn differing_size(item: &[u8], what: &str) -> String {
    format!(
        "It is not marked as {what}, or has too few bytes, {}, for its code and lists.",
        item.len()
    )
}

/// What is wrong with a node item; `None` if [`super::Node::read`] accepts it.
pub fn of_node(item: &[u8], shape: &Shape) -> Option<String> {
    size_of_node(item, shape)
        .or_else(|| state(item))
        .or_else(|| count(item[COUNT], shape.degree(0), "neighbors"))
        .or_else(|| level(item[LEVEL], 0, shape))
        .or_else(|| factors(item, NODE_FACTORS))
}

fn level(level: u8, lowest: u8, shape: &Shape) -> Option<String> {
    let highest = shape.max_level();
    (!(lowest..=highest).contains(&level))
        .then(|| format!("Its level is {level}, not in {lowest} to {highest}."))
}

/// What is wrong with an upper item; `None` if [`super::Upper::read`] accepts it.
pub fn of_upper(item: &[u8], shape: &Shape) -> Option<String> {
    let Some(&at) = item.get(LEVEL) else {
        return state(item);
    };
    level(at, 1, shape)
        .or_else(|| size_of_upper(item, at, shape))
        .or_else(|| state(item))
        .or_else(|| {
            item[UPPER_COUNTS..UPPER_COUNTS + usize::from(at)]
                .iter()
                .find_map(|used| count(*used, shape.degree(1), "neighbors"))
        })
        .or_else(|| factors(item, UPPER_FACTORS))
}

/// What is wrong with a TID chunk; `None` if [`super::TidChunk::read`] accepts it.
pub fn of_chunk(item: &[u8]) -> Option<String> {
    size(item, CHUNK_SIZE)
        .or_else(|| state(item))
        .or_else(|| count(item[COUNT], CHUNK_CAPACITY, "rows"))
}

#[cfg(test)]
mod tests {
    use super::super::{Node, TidChunk, Upper};
    use super::*;
    use crate::distance::Metric;
    use crate::types::indexed::IndexedType;

    /// Every item with one changed byte is refused with a reason or accepted without one.
    #[test]
    fn a_reason_is_given_exactly_for_what_is_refused() {
        let inline = Shape::inline(Metric::L2, 5, 2).expect("a shape of the inline form");
        let sparse = Shape::compact(Metric::L2, 5, 2).of(IndexedType::Sparsevec);
        for shape in [Shape::compact(Metric::L2, 5, 2), inline] {
            check(&shape, [shape.node_size(), shape.upper_size(1)]);
        }
        check(
            &sparse,
            [sparse.node_size_for(18), sparse.upper_size_for(1, 18)],
        );
    }

    fn check(shape: &Shape, [node, upper]: [usize; 2]) {
        let mut refused = [0; 3];
        for (len, kind) in [
            (node, 0),
            (upper, 1),
            (CHUNK_SIZE, 2),
            (7, 0),
            (0, 1),
            (3, 2),
        ] {
            for at in 0..len.max(1) {
                for value in 0..=255u8 {
                    let mut item = vec![0; len];
                    if kind == 1 && len > LEVEL {
                        item[LEVEL] = 1;
                    }
                    if kind < 2 && len > 30 && !shape.has_one_length() {
                        item[2] = kind as u8 + 1;
                    }
                    if let Some(byte) = item.get_mut(at) {
                        *byte = value;
                    }
                    let (is_read, reason) = match kind {
                        0 => (Node::read(&item, shape).is_some(), of_node(&item, shape)),
                        1 => (Upper::read(&item, shape).is_some(), of_upper(&item, shape)),
                        _ => (TidChunk::read(&item).is_some(), of_chunk(&item)),
                    };
                    assert_eq!(
                        is_read,
                        reason.is_none(),
                        "kind {kind}, byte {at} = {value}"
                    );
                    refused[kind] += usize::from(!is_read);
                }
            }
        }
        assert!(refused.iter().all(|count| *count > 200));
    }
}
