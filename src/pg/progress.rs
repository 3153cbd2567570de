//! Progress of CREATE INDEX, as `pg_stat_progress_create_index` shows it (`commands/progress.h`).
#![allow(unsafe_code)]

use pgrx::pg_sys;

const SUBPHASE: i32 = pg_sys::PROGRESS_CREATEIDX_SUBPHASE as i32;
const TUPLES_TOTAL: i32 = pg_sys::PROGRESS_CREATEIDX_TUPLES_TOTAL as i32;
const TUPLES_DONE: i32 = pg_sys::PROGRESS_CREATEIDX_TUPLES_DONE as i32;

fn update(parameter: i32, value: i64) {
    // SAFETY: writes a slot of this backend's status; does nothing when no command reports progress.
    unsafe { pg_sys::pgstat_progress_update_param(parameter, value) };
}

/// Sets the number of the access method's phase, which `ambuildphasename` turns into text.
pub fn set_phase(phase: i64) {
    update(SUBPHASE, phase);
}

/// Sets the number of tuples that the phase will process; 0 if unknown.
pub fn set_tuples_total(total: u64) {
    update(TUPLES_TOTAL, total as i64);
}

/// Sets the number of tuples processed.
pub fn set_tuples_done(done: u64) {
    update(TUPLES_DONE, done as i64);
}
