//! How wide a scan searches: `hnsw.ef_search` where somebody has set it, else what reaches `annex.target_recall` by a
//! curve that still holds, else the index's own option `ef_search`, else the default.
//!
//! Reads one page more, and PostgreSQL's counters of the table, where a target is set and nothing where none is.

use super::calibration;
use super::layout::{Curve, Meta};
use super::options::Options;
use crate::error::Result;
use crate::guc;
use crate::pg::relation::Relation;
use crate::pg::stats;

/// Who has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `hnsw.ef_search`, set at some level.
    Setting,
    /// `annex.target_recall`, by the index's curve.
    Target,
    /// The index's option.
    Index,
    /// Nobody: the default of `hnsw.ef_search`.
    Default,
}

impl Origin {
    /// The word in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Setting => "guc",
            Self::Target => "target",
            Self::Index => "index",
            Self::Default => "default",
        }
    }
}

/// Candidates of a search, and who has decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchWidth {
    /// 1..=1000.
    pub ef_search: usize,
    /// Who has decided.
    pub origin: Origin,
}

/// The width of a scan that begins now.
/// # Errors
/// XX002 for a damaged curve, if it is needed.
pub fn of_scan(index: Relation, meta: &Meta) -> Result<SearchWidth> {
    let width = |ef_search, origin| SearchWidth { ef_search, origin };
    if let Some(ef_search) = guc::explicit_ef_search() {
        return Ok(width(ef_search as usize, Origin::Setting));
    }
    let target = guc::TARGET_RECALL.get();
    if target > 0.0
        && let Some(curve) = calibration::read_curve(index, meta)?
        && !curve.is_stale(changed_rows(index, meta, &curve))
    {
        return Ok(width(curve.ef_search_for(target), Origin::Target));
    }
    Ok(match Options::of(index).ef_search {
        Some(ef_search) => width(ef_search, Origin::Index),
        None => width(guc::EF_SEARCH.get() as usize, Origin::Default),
    })
}

/// Rows that have changed since a curve was measured, as far as is known.
pub fn changed_rows(index: Relation, meta: &Meta, curve: &Curve) -> u64 {
    curve.changed_rows(meta.tids, stats::changed_rows(index.table_of_index()))
}
