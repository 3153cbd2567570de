//! Index options (reloptions) of `hnsw`: `m`, `ef_construction`, `ef_search`, `builder`, `storage`.
//!
//! Follows `access/reloptions.h`. The parsed struct is what PostgreSQL keeps in `rd_options`.
#![allow(unsafe_code)]

use super::layout::Storage;
use crate::error::{Error, Result, SqlState};
use crate::pg::relation::Relation;
use pgrx::pg_sys;
use std::sync::OnceLock;

/// Default of `m`.
pub const DEFAULT_M: i32 = 16;
/// Default of `ef_construction`.
pub const DEFAULT_EF_CONSTRUCTION: i32 = 64;

/// Which builder makes the graph of a bulk build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Builder {
    /// Our own, over flat arrays.
    Flat = 0,
    /// The crate hnsw_rs, an independent implementation to check recall against.
    HnswRs = 1,
}

/// Options of one index, defaults filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Links per node above level 0, 2..=100; level 0 has twice as many.
    pub m: usize,
    /// Candidates of a build and of an insert, 4..=1000.
    pub ef_construction: usize,
    /// Candidates of a search, 1..=1000, where neither `hnsw.ef_search` nor a target of recall is set; `None` for the default.
    pub ef_search: Option<usize>,
    /// Builder of a bulk build.
    pub builder: Builder,
    /// Form of the nodes; `None` for the one that suits the dimensions. Read at the build.
    pub storage: Option<Storage>,
}

/// Value of the option `ef_search` where it was not given.
const EF_SEARCH_UNSET: i32 = 0;
/// Value of the option `storage` that leaves the choice to us; the others are those of [`Storage`].
const STORAGE_AUTO: i32 = -1;

/// What `build_reloptions` fills: a varlena header, then one field an option.
#[repr(C)]
struct RelOptions {
    vl_len: i32,
    m: i32,
    ef_construction: i32,
    ef_search: i32,
    builder: i32,
    storage: i32,
}

static KIND: OnceLock<pg_sys::relopt_kind::Type> = OnceLock::new();

struct EnumValues<const N: usize>([pg_sys::relopt_enum_elt_def; N]);
// SAFETY: the pointers lead to constants of the program; PostgreSQL only reads them.
unsafe impl<const N: usize> Sync for EnumValues<N> {}

static BUILDERS: EnumValues<3> = EnumValues([
    pg_sys::relopt_enum_elt_def {
        string_val: c"flat".as_ptr(),
        symbol_val: Builder::Flat as i32,
    },
    pg_sys::relopt_enum_elt_def {
        string_val: c"hnsw_rs".as_ptr(),
        symbol_val: Builder::HnswRs as i32,
    },
    pg_sys::relopt_enum_elt_def {
        string_val: std::ptr::null(),
        symbol_val: 0,
    },
]);

static STORAGES: EnumValues<4> = EnumValues([
    pg_sys::relopt_enum_elt_def {
        string_val: c"auto".as_ptr(),
        symbol_val: STORAGE_AUTO,
    },
    pg_sys::relopt_enum_elt_def {
        string_val: c"compact".as_ptr(),
        symbol_val: Storage::Compact as i32,
    },
    pg_sys::relopt_enum_elt_def {
        string_val: c"inline".as_ptr(),
        symbol_val: Storage::Inline as i32,
    },
    pg_sys::relopt_enum_elt_def {
        string_val: std::ptr::null(),
        symbol_val: 0,
    },
]);

/// Registers the options; called once by `_PG_init`.
pub fn register() {
    let lock = pg_sys::AccessExclusiveLock as pg_sys::LOCKMODE;
    // SAFETY: _PG_init runs on the main thread; all strings are NUL-terminated constants, and the enum values
    // live as long as the program.
    unsafe {
        let kind = pg_sys::add_reloption_kind();
        pg_sys::add_int_reloption(
            kind,
            c"m".as_ptr(),
            c"Max number of connections".as_ptr(),
            DEFAULT_M,
            2,
            100,
            lock,
        );
        pg_sys::add_int_reloption(
            kind,
            c"ef_construction".as_ptr(),
            c"Size of the dynamic candidate list for construction".as_ptr(),
            DEFAULT_EF_CONSTRUCTION,
            4,
            1000,
            lock,
        );
        // Only searches read it: as with fillfactor, writers need not wait for a change.
        pg_sys::add_int_reloption(
            kind,
            c"ef_search".as_ptr(),
            c"Size of the dynamic candidate list for search".as_ptr(),
            EF_SEARCH_UNSET,
            1,
            1000,
            pg_sys::ShareUpdateExclusiveLock as pg_sys::LOCKMODE,
        );
        pg_sys::add_enum_reloption(
            kind,
            c"builder".as_ptr(),
            c"What makes the graph of a bulk build".as_ptr(),
            BUILDERS.0.as_ptr().cast_mut(),
            Builder::Flat as i32,
            c"Valid values are \"flat\" and \"hnsw_rs\".".as_ptr(),
            lock,
        );
        pg_sys::add_enum_reloption(
            kind,
            c"storage".as_ptr(),
            c"What nodes keep of their neighbors".as_ptr(),
            STORAGES.0.as_ptr().cast_mut(),
            STORAGE_AUTO,
            c"Valid values are \"auto\", \"compact\" and \"inline\".".as_ptr(),
            lock,
        );
        let _ = KIND.set(kind);
    }
}

/// `amoptions`: parses the options of CREATE or ALTER INDEX.
pub fn parse(options: pg_sys::Datum, validate: bool) -> *mut pg_sys::bytea {
    #[allow(clippy::needless_update)] // PostgreSQL 18 has one field more
    let element = |name: &'static std::ffi::CStr, kind, offset: usize| pg_sys::relopt_parse_elt {
        optname: name.as_ptr(),
        opttype: kind,
        offset: offset as i32,
        ..Default::default()
    };
    use pg_sys::relopt_type::{RELOPT_TYPE_ENUM, RELOPT_TYPE_INT};
    let elements = [
        element(c"m", RELOPT_TYPE_INT, std::mem::offset_of!(RelOptions, m)),
        element(
            c"ef_construction",
            RELOPT_TYPE_INT,
            std::mem::offset_of!(RelOptions, ef_construction),
        ),
        element(
            c"ef_search",
            RELOPT_TYPE_INT,
            std::mem::offset_of!(RelOptions, ef_search),
        ),
        element(
            c"builder",
            RELOPT_TYPE_ENUM,
            std::mem::offset_of!(RelOptions, builder),
        ),
        element(
            c"storage",
            RELOPT_TYPE_ENUM,
            std::mem::offset_of!(RelOptions, storage),
        ),
    ];
    let kind = KIND
        .get()
        .copied()
        .unwrap_or(pg_sys::relopt_kind::RELOPT_KIND_LOCAL);
    // SAFETY: `options` comes from PostgreSQL; elements and struct size describe `RelOptions`.
    unsafe {
        pg_sys::build_reloptions(
            options,
            validate,
            kind,
            size_of::<RelOptions>(),
            elements.as_ptr(),
            elements.len() as i32,
        )
        .cast()
    }
}

impl Options {
    /// These two, and the defaults of the others.
    pub fn with(m: usize, ef_construction: usize) -> Self {
        Self {
            m,
            ef_construction,
            ef_search: None,
            builder: Builder::Flat,
            storage: None,
        }
    }

    /// Options of an open index.
    pub fn of(index: Relation) -> Self {
        let options = index.options_ptr().cast::<RelOptions>();
        if options.is_null() {
            return Self::with(DEFAULT_M as usize, DEFAULT_EF_CONSTRUCTION as usize);
        }
        // SAFETY: rd_options is what `parse` returned for this relation.
        let options = unsafe { &*options };
        Self {
            m: options.m as usize,
            ef_construction: options.ef_construction as usize,
            ef_search: (options.ef_search != EF_SEARCH_UNSET).then_some(options.ef_search as usize),
            builder: if options.builder == Builder::HnswRs as i32 {
                Builder::HnswRs
            } else {
                Builder::Flat
            },
            storage: [Storage::Compact, Storage::Inline]
                .into_iter()
                .find(|storage| *storage as i32 == options.storage),
        }
    }

    /// Checks what holds between options, which PostgreSQL's own range checks cannot.
    /// # Errors
    /// 22023 if `ef_construction` is below `2 * m`.
    pub fn validate(&self) -> Result<()> {
        if self.ef_construction >= 2 * self.m {
            return Ok(());
        }
        Err(Error::new(
            SqlState::InvalidParameterValue,
            "ef_construction must be greater than or equal to 2 * m",
        )
        .with_detail(format!(
            "ef_construction is {}, m is {}.",
            self.ef_construction, self.m
        ))
        .with_hint(format!("Set ef_construction to at least {}.", 2 * self.m)))
    }
}
