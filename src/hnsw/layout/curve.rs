//! The curve that `annex.calibrate` measured: recall by `ef_search`, and what the index was then. Pure.

use super::meta::TIMESTAMPS;
use super::{f32_at, put, put_u64, u16_at, u32_at, u64_at};

// Head: measured_at i64 | rows u64 | indexed rows u64 | table changes u64 | pending u64 | queries u32 |
// k u16 | points u16.
const MEASURED_AT: usize = 0;
const ROWS: usize = 8;
const INDEXED_ROWS: usize = 16;
const TABLE_CHANGES: usize = 24;
const PENDING_CHANGES: usize = 32;
const QUERIES: usize = 40;
const K: usize = 44;
const POINTS: usize = 46;
const HEAD_SIZE: usize = 48;
// Point: ef_search u16 | reserved u16 | recall f32 | lower bound f32.
const POINT_SIZE: usize = 12;

/// Most points of a curve.
pub const CURVE_POINTS: usize = 64;
/// Largest `ef_search` and largest k.
const LARGEST: u16 = 1000;
/// A curve is stale when more than one in so many rows has changed since.
const STALE_SHARE: u64 = 5;

/// Recall at one `ef_search`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// 1..=1000.
    pub ef_search: u16,
    /// Mean over the queries, 0..=1.
    pub recall: f32,
    /// Lower bound of the mean, 0..=recall.
    pub recall_lo: f32,
}

/// A measured curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// When it was measured: microseconds since 2000-01-01 UTC.
    pub measured_at: i64,
    /// Rows that a search could return then.
    pub rows: u64,
    /// [`super::Meta::tids`] of then.
    pub indexed_rows: u64,
    /// What PostgreSQL had counted by then of rows inserted, updated and deleted in the table.
    pub table_changes: u64,
    /// Such changes that were made before but counted after: PostgreSQL counts with a delay.
    pub pending_changes: u64,
    /// How many queries were measured.
    pub queries: u32,
    /// How many rows each asked for, 1..=1000.
    pub k: u16,
    /// By growing `ef_search`, 1..=[`CURVE_POINTS`] of them.
    pub points: Vec<CurvePoint>,
}

impl Curve {
    /// Bytes on the page.
    pub fn size(&self) -> usize {
        HEAD_SIZE + self.points.len() * POINT_SIZE
    }

    /// Reads the contents of a curve page; `None` if they cannot be a curve.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..HEAD_SIZE)?;
        let count = usize::from(u16_at(head, POINTS));
        let end = HEAD_SIZE + count * POINT_SIZE;
        let points = bytes.get(HEAD_SIZE..end)?.chunks_exact(POINT_SIZE);
        let points: Vec<_> = points
            .map(|point| CurvePoint {
                ef_search: u16_at(point, 0),
                recall: f32_at(point, 4),
                recall_lo: f32_at(point, 8),
            })
            .collect();
        let curve = Self {
            measured_at: u64_at(head, MEASURED_AT) as i64,
            rows: u64_at(head, ROWS),
            indexed_rows: u64_at(head, INDEXED_ROWS),
            table_changes: u64_at(head, TABLE_CHANGES),
            pending_changes: u64_at(head, PENDING_CHANGES),
            queries: u32_at(head, QUERIES),
            k: u16_at(head, K),
            points,
        };
        curve.is_valid().then_some(curve)
    }

    fn is_valid(&self) -> bool {
        let is_point = |point: &CurvePoint| {
            (1..=LARGEST).contains(&point.ef_search)
                && (0.0..=1.0).contains(&point.recall)
                && (0.0..=point.recall).contains(&point.recall_lo)
        };
        TIMESTAMPS.contains(&self.measured_at)
            && (1..=LARGEST).contains(&self.k)
            && self.queries > 0
            && (1..=CURVE_POINTS).contains(&self.points.len())
            && self.points.iter().all(is_point)
            && self.points.is_sorted_by(|a, b| a.ef_search < b.ef_search)
    }

    /// Writes the contents of a curve page: `bytes` has [`Self::size`] of them.
    pub fn write(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        put_u64(bytes, MEASURED_AT, self.measured_at as u64);
        put_u64(bytes, ROWS, self.rows);
        put_u64(bytes, INDEXED_ROWS, self.indexed_rows);
        put_u64(bytes, TABLE_CHANGES, self.table_changes);
        put_u64(bytes, PENDING_CHANGES, self.pending_changes);
        put(bytes, QUERIES, self.queries.to_ne_bytes());
        put(bytes, K, self.k.to_ne_bytes());
        put(bytes, POINTS, (self.points.len() as u16).to_ne_bytes());
        for (place, point) in bytes[HEAD_SIZE..]
            .chunks_exact_mut(POINT_SIZE)
            .zip(&self.points)
        {
            put(place, 0, point.ef_search.to_ne_bytes());
            put(place, 4, point.recall.to_ne_bytes());
            put(place, 8, point.recall_lo.to_ne_bytes());
        }
    }

    /// The smallest measured `ef_search` whose lower bound reaches `target`; the largest one if none does.
    pub fn ef_search_for(&self, target: f64) -> usize {
        let reaching = self
            .points
            .iter()
            .find(|point| f64::from(point.recall_lo) >= target);
        let point = reaching.or(self.points.last());
        point.map_or(usize::from(LARGEST), |point| usize::from(point.ef_search))
    }

    /// Rows that have changed since, given what the meta page and PostgreSQL count now: whichever of the two knows more.
    ///
    /// The meta page counts at each vacuum that removes rows, and is the same on a standby and after a crash. PostgreSQL's counters also
    /// know of rows that were replaced, but start from zero where a server was not the one that counted.
    pub fn changed_rows(&self, indexed_rows: u64, table_changes: u64) -> u64 {
        let by_counters = table_changes
            .checked_sub(self.table_changes)
            .map_or(table_changes, |since| {
                since.saturating_sub(self.pending_changes)
            });
        // Until a vacuum the number on the meta page is as old as it was then.
        let by_index = if indexed_rows == self.indexed_rows {
            0
        } else {
            indexed_rows.abs_diff(self.rows)
        };
        by_counters.max(by_index)
    }

    /// Whether so many changed rows are too many to go by the curve: more than 20 % of those that it was measured with.
    pub fn is_stale(&self, changed_rows: u64) -> bool {
        changed_rows.saturating_mul(STALE_SHARE) > self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(bounds: &[(u16, f32)]) -> Curve {
        let point = |&(ef_search, recall_lo)| CurvePoint {
            ef_search,
            recall: 1.0,
            recall_lo,
        };
        Curve {
            measured_at: 0,
            rows: 1000,
            indexed_rows: 900,
            table_changes: 5000,
            pending_changes: 0,
            queries: 100,
            k: 10,
            points: bounds.iter().map(point).collect(),
        }
    }

    #[test]
    fn takes_the_smallest_that_reaches_the_target() {
        let curve = curve(&[(10, 0.5), (20, 0.75), (40, 0.75), (80, 0.875)]);
        assert_eq!(curve.ef_search_for(0.5), 10);
        assert_eq!(curve.ef_search_for(0.75), 20);
        assert_eq!(curve.ef_search_for(0.8), 80);
        assert_eq!(curve.ef_search_for(0.9), 80);
    }

    #[test]
    fn counts_what_either_source_knows() {
        let curve = curve(&[(10, 0.5)]);
        assert_eq!(curve.changed_rows(900, 5000), 0);
        assert_eq!(curve.changed_rows(900, 5150), 150);
        // A vacuum found fewer rows than were there.
        assert_eq!(curve.changed_rows(700, 5000), 300);
        assert_eq!(curve.changed_rows(700, 5400), 400);
        let early = Curve {
            pending_changes: 100,
            ..curve.clone()
        };
        assert_eq!(early.changed_rows(900, 5000), 0);
        assert_eq!(early.changed_rows(900, 5150), 50);
        // The counters have started again.
        assert_eq!(curve.changed_rows(900, 40), 40);
    }

    #[test]
    fn is_stale_above_a_fifth() {
        let curve = curve(&[(10, 0.5)]);
        assert!(!curve.is_stale(200));
        assert!(curve.is_stale(201));
        assert!(curve.is_stale(u64::MAX));
    }

    /// What is written is read; a value out of range, or points out of order, are no curve.
    #[test]
    fn refuses_what_cannot_be_a_curve() {
        let bytes_of = |curve: &Curve| {
            let mut bytes = vec![0xff; curve.size()];
            curve.write(&mut bytes);
            bytes
        };
        let good = curve(&[(10, 0.5), (20, 1.0)]);
        assert_eq!(Curve::read(&bytes_of(&good)), Some(good.clone()));
        assert_eq!(Curve::read(&bytes_of(&good)[..71]), None);
        for bad in [
            &[(20, 0.5), (10, 0.5)][..],
            &[(10, 0.5), (10, 0.6)],
            &[(0, 0.5)],
            &[(1001, 0.5)],
            &[(10, 1.5)],
            &[(10, f32::NAN)],
            &[],
        ] {
            assert_eq!(Curve::read(&bytes_of(&curve(bad))), None, "{bad:?}");
        }
        for k in [0, 1001] {
            assert_eq!(Curve::read(&bytes_of(&Curve { k, ..good.clone() })), None);
        }
        let timeless = Curve {
            measured_at: i64::MIN,
            ..good
        };
        assert_eq!(Curve::read(&bytes_of(&timeless)), None);
    }
}
