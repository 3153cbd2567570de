//! The rows that a scan returns next. Those few that are known are asked for before the executor fetches them, so that
//! it waits neither for memory nor for one disk read after the other.

use crate::error::{Error, Result};
use crate::pg::relation::{Relation, Tid};
use crate::pg::scanned_table::{PageHint, ScannedTable, blocks_read};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// As many rows are returned before any is asked for, unless reads turn out to be slow. Of a short scan's rows too few are
/// left then for asking to gain more than it costs.
const UNAIDED: usize = 16;
/// As many when a page was in no shared buffer, again: if the operating system has it in memory, asking costs more than it
/// gains, and only rows that were not asked for tell how long a read takes.
const PAUSE: usize = 32;
/// A read that takes so long comes from a disk.
const SLOW_READ: Duration = Duration::from_micros(25);
/// For so many rows after a slow read others are expected.
const SLOW_ROWS: usize = 64;
/// Rows asked for ahead of the one that is returned: of a scan whose first reads are slow, and at most.
const FIRST_AHEAD: usize = 4;
const MOST_AHEAD: usize = 8;
/// One more for each so many rows returned.
const ROWS_PER_AHEAD: usize = 4;
/// So far ahead the page with its line pointer has come, and the row itself is asked for.
const ROW_AHEAD: usize = 4;

/// A heap row the scan returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScanRow {
    /// The row.
    pub tid: Tid,
    /// A lower bound of its distance, or `None` if the order key is NULL.
    pub lower_bound: Option<f64>,
}

struct Waiting {
    row: ScanRow,
    hint: PageHint,
}

/// Rows in the order in which they are returned.
pub struct RowQueue {
    index: Relation,
    table: ScannedTable,
    rows: VecDeque<Waiting>,
    /// Of the first rows, those whose page was asked for.
    pages_asked: usize,
    /// Of these, those that were asked for themselves.
    rows_asked: usize,
    /// Rows waiting whose page is being read.
    reading: usize,
    returned: usize,
    /// No row is asked for before so many were returned,
    unaided_until: usize,
    /// but up to here reads are expected to be slow, and rows asked for.
    slow_until: usize,
    /// `blocks_read` when the last row was returned, and the time of that if any page had to be read before.
    last_return: (i64, Option<Instant>),
    has_read: bool,
}

impl RowQueue {
    /// An empty queue for rows of `table` that `index` points to.
    pub fn new(index: Relation, table: ScannedTable) -> Self {
        Self {
            index,
            table,
            rows: VecDeque::new(),
            pages_asked: 0,
            rows_asked: 0,
            reading: 0,
            returned: 0,
            unaided_until: UNAIDED,
            slow_until: 0,
            last_return: (blocks_read(), None),
            has_read: false,
        }
    }

    /// Rows returned so far.
    pub fn returned(&self) -> usize {
        self.returned
    }

    /// Rows that are known.
    pub fn known(&self) -> usize {
        self.rows.len()
    }

    /// To be called when the next row is wanted: notes how long the executor took to fetch the last one, and says how many
    /// rows should be known beyond the next one.
    pub fn wanted_ahead(&mut self) -> usize {
        let reads = blocks_read() - self.last_return.0;
        if reads > 0 {
            self.note_reads(reads);
        }
        let is_unaided = self.returned < self.unaided_until && self.returned >= self.slow_until;
        if is_unaided || self.table.max_reads() == 0 {
            return 0;
        }
        (FIRST_AHEAD + self.returned / ROWS_PER_AHEAD).min(MOST_AHEAD)
    }

    #[cold]
    fn note_reads(&mut self, reads: i64) {
        self.has_read = true;
        // Taken: what a search reads for the next batch is nothing that the executor waited for.
        let since = self.last_return.1.take();
        let count = u32::try_from(reads).unwrap_or(u32::MAX);
        if since.is_some_and(|since| since.elapsed() / count >= SLOW_READ) {
            self.slow_until = self.returned + SLOW_ROWS;
        }
    }

    /// Adds the rows of a node, the last one first.
    pub fn extend(&mut self, tids: &[Tid], lower_bound: Option<f64>) {
        let row = |&tid| Waiting {
            row: ScanRow { tid, lower_bound },
            hint: PageHint::default(),
        };
        self.rows.extend(tids.iter().rev().map(row));
    }

    /// Asks for up to `ahead` rows beyond the next one.
    pub fn ask(&mut self, ahead: usize) {
        let is_slow = self.returned < self.slow_until;
        let max_reads = self
            .table
            .max_reads()
            .min(if is_slow { usize::MAX } else { 1 });
        let known = self.rows.len().min(ahead + 1);
        while self.pages_asked < known && self.reading < max_reads {
            let Some(waiting) = self.rows.get_mut(self.pages_asked) else {
                break;
            };
            waiting.hint = self.table.ask_for_page(waiting.row.tid);
            self.pages_asked += 1;
            if waiting.hint.is_reading {
                self.reading += 1;
                self.unaided_until = self.returned + PAUSE;
            }
        }
        let near = self.pages_asked.min(ROW_AHEAD + 1);
        while self.rows_asked < near {
            if let Some(waiting) = self.rows.get(self.rows_asked) {
                self.table.ask_for_row(waiting.row.tid, waiting.hint);
            }
            self.rows_asked += 1;
        }
    }

    /// Takes the next row.
    /// # Errors
    /// XX002 for a row pointer that leads beyond the table.
    pub fn pop(&mut self) -> Result<Option<ScanRow>> {
        let Some(Waiting { row, hint }) = self.rows.pop_front() else {
            return Ok(None);
        };
        if !self.table.has_block(row.tid.block) {
            return Err(self.outside_table(row.tid));
        }
        self.pages_asked = self.pages_asked.saturating_sub(1);
        self.rows_asked = self.rows_asked.saturating_sub(1);
        self.reading -= usize::from(hint.is_reading);
        self.returned += 1;
        self.last_return = (blocks_read(), self.has_read.then(Instant::now));
        Ok(Some(row))
    }

    /// PostgreSQL would blame a missing file.
    #[cold]
    fn outside_table(&self, tid: Tid) -> Error {
        Error::corrupt_index(
            format!("index \"{}\" has an invalid row pointer", self.index.name()),
            format!(
                "It leads to block {}, but the table has {} blocks.",
                tid.block,
                self.table.block_count()
            ),
        )
    }
}
