//! A code prepared for its distances to many others: the value at an index in constant time, "none" in a few instructions.
//!
//! Vectors that are compared have few indices in common. So a bit string is asked first, in which all but one in 64 of the
//! absent indices find a zero; the table behind it is small, and read for the others only. Results are those of a walk
//! along both codes, to the last bit.

use super::{Parts, common_l1, non_zeros, norm_l1};

/// Bits of `marks`, and slots, for each element.
const MARKS_PER_ELEMENT: usize = 64;
const SLOTS_PER_ELEMENT: usize = 4;

/// A slot that no element took. A damaged code may have its index: then the value there counts, and nothing else does.
const FREE: Slot = Slot {
    index: u32::MAX,
    value: 0,
};

#[derive(Debug, Clone, Copy)]
struct Slot {
    index: u32,
    value: i32,
}

/// One code, for distances to others.
#[derive(Debug, Clone)]
pub struct Lookup {
    scale: f32,
    /// L1 norm of `scale * code`.
    norm_l1: f64,
    /// A bit for the hash of each index.
    marks: Vec<u64>,
    /// Elements by hash, at their place or the next free ones behind it, around the end.
    slots: Vec<Slot>,
    /// What is left of a hash after these shifts is a bit of `marks`, or a slot.
    mark_shift: u32,
    slot_shift: u32,
}

impl Lookup {
    pub fn new(scale: f32, code: &[i8]) -> Self {
        let count = non_zeros(code).max(1);
        let marks = (count * MARKS_PER_ELEMENT).next_power_of_two();
        let slots = (count * SLOTS_PER_ELEMENT).next_power_of_two();
        let mut lookup = Self {
            scale,
            norm_l1: norm_l1(scale, code),
            marks: vec![0; marks / 64],
            slots: vec![FREE; slots],
            mark_shift: u32::BITS - marks.trailing_zeros(),
            slot_shift: u32::BITS - slots.trailing_zeros(),
        };
        for (index, value) in Parts::of(code).elements() {
            lookup.insert(index, i32::from(value));
        }
        lookup
    }

    /// L1 norm of `scale * code`.
    pub fn norm_l1(&self) -> f64 {
        self.norm_l1
    }

    fn insert(&mut self, index: u32, value: i32) {
        let hash = hash(index);
        let mark = (hash >> self.mark_shift) as usize;
        self.marks[mark / 64] |= 1 << (mark % 64);
        let slot = self.slot_of(hash, index);
        self.slots[slot] = Slot { index, value };
    }

    /// The slot of an index, or the free one where it would be. There are more slots than elements, so the way ends.
    #[inline]
    fn slot_of(&self, hash: u32, index: u32) -> usize {
        let mut slot = (hash >> self.slot_shift) as usize;
        while self.slots[slot].index != index && self.slots[slot].index != FREE.index {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        slot
    }

    /// Calls `meet` with both values for each index that both codes have, by their order in `code`.
    #[inline(always)]
    fn meet(&self, code: &[i8], mut meet: impl FnMut(i32, i32)) {
        for (index, value) in Parts::of(code).elements() {
            let hash = hash(index);
            let mark = (hash >> self.mark_shift) as usize;
            if (self.marks[mark / 64] >> (mark % 64)) & 1 == 1 {
                meet(
                    self.slots[self.slot_of(hash, index)].value,
                    i32::from(value),
                );
            }
        }
    }

    /// See [`super::dot`].
    #[inline]
    pub fn dot(&self, code: &[i8]) -> i64 {
        let mut sum = 0;
        self.meet(code, |x, y| sum += i64::from(x * y));
        sum
    }

    /// See [`super::l1`].
    #[inline]
    pub fn l1(&self, scale: f32, code: &[i8]) -> f64 {
        let mut common = 0.0;
        self.meet(code, |x, y| common += common_l1(self.scale, x, scale, y));
        (self.norm_l1 + norm_l1(scale, code) - common).max(0.0)
    }
}

/// A hash whose high bits depend on all bits of the index: multiplication by the golden ratio.
#[inline(always)]
fn hash(index: u32) -> u32 {
    index.wrapping_mul(0x9E37_79B1)
}

#[cfg(test)]
mod tests {
    use super::super::{BYTES_PER_NON_ZERO, dot, l1};
    use super::Lookup;

    /// The code of these elements.
    fn code(elements: &[(u32, i16)]) -> Vec<i8> {
        let mut bytes: Vec<u8> = Vec::with_capacity(elements.len() * BYTES_PER_NON_ZERO);
        bytes.extend(elements.iter().flat_map(|(index, _)| index.to_ne_bytes()));
        bytes.extend(elements.iter().flat_map(|(_, value)| value.to_ne_bytes()));
        bytemuck::cast_slice(&bytes).to_vec()
    }

    /// Codes with indices in steps of up to `step`, so that with smaller ones more are in common.
    fn codes(step: u32) -> Vec<Vec<i8>> {
        let mut state = step;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let mut one = |len: usize| {
            let mut index = 0;
            let elements: Vec<(u32, i16)> = (0..len)
                .map(|_| {
                    index += 1 + next() % step;
                    (index, next() as i16)
                })
                .collect();
            code(&elements)
        };
        [0, 1, 2, 7, 8, 9, 40, 41, 300, 1285].map(&mut one).to_vec()
    }

    // Proves: through a lookup every pair of codes has the distances of a walk along both, to the last bit.
    #[test]
    fn distances_are_those_of_a_walk() {
        for step in [1, 2, 5, 1000, 700_000] {
            let codes = codes(step);
            for a in &codes {
                let lookup = Lookup::new(0.25, a);
                for b in &codes {
                    assert_eq!(lookup.dot(b), dot(a, b));
                    assert_eq!(lookup.l1(3.0, b).to_bits(), l1(0.25, a, 3.0, b).to_bits());
                }
            }
        }
    }

    // Proves: indices of a damaged code, in any order, repeated, or the mark of a free slot, end every search for them.
    #[test]
    fn every_search_ends() {
        let damaged = [
            code(&[(u32::MAX, 3); 9]),
            code(&[(7, 1), (7, 2), (3, 1), (u32::MAX, 5)]),
            code(&[(0, 1); 40]),
        ];
        for a in &damaged {
            let lookup = Lookup::new(1.0, a);
            for b in &damaged {
                assert!(lookup.dot(b).abs() < 1 << 20);
                assert!(lookup.l1(1.0, b) >= 0.0);
            }
        }
    }
}
