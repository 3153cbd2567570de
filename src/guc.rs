//! Every setting: name, default, range, meaning. `hnsw.*` are pgvector's, our own are `annex.*`.
#![allow(unsafe_code)]

use crate::pg::compat;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use pgrx::{pg_guard, pg_sys};
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

/// Values of `hnsw.iterative_scan`.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum IterativeScan {
    /// Stop after the first `hnsw.ef_search` rows.
    off,
    /// Go on; sorted within each batch.
    relaxed_order,
    /// Go on; sorted overall.
    strict_order,
}

/// `hnsw.ef_search`: size of the candidate list of a search, 1..=1000, default 40.
pub static EF_SEARCH: GucSetting<i32> = GucSetting::<i32>::new(40);
/// `hnsw.iterative_scan`: what happens when more rows are wanted than the first search found.
pub static ITERATIVE_SCAN: GucSetting<IterativeScan> =
    GucSetting::<IterativeScan>::new(IterativeScan::off);
/// `hnsw.max_scan_tuples`: visited nodes after which an iterative scan stops, default 20000.
pub static MAX_SCAN_TUPLES: GucSetting<i32> = GucSetting::<i32>::new(20_000);
/// `hnsw.scan_mem_multiplier`: memory of an iterative scan as a multiple of `work_mem`, 1..=1000.
pub static SCAN_MEM_MULTIPLIER: GucSetting<f64> = GucSetting::<f64>::new(1.0);

/// `annex.target_recall`: the recall that scans of a calibrated index are to reach, .5..=.999; 0, the default, for none.
pub static TARGET_RECALL: GucSetting<f64> = GucSetting::<f64>::new(0.0);

/// `annex.ddl_lock_timeout`: how long registering and retiring a version wait for locks, unless `lock_timeout` is set; in
/// milliseconds, default 5 s, 0 waits without end.
pub static DDL_LOCK_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(5_000);

/// `annex.sample_max_rows`: query samples of a version that `annex.maintain` leaves, default 10,000.
pub static SAMPLE_MAX_ROWS: GucSetting<i32> = GucSetting::<i32>::new(10_000);
/// `annex.sample_max_days`: age at which `annex.maintain` deletes a query sample, default 30.
pub static SAMPLE_MAX_DAYS: GucSetting<i32> = GucSetting::<i32>::new(30);
/// `annex.unit_max_days`: how long exposures outlive the end of their experiment, default 90.
pub static UNIT_MAX_DAYS: GucSetting<i32> = GucSetting::<i32>::new(90);
/// Days that an interval surely holds: 100 years.
const MAX_DAYS: i32 = 36_500;

/// `annex.failpoint`: where a recovery test ends the backend; see `pg::failpoint`.
#[cfg(feature = "failpoints")]
pub static FAILPOINT: GucSetting<Option<std::ffi::CString>> =
    GucSetting::<Option<std::ffi::CString>>::new(None);

/// `annex.cancelpoint`: where a test cancels the statement; see `pg::failpoint`.
#[cfg(feature = "failpoints")]
pub static CANCELPOINT: GucSetting<Option<std::ffi::CString>> =
    GucSetting::<Option<std::ffi::CString>>::new(None);

/// Smallest value of `annex.target_recall` that asks for anything.
const LEAST_TARGET: f64 = 0.5;

/// Whether the value of `hnsw.ef_search` in force was set by somebody, at whatever level.
static EF_SEARCH_IS_SET: AtomicBool = AtomicBool::new(false);

/// `hnsw.ef_search` if somebody has set it, at whatever level: the configuration, a database, a role, the session, a
/// transaction or a function. `None` while the built-in default holds, which an index may replace by its own.
pub fn explicit_ef_search() -> Option<i32> {
    // The server's main thread alone sets and reads it.
    EF_SEARCH_IS_SET
        .load(Ordering::Relaxed)
        .then(|| EF_SEARCH.get())
}

/// Notes where a new value of `hnsw.ef_search` comes from. The note belongs to the value: PostgreSQL keeps both on its
/// stack of values, and hands both to the assign hook when a transaction, a function or RESET brings an older one back.
///
/// # Safety
/// Called by PostgreSQL only, as the check hook of an integer.
#[pg_guard]
unsafe extern "C-unwind" fn check_ef_search(
    _value: *mut c_int,
    note: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes a place for a pointer that it will free; the memory has room for the one byte.
    unsafe {
        let memory = compat::guc_allocate(size_of::<bool>()).cast::<bool>();
        if memory.is_null() {
            return false;
        }
        *memory = source > pg_sys::GucSource::PGC_S_DYNAMIC_DEFAULT;
        *note = memory.cast();
    }
    true
}

/// # Safety
/// Called by PostgreSQL only, with what [`check_ef_search`] has left.
#[pg_guard]
unsafe extern "C-unwind" fn assign_ef_search(_value: c_int, note: *mut c_void) {
    // SAFETY: null or what the check hook left beside the value.
    let is_set = unsafe { note.cast::<bool>().as_ref() }.copied();
    EF_SEARCH_IS_SET.store(is_set.unwrap_or(false), Ordering::Relaxed);
}

/// Refuses targets between "none" and the smallest one: somebody who sets 0.3 means something else.
///
/// # Safety
/// Called by PostgreSQL only, as the check hook of a real number.
#[pg_guard]
unsafe extern "C-unwind" fn check_target_recall(
    value: *mut f64,
    _note: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes the new value.
    let target = unsafe { *value };
    if target == 0.0 || target >= LEAST_TARGET {
        return true;
    }
    // SAFETY: PostgreSQL shows the text, which is copied into the current memory context, with its own message.
    unsafe {
        let detail = c"\"annex.target_recall\" must be 0, for none, or between 0.5 and 0.999.";
        pg_sys::GUC_check_errdetail_string = pg_sys::pstrdup(detail.as_ptr());
    }
    false
}

/// Defines the settings; called once by `_PG_init`.
pub fn register() {
    // SAFETY: the hooks are of the kinds that PostgreSQL calls, and guarded.
    unsafe {
        GucRegistry::define_int_guc_with_hooks(
            c"hnsw.ef_search",
            c"Sets the size of the dynamic candidate list for search",
            c"Valid range is 1..1000.",
            &EF_SEARCH,
            1,
            1000,
            GucContext::Userset,
            GucFlags::default(),
            Some(check_ef_search),
            Some(assign_ef_search),
            None,
        );
    }
    GucRegistry::define_float_guc_with_hooks(
        c"annex.target_recall",
        c"Sets the recall that scans of a calibrated hnsw index are to reach",
        c"0 turns this off. Where hnsw.ef_search is set, it applies instead.",
        &TARGET_RECALL,
        0.0,
        0.999,
        GucContext::Userset,
        GucFlags::default(),
        Some(check_target_recall),
        None,
        None,
    );
    GucRegistry::define_enum_guc(
        c"hnsw.iterative_scan",
        c"Sets the mode for iterative scans",
        c"",
        &ITERATIVE_SCAN,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"hnsw.max_scan_tuples",
        c"Sets the max number of tuples to visit for iterative scans",
        c"",
        &MAX_SCAN_TUPLES,
        1,
        i32::MAX,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_float_guc(
        c"hnsw.scan_mem_multiplier",
        c"Sets the multiple of work_mem to use for iterative scans",
        c"",
        &SCAN_MEM_MULTIPLIER,
        1.0,
        1000.0,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"annex.ddl_lock_timeout",
        c"Sets how long registering and retiring a version of a model wait for locks",
        c"Where lock_timeout is set, it applies instead. 0 turns this off.",
        &DDL_LOCK_TIMEOUT,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"annex.sample_max_rows",
        c"Sets how many query samples of a version annex.maintain leaves",
        c"The newest are left.",
        &SAMPLE_MAX_ROWS,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"annex.sample_max_days",
        c"Sets the age in days at which annex.maintain deletes query samples",
        c"",
        &SAMPLE_MAX_DAYS,
        0,
        MAX_DAYS,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"annex.unit_max_days",
        c"Sets how many days annex.maintain leaves the exposures of an experiment that has ended",
        c"Their outcomes go with them; the result of the experiment stays.",
        &UNIT_MAX_DAYS,
        0,
        MAX_DAYS,
        GucContext::Userset,
        GucFlags::default(),
    );
    #[cfg(feature = "failpoints")]
    GucRegistry::define_string_guc(
        c"annex.failpoint",
        c"Names the point at which this backend is killed",
        c"For recovery tests only.",
        &FAILPOINT,
        GucContext::Suset,
        GucFlags::default(),
    );
    #[cfg(feature = "failpoints")]
    GucRegistry::define_string_guc(
        c"annex.cancelpoint",
        c"Names the kind of work during which the statement is canceled",
        c"For recovery tests only.",
        &CANCELPOINT,
        GucContext::Suset,
        GucFlags::default(),
    );
    // A misspelt setting is an error, not a variable of its own.
    for prefix in [c"hnsw", c"annex"] {
        // SAFETY: _PG_init runs on the main thread; the prefix is a NUL-terminated constant.
        unsafe {
            #[cfg(feature = "pg14")]
            pgrx::pg_sys::EmitWarningsOnPlaceholders(prefix.as_ptr());
            #[cfg(not(feature = "pg14"))]
            pgrx::pg_sys::MarkGUCPrefixReserved(prefix.as_ptr());
        }
    }
}
