//! Pages of the B-tree that a TOAST table has on number and sequence of its chunks, as far as it takes to go to those of one
//! value (`access/nbtree.h`, version 4 of the format).
//!
//! Checks bounds, and no more of what a page says than it takes to read on: what is found is a guess for the caller to
//! check. `None` is: not found here.

use super::super::page::Page;
use super::super::relation::Tid;
use super::{u16_at, u32_at};
use std::ops::Range;

/// The page that tells where the root is.
pub const META_BLOCK: u32 = 0;
const MAGIC: u32 = 0x0005_3162;
const VERSION: u32 = 4;
/// Where the meta page has the root that searches begin at (`btm_fastroot`).
const FAST_ROOT_AT: usize = 16;

/// Where the special space has the right sibling and the flags, and its size.
const NEXT_AT: usize = 4;
const FLAGS_AT: usize = 12;
const SPECIAL_LEN: usize = 16;
const LEAF: u16 = 1;
const DELETED_META_OR_HALF_DEAD: u16 = 1 << 2 | 1 << 3 | 1 << 4;

/// Bytes of an index tuple before its columns, and where its size and flags are.
const TUPLE_HEADER_LEN: usize = 8;
const INFO_AT: usize = 6;
/// Size and flags of a leaf's tuple: two columns of four bytes, no NULL, one row.
const LEAF_INFO: u16 = 16;
/// The flag of a tuple that says how many columns it has where others have a line pointer, and where in that.
const HAS_COLUMN_COUNT: u16 = 0x2000;
const COLUMN_COUNT_MASK: u16 = 0x0fff;

/// Block and line pointer that a tuple points to: of a row, or only a block, of a child.
fn target_of(tuple: &[u8]) -> Option<Tid> {
    let (high, low) = (u16_at(tuple, 0)?, u16_at(tuple, 2)?);
    Some(Tid {
        block: (u32::from(high) << 16) | u32::from(low),
        offset: u16_at(tuple, 4)?,
    })
}

/// The root that the meta page names.
pub fn root_of(meta: Page<'_>) -> Option<u32> {
    let contents = meta.contents();
    let is_known = u32_at(contents, 0)? == MAGIC && u32_at(contents, 4)? == VERSION;
    let root = u32_at(contents, FAST_ROOT_AT)?;
    (is_known && root != META_BLOCK).then_some(root)
}

/// A page of the tree.
pub struct Node<'a> {
    page: Page<'a>,
    is_leaf: bool,
    /// Line pointers of its first entry, and behind its last one.
    first: u16,
    end: u16,
}

impl<'a> Node<'a> {
    /// Takes a page that is in the tree.
    pub fn read(page: Page<'a>) -> Option<Self> {
        let special = page.special();
        let flags = u16_at(special, FLAGS_AT)?;
        if special.len() != SPECIAL_LEN || flags & DELETED_META_OR_HALF_DEAD != 0 {
            return None;
        }
        // The first item of a page with a right sibling is the bound to that.
        let has_bound = u32_at(special, NEXT_AT)? != 0;
        Some(Self {
            page,
            is_leaf: flags & LEAF != 0,
            first: 1 + u16::from(has_bound),
            end: page.item_count() + 1,
        })
    }

    /// Whether its entries point to rows.
    pub fn is_leaf(&self) -> bool {
        self.is_leaf
    }

    /// The child that would have a value's first chunk, and between which values its entries lie, if it has both bounds.
    pub fn child_for(&self, value: u32) -> Option<(u32, Option<Range<u32>>)> {
        // The first entry is below all values, whatever it has.
        let is_before = |tuple: &[u8]| {
            let info = u16_at(tuple, INFO_AT)?;
            let columns = u16_at(tuple, 4)? & COLUMN_COUNT_MASK;
            let has_sequence = info & HAS_COLUMN_COUNT == 0 || columns > 1;
            let sequence = if has_sequence { sequence_of(tuple)? } else { 0 };
            Some((value_of(tuple)?, sequence) <= (value, 0))
        };
        let next = self.partition(self.first + 1..self.end, is_before)?;
        let child = target_of(self.page.item(next - 1)?)?.block;
        let has_bounds = next > self.first + 1 && next < self.end;
        let bound = |offset| self.page.item(offset).and_then(value_of);
        let bounds = has_bounds.then(|| Some(bound(next - 1)?..bound(next)?));
        Some((child, bounds.flatten()))
    }

    /// Writes where the value's chunks are; `None` if not all of them are on this page. Begins to look where they would be
    /// if values were numbered evenly between the bounds: each step away from there waits for memory.
    pub fn find_chunks(
        &self,
        value: u32,
        bounds: Option<Range<u32>>,
        tids: &mut [Tid],
    ) -> Option<()> {
        let is_before = |tuple: &[u8]| Some(value_of(tuple)? < value);
        let range = match bounds.and_then(|bounds| self.place_between(value, bounds)) {
            Some(guess) => self.range_around(guess, is_before)?,
            None => self.first..self.end,
        };
        let first = self.partition(range, is_before)?;
        for ((offset, sequence), tid) in (first..self.end).zip(0..).zip(tids.iter_mut()) {
            let tuple = self.page.item(offset)?;
            let is_chunk = u16_at(tuple, INFO_AT)? == LEAF_INFO
                && value_of(tuple)? == value
                && sequence_of(tuple)? == sequence;
            *tid = target_of(tuple).filter(|_| is_chunk)?;
        }
        tids.last()?.is_some().then_some(())
    }

    /// The line pointer at which a value lies between others.
    fn place_between(&self, value: u32, bounds: Range<u32>) -> Option<u16> {
        let count = u64::from(self.end.checked_sub(self.first)?);
        let (above, all) = (
            u64::from(value.checked_sub(bounds.start)?),
            u64::from(bounds.end.checked_sub(bounds.start)?),
        );
        let place = (count * above).checked_div(all)?;
        Some(self.first + u16::try_from(place).ok()?).filter(|guess| *guess < self.end)
    }

    /// A part of the entries around `guess` in which the first one is that does not come `before`, or which ends there.
    fn range_around(
        &self,
        guess: u16,
        before: impl Fn(&[u8]) -> Option<bool>,
    ) -> Option<Range<u16>> {
        let mut step = 1;
        if before(self.page.item(guess)?)? {
            let mut low = guess + 1;
            while low + step < self.end {
                if !before(self.page.item(low + step)?)? {
                    return Some(low..low + step);
                }
                low += step + 1;
                step *= 2;
            }
            return Some(low..self.end);
        }
        let mut high = guess;
        while high >= self.first + step {
            if before(self.page.item(high - step)?)? {
                return Some(high - step + 1..high);
            }
            high -= step;
            step *= 2;
        }
        Some(self.first..high)
    }

    /// The first line pointer of `range` whose tuple does not come `before`; those that do are in front of the others.
    fn partition(&self, range: Range<u16>, before: impl Fn(&[u8]) -> Option<bool>) -> Option<u16> {
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.page.item(middle)?)? {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low <= self.end).then_some(low)
    }
}

fn value_of(tuple: &[u8]) -> Option<u32> {
    u32_at(tuple, TUPLE_HEADER_LEN)
}

fn sequence_of(tuple: &[u8]) -> Option<u32> {
    u32_at(tuple, TUPLE_HEADER_LEN + 4)
}

#[cfg(test)]
mod tests {
    use super::super::super::page::{PAGE_SIZE, PageMut};
    use super::*;

    const VALUES: u32 = 60;
    const CHUNKS: u32 = 3;

    /// Where chunk `sequence` of a value lies.
    fn tid(value: u32, sequence: u32) -> Tid {
        Tid {
            block: (1 << 20) + value,
            offset: 1 + sequence as u16,
        }
    }

    fn tuple(target: Tid, info: u16, columns: &[u32]) -> Vec<u8> {
        let words = [
            (target.block >> 16) as u16,
            target.block as u16,
            target.offset,
            info,
        ];
        let columns = columns.iter().flat_map(|column| column.to_ne_bytes());
        let header = words.iter().flat_map(|word| word.to_ne_bytes());
        header.chain(columns).collect()
    }

    fn page_of(flags: u16, next: u32, tuples: &[Vec<u8>]) -> [u8; PAGE_SIZE] {
        let mut bytes = [0; PAGE_SIZE];
        let mut page = PageMut::new(&mut bytes);
        page.init(SPECIAL_LEN);
        page.special_mut()[NEXT_AT..NEXT_AT + 4].copy_from_slice(&next.to_ne_bytes());
        page.special_mut()[FLAGS_AT..FLAGS_AT + 2].copy_from_slice(&flags.to_ne_bytes());
        for tuple in tuples {
            if let Some(item) = page
                .add_item(tuple.len())
                .and_then(|offset| page.item_mut(offset))
            {
                item.copy_from_slice(tuple);
            }
        }
        bytes
    }

    /// A leaf with every second number, three chunks each, and a bound behind them.
    fn leaf() -> [u8; PAGE_SIZE] {
        let bound = tuple(Tid::NONE, HAS_COLUMN_COUNT | 16, &[2 * VALUES, 0]);
        let chunks = (0..VALUES).flat_map(|i| (0..CHUNKS).map(move |sequence| (2 * i, sequence)));
        let entries = chunks
            .map(|(value, sequence)| tuple(tid(value, sequence), LEAF_INFO, &[value, sequence]));
        page_of(
            LEAF,
            7,
            &std::iter::once(bound).chain(entries).collect::<Vec<_>>(),
        )
    }

    fn found(bytes: &[u8; PAGE_SIZE], value: u32, bounds: Option<Range<u32>>) -> Option<[Tid; 3]> {
        let mut tids = [Tid::NONE; CHUNKS as usize];
        let node = Node::read(Page::new(bytes)).filter(Node::is_leaf)?;
        node.find_chunks(value, bounds, &mut tids).map(|()| tids)
    }

    #[test]
    fn a_leaf_gives_the_chunks_of_its_values_wherever_the_search_begins() {
        let leaf = leaf();
        let guesses = [
            None,
            Some(0..2 * VALUES),
            Some(0..1),
            Some(0..u32::MAX),
            Some(5..5),
            Some(50..60),
        ];
        for bounds in guesses {
            for value in 0..2 * VALUES + 2 {
                let expected = [0, 1, 2].map(|sequence| tid(value, sequence));
                let is_there = value % 2 == 0 && value < 2 * VALUES;
                let expected = is_there.then_some(expected);
                assert_eq!(found(&leaf, value, bounds.clone()), expected);
            }
        }
    }

    #[test]
    fn an_inner_page_leads_to_the_child_with_the_first_chunk() {
        let child = |block: u32, columns: u16| Tid {
            block,
            offset: columns,
        };
        let inner = page_of(
            0,
            0,
            &[
                tuple(child(10, 0), HAS_COLUMN_COUNT | 8, &[]),
                tuple(child(11, 1), HAS_COLUMN_COUNT | 16, &[100, 9]),
                tuple(child(12, 2), HAS_COLUMN_COUNT | 16, &[200, 1]),
                tuple(child(13, 2), HAS_COLUMN_COUNT | 16, &[300, 0]),
            ],
        );
        let Some(node) = Node::read(Page::new(&inner)) else {
            panic!("the page is one of the tree");
        };
        assert!(!node.is_leaf());
        assert_eq!(node.child_for(99), Some((10, None)));
        assert_eq!(node.child_for(100), Some((11, Some(100..200))));
        assert_eq!(node.child_for(200), Some((11, Some(100..200))));
        assert_eq!(node.child_for(201), Some((12, Some(200..300))));
        assert_eq!(node.child_for(300), Some((13, None)));
        assert_eq!(node.child_for(u32::MAX), Some((13, None)));
    }

    #[test]
    fn other_pages_and_damaged_ones_have_nothing() {
        let entry = tuple(tid(1, 0), LEAF_INFO, &[1, 0]);
        for flag in [1 << 2, 1 << 3, 1 << 4] {
            assert!(
                Node::read(Page::new(&page_of(
                    LEAF | flag,
                    0,
                    std::slice::from_ref(&entry)
                )))
                .is_none()
            );
        }
        assert!(Node::read(Page::new(&[0; PAGE_SIZE])).is_none());
        assert_eq!(root_of(Page::new(&leaf())), None);
        let leaf = leaf();
        for at in (0..64).chain(PAGE_SIZE - 64..PAGE_SIZE) {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = leaf;
                damaged[at] = byte;
                for value in [0, 2, 60, 118, 200] {
                    let _ = found(&damaged, value, Some(0..120));
                    let child = Node::read(Page::new(&damaged)).map(|node| node.child_for(value));
                    let _ = child;
                }
            }
        }
    }
}
