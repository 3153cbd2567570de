//! A set of rows of a table, as a statement in SQL has chosen them. Pure.

use crate::pg::relation::Tid;
use std::collections::HashSet;

/// Bytes of a `tid` in its binary form: block u32, line pointer u16, in network byte order.
const TID_SIZE: usize = 6;

/// Rows by their own `ctid`.
#[derive(Debug, Clone, Default)]
pub struct TidSet(HashSet<u64>);

impl TidSet {
    /// The rows whose `ctid`s, in their binary form one after the other, are `bytes`.
    pub fn from_binary(bytes: &[u8]) -> Self {
        let key = |tid: &[u8]| tid.iter().fold(0, |key, byte| key << 8 | u64::from(*byte));
        Self(bytes.chunks_exact(TID_SIZE).map(key).collect())
    }

    /// Whether the row is one of them.
    pub fn contains(&self, tid: Tid) -> bool {
        self.0
            .contains(&(u64::from(tid.block) << 16 | u64::from(tid.offset)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_binary_form() {
        let set = TidSet::from_binary(&[0, 0, 0, 1, 0, 2, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06]);
        let tid = |block, offset| Tid { block, offset };
        assert!(set.contains(tid(1, 2)));
        assert!(set.contains(tid(0x0102_0304, 0x0506)));
        assert!(!set.contains(tid(2, 1)));
        assert!(!set.contains(tid(1, 3)));
    }
}
