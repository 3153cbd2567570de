//! `annex.advise`, declared in `sql/recall/advise.sql`.

use super::read_k;
use super::tuning::{read_deadline, read_target};
use crate::error::{Error, Result, SqlState};
use crate::pg::function::{Interval, Name, sql_functions};
use crate::pg::interrupt;
use crate::pg::row_set::{Cell, RowSet};
use crate::pg::spi::{Access, Session};
use crate::recall::advise::sample::LEAST_ROWS;
use crate::recall::advise::subject::Subject;
use crate::recall::advise::{Candidate, Request, advise};
use pgrx::pg_sys::Oid;

/// Most rows of a sample: beyond them a real build on the table tells more in the same time.
const MOST_ROWS: i32 = 1_000_000;

/// Rows of the sample.
/// # Errors
/// 22004 for NULL, 22023 for a number out of range.
fn read_sample_rows(rows: Option<i32>) -> Result<i32> {
    let rows = rows.ok_or_else(|| Error::null_argument("sample_rows"))?;
    if (LEAST_ROWS..=MOST_ROWS).contains(&rows) {
        return Ok(rows);
    }
    let message = format!("sample_rows must be between {LEAST_ROWS} and {MOST_ROWS}");
    Err(Error::new(SqlState::InvalidParameterValue, message))
}

fn row(subject: &Subject, candidate: &Candidate) -> Vec<Cell> {
    let (m, ef_construction) = (candidate.m, candidate.ef_construction);
    let mut row = vec![Cell::Int(m as i32), Cell::Int(ef_construction as i32)];
    let Some(confirmed) = candidate.confirmed else {
        row.extend(match candidate.screened {
            Some(screened) => [Cell::Int(screened.ef_search), Cell::Double(screened.recall)],
            None => [Cell::Null, Cell::Null],
        });
        row.extend([Cell::Null, Cell::Null, Cell::Null]);
        row.extend([Cell::Bool(false), Cell::Bool(false), Cell::Null]);
        return row;
    };
    let ef_search = confirmed.measured.ef_search;
    let Subject {
        table,
        column,
        operator_class,
        ..
    } = subject;
    let ddl = || {
        format!(
            "CREATE INDEX CONCURRENTLY ON {table} USING hnsw ({column} {operator_class}) WITH (m = {m}, ef_construction = {ef_construction}, ef_search = {ef_search})"
        )
    };
    row.extend([
        Cell::Int(ef_search),
        Cell::Double(confirmed.measured.recall),
        Cell::Double(confirmed.cost.p95_ms),
        Cell::Double(confirmed.cost.build_ms),
        Cell::BigInt(confirmed.cost.bytes as i64),
        Cell::Bool(confirmed.is_pareto),
        Cell::Bool(confirmed.is_chosen),
        if confirmed.is_pareto {
            Cell::Text(ddl())
        } else {
            Cell::Null
        },
    ]);
    row
}

sql_functions! {
    /// `annex.advise(regclass, name, double precision, integer, integer, interval, text)`.
    fn annex_advise(
        table: Option<Oid>,
        column: Option<Name>,
        target_recall: Option<f64>,
        k: Option<i32>,
        sample_rows: Option<i32>,
        budget: Option<Interval>,
        metric: Option<String>,
    ) -> Result<RowSet> {
        let table = table.ok_or_else(|| Error::null_argument("tbl"))?;
        let Name(column) = column.ok_or_else(|| Error::null_argument("col"))?;
        let target = read_target(target_recall)?;
        let k = read_k(k)?;
        let sample_rows = read_sample_rows(sample_rows)?;
        let deadline = read_deadline(budget)?;
        let session = Session::begin(Access::Write);
        let subject = Subject::read(&session, table, &column, metric)?;
        drop(session);
        interrupt::require_writable(c"annex.advise()");
        let request = Request { target, k, sample_rows, deadline };
        let candidates = advise(&subject, &request)?;
        Ok(RowSet(candidates.iter().map(|candidate| row(&subject, candidate)).collect()))
    }
}
