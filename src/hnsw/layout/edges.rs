//! Lists of neighbors with one-bit codes, as nodes and upper items of the inline form hold them: pointers, then factors,
//! then signs. Pure.

use super::{ITEM_PTR_SIZE, ItemPtr, LIST_VERSION, f32_at, list, put, u16_at};
use crate::hnsw::codes::EdgeFactors;
use std::collections::VecDeque;

/// Bytes of the factors of an edge.
const FACTORS_SIZE: usize = 8;

/// Bytes of one place of a list whose signs take `sign_bytes`.
pub(super) const fn edge_size(sign_bytes: usize) -> usize {
    ITEM_PTR_SIZE + FACTORS_SIZE + sign_bytes
}

/// The codes of the neighbors in one list.
#[derive(Clone, Copy)]
pub struct Edges<'a> {
    factors: &'a [u8],
    signs: &'a [u8],
}

impl<'a> Edges<'a> {
    /// Of a list without codes.
    pub(super) const NONE: Self = Edges {
        factors: &[],
        signs: &[],
    };

    /// The signs of all neighbors, one behind the other.
    #[inline]
    pub fn signs(self) -> &'a [u8] {
        self.signs
    }

    /// The factors of all neighbors: any bit patterns, as they are on the page.
    #[inline]
    pub fn factors(self) -> impl ExactSizeIterator<Item = EdgeFactors> + 'a {
        self.factors
            .chunks_exact(FACTORS_SIZE)
            .map(|b| EdgeFactors {
                offset: f32_at(b, 0),
                step: f32_at(b, 4),
            })
    }
}

/// Where in an item a list with codes lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct EdgeList {
    /// Offset of the first pointer.
    pub(super) at: usize,
    /// Offset of the byte that counts the neighbors.
    pub(super) count_at: usize,
    /// Places.
    pub(super) degree: usize,
    /// Bytes of the signs of one edge.
    pub(super) sign_bytes: usize,
}

impl EdgeList {
    fn factors_at(&self) -> usize {
        self.at + self.degree * ITEM_PTR_SIZE
    }

    fn signs_at(&self) -> usize {
        self.factors_at() + self.degree * FACTORS_SIZE
    }

    /// The codes in `item`, which was checked to be of the right length and to have no more than `degree` neighbors.
    #[inline]
    pub(super) fn edges<'a>(&self, item: &'a [u8]) -> Edges<'a> {
        let count = usize::from(item[self.count_at]);
        let (factors, signs) = (self.factors_at(), self.signs_at());
        Edges {
            factors: &item[factors..factors + count * FACTORS_SIZE],
            signs: &item[signs..signs + count * self.sign_bytes],
        }
    }

    /// Replaces the neighbors (at most `degree`) and raises the item's list version. Those that stay keep their place
    /// and code, so that little of the page changes; for each new one `encode` writes the signs of the way to it and
    /// returns the factors, or `None` if its code cannot be had: it is left out then.
    pub(super) fn set(
        &self,
        item: &mut [u8],
        neighbors: &[ItemPtr],
        mut encode: impl FnMut(ItemPtr, &mut [u8]) -> Option<EdgeFactors>,
    ) {
        let old: Vec<ItemPtr> = list(item, self.at, usize::from(item[self.count_at])).collect();
        let wanted = &neighbors[..neighbors.len().min(self.degree)];
        // Places that become free, in order; new neighbors go there, then behind the old list.
        let mut holes: VecDeque<usize> = (0..old.len())
            .filter(|place| !wanted.contains(&old[*place]))
            .collect();
        let mut used = old.len();
        for neighbor in wanted.iter().filter(|neighbor| !old.contains(neighbor)) {
            let place = holes.front().copied().unwrap_or(used);
            if self.write_edge(item, place, *neighbor, &mut encode) {
                used += usize::from(holes.pop_front().is_none());
            }
        }
        // What stays at the end fills the holes that are left.
        while let Some(hole) = holes.front().copied() {
            used -= 1;
            if holes.back() == Some(&used) {
                holes.pop_back();
            } else {
                self.move_edge(item, used, hole);
                holes.pop_front();
            }
        }
        item[self.count_at] = used as u8;
        for place in used..self.degree {
            for (at, len) in self.places(place) {
                item[at..at + len].fill(0);
            }
        }
        let version = u16_at(item, LIST_VERSION).wrapping_add(1);
        put(item, LIST_VERSION, version.to_ne_bytes());
    }

    /// Offset and length of pointer, factors and signs of an edge.
    fn places(&self, place: usize) -> [(usize, usize); 3] {
        let sizes = [
            (self.at, ITEM_PTR_SIZE),
            (self.factors_at(), FACTORS_SIZE),
            (self.signs_at(), self.sign_bytes),
        ];
        sizes.map(|(start, len)| (start + place * len, len))
    }

    fn move_edge(&self, item: &mut [u8], from: usize, to: usize) {
        if from != to {
            for ((from, len), (to, _)) in self.places(from).into_iter().zip(self.places(to)) {
                item.copy_within(from..from + len, to);
            }
        }
    }

    /// Writes a new edge at `place`; `false` if `encode` has no code.
    fn write_edge(
        &self,
        item: &mut [u8],
        place: usize,
        neighbor: ItemPtr,
        encode: &mut impl FnMut(ItemPtr, &mut [u8]) -> Option<EdgeFactors>,
    ) -> bool {
        let [(pointer, _), (factors_at, _), (signs, len)] = self.places(place);
        let Some(factors) = encode(neighbor, &mut item[signs..signs + len]) else {
            return false;
        };
        neighbor.write(item, pointer);
        put(item, factors_at, factors.offset.to_ne_bytes());
        put(item, factors_at + 4, factors.step.to_ne_bytes());
        true
    }
}
