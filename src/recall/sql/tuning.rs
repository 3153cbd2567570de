//! `annex.tune` and `annex.calibrate`, declared in `sql/recall/tune.sql`, and `annex.calibration` behind the view
//! `annex.stat_hnsw` of `sql/recall/stat_hnsw.sql`.

use super::{open, read_k};
use crate::error::{Error, Result, SqlState};
use crate::guc;
use crate::hnsw::disk_graph::read_meta;
use crate::hnsw::layout::{Curve, Meta};
use crate::hnsw::search_width::{self, Origin, SearchWidth};
use crate::hnsw::{calibration, handler};
use crate::pg::array::Array;
use crate::pg::function::{Interval, sql_functions};
use crate::pg::open_index::{GlimpsedIndex, OpenIndex, TableRight};
use crate::pg::relation::Relation;
use crate::pg::row_set::{Cell, RowSet};
use crate::pg::spi::{Access, Session};
use crate::pg::vacuum_info::now_microseconds;
use crate::pg::{catalog, interrupt, stats};
use crate::recall::questions::{self, Served, Source};
use crate::recall::trial::{Questions, Trial};
use crate::recall::tune::{Measured, Tuned};
use crate::recall::{calibrate, tune};
use pgrx::pg_sys::Oid;
use std::time::{Duration, Instant};

/// Fewest queries that can be halved.
const LEAST_QUERIES: usize = 2;

/// When the time for a measurement that begins now is up.
/// # Errors
/// 22004 for NULL, 22023 for none.
pub(super) fn read_deadline(budget: Option<Interval>) -> Result<Instant> {
    let budget = budget.ok_or_else(|| Error::null_argument("budget"))?;
    let positive = u64::try_from(budget.0).ok().filter(|budget| *budget > 0);
    let deadline = positive.and_then(|us| Instant::now().checked_add(Duration::from_micros(us)));
    deadline.ok_or_else(|| {
        let message = "budget must be greater than zero";
        Error::new(SqlState::InvalidParameterValue, message)
    })
}

/// A recall to reach.
/// # Errors
/// 22004 for NULL, 22023 for one out of range.
pub(super) fn read_target(target: Option<f64>) -> Result<f64> {
    let target = target.ok_or_else(|| Error::null_argument("target_recall"))?;
    if target > 0.0 && target < 1.0 {
        return Ok(target);
    }
    let message = "target_recall must be between 0 and 1";
    Err(
        Error::new(SqlState::InvalidParameterValue, message).with_detail(format!(
            "It is {target}, and no measurement can show that every row is always found."
        )),
    )
}

/// Chooses the queries of a measurement by halves.
/// # Errors
/// 22023 for fewer than two given queries, 55000 for fewer than two rows to ask for, and those of [`questions::choose`].
fn ask(
    session: &Session,
    index: &OpenIndex,
    given: Option<Array>,
    served: Option<&Served>,
    most: i32,
) -> Result<(Questions, Source)> {
    let chosen = questions::choose(index, given, served, session, most)?;
    let count = chosen.as_ref().map_or(0, |(asked, _)| asked.keys.len());
    let is_given = matches!(chosen, Some((_, Source::Given)));
    chosen.filter(|_| count >= LEAST_QUERIES).ok_or_else(|| {
        let message = format!("too few queries: {count}, at least {LEAST_QUERIES} required");
        if is_given {
            Error::new(SqlState::InvalidParameterValue, message)
        } else {
            Error::new(SqlState::ObjectNotInPrerequisiteState, message)
                .with_detail("Without queries, rows of the table are taken, and it has too few.")
        }
    })
}

/// What would hide the index's option from searches of this session; NULL if nothing does.
fn overridden_by(session: &Session, index: Relation) -> Result<Cell> {
    if guc::explicit_ef_search().is_some() {
        let sql = "SELECT source FROM pg_settings WHERE name = 'hnsw.ef_search'";
        let rows = session.lookup(sql, &[])?;
        return Ok(rows
            .first()
            .and_then(|row| row.text(0))
            .map_or(Cell::Null, Cell::Text));
    }
    let width = search_width::of_scan(index, &read_meta(index)?)?;
    Ok(match width.origin {
        Origin::Target => Cell::Text("annex.target_recall".to_owned()),
        _ => Cell::Null,
    })
}

/// Appends what was tuned to the measurements of the version, where the caller may.
fn record(
    session: &Session,
    served: &Served,
    (target, k, source): (f64, usize, Source),
    (tuned, queries): (&Tuned, usize),
) -> Result<()> {
    let best = |measured: &&Measured| match tuned.chosen {
        Some(chosen) => measured.ef_search == chosen,
        None => true,
    };
    let Some(result) = tuned.tried.iter().rfind(best) else {
        return Ok(());
    };
    if !questions::may_record(session)? {
        return Ok(());
    }
    let parameters = [
        (&served.model).into(),
        served.version.into(),
        result.recall.into(),
        result.recall_lo.into(),
        (queries as i64).into(),
        target.into(),
        (k as i32).into(),
        result.ef_search.into(),
        tuned.chosen.is_some().into(),
        source.name().into(),
    ];
    session.execute(
        "INSERT INTO annex.measurement (model, version, kind, value, lo, n, detail)
         VALUES ($1, $2, 'tune', $3, $4, $5, pg_catalog.jsonb_build_object('target', $6, 'k', $7, 'ef_search', $8, 'chosen', $9, 'source', $10))",
        &parameters,
    )?;
    Ok(())
}

/// What a scan of this session would do with the index now.
fn calibration_row(index: Relation) -> Result<Vec<Cell>> {
    let meta = read_meta(index)?;
    let SearchWidth { ef_search, origin } = search_width::of_scan(index, &meta)?;
    let mut row = vec![
        Cell::Int(ef_search as i32),
        Cell::Text(origin.name().to_owned()),
    ];
    row.extend(match calibration::read_curve(index, &meta)? {
        Some(curve) => curve_cells(index, &meta, &curve),
        None => vec![Cell::Null; 6],
    });
    Ok(row)
}

fn curve_cells(index: Relation, meta: &Meta, curve: &Curve) -> Vec<Cell> {
    let changed = search_width::changed_rows(index, meta, curve);
    let count = |number: u64| Cell::BigInt(i64::try_from(number).unwrap_or(i64::MAX));
    vec![
        Cell::Timestamp(curve.measured_at),
        Cell::Int(i32::from(curve.k)),
        Cell::Int(i32::try_from(curve.queries).unwrap_or(i32::MAX)),
        count(curve.rows),
        count(changed),
        Cell::Bool(curve.is_stale(changed)),
    ]
}

sql_functions! {
    /// `annex.tune(regclass, double precision, integer, anyarray, interval)`.
    fn annex_tune(
        index: Option<Oid>,
        target_recall: Option<f64>,
        k: Option<i32>,
        queries: Option<Array>,
        budget: Option<Interval>,
    ) -> Result<RowSet> {
        let index = open(index.ok_or_else(|| Error::null_argument("index"))?, TableRight::Select)?;
        let target = read_target(target_recall)?;
        let k = read_k(k)?;
        let deadline = read_deadline(budget)?;
        let session = Session::begin(Access::Write);
        let served = Served::by(&session, index.heap().oid())?;
        let most = questions::queries_of_choice(&index);
        let (asked, source) = ask(&session, &index, queries, served.as_ref(), most)?;
        let overridden = overridden_by(&session, index.index())?;
        let name = catalog::qualified_relation_name(index.index().oid());
        let trial = Trial::begin(&index, &asked, k, None)?;
        let tuned = tune::tune(&trial, target, deadline)?;
        if let Some(served) = &served {
            let settings = (target, k, source);
            record(&session, served, settings, (&tuned, asked.keys.len()))?;
        }
        let row = |measured: &Measured| {
            let ef_search = measured.ef_search;
            let is_chosen = tuned.chosen == Some(ef_search);
            let ddl = || format!("ALTER INDEX {name} SET (ef_search = {ef_search})");
            vec![
                Cell::Int(ef_search),
                Cell::Double(measured.recall),
                Cell::Double(measured.recall_lo),
                Cell::Double(measured.p50_ms),
                Cell::Double(measured.p95_ms),
                Cell::Bool(is_chosen),
                if is_chosen { Cell::Text(ddl()) } else { Cell::Null },
                Cell::Text(source.name().to_owned()),
                overridden.clone(),
            ]
        };
        Ok(RowSet(tuned.tried.iter().map(row).collect()))
    }

    /// `annex.calibrate(regclass, integer, anyarray, interval)`.
    fn annex_calibrate(
        index: Option<Oid>,
        k: Option<i32>,
        queries: Option<Array>,
        budget: Option<Interval>,
    ) -> Result<RowSet> {
        let index = open(index.ok_or_else(|| Error::null_argument("index"))?, TableRight::Ownership)?;
        let k = read_k(k)?;
        let deadline = read_deadline(budget)?;
        interrupt::require_writable(c"annex.calibrate()");
        let session = Session::begin(Access::Write);
        let served = Served::by(&session, index.heap().oid())?;
        let most = questions::QUERIES;
        let (asked, _) = ask(&session, &index, queries, served.as_ref(), most)?;
        let table = index.heap().oid();
        // Before the measurement: what changes meanwhile counts as changed since.
        let (table_changes, pending_changes) = (stats::changed_rows(table), stats::own_changes(&session, table)?);
        let indexed_rows = read_meta(index.index())?.tids;
        let trial = Trial::begin(&index, &asked, k, None)?;
        let points = calibrate::measure(&trial, deadline)?;
        if points.is_empty() {
            let message = format!("index \"{}\" has too few rows to measure", index.index().name());
            return Err(Error::new(SqlState::ObjectNotInPrerequisiteState, message));
        }
        let curve = Curve {
            measured_at: now_microseconds(),
            rows: trial.truth.rows,
            indexed_rows,
            table_changes,
            pending_changes,
            queries: asked.keys.len() as u32,
            k: k as u16,
            points,
        };
        calibration::store_curve(index.index(), &curve)?;
        let rows = curve.points.iter().map(|point| {
            vec![
                Cell::Int(i32::from(point.ef_search)),
                Cell::Double(f64::from(point.recall)),
                Cell::Double(f64::from(point.recall_lo)),
                Cell::Timestamp(curve.measured_at),
            ]
        });
        Ok(RowSet(rows.collect()))
    }

    /// `annex.calibration(regclass)`.
    fn annex_calibration(index: Oid) -> Result<RowSet> {
        let Some(index) = GlimpsedIndex::open(index) else {
            return Ok(RowSet::default());
        };
        if !handler::is_hnsw(index.index()) {
            return Ok(RowSet::default());
        }
        match calibration_row(index.index()) {
            Ok(row) => Ok(RowSet(vec![row])),
            // For annex.verify to report: a damaged index must not hide the others.
            Err(error) if error.state == SqlState::IndexCorrupted => Ok(RowSet::default()),
            Err(error) => Err(error),
        }
    }
}
