//! Functions about indexes as PostgreSQL calls them, declared in `sql/hnsw/verify.sql`. No logic of their own.

use super::handler::is_hnsw;
use super::info::{IndexInfo, index_info};
use super::kept::{LastScan, last_scan};
use super::scan_counters::Totals;
use super::scan_meter::totals;
use super::verify::{Finding, verify};
use crate::error::{Error, Result, SqlState};
use crate::pg::function::sql_functions;
use crate::pg::open_index::{OpenIndex, TableRight};
use crate::pg::row_set::{Cell, RowSet};
use pgrx::pg_sys;

/// Opens an index of this access method for the owner of its table.
/// # Errors
/// Those of [`OpenIndex::open`], and 42809 for an index of another method.
fn open(oid: pg_sys::Oid) -> Result<OpenIndex> {
    let open = OpenIndex::open(oid, TableRight::Ownership)?;
    if !is_hnsw(open.index()) {
        return Err(Error::new(
            SqlState::WrongObjectType,
            format!("\"{}\" is not an hnsw index of annex", open.index().name()),
        ));
    }
    Ok(open)
}

fn finding_row(finding: Finding) -> Vec<Cell> {
    vec![
        Cell::Text(finding.severity.name().to_owned()),
        finding
            .block
            .map_or(Cell::Null, |block| Cell::BigInt(i64::from(block))),
        finding
            .item
            .map_or(Cell::Null, |item| Cell::Int(i32::from(item))),
        Cell::Text(finding.finding.to_owned()),
        Cell::Text(finding.detail),
    ]
}

fn info_row(info: &IndexInfo) -> Vec<Cell> {
    let meta = &info.meta;
    let count = |number: u64| Cell::BigInt(number as i64);
    vec![
        Cell::Text(meta.shape.storage.name().to_owned()),
        Cell::Text(meta.shape.metric.name().to_owned()),
        Cell::Int(meta.shape.dims as i32),
        Cell::Int(meta.shape.m as i32),
        Cell::Int(i32::from(meta.ef_construction)),
        count(info.nodes),
        count(info.tombstones),
        count(info.heap_rows),
        count(info.upper_nodes),
        if meta.entry.is_some() {
            Cell::Int(i32::from(meta.entry_level))
        } else {
            Cell::Null
        },
        Cell::Int(info.format_version as i32),
        count(info.size_bytes),
        if meta.last_repair == 0 {
            Cell::Null
        } else {
            Cell::Timestamp(meta.last_repair)
        },
    ]
}

fn last_scan_row(scan: LastScan) -> Vec<Cell> {
    let counts = scan.counts;
    [
        counts.expanded,
        counts.distances,
        counts.upper_expanded,
        counts.upper_distances,
        scan.rows,
    ]
    .map(|count| Cell::BigInt(i64::try_from(count).unwrap_or(i64::MAX)))
    .to_vec()
}

fn totals_row(totals: Totals) -> Vec<Cell> {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    vec![
        Cell::BigInt(count(totals.scans)),
        Cell::BigInt(count(totals.rows)),
        Cell::BigInt(count(totals.distances)),
        Cell::Double(totals.nanoseconds as f64 / 1e6),
        Cell::BigInts(totals.histogram.into_iter().map(count).collect()),
    ]
}

sql_functions! {
    /// `annex.verify(regclass, boolean)`.
    fn annex_verify(index: pg_sys::Oid, deep: bool) -> Result<RowSet> {
        let opened = open(index)?;
        let findings = verify(&opened, deep)?;
        Ok(RowSet(findings.into_iter().map(finding_row).collect()))
    }

    /// `annex.index_info(regclass)`.
    fn annex_index_info(index: pg_sys::Oid) -> Result<RowSet> {
        let opened = open(index)?;
        Ok(RowSet(vec![info_row(&index_info(opened.index())?)]))
    }

    /// `annex.last_scan()`.
    fn annex_last_scan() -> Result<RowSet> {
        Ok(RowSet(last_scan().into_iter().map(last_scan_row).collect()))
    }
    /// `annex.scan_totals(oid)`.
    fn annex_scan_totals(index: pg_sys::Oid) -> Result<RowSet> {
        Ok(RowSet(totals(index).into_iter().map(totals_row).collect()))
    }
}
