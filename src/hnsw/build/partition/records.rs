//! Bytes of the temporary files of a partitioned build: rows, nodes, neighbor lists. Pure; never leaves the server's
//! run, so no format to keep.

use crate::hnsw::codes::Factors;
use crate::pg::relation::Tid;

/// Takes values off the front of a record.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let (head, tail) = self.0.split_at(N);
        self.0 = tail;
        let mut bytes = [0; N];
        bytes.copy_from_slice(head);
        bytes
    }

    fn u16(&mut self) -> u16 {
        u16::from_ne_bytes(self.bytes())
    }

    fn u32(&mut self) -> u32 {
        u32::from_ne_bytes(self.bytes())
    }

    fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.bytes())
    }

    fn f32(&mut self) -> f32 {
        f32::from_ne_bytes(self.bytes())
    }

    fn factors(&mut self) -> Factors {
        Factors {
            scale: self.f32(),
            norm_squared: self.f32(),
            error: self.f32(),
        }
    }

    fn tid(&mut self) -> Tid {
        Tid {
            block: self.u32(),
            offset: self.u16(),
        }
    }

    fn code(&self) -> &'a [i8] {
        bytemuck::cast_slice(self.0)
    }
}

fn put_factors(into: &mut Vec<u8>, factors: &Factors) {
    for value in [factors.scale, factors.norm_squared, factors.error] {
        into.extend_from_slice(&value.to_ne_bytes());
    }
}

/// Bytes of a TID.
pub(super) const TID_BYTES: usize = 6;

/// Appends a TID.
pub(super) fn put_tid(into: &mut Vec<u8>, tid: Tid) {
    into.extend_from_slice(&tid.block.to_ne_bytes());
    into.extend_from_slice(&tid.offset.to_ne_bytes());
}

/// The TIDs of [`put_tid`].
pub(super) fn read_tids(bytes: &[u8]) -> impl Iterator<Item = Tid> + '_ {
    bytes
        .chunks_exact(TID_BYTES)
        .map(|bytes| Reader(bytes).tid())
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub factors: Factors,
    pub hash: u64,
    pub tid: Tid,
    pub code: &'a [i8],
}

impl<'a> Row<'a> {
    pub(super) fn bytes(code_len: usize) -> usize {
        12 + 8 + TID_BYTES + code_len
    }

    pub(super) fn put(&self, into: &mut Vec<u8>) {
        put_factors(into, &self.factors);
        into.extend_from_slice(&self.hash.to_ne_bytes());
        put_tid(into, self.tid);
        into.extend_from_slice(bytemuck::cast_slice(self.code));
    }

    /// # Panics
    /// If `record` is not of [`Self::bytes`].
    pub(super) fn read(record: &'a [u8]) -> Self {
        let mut reader = Reader(record);
        Self {
            factors: reader.factors(),
            hash: reader.u64(),
            tid: reader.tid(),
            code: reader.code(),
        }
    }
}

/// One node: rows of equal vectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeRecord<'a> {
    pub factors: Factors,
    pub hash: u64,
    /// Its rows in the file of TIDs: the first, and how many.
    pub first_tid: u64,
    pub tid_count: u32,
    pub code: &'a [i8],
}

impl<'a> NodeRecord<'a> {
    pub(super) fn bytes(code_len: usize) -> usize {
        12 + 8 + 8 + 4 + code_len
    }

    pub(super) fn put(&self, into: &mut Vec<u8>) {
        put_factors(into, &self.factors);
        into.extend_from_slice(&self.hash.to_ne_bytes());
        into.extend_from_slice(&self.first_tid.to_ne_bytes());
        into.extend_from_slice(&self.tid_count.to_ne_bytes());
        into.extend_from_slice(bytemuck::cast_slice(self.code));
    }

    /// # Panics
    /// If `record` is not of [`Self::bytes`].
    pub(super) fn read(record: &'a [u8]) -> Self {
        let mut reader = Reader(record);
        Self {
            factors: reader.factors(),
            hash: reader.u64(),
            first_tid: reader.u64(),
            tid_count: reader.u32(),
            code: reader.code(),
        }
    }
}

/// One neighbor of a node in one part's graph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartLink {
    /// The neighbor.
    pub id: u32,
    /// Ordering key between the two: smaller is nearer.
    pub key: f32,
    /// Whether no nearer diverse neighbor of the same part covers it (see `select`).
    pub is_diverse: bool,
    /// Whether the neighbor is reached through this link, so that it must stay.
    pub is_needed: bool,
}

const LINK_BYTES: usize = 9;

/// Bytes of a list of up to `degree` links.
pub(super) fn list_bytes(degree: usize) -> usize {
    1 + degree * LINK_BYTES
}

/// Writes a list into `record`, of [`list_bytes`].
/// # Panics
/// If the links are more than fit.
pub(super) fn write_list(record: &mut [u8], links: impl ExactSizeIterator<Item = PartLink>) {
    record[0] = links.len() as u8;
    for (place, link) in record[1..].chunks_exact_mut(LINK_BYTES).zip(links) {
        place[..4].copy_from_slice(&link.id.to_ne_bytes());
        place[4..8].copy_from_slice(&link.key.to_ne_bytes());
        place[8] = u8::from(link.is_diverse) | u8::from(link.is_needed) << 1;
    }
}

/// Appends the list in `record` to `links`.
pub(super) fn read_list(record: &[u8], links: &mut Vec<PartLink>) {
    let Some((&count, places)) = record.split_first() else {
        return;
    };
    links.extend(
        places
            .chunks_exact(LINK_BYTES)
            .take(usize::from(count))
            .map(|place| {
                let mut reader = Reader(place);
                let (id, key) = (reader.u32(), reader.f32());
                let [flags] = reader.bytes();
                PartLink {
                    id,
                    key,
                    is_diverse: flags & 1 != 0,
                    is_needed: flags & 2 != 0,
                }
            }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves: what is written is read again, at the full length of a list too.
    #[test]
    fn records_are_read_as_written() {
        let factors = Factors {
            scale: 0.5,
            norm_squared: 2.0,
            error: f32::INFINITY,
        };
        let tid = Tid {
            block: 70_000,
            offset: 9,
        };
        let code = [-127, 0, 127];
        let mut bytes = Vec::new();
        let row = Row {
            factors,
            hash: u64::MAX - 1,
            tid,
            code: &code,
        };
        row.put(&mut bytes);
        assert_eq!(bytes.len(), Row::bytes(3));
        let read = Row::read(&bytes);
        assert_eq!(
            (read.factors, read.hash, read.tid),
            (factors, row.hash, tid)
        );
        assert_eq!(read.code, code);

        bytes.clear();
        let node = NodeRecord {
            factors,
            hash: 7,
            first_tid: 1 << 40,
            tid_count: 3,
            code: &code,
        };
        node.put(&mut bytes);
        assert_eq!(bytes.len(), NodeRecord::bytes(3));
        let read = NodeRecord::read(&bytes);
        assert_eq!(
            (read.first_tid, read.tid_count, read.code),
            (1 << 40, 3, &code[..])
        );

        let links: Vec<PartLink> = (0..200)
            .map(|id| PartLink {
                id,
                key: -(id as f32),
                is_diverse: id % 2 == 0,
                is_needed: id % 3 == 0,
            })
            .collect();
        let mut record = vec![0; list_bytes(200)];
        write_list(&mut record, links.iter().copied());
        let mut read = Vec::new();
        read_list(&record, &mut read);
        assert_eq!(read, links);
    }
}
