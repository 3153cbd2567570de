//! What all scans of each index have done: a table of fixed size of counters, which any number of processes change without a
//! lock. Pure.
//!
//! An index gets its record with its first scan, where a hash of its key leads, or a few places further, and keeps it until
//! the server stops. Counters are read one by one: of a scan that ends meanwhile some may be in and some not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Indexes that can be counted, a power of two.
const INDEXES: usize = 4096;
/// Places that an index may have its record in.
const PLACES: usize = 64;
/// Elements of a histogram.
const TIMES: usize = 32;
/// Counters of a record: scans, rows, distances, nanoseconds, four that are free, and the histogram. Whole cache lines.
const RECORD: usize = 8 + TIMES;
/// Counters that a table takes: a key for each index, then the records.
pub const COUNTERS: usize = INDEXES * (1 + RECORD);

/// What scans of an index have done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many.
    pub scans: u64,
    /// Rows that they returned.
    pub rows: u64,
    /// Distances that they computed, on all levels.
    pub distances: u64,
    /// Time that they searched.
    pub nanoseconds: u64,
    /// Scans by their time: element `i` counts those of less than 2^i microseconds that no element before it does, the last one
    /// all others.
    pub histogram: Vec<u64>,
}

/// The record of one index.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a>(&'a [AtomicU64]);

/// A table, in memory that was zero at first.
#[derive(Debug, Clone, Copy)]
pub struct ScanCounters<'a>(&'a [AtomicU64]);

impl<'a> ScanCounters<'a> {
    /// The table in these counters, [`COUNTERS`] of them; `None` for another number.
    pub fn new(counters: &'a [AtomicU64]) -> Option<Self> {
        (counters.len() == COUNTERS).then_some(Self(counters))
    }

    /// Places where the record of `key` may be.
    fn places(key: u64) -> impl Iterator<Item = usize> {
        // Fibonacci hashing: the upper bits of the product depend on all bits of the key.
        let first = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - INDEXES.ilog2());
        (first as usize..).take(PLACES).map(|place| place % INDEXES)
    }

    fn record(self, place: usize) -> Record<'a> {
        Record(&self.0[INDEXES + place * RECORD..][..RECORD])
    }

    /// The record of an index by its key, which is not 0, made if it is the first time; `None` if there is no room.
    #[inline]
    pub fn claim(self, key: u64) -> Option<Record<'a>> {
        for place in Self::places(key) {
            let owner = &self.0[place];
            let found = match owner.load(Ordering::Relaxed) {
                0 => owner
                    .compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed)
                    .map_or_else(|other| other, |_| key),
                other => other,
            };
            if found == key {
                return Some(self.record(place));
            }
        }
        None
    }

    /// What was counted for the index with this key, nothing if it was never scanned; `None` if there was no room for it.
    pub fn totals(self, key: u64) -> Option<Totals> {
        for place in Self::places(key) {
            match self.0[place].load(Ordering::Relaxed) {
                0 => {
                    return Some(Totals {
                        histogram: vec![0; TIMES],
                        ..Totals::default()
                    });
                }
                owner if owner == key => return Some(self.record(place).totals()),
                _ => {}
            }
        }
        None
    }
}

impl Record<'_> {
    /// Counts a scan.
    #[inline]
    pub fn add(self, rows: u64, distances: u64, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        for (counter, count) in self.0.iter().zip([1, rows, distances, nanoseconds]) {
            counter.fetch_add(count, Ordering::Relaxed);
        }
        self.0[RECORD - TIMES + time_class(nanoseconds)].fetch_add(1, Ordering::Relaxed);
    }

    fn totals(self) -> Totals {
        let count = |at: usize| self.0[at].load(Ordering::Relaxed);
        Totals {
            scans: count(0),
            rows: count(1),
            distances: count(2),
            nanoseconds: count(3),
            histogram: (RECORD - TIMES..RECORD).map(count).collect(),
        }
    }
}

/// Element of the histogram that counts a scan.
fn time_class(nanoseconds: u64) -> usize {
    let microseconds = nanoseconds / 1000;
    (u64::BITS - microseconds.leading_zeros()).min(TIMES as u32 - 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Vec<AtomicU64> {
        (0..COUNTERS).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn times_are_classed_by_powers_of_two() {
        let us = |us: u64| time_class(us * 1000);
        assert_eq!([us(0), us(1), us(2), us(3), us(4)], [0, 1, 2, 2, 3]);
        assert_eq!([us(1023), us(1024)], [10, 11]);
        assert_eq!(time_class(999), 0);
        assert_eq!([us((1 << 30) - 1), us(1 << 30), us(1 << 40)], [30, 31, 31]);
        assert_eq!(time_class(u64::MAX), 31);
    }

    /// Every scan is counted once, in the record of its own index, whatever other threads do.
    #[test]
    fn counts_of_many_threads_add_up() {
        let memory = memory();
        let table = ScanCounters::new(&memory).expect("as many counters");
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                scope.spawn(move || {
                    for i in 0..3000_u64 {
                        let key = (7 << 32) + i % 100 + 1;
                        let record = table.claim(key).expect("room");
                        record.add(10, thread, Duration::from_micros(i % 3));
                    }
                });
            }
        });
        for key in 1..=100 {
            let totals = table.totals((7 << 32) + key).expect("a record");
            assert_eq!(
                (totals.scans, totals.rows, totals.distances),
                (120, 1200, 30 * 6)
            );
            assert_eq!(totals.histogram.iter().sum::<u64>(), 120);
            assert_eq!(totals.histogram[..3], [40, 40, 40]);
            assert_eq!(totals.nanoseconds, 40 * 3000);
        }
        let none = table.totals(1).expect("room");
        assert_eq!((none.scans, none.histogram.len()), (0, TIMES));
    }

    /// Where there is no room an index is not counted, and none loses what it has.
    #[test]
    fn a_full_table_says_so() {
        let memory = memory();
        let table = ScanCounters::new(&memory).expect("as many counters");
        let (counted, others): (Vec<u64>, Vec<u64>) =
            (1..=2 * INDEXES as u64).partition(|key| match table.claim(*key) {
                Some(record) => {
                    record.add(*key, 0, Duration::ZERO);
                    true
                }
                None => false,
            });
        assert!(counted.len() <= INDEXES && counted.len() > INDEXES / 2);
        assert!(others.iter().all(|key| table.totals(*key).is_none()));
        for key in counted {
            assert_eq!(
                table.totals(key).map(|totals| (totals.scans, totals.rows)),
                Some((1, key))
            );
        }
        assert!(ScanCounters::new(&memory[1..]).is_none());
    }
}
