//! `hnswhandler`: the `IndexAmRoutine` and its callbacks. Each callback turns PostgreSQL's arguments into values,
//! makes one call and raises its error; nothing else happens here.
//!
//! Callbacks are unsafe to call as they believe their pointers: PostgreSQL alone calls them, as `access/amapi.h` says.
#![allow(unsafe_code)]

use super::build::{self, PHASES};
use super::disk_graph::read_meta;
use super::insert::{IndexedVector, Inserter};
use super::layout::Storage;
use super::options::{self, Options};
use super::scan::{OrderKey, Scan};
use super::{cost, search_width, vacuum, validate};
use crate::error::Result;
use crate::guc;
use crate::pg::detoasted::Keeper;
use crate::pg::heap_scan::IndexBuild;
use crate::pg::index_scan::{OrderOperand, ScanDescriptor};
use crate::pg::planner::{PathCost, PathFacts};
use crate::pg::relation::{ColumnValue, Relation, Tid};
use crate::pg::report::unwrap_or_raise;
use crate::pg::vacuum_info::VacuumInfo;
use crate::types::datum;
use pgrx::pg_sys::{self, Datum};
use pgrx::{PgBox, PgMemoryContexts, pg_guard};

/// The access method handler: `hnswhandler(internal) RETURNS index_am_handler`.
///
/// # Safety
/// Called by PostgreSQL only, in a memory context that outlives the call.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn annex_hnsw_handler(_fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: allocates a node of the right size and tag in the current memory context.
    let mut am =
        unsafe { PgBox::<pg_sys::IndexAmRoutine>::alloc_node(pg_sys::NodeTag::T_IndexAmRoutine) };
    am.amstrategies = 0;
    am.amsupport = validate::SUPPORT_TYPE_INFO;
    am.amcanorderbyop = true;
    am.amoptionalkey = true;
    am.amkeytype = pg_sys::InvalidOid;
    am.amparallelvacuumoptions = (pg_sys::VACUUM_OPTION_PARALLEL_BULKDEL
        | pg_sys::VACUUM_OPTION_PARALLEL_COND_CLEANUP) as u8;
    am.amusemaintenanceworkmem = false;
    am.ambuild = Some(ambuild);
    am.ambuildempty = Some(ambuildempty);
    am.aminsert = Some(aminsert);
    am.ambulkdelete = Some(ambulkdelete);
    am.amvacuumcleanup = Some(amvacuumcleanup);
    am.amcostestimate = Some(amcostestimate);
    am.amoptions = Some(amoptions);
    am.ambuildphasename = Some(ambuildphasename);
    am.amvalidate = Some(amvalidate);
    am.ambeginscan = Some(ambeginscan);
    am.amrescan = Some(amrescan);
    am.amgettuple = Some(amgettuple);
    am.amendscan = Some(amendscan);
    am.into_pg().into()
}

/// The version record that PostgreSQL looks for beside each C function.
#[unsafe(no_mangle)]
#[doc(hidden)]
pub extern "C" fn pg_finfo_annex_hnsw_handler() -> &'static pg_sys::Pg_finfo_record {
    static RECORD: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &RECORD
}

/// Whether `index` is of this access method, told by a callback of its routine: another extension may have one of the
/// same name.
pub fn is_hnsw(index: Relation) -> bool {
    // SAFETY: the relation is an open index, whose routine PostgreSQL has loaded.
    let build = unsafe { (*index.as_ptr()).rd_indam.as_ref() }.and_then(|routine| routine.ambuild);
    let ours: unsafe extern "C-unwind" fn(_, _, _) -> _ = ambuild;
    build.is_some_and(|build| std::ptr::fn_addr_eq(build, ours))
}

#[pg_guard]
unsafe extern "C-unwind" fn ambuild(
    heap: pg_sys::Relation,
    index: pg_sys::Relation,
    info: *mut pg_sys::IndexInfo,
) -> *mut pg_sys::IndexBuildResult {
    // SAFETY: these are the arguments of ambuild.
    let build = unsafe { IndexBuild::from_pg(heap, index, info) };
    let counts = unwrap_or_raise(build::build(&build));
    // SAFETY: a plain struct that PostgreSQL reads and frees.
    let mut result = unsafe { PgBox::<pg_sys::IndexBuildResult>::alloc0() };
    result.heap_tuples = counts.heap_tuples;
    result.index_tuples = counts.index_tuples;
    result.into_pg()
}

#[pg_guard]
unsafe extern "C-unwind" fn ambuildempty(index: pg_sys::Relation) {
    // SAFETY: PostgreSQL holds the index open during the call.
    unwrap_or_raise(build::build_empty(unsafe { Relation::from_pg(index) }));
}

#[pg_guard]
#[allow(clippy::too_many_arguments)] // the signature is PostgreSQL's
unsafe extern "C-unwind" fn aminsert(
    index: pg_sys::Relation,
    values: *mut Datum,
    is_null: *mut bool,
    heap_tid: pg_sys::ItemPointer,
    _heap: pg_sys::Relation,
    _check_unique: pg_sys::IndexUniqueCheck::Type,
    _index_unchanged: bool,
    info: *mut pg_sys::IndexInfo,
) -> bool {
    // SAFETY: PostgreSQL passes an open index, arrays with an element per index column, a valid TID, and the
    // IndexInfo of the statement.
    unsafe {
        if !*is_null {
            let index = Relation::from_pg(index);
            let inserter = statement_inserter(index, info);
            let value = ColumnValue::from_pg(*values);
            unwrap_or_raise(insert(inserter, Tid::from_pg(&*heap_tid), value));
        }
    }
    false
}

/// The inserter of a statement, kept in its IndexInfo for the next row.
///
/// # Safety
/// `info` is the valid IndexInfo of a statement that inserts into `index`.
unsafe fn statement_inserter<'a>(
    index: Relation,
    info: *mut pg_sys::IndexInfo,
) -> &'a mut Inserter {
    // SAFETY: ii_AmCache belongs to the access method and lives in ii_Context, with which the inserter is dropped.
    unsafe {
        if (*info).ii_AmCache.is_null() {
            let inserter = unwrap_or_raise(Inserter::open(index));
            let mut context = PgMemoryContexts::For((*info).ii_Context);
            (*info).ii_AmCache = context.leak_and_drop_on_delete(inserter).cast();
        }
        &mut *(*info).ii_AmCache.cast::<Inserter>()
    }
}

fn insert(inserter: &mut Inserter, tid: Tid, value: ColumnValue) -> Result<()> {
    datum::with_column_value(
        value,
        inserter.shape().of,
        |value| match IndexedVector::new(inserter.shape(), value)? {
            Some(vector) => inserter.insert(tid, &vector),
            None => Ok(()),
        },
    )?
}

#[pg_guard]
unsafe extern "C-unwind" fn ambulkdelete(
    info: *mut pg_sys::IndexVacuumInfo,
    stats: *mut pg_sys::IndexBulkDeleteResult,
    callback: pg_sys::IndexBulkDeleteCallback,
    callback_state: *mut core::ffi::c_void,
) -> *mut pg_sys::IndexBulkDeleteResult {
    // SAFETY: these are the arguments of ambulkdelete.
    let mut vacuum = unsafe { VacuumInfo::from_pg(info, stats) };
    // SAFETY: as above; the callback is given for every call of ambulkdelete.
    let mut is_dead = unsafe { vacuum.dead_row_test(callback, callback_state) };
    unwrap_or_raise(vacuum::bulk_delete(&mut vacuum, &mut is_dead));
    vacuum.into_stats()
}

#[pg_guard]
unsafe extern "C-unwind" fn amvacuumcleanup(
    info: *mut pg_sys::IndexVacuumInfo,
    stats: *mut pg_sys::IndexBulkDeleteResult,
) -> *mut pg_sys::IndexBulkDeleteResult {
    // SAFETY: these are the arguments of amvacuumcleanup.
    let mut vacuum = unsafe { VacuumInfo::from_pg(info, stats) };
    if vacuum.is_analyze_only() {
        return stats;
    }
    unwrap_or_raise(vacuum::cleanup(&mut vacuum));
    vacuum.into_stats()
}

#[pg_guard]
#[allow(clippy::too_many_arguments)] // the signature is PostgreSQL's
unsafe extern "C-unwind" fn amcostestimate(
    root: *mut pg_sys::PlannerInfo,
    path: *mut pg_sys::IndexPath,
    loop_count: f64,
    startup: *mut pg_sys::Cost,
    total: *mut pg_sys::Cost,
    selectivity: *mut pg_sys::Selectivity,
    correlation: *mut f64,
    pages: *mut f64,
) {
    // SAFETY: these are the arguments of amcostestimate; the out-pointers are valid.
    unsafe {
        let facts = PathFacts::of(root, path, loop_count);
        let cost = if facts.has_order {
            let index = pg_sys::index_open(PathFacts::index_oid(path), pg_sys::NoLock as i32);
            let relation = Relation::from_pg(index);
            let m = Options::of(relation).m;
            // A damaged index is the scan's to report.
            let (storage, ef_search) = read_meta(relation)
                .and_then(|meta| Ok((meta.shape.storage, search_width::of_scan(relation, &meta)?)))
                .map_or(
                    (Storage::Compact, guc::EF_SEARCH.get() as usize),
                    |(storage, width)| (storage, width.ef_search),
                );
            pg_sys::index_close(index, pg_sys::NoLock as i32);
            cost::estimate(&facts, m, storage, ef_search)
        } else {
            PathCost::IMPOSSIBLE
        };
        #[cfg(feature = "pg18")]
        if cost == PathCost::IMPOSSIBLE {
            (*path).path.disabled_nodes = 2;
        }
        *startup = cost.startup;
        *total = cost.total;
        *selectivity = cost.selectivity;
        *correlation = cost.correlation;
        *pages = cost.pages;
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn amoptions(options: Datum, validate: bool) -> *mut pg_sys::bytea {
    options::parse(options, validate)
}

#[pg_guard]
unsafe extern "C-unwind" fn ambuildphasename(phase: i64) -> *mut core::ffi::c_char {
    let name = usize::try_from(phase)
        .ok()
        .and_then(|phase| PHASES.get(phase.checked_sub(1)?));
    name.map_or(std::ptr::null_mut(), |name| name.as_ptr().cast_mut())
}

#[pg_guard]
unsafe extern "C-unwind" fn amvalidate(class: pg_sys::Oid) -> bool {
    unwrap_or_raise(validate::operator_class(class))
}

/// A scan between `ambeginscan` and `amendscan`.
struct OpenScan {
    state: ScanState,
    /// The executor computes the distance of a row twice, the second time perhaps after the last row was returned. `None`
    /// from `amendscan` on.
    keeper: Option<Keeper>,
}

/// State of a scan: nothing until its first row is asked for.
enum ScanState {
    NotStarted,
    Running(Box<Scan>),
    /// The index was empty, or the scan has ended.
    Ended,
}

#[pg_guard]
unsafe extern "C-unwind" fn ambeginscan(
    index: pg_sys::Relation,
    key_count: i32,
    order_count: i32,
) -> pg_sys::IndexScanDesc {
    // SAFETY: these are the arguments of ambeginscan.
    unsafe {
        let open = OpenScan {
            state: ScanState::NotStarted,
            keeper: Some(Keeper::new()),
        };
        ScanDescriptor::begin(index, key_count, order_count, open)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn amrescan(
    scan: pg_sys::IndexScanDesc,
    keys: pg_sys::ScanKey,
    _key_count: i32,
    orders: pg_sys::ScanKey,
    _order_count: i32,
) {
    // SAFETY: the descriptor is from ambeginscan, whose state is an OpenScan.
    unsafe {
        let scan = ScanDescriptor::from_pg(scan);
        scan.set_keys(keys, orders);
        scan.state::<OpenScan>().state = ScanState::NotStarted;
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn amgettuple(
    scan: pg_sys::IndexScanDesc,
    _direction: pg_sys::ScanDirection::Type,
) -> bool {
    // SAFETY: the descriptor is from ambeginscan, whose state is an OpenScan; no other reference to it exists.
    let (scan, open) = unsafe {
        let scan = ScanDescriptor::from_pg(scan);
        (scan, scan.state::<OpenScan>())
    };
    let has_row = unwrap_or_raise(next_row(scan, &mut open.state));
    if let Some(keeper) = open.keeper.as_ref().filter(|_| has_row) {
        keeper.returns_row();
    }
    has_row
}

fn next_row(scan: ScanDescriptor, state: &mut ScanState) -> Result<bool> {
    if matches!(state, ScanState::NotStarted) {
        scan.count_start();
        let key = match scan.order_operand()? {
            OrderOperand::Null => OrderKey::Null,
            OrderOperand::Value(value) => OrderKey::Value(value),
        };
        *state = match Scan::begin(scan.index(), scan.table(), key)? {
            Some(running) => ScanState::Running(Box::new(running)),
            None => ScanState::Ended,
        };
    }
    let ScanState::Running(running) = state else {
        return Ok(false);
    };
    match running.next_row()? {
        Some(row) => {
            scan.set_row(row.tid, row.lower_bound);
            Ok(true)
        }
        None => {
            *state = ScanState::Ended;
            Ok(false)
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn amendscan(scan: pg_sys::IndexScanDesc) {
    // SAFETY: as in amrescan. The state itself is dropped with the scan's memory context.
    unsafe {
        *ScanDescriptor::from_pg(scan).state::<OpenScan>() = OpenScan {
            state: ScanState::Ended,
            keeper: None,
        };
    }
}
