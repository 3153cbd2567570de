//! TID chunks: the rows of a node beyond those it holds itself, in chains. Pure.

use super::{COUNT, NO_BLOCK, STATE, SlotState, put, u16_at, u32_at};
use crate::pg::relation::Tid;

// TID chunk: common head (count = used TIDs), next chunk, then TIDs.
const CHUNK_NEXT_BLOCK: usize = 8;
const CHUNK_NEXT_OFFSET: usize = 12;
const CHUNK_TIDS: usize = 16;
const TID_SIZE: usize = 6;
/// Heap rows in one TID chunk.
pub const CHUNK_CAPACITY: usize = 64;
/// Bytes of a TID chunk.
pub const CHUNK_SIZE: usize = CHUNK_TIDS + CHUNK_CAPACITY * TID_SIZE;

/// A TID chunk, to read.
#[derive(Clone, Copy)]
pub struct TidChunk<'a>(&'a [u8]);

impl<'a> TidChunk<'a> {
    /// Reads a TID chunk in any state; `None` if it cannot be one.
    pub fn read(item: &'a [u8]) -> Option<Self> {
        let fits = item.len() == CHUNK_SIZE
            && SlotState::of(item).is_some()
            && usize::from(item[COUNT]) <= CHUNK_CAPACITY;
        fits.then_some(Self(item))
    }

    /// State of the slot: Live or Free.
    pub fn state(self) -> SlotState {
        SlotState::of(self.0).unwrap_or(SlotState::Free)
    }

    /// The next chunk of the same node, if any.
    pub fn next(self) -> Option<(u32, u16)> {
        let offset = u16_at(self.0, CHUNK_NEXT_OFFSET);
        (offset != 0).then(|| (u32_at(self.0, CHUNK_NEXT_BLOCK), offset))
    }

    /// The heap rows.
    pub fn tids(self) -> impl ExactSizeIterator<Item = Tid> + 'a {
        let used = usize::from(self.0[COUNT]) * TID_SIZE;
        self.0[CHUNK_TIDS..CHUNK_TIDS + used]
            .chunks_exact(TID_SIZE)
            .map(|b| Tid {
                block: u32_at(b, 0),
                offset: u16_at(b, 4),
            })
    }
}

/// Fills a free or new TID chunk, keeping its generation. At most [`CHUNK_CAPACITY`] of `tids` are written.
pub fn write_chunk(item: &mut [u8], tids: &[Tid], next: Option<(u32, u16)>) {
    let used = tids.len().min(CHUNK_CAPACITY);
    item[STATE] = SlotState::Live as u8;
    item[COUNT] = used as u8;
    let (block, offset) = next.unwrap_or((NO_BLOCK, 0));
    put(item, CHUNK_NEXT_BLOCK, block.to_ne_bytes());
    put(item, CHUNK_NEXT_OFFSET, offset.to_ne_bytes());
    for (place, tid) in item[CHUNK_TIDS..]
        .chunks_exact_mut(TID_SIZE)
        .zip(&tids[..used])
    {
        put(place, 0, tid.block.to_ne_bytes());
        put(place, 4, tid.offset.to_ne_bytes());
    }
}
