//! Differences between PostgreSQL 14 and 18, and C macros that bindgen cannot see, under their C names.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// `InvalidSubTransactionId`.
const INVALID_SUB_TRANSACTION_ID: pg_sys::SubTransactionId = 0;

/// `RelationNeedsWAL(relation)`.
///
/// # Safety
/// `relation` is open.
pub unsafe fn relation_needs_wal(relation: pg_sys::Relation) -> bool {
    // SAFETY: contract of this function; wal_level is read on the main thread.
    unsafe {
        let rel = &*relation;
        let permanent = (*rel.rd_rel).relpersistence as u8 == pg_sys::RELPERSISTENCE_PERMANENT;
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        let created_here = rel.rd_createSubid != INVALID_SUB_TRANSACTION_ID
            || rel.rd_firstRelfilenodeSubid != INVALID_SUB_TRANSACTION_ID;
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        let created_here = rel.rd_createSubid != INVALID_SUB_TRANSACTION_ID
            || rel.rd_firstRelfilelocatorSubid != INVALID_SUB_TRANSACTION_ID;
        let wal_logged = pg_sys::wal_level >= pg_sys::WalLevel::WAL_LEVEL_REPLICA as i32;
        permanent && (wal_logged || !created_here)
    }
}

/// `TupleDescAttr(desc, index)`.
///
/// # Safety
/// `desc` is a valid tuple descriptor with more than `index` attributes.
pub unsafe fn tuple_desc_attr<'a>(
    desc: pg_sys::TupleDesc,
    index: usize,
) -> &'a pg_sys::FormData_pg_attribute {
    // SAFETY: contract of this function.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        {
            &(*desc).attrs.as_slice((*desc).natts as usize)[index]
        }
        #[cfg(feature = "pg18")]
        {
            // The attributes lie behind as many compact ones.
            let compact = (&raw const (*desc).compact_attrs).cast::<pg_sys::CompactAttribute>();
            let attributes = compact
                .add((*desc).natts as usize)
                .cast::<pg_sys::FormData_pg_attribute>();
            &*attributes.add(index)
        }
    }
}

/// Where the file of a relation is: `RelFileLocator`, before PostgreSQL 16 `RelFileNode`.
#[cfg(any(feature = "pg14", feature = "pg15"))]
pub type FileLocator = pg_sys::RelFileNode;
/// Where the file of a relation is: `RelFileLocator`, before PostgreSQL 16 `RelFileNode`.
#[cfg(not(any(feature = "pg14", feature = "pg15")))]
pub type FileLocator = pg_sys::RelFileLocator;

/// Where the file of a relation is now.
///
/// # Safety
/// `relation` is open.
pub unsafe fn file_locator(relation: pg_sys::Relation) -> FileLocator {
    // SAFETY: contract of this function.
    unsafe {
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        let locator = (*relation).rd_node;
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        let locator = (*relation).rd_locator;
        locator
    }
}

/// `ReadRecentBuffer`: pins `buffer` if it still holds `block` of the file's main fork.
///
/// # Safety
/// `buffer` is valid: PostgreSQL itself checks which block it holds.
pub unsafe fn read_recent_buffer(file: FileLocator, block: u32, buffer: pg_sys::Buffer) -> bool {
    // SAFETY: contract of this function.
    unsafe { pg_sys::ReadRecentBuffer(file, pg_sys::ForkNumber::MAIN_FORKNUM, block, buffer) }
}

/// `vacuum_delay_point`, which PostgreSQL 18 gave an argument; also serves interrupts.
pub fn vacuum_delay_point() {
    // SAFETY: called on the main thread without a content lock held.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::vacuum_delay_point();
        #[cfg(feature = "pg18")]
        pg_sys::vacuum_delay_point(false);
    }
}

/// `pgstat_count_index_scan`, and the counter that EXPLAIN shows from PostgreSQL 18 on.
///
/// # Safety
/// `scan` is a valid descriptor whose index is open.
pub unsafe fn count_index_scan(scan: pg_sys::IndexScanDesc) {
    // SAFETY: contract of this function; the counters belong to this backend.
    unsafe {
        count_scan_of_index((*scan).indexRelation);
        #[cfg(feature = "pg18")]
        if let Some(instrument) = (*scan).instrument.as_mut() {
            instrument.nsearches += 1;
        }
    }
}

/// `pgstat_count_index_scan` alone.
///
/// # Safety
/// `index` is open.
pub unsafe fn count_scan_of_index(index: pg_sys::Relation) {
    // SAFETY: contract of this function; the counters belong to this backend.
    unsafe {
        #[cfg(not(feature = "pg14"))]
        if (*index).pgstat_info.is_null() && (*index).pgstat_enabled {
            pg_sys::pgstat_assoc_relation(index);
        }
        if let Some(info) = (*index).pgstat_info.as_mut() {
            #[cfg(any(feature = "pg14", feature = "pg15"))]
            {
                info.t_counts.t_numscans += 1;
            }
            #[cfg(not(any(feature = "pg14", feature = "pg15")))]
            {
                info.counts.numscans += 1;
            }
        }
    }
}

/// Whether `old_snapshot_threshold` is set: then each read of a page asks whether the snapshot is too old for it.
/// PostgreSQL 17 has no such setting.
pub fn snapshots_expire() -> bool {
    #[cfg(any(feature = "pg14", feature = "pg15", feature = "pg16"))]
    // SAFETY: a plain variable of the server, read on the main thread.
    let threshold = unsafe { pg_sys::old_snapshot_threshold };
    #[cfg(not(any(feature = "pg14", feature = "pg15", feature = "pg16")))]
    let threshold = -1;
    threshold >= 0
}

/// Memory that PostgreSQL frees as the `extra` of a setting's value; null if there is none left. A check hook must not
/// raise: it returns.
pub fn guc_allocate(size: usize) -> *mut std::ffi::c_void {
    #[cfg(any(feature = "pg14", feature = "pg15"))]
    // SAFETY: any size may be asked for; PostgreSQL frees it with `free`.
    let memory = unsafe { libc::malloc(size) };
    #[cfg(not(any(feature = "pg14", feature = "pg15")))]
    // SAFETY: any size may be asked for, on the main thread; at this level PostgreSQL returns null where it is short.
    let memory = unsafe { pg_sys::guc_malloc(pg_sys::LOG as i32, size) };
    memory
}

/// Whether the current user may name what is in a schema.
///
/// # Safety
/// On the main thread, in a transaction.
pub(super) unsafe fn may_use_schema(schema: pg_sys::Oid) -> bool {
    // SAFETY: a catalog lookup, by contract.
    let right = unsafe {
        let (user, usage) = (pg_sys::GetUserId(), pg_sys::ACL_USAGE as pg_sys::AclMode);
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        {
            pg_sys::pg_namespace_aclcheck(schema, user, usage)
        }
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        {
            pg_sys::object_aclcheck(pg_sys::NamespaceRelationId, schema, user, usage)
        }
    };
    right == pg_sys::AclResult::ACLCHECK_OK
}

/// `getIdentitySequence`, which PostgreSQL 17 changed to take an open table; `InvalidOid` if the column has none.
///
/// # Safety
/// `table` is open.
pub(super) unsafe fn identity_sequence(table: pg_sys::Relation, column: i16) -> pg_sys::Oid {
    // SAFETY: contract of this function; a catalog lookup.
    unsafe {
        #[cfg(any(feature = "pg14", feature = "pg15", feature = "pg16"))]
        let table = (*table).rd_id;
        pg_sys::getIdentitySequence(table, column, true)
    }
}

/// `HeapTupleHeaderSetSpeculativeToken`.
///
/// # Safety
/// `header` is of a tuple of the caller's own.
pub(super) unsafe fn set_speculative_token(header: pg_sys::HeapTupleHeader, token: u32) {
    // SAFETY: contract of this function.
    unsafe {
        (*header).t_ctid = super::relation::Tid {
            block: token,
            offset: pg_sys::SpecTokenOffsetNumber as u16,
        }
        .to_pg();
    }
}
