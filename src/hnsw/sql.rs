//! Functions about indexes as PostgreSQL calls them, declared in `sql/hnsw/verify.sql`. No logic of their own.

use super::handler::is_hnsw;
use super::info::{IndexInfo, index_info};
use super::verify::{Finding, verify};
use crate::error::Result;
use crate::pg::function::sql_functions;
use crate::pg::owned_index::OwnedIndex;
use crate::pg::row_set::{Cell, RowSet};
use pgrx::pg_sys;

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
        Cell::Text("compact".to_owned()),
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

sql_functions! {
    /// `annex.verify(regclass, boolean)`.
    fn annex_verify(index: pg_sys::Oid, deep: bool) -> Result<RowSet> {
        let opened = OwnedIndex::open(index, is_hnsw)?;
        let findings = verify(&opened, deep)?;
        Ok(RowSet(findings.into_iter().map(finding_row).collect()))
    }

    /// `annex.index_info(regclass)`.
    fn annex_index_info(index: pg_sys::Oid) -> Result<RowSet> {
        let opened = OwnedIndex::open(index, is_hnsw)?;
        Ok(RowSet(vec![info_row(&index_info(opened.index())?)]))
    }
}
