//! Upper items: the levels above 0 of one node, in the inline form with one-bit codes on the lower of these. Pure.

use super::{
    Edges, GENERATION, ItemPtr, LEVEL, LIST_VERSION, STATE, Shape, SlotState, as_code,
    factors_are_valid, list, put, read_factors, u16_at, write_code, write_factors, write_list,
};
use crate::hnsw::codes::{EdgeFactors, Factors};

const UPPER_NODE: usize = 8;
pub(super) const UPPER_FACTORS: usize = 16;
pub(super) const UPPER_COUNTS: usize = 32;
pub(super) const UPPER_CODE: usize = 48;

/// The levels above 0 of one node: a copy of its code, and a list a level, whose pointers lead to upper items.
#[derive(Clone, Copy)]
pub struct Upper<'a> {
    item: &'a [u8],
    shape: &'a Shape,
}

impl<'a> Upper<'a> {
    /// Reads an upper item in any state; `None` if it cannot be one of this shape.
    #[inline]
    pub fn read(item: &'a [u8], shape: &'a Shape) -> Option<Self> {
        let level = *item.get(LEVEL)?;
        let fits = (1..=shape.max_level()).contains(&level)
            && shape.upper_fits(item, level)
            && SlotState::of(item).is_some()
            && item[UPPER_COUNTS..UPPER_COUNTS + usize::from(level)]
                .iter()
                .all(|count| usize::from(*count) <= shape.degree(1))
            && factors_are_valid(item, UPPER_FACTORS);
        fits.then_some(Self { item, shape })
    }

    /// State of the slot: Live or Free.
    pub fn state(self) -> SlotState {
        SlotState::of(self.item).unwrap_or(SlotState::Free)
    }

    /// Generation of the slot.
    pub fn generation(self) -> u16 {
        u16_at(self.item, GENERATION)
    }

    /// Whether the slot is in use and still that of a pointer with `generation`.
    #[inline]
    pub fn is_current(self, generation: u16) -> bool {
        self.generation() == generation && self.state() != SlotState::Free
    }

    /// Grows with each change of any of the lists.
    pub fn list_version(self) -> u16 {
        u16_at(self.item, LIST_VERSION)
    }

    /// Highest level of the node.
    pub fn level(self) -> u8 {
        self.item[LEVEL]
    }

    /// The node on level 0.
    pub fn node(self) -> ItemPtr {
        ItemPtr::read(self.item, UPPER_NODE)
    }

    /// Factors of the code.
    #[inline]
    pub fn factors(self) -> Factors {
        read_factors(self.item, UPPER_FACTORS)
    }

    /// The code, a copy of the node's.
    #[inline]
    pub fn code(self) -> &'a [i8] {
        as_code(&self.item[UPPER_CODE..UPPER_CODE + self.shape.upper_code_len(self.item)])
    }

    /// The neighbors on `level`; none above the node's own level.
    #[inline]
    pub fn neighbors(self, level: u8) -> impl ExactSizeIterator<Item = ItemPtr> + 'a {
        let used = if self.has_level(level) {
            self.item[upper_count_at(level)]
        } else {
            0
        };
        let level = level.clamp(1, self.level());
        let at = self.shape.upper_list_in(self.item, level);
        list(self.item, at, usize::from(used))
    }

    /// The codes of the neighbors on `level`, in the order of [`Self::neighbors`]; none where there are none.
    #[inline]
    pub fn edges(self, level: u8) -> Edges<'a> {
        let list = self.shape.edge_list(level);
        match list.filter(|_| self.has_level(level)) {
            Some(list) => list.edges(self.item),
            None => Edges::NONE,
        }
    }

    #[inline]
    fn has_level(self, level: u8) -> bool {
        (1..=self.level()).contains(&level)
    }
}

/// An upper item, to write.
pub struct UpperMut<'a> {
    item: &'a mut [u8],
    shape: &'a Shape,
}

impl<'a> UpperMut<'a> {
    /// An upper item to write; `None` if its length fits no level of this shape.
    pub fn new(item: &'a mut [u8], shape: &'a Shape) -> Option<Self> {
        shape
            .is_upper_len(item.len())
            .then_some(Self { item, shape })
    }

    /// Fills a free or new slot of the size of `level`; the generation stays, all lists are empty.
    pub fn fill(&mut self, level: u8, node: ItemPtr, factors: &Factors, code: &[i8]) {
        let generation = u16_at(self.item, GENERATION);
        self.item.fill(0);
        self.item[STATE] = SlotState::Live as u8;
        self.item[LEVEL] = level;
        put(self.item, GENERATION, generation.to_ne_bytes());
        node.write(self.item, UPPER_NODE);
        write_factors(self.item, UPPER_FACTORS, factors);
        write_code(&mut self.item[UPPER_CODE..], code);
        self.shape.mark_upper(self.item, code.len());
    }

    /// Replaces the list of `level` (from 1, at most the node's own) and raises the version; `encode` is called for new
    /// neighbors where lists have codes, as in [`super::NodeMut::set_neighbors`].
    pub fn set_neighbors(
        &mut self,
        level: u8,
        neighbors: &[ItemPtr],
        encode: impl FnMut(ItemPtr, &mut [u8]) -> Option<EdgeFactors>,
    ) {
        let level = level.max(1);
        match self.shape.edge_list(level) {
            Some(list) => list.set(self.item, neighbors, encode),
            None => write_list(
                self.item,
                self.shape.upper_list_in(self.item, level),
                upper_count_at(level),
                self.shape.degree(1),
                neighbors,
            ),
        }
    }
}

/// Where the number of neighbors on `level`, at least 1, stands.
pub(super) fn upper_count_at(level: u8) -> usize {
    UPPER_COUNTS + usize::from(level) - 1
}
