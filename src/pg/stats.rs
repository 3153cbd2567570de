//! What PostgreSQL's cumulative statistics say of a table. They are counted by each server for itself, start from zero
//! after a crash or a reset, and lag behind by about a second.
#![allow(unsafe_code)]

use crate::error::Result;
use crate::pg::spi::Session;
use pgrx::pg_sys;

/// Rows of a table of this database that were inserted, updated or deleted since its counters began; updates that left
/// its indexes alone (HOT) do not count. PostgreSQL 14 keeps them where reading takes milliseconds: 0 there.
#[cfg(not(feature = "pg14"))]
pub fn changed_rows(table: pg_sys::Oid) -> u64 {
    // SAFETY: looks up shared memory on the main thread; the result is null or an entry that lives as long as the
    // transaction's view of the statistics.
    let entry = unsafe { pg_sys::pgstat_fetch_stat_tabentry_ext(false, table).as_ref() };
    entry.map_or(0, |entry| {
        let updated = entry.tuples_updated - entry.tuples_hot_updated;
        (entry.tuples_inserted + updated + entry.tuples_deleted).max(0) as u64
    })
}

/// As above.
#[cfg(feature = "pg14")]
pub fn changed_rows(_table: pg_sys::Oid) -> u64 {
    0
}

/// Such rows that this session has changed and [`changed_rows`] does not count yet.
/// # Errors
/// PostgreSQL's own are raised.
pub fn own_changes(session: &Session, table: pg_sys::Oid) -> Result<u64> {
    if cfg!(feature = "pg14") {
        return Ok(0);
    }
    let sql = "
        SELECT pg_stat_get_xact_tuples_inserted($1) + pg_stat_get_xact_tuples_updated($1)
            - pg_stat_get_xact_tuples_hot_updated($1) + pg_stat_get_xact_tuples_deleted($1)";
    let rows = session.lookup(sql, &[table.into()])?;
    let changes = rows.first().and_then(|row| row.bigint(0)).unwrap_or(0);
    Ok(changes.max(0) as u64)
}
