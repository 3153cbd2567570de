//! SQL run from inside a function, with the caller's rights and in his transaction.
//!
//! Statements name everything in full, since they run under the caller's search path; [`Session::lookup`] is for those
//! that read nothing but catalogs and tables without row security or expressions of users, and runs under a path of its own.
#![allow(unsafe_code)]

use super::array::Array;
use super::encoding;
use super::function::Raw;
use super::row_set::Cell;
use super::settings::SettingsLevel;
use super::varlena::NewVarlena;
use crate::error::{Error, Result, SqlState};
use pgrx::{IntoDatum, pg_sys};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_char;

/// Statements whose plans a connection keeps; beyond that a statement is planned each time. There are few texts a model.
const MAX_KEPT: usize = 1000;

thread_local! {
    static KEPT: RefCell<HashMap<String, Vec<KeptPlan>>> = RefCell::new(HashMap::new());
}

/// A plan of a statement for parameters of these types.
struct KeptPlan {
    kinds: Vec<pg_sys::Oid>,
    plan: pg_sys::SPIPlanPtr,
}

/// What a statement may do and see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads, under the snapshot of the query around the function: for STABLE functions.
    Read,
    /// Writes too; each statement sees what those before it did, and in READ COMMITTED what others have committed.
    Write,
    /// As `Write`, but a [`Session::lookup`] sees in every isolation level what others have committed by now: for what is
    /// decided under a lock, which an older snapshot would decide by what was true before the lock was waited for.
    Latest,
}

/// A parameter of a statement: a value, or NULL, of an SQL type.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    kind: pg_sys::Oid,
    value: Option<pg_sys::Datum>,
}

impl Param {
    /// A value of whatever type it was given with.
    pub fn raw(value: Raw) -> Self {
        Self {
            kind: value.kind(),
            value: Some(value.datum()),
        }
    }

    /// A `bytea`.
    pub fn bytes(value: Option<&[u8]>) -> Self {
        Self {
            kind: pg_sys::BYTEAOID,
            value: value.map(varlena),
        }
    }
}

fn varlena(bytes: &[u8]) -> pg_sys::Datum {
    let mut value = NewVarlena::zeroed(bytes.len());
    value.body_mut().copy_from_slice(bytes);
    value.into_datum()
}

impl From<Option<&str>> for Param {
    fn from(value: Option<&str>) -> Self {
        Self {
            kind: pg_sys::TEXTOID,
            value: value.map(|text| varlena(&encoding::server_bytes(text))),
        }
    }
}

impl From<&str> for Param {
    fn from(value: &str) -> Self {
        Some(value).into()
    }
}

impl From<&String> for Param {
    fn from(value: &String) -> Self {
        Some(value.as_str()).into()
    }
}

macro_rules! by_value {
    ($($type:ty => $oid:ident),*) => {$(
        impl From<Option<$type>> for Param {
            fn from(value: Option<$type>) -> Self {
                Self { kind: pg_sys::$oid, value: value.and_then(IntoDatum::into_datum) }
            }
        }
        impl From<$type> for Param {
            fn from(value: $type) -> Self {
                Some(value).into()
            }
        }
    )*};
}
by_value!(i32 => INT4OID, i64 => INT8OID, f64 => FLOAT8OID, bool => BOOLOID, pg_sys::Oid => OIDOID);

/// One row of a result.
#[derive(Debug, Clone, Default)]
pub struct Row(pub Vec<Cell>);

macro_rules! reader {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($type:ty);)*) => {$(
        $(#[$doc])*
        pub fn $name(&self, column: usize) -> Option<$type> {
            match self.0.get(column) {
                Some(Cell::$variant(value)) => Some(value.clone()),
                _ => None,
            }
        }
    )*};
}

impl Row {
    reader! {
        /// `text` or `name` of a column, counted from 0; `None` for NULL.
        text: Text(String);
        /// `integer` of a column.
        int: Int(i32);
        /// `bigint` of a column.
        bigint: BigInt(i64);
        /// `double precision` of a column.
        double: Double(f64);
        /// `bytea` of a column.
        bytes: Bytes(Vec<u8>);
        /// `jsonb` of a column, as its bytes.
        json: Json(Vec<u8>);
        /// `oid` of a column.
        oid: Oid(pg_sys::Oid);
    }

    /// Whether a `boolean` column is true; NULL is not.
    pub fn is_true(&self, column: usize) -> bool {
        matches!(self.0.get(column), Some(Cell::Bool(true)))
    }
}

/// A connection to SPI; sessions nest. Ends when dropped.
#[derive(Debug)]
pub struct Session {
    access: Access,
}

impl Session {
    /// Begins a session.
    pub fn begin(access: Access) -> Self {
        // SAFETY: on the main thread, inside a function; raises if it cannot.
        unsafe { pg_sys::SPI_connect() };
        Self { access }
    }

    /// Runs one statement and returns its rows.
    /// # Errors
    /// PostgreSQL's own are raised; XX000 for results of a type that no [`Cell`] holds.
    pub fn query(&self, sql: &str, params: &[Param]) -> Result<Vec<Row>> {
        self.run(sql, params).map(|(rows, _)| rows)
    }

    /// Runs one statement and returns how many rows it changed or made.
    /// # Errors
    /// As [`Self::query`].
    pub fn execute(&self, sql: &str, params: &[Param]) -> Result<u64> {
        self.run(sql, params).map(|(_, count)| count)
    }

    /// As [`Self::query`], for a statement that reads only catalogs and tables of the extension: under a search path of
    /// nothing but `pg_catalog`, so that its operators need no schema. The plan is kept.
    /// # Errors
    /// As [`Self::query`].
    pub fn lookup(&self, sql: &str, params: &[Param]) -> Result<Vec<Row>> {
        let settings = own_search_path();
        let snapshot = match self.access {
            // SAFETY: in a transaction; SPI works with a copy.
            Access::Latest => unsafe { pg_sys::GetLatestSnapshot() },
            Access::Read | Access::Write => std::ptr::null_mut(),
        };
        let rows = self.run_kept(sql, params, snapshot).map(|(rows, _)| rows);
        drop(settings);
        rows
    }

    /// As [`Self::query`], for commands that define something: under the search path of [`Self::lookup`], so that names of types
    /// mean what they meant when they were looked up.
    /// # Errors
    /// As [`Self::query`].
    pub fn define(&self, sql: &str) -> Result<()> {
        let settings = own_search_path();
        let done = self.run(sql, &[]).map(drop);
        drop(settings);
        done
    }

    /// As [`Self::query`], with a plan that the connection keeps.
    /// # Errors
    /// As [`Self::query`].
    pub fn query_kept(&self, sql: &str, params: &[Param]) -> Result<Vec<Row>> {
        let (rows, _) = self.run_kept(sql, params, std::ptr::null_mut())?;
        Ok(rows)
    }

    /// As [`Self::execute`], with a plan that the connection keeps.
    /// # Errors
    /// As [`Self::query`].
    pub fn execute_kept(&self, sql: &str, params: &[Param]) -> Result<u64> {
        let (_, count) = self.run_kept(sql, params, std::ptr::null_mut())?;
        Ok(count)
    }

    /// Runs one statement whose result is one array, which lives as long as the call of the function; `None` for NULL.
    /// # Errors
    /// As [`Self::query`]; XX000 if the result is no array.
    pub fn array(&self, sql: &str, params: &[Param]) -> Result<Option<Array>> {
        let Some((datum, kind)) = self.datum(sql, params)? else {
            return Ok(None);
        };
        // SAFETY: a syscache lookup on the main thread.
        if unsafe { pg_sys::get_element_type(kind) } == pg_sys::InvalidOid {
            let message = "a statement did not return an array";
            return Err(Error::new(SqlState::InternalError, message));
        }
        // SAFETY: a value of an array type, as was just found.
        Ok(Some(unsafe { Array::from_datum(datum) }))
    }

    /// Runs one statement and returns the first column of its first row, copied to where it lives as long as the call of
    /// the function, and its type; `None` for NULL.
    /// # Errors
    /// As [`Self::query`].
    pub fn datum(
        &self,
        sql: &str,
        params: &[Param],
    ) -> Result<Option<(pg_sys::Datum, pg_sys::Oid)>> {
        let code = self.start(sql, params);
        if code < 0 {
            return Err(failure(code));
        }
        // SAFETY: as in `result`; the copy is made in the memory context that SPI was entered from.
        unsafe {
            let table = pg_sys::SPI_tuptable;
            if table.is_null() || (*table).numvals == 0 {
                return Ok(None);
            }
            let descriptor = (*table).tupdesc;
            let mut is_null = false;
            let value = pg_sys::SPI_getbinval(*(*table).vals, descriptor, 1, &mut is_null);
            let kind = super::compat::tuple_desc_attr(descriptor, 0);
            let (by_value, len) = (kind.attbyval, i32::from(kind.attlen));
            let copy = (!is_null).then(|| {
                let copy = pg_sys::SPI_datumTransfer(value, by_value, len);
                (copy, kind.atttypid)
            });
            pg_sys::SPI_freetuptable(table);
            Ok(copy)
        }
    }

    fn run(&self, sql: &str, params: &[Param]) -> Result<(Vec<Row>, u64)> {
        result(self.start(sql, params))
    }

    /// Runs one statement; its rows are then in `SPI_tuptable`.
    fn start(&self, sql: &str, params: &[Param]) -> i32 {
        let text = encoding::server_cstring(sql);
        let mut arguments = Arguments::of(params);
        // SAFETY: as many types, values and NULL marks as announced; the session is connected.
        unsafe {
            pg_sys::SPI_execute_with_args(
                text.as_ptr(),
                arguments.kinds.len() as i32,
                arguments.kinds.as_mut_ptr(),
                arguments.values.as_mut_ptr(),
                arguments.nulls.as_ptr(),
                self.access == Access::Read,
                0,
            )
        }
    }

    /// A null snapshot is the one that the access implies.
    fn run_kept(
        &self,
        sql: &str,
        params: &[Param],
        snapshot: pg_sys::Snapshot,
    ) -> Result<(Vec<Row>, u64)> {
        let mut arguments = Arguments::of(params);
        let plan = plan_of(sql, &mut arguments.kinds)?;
        // SAFETY: the plan lives at least as long as the session; the arguments are of the types it was made with.
        let code = unsafe {
            pg_sys::SPI_execute_snapshot(
                plan,
                arguments.values.as_mut_ptr(),
                arguments.nulls.as_ptr(),
                snapshot,
                std::ptr::null_mut(),
                self.access == Access::Read,
                true,
                0,
            )
        };
        result(code)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // An abort closes the connection itself.
        if !super::memory::is_aborting() {
            // SAFETY: connected in `begin`; sessions are values that nest.
            unsafe { pg_sys::SPI_finish() };
        }
    }
}

/// Parameters as SPI takes them.
struct Arguments {
    kinds: Vec<pg_sys::Oid>,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<c_char>,
}

impl Arguments {
    fn of(params: &[Param]) -> Self {
        let mark = |param: &Param| if param.value.is_some() { b' ' } else { b'n' } as c_char;
        let value = |param: &Param| param.value.unwrap_or(pg_sys::Datum::null());
        Self {
            kinds: params.iter().map(|param| param.kind).collect(),
            values: params.iter().map(value).collect(),
            nulls: params.iter().map(mark).collect(),
        }
    }
}

/// The search path of the extension's own statements, until it is dropped.
fn own_search_path() -> SettingsLevel {
    let settings = SettingsLevel::begin();
    settings.set(c"search_path", c"pg_catalog, pg_temp");
    settings
}

/// The plan of a statement, made at its first use and kept; if enough are kept already, it ends with the session.
fn plan_of(sql: &str, kinds: &mut Vec<pg_sys::Oid>) -> Result<pg_sys::SPIPlanPtr> {
    let known = KEPT.with_borrow(|kept| {
        let mut plans = kept.get(sql).into_iter().flatten();
        let plan = plans
            .find(|known| known.kinds == *kinds)
            .map(|known| known.plan);
        (plan, kept.len())
    });
    if let (Some(plan), _) = known {
        return Ok(plan);
    }
    let text = encoding::server_cstring(sql);
    // SAFETY: as many types as announced; a plan that is kept belongs to no session any more.
    unsafe {
        let plan = pg_sys::SPI_prepare(text.as_ptr(), kinds.len() as i32, kinds.as_mut_ptr());
        if plan.is_null() {
            return Err(failure(pg_sys::SPI_result));
        }
        if known.1 < MAX_KEPT {
            if pg_sys::SPI_keepplan(plan) != 0 {
                return Err(failure(pg_sys::SPI_result));
            }
            let kinds = kinds.clone();
            KEPT.with_borrow_mut(|kept| {
                let plans = kept.entry(sql.to_owned()).or_default();
                plans.push(KeptPlan { kinds, plan });
            });
        }
        Ok(plan)
    }
}

fn failure(code: i32) -> Error {
    Error::new(
        SqlState::InternalError,
        format!("SPI refused a statement with code {code}"),
    )
}

/// The rows of the statement that has just ended, and the count that it left.
fn result(code: i32) -> Result<(Vec<Row>, u64)> {
    if code < 0 {
        return Err(failure(code));
    }
    // SAFETY: SPI's own variables, set by the statement that has ended; the table has `numvals` rows of the descriptor's
    // columns, and lives until it is freed here. Cells are copies.
    unsafe {
        let count = pg_sys::SPI_processed;
        let table = pg_sys::SPI_tuptable;
        let mut rows = Vec::new();
        if !table.is_null() {
            let descriptor = (*table).tupdesc;
            let columns = (*descriptor).natts;
            for row in 0..(*table).numvals as usize {
                let tuple = *(*table).vals.add(row);
                let mut cells = Vec::with_capacity(columns as usize);
                for column in 1..=columns {
                    let mut is_null = false;
                    let value = pg_sys::SPI_getbinval(tuple, descriptor, column, &mut is_null);
                    cells.push(if is_null {
                        Cell::Null
                    } else {
                        Cell::from_datum(value, pg_sys::SPI_gettypeid(descriptor, column))?
                    });
                }
                rows.push(Row(cells));
            }
            pg_sys::SPI_freetuptable(table);
        }
        Ok((rows, count))
    }
}
