//! How long items are, and where their parts lie: for codes that are all as long one length for each kind of item, for
//! codes that differ in length the item's own. Pure.
//!
//! Items of differing length are marked as what they are, so that a pointer to another kind is found. They say how many
//! elements their code has; lists end where the item ends, and what lies between is free: a slot may be longer than what
//! it holds now.

use super::node::NODE_CODE;
use super::upper::UPPER_CODE;
use super::{ITEM_PTR_SIZE, LEVEL, Shape, put, u16_at};
use crate::hnsw::codes::BYTES_PER_NON_ZERO;

/// What an item of differing length is; 0 in items of one length.
const FLAGS: usize = 2;
const NODE_MARK: u8 = 1;
const UPPER_MARK: u8 = 2;

/// Number of elements of the code.
const NODE_NON_ZEROS: usize = 54;
const UPPER_NON_ZEROS: usize = 28;

impl Shape {
    /// Bytes of a node item with a code of `code_len` bytes.
    #[inline]
    pub fn node_size_for(&self, code_len: usize) -> usize {
        if self.has_one_length() {
            self.node_size()
        } else {
            NODE_CODE + code_len.next_multiple_of(8) + self.base_degree * ITEM_PTR_SIZE
        }
    }

    /// Bytes of an upper item of a node of `level` (at least 1) with a code of `code_len` bytes.
    pub fn upper_size_for(&self, level: u8, code_len: usize) -> usize {
        if self.has_one_length() {
            self.upper_size(level)
        } else {
            UPPER_CODE + code_len.next_multiple_of(8) + usize::from(level) * self.upper_list_size()
        }
    }

    /// Whether a free slot of `len` bytes may be taken for an item of `size`: half of it at least is used.
    pub fn may_reuse(&self, len: usize, size: usize) -> bool {
        len == size || !self.has_one_length() && len > size && len <= 2 * size
    }

    /// Bytes of the list of one upper level, which has no codes.
    fn upper_list_size(&self) -> usize {
        self.degree(1) * ITEM_PTR_SIZE
    }

    /// Whether a node's parts are within the item.
    #[inline]
    pub(super) fn node_fits(&self, item: &[u8]) -> bool {
        if self.has_one_length() {
            return item.len() == self.node_size();
        }
        item.len() >= NODE_CODE
            && item[FLAGS] == NODE_MARK
            && NODE_CODE + self.node_code_len(item) + self.base_degree * ITEM_PTR_SIZE <= item.len()
    }

    /// Whether an item of `len` bytes can become a node.
    pub(super) fn is_node_len(&self, len: usize) -> bool {
        if self.has_one_length() {
            len == self.node_size()
        } else {
            len >= self.node_size_for(0)
        }
    }

    /// Bytes of a node's code.
    #[inline]
    pub(super) fn node_code_len(&self, item: &[u8]) -> usize {
        if self.has_one_length() {
            self.code_len()
        } else {
            usize::from(u16_at(item, NODE_NON_ZEROS)) * BYTES_PER_NON_ZERO
        }
    }

    /// Where the neighbors of a node begin.
    #[inline]
    pub(super) fn node_list_at(&self, item: &[u8]) -> usize {
        if self.has_one_length() {
            self.neighbors_at()
        } else {
            item.len() - self.base_degree * ITEM_PTR_SIZE
        }
    }

    /// Marks an item as a node with a code of `code_len` bytes, if its length does not say so.
    pub(super) fn mark_node(&self, item: &mut [u8], code_len: usize) {
        if !self.has_one_length() {
            item[FLAGS] = NODE_MARK;
            let non_zeros = (code_len / BYTES_PER_NON_ZERO) as u16;
            put(item, NODE_NON_ZEROS, non_zeros.to_ne_bytes());
        }
    }

    /// Whether the parts of an upper item of `level` are within it.
    #[inline]
    pub(super) fn upper_fits(&self, item: &[u8], level: u8) -> bool {
        if self.has_one_length() {
            return item.len() == self.upper_size(level);
        }
        item.len() >= UPPER_CODE
            && item[FLAGS] == UPPER_MARK
            && UPPER_CODE + self.upper_code_len(item) + usize::from(level) * self.upper_list_size()
                <= item.len()
    }

    /// Whether an item of `len` bytes can become an upper item.
    pub(super) fn is_upper_len(&self, len: usize) -> bool {
        if self.has_one_length() {
            (1..=self.max_level()).any(|level| self.upper_size(level) == len)
        } else {
            len >= self.upper_size_for(1, 0)
        }
    }

    /// Bytes of the code of an upper item.
    #[inline]
    pub(super) fn upper_code_len(&self, item: &[u8]) -> usize {
        if self.has_one_length() {
            self.code_len()
        } else {
            usize::from(u16_at(item, UPPER_NON_ZEROS)) * BYTES_PER_NON_ZERO
        }
    }

    /// Where the list of `level`, from 1 to the item's own, begins in an upper item.
    #[inline]
    pub(super) fn upper_list_in(&self, item: &[u8], level: u8) -> usize {
        if self.has_one_length() {
            self.upper_list_at(level)
        } else {
            let above = item[LEVEL].saturating_sub(level);
            item.len() - (usize::from(above) + 1) * self.upper_list_size()
        }
    }

    /// Marks an item as an upper one with a code of `code_len` bytes, if its length does not say so.
    pub(super) fn mark_upper(&self, item: &mut [u8], code_len: usize) {
        if !self.has_one_length() {
            item[FLAGS] = UPPER_MARK;
            let non_zeros = (code_len / BYTES_PER_NON_ZERO) as u16;
            put(item, UPPER_NON_ZEROS, non_zeros.to_ne_bytes());
        }
    }
}
