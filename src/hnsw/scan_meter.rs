//! Measures one scan for the shared counters of its index. Costs a comparison where there are none.

use super::kept::LastScan;
use super::scan_counters::{Record, ScanCounters, Totals};
use crate::pg::relation::Relation;
use crate::pg::{catalog, shared_memory};
use pgrx::pg_sys::Oid;
use std::time::{Duration, Instant};

fn table() -> Option<ScanCounters<'static>> {
    ScanCounters::new(shared_memory::counters()?)
}

/// Key of an index of this database: no other one of the server has it.
fn key(index: Oid) -> u64 {
    u64::from(catalog::database().to_u32()) << 32 | u64::from(index.to_u32())
}

/// What all scans of an index of this database have done since the server was started; `None` if that is not counted.
pub fn totals(index: Oid) -> Option<Totals> {
    table()?.totals(key(index))
}

/// A scan being measured: the time of its searches, not that of whoever takes the rows.
#[derive(Debug)]
pub struct ScanMeter {
    record: Option<Record<'static>>,
    running: Option<Instant>,
    spent: Duration,
}

impl ScanMeter {
    /// Begins with a search. Temporary indexes are not counted: they would use up the room for others.
    #[inline]
    pub fn begin(index: Relation) -> Self {
        let table = table().filter(|_| !index.is_temporary());
        let mut meter = Self {
            record: table.and_then(|table| table.claim(key(index.oid()))),
            running: None,
            spent: Duration::ZERO,
        };
        meter.start();
        meter
    }

    /// A search begins, if none runs.
    #[inline]
    pub fn start(&mut self) {
        if self.record.is_some() && self.running.is_none() {
            self.running = Some(Instant::now());
        }
    }

    /// The search has ended.
    #[inline]
    pub fn stop(&mut self) {
        if let Some(start) = self.running.take() {
            self.spent += start.elapsed();
        }
    }

    /// The scan has ended.
    #[inline]
    pub fn finish(&mut self, scan: LastScan) {
        self.stop();
        if let Some(record) = self.record.take() {
            let distances = scan.counts.distances + scan.counts.upper_distances;
            record.add(scan.rows, distances, self.spent);
        }
    }
}
