//! The rows that a scan returns next. Those few that are known are asked for before the executor fetches them, so that
//! it waits neither for memory nor for one disk read after the other.

use crate::error::{Error, Result};
use crate::pg::relation::{Relation, Tid};
use crate::pg::scanned_table::{PageHint, ScannedTable};
use std::collections::VecDeque;

/// As many rows are returned before any is asked for, if all pages so far were in shared buffers. Of a short scan's rows
/// too few are left then for asking to gain more than it costs.
const UNAIDED: usize = 16;
/// Rows asked for ahead of the one that is returned: of a scan that had to read pages at its first row, and at most.
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
        }
    }

    /// Rows returned so far.
    pub fn returned(&self) -> usize {
        self.returned
    }

    /// Rows waiting.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many rows should be known beyond the next one to be returned.
    #[inline]
    pub fn wanted_ahead(&mut self) -> usize {
        let is_short = self.returned < UNAIDED && !self.table.has_read();
        if is_short || self.table.max_reads() == 0 {
            return 0;
        }
        (FIRST_AHEAD + self.returned / ROWS_PER_AHEAD).min(MOST_AHEAD)
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
        let max_reads = self.table.max_reads();
        let known = self.rows.len().min(ahead + 1);
        while self.pages_asked < known && self.reading < max_reads {
            let Some(waiting) = self.rows.get_mut(self.pages_asked) else {
                break;
            };
            waiting.hint = self.table.ask_for_page(waiting.row.tid);
            self.reading += usize::from(waiting.hint.is_reading);
            self.pages_asked += 1;
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
    #[inline]
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
