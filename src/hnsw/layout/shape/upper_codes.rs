//! Which levels above 0 have lists with codes of the neighbors, and how long these lists are: part of the format. Pure.

use super::{ITEM_PTR_SIZE, LINE_POINTER_SIZE, MAX_ITEM_SIZE, MAX_LEVEL, PAGE_ROOM};
use super::{Shape, Storage, edge_size, largest_of};

/// Fewer neighbors than this do not hold an upper level together as well: then none is given up for the fit.
const FITTED_UPPER_DEGREE: usize = 12;

/// Lists of upper levels have codes on as many levels as leave room for so many levels, if there is room for them at
/// all: at m = 16 some 65,000 nodes for each one of the highest.
const LEAST_LEVELS: u8 = 4;

/// They have none if upper items would take more than this part of the space of the nodes: of inline nodes, of compact
/// ones.
const LARGEST_UPPER_SHARE: [usize; 2] = [20, 6];

/// Dimensions from which a compact index has them: below, it reads a code as fast as it estimates one.
const COMPACT_UPPER_CODES_DIMS: usize = 128;

impl Shape {
    /// The shape of a compact index without codes, or the same with codes on upper levels if these are worth their space.
    pub(super) fn or_with_upper_codes(self) -> Self {
        let coded = self.with_compact_upper_codes();
        let is_worth_it = self.dims >= COMPACT_UPPER_CODES_DIMS && coded.upper_share_is_small();
        if is_worth_it { coded } else { self }
    }

    /// The same with codes on upper levels, if it is a compact one and has room for them.
    #[must_use]
    pub(in crate::hnsw::layout) fn with_compact_upper_codes(self) -> Self {
        let has_compact_upper_codes = self.storage == Storage::Compact;
        Self {
            has_compact_upper_codes,
            ..self
        }
        .with_sizes()
    }

    /// Gives lists of upper levels codes, unless there is no room for them, or in the inline form these take too much
    /// space; with fewer neighbors than `m`, down to four fifths and 12, if one item more of level 1 fits each page then.
    pub(super) fn add_upper_codes(&mut self) {
        let plain = self.levels_with(0);
        self.coded_levels = 1;
        let items = self.uppers_per_page();
        let edge = edge_size(self.sign_bytes());
        let fitted = largest_of(items + 1).saturating_sub(self.lists_at()) / edge;
        if fitted < self.m && 5 * fitted >= 4 * self.m && fitted >= FITTED_UPPER_DEGREE {
            self.upper_degree = fitted;
        }
        // Of a compact index the meta page says so, whatever is thought to be worth it.
        let is_worth_it = self.storage == Storage::Compact || self.upper_share_is_small();
        let fits = |coded: &u8| self.levels_with(*coded) >= plain.min(LEAST_LEVELS).max(*coded);
        let coded = (0..=MAX_LEVEL).rev().filter(|_| is_worth_it).find(fits);
        self.coded_levels = coded.unwrap_or(0);
        if self.coded_levels == 0 {
            self.upper_degree = self.m;
        }
    }

    /// Upper items of level 1 on a full page.
    fn uppers_per_page(&self) -> usize {
        PAGE_ROOM / (self.upper_size(1) + LINE_POINTER_SIZE)
    }

    /// Whether upper items, one for `m` nodes, take little space beside the nodes.
    fn upper_share_is_small(&self) -> bool {
        let [inline, compact] = LARGEST_UPPER_SHARE;
        let share = match self.storage {
            Storage::Inline => inline,
            Storage::Compact => compact,
        };
        share * self.nodes_per_page() <= self.uppers_per_page() * self.m
    }

    /// How many levels above 0 fit an upper item if the lowest `coded` of them have codes, 15 at most.
    pub(super) fn levels_with(&self, coded: u8) -> u8 {
        let with_codes = self.upper_degree.max(1) * edge_size(self.sign_bytes());
        let without = self.upper_degree.max(1) * ITEM_PTR_SIZE;
        let room = MAX_ITEM_SIZE.saturating_sub(self.lists_at());
        let fitting = (room / with_codes).min(usize::from(coded));
        let more = if fitting < usize::from(coded) {
            0
        } else {
            (room - fitting * with_codes) / without
        };
        (fitting + more).min(usize::from(MAX_LEVEL)) as u8
    }
}
