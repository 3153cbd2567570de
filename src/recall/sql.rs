//! `annex.recall`, declared in `sql/recall/recall.sql`: checks what the caller may read, then runs both legs.

use super::{approximate, exact, measure};
use crate::distance::Metric;
use crate::error::{Error, Result, SqlState};
use crate::guc;
use crate::pg::array::Array;
use crate::pg::function::sql_functions;
use crate::pg::open_index::{OpenIndex, TableRight};
use crate::pg::ordered_scan::OrderedScan;
use crate::pg::owner_rights::OwnerRights;
use crate::pg::relation::ColumnValue;
use crate::pg::row_set::{Cell, RowSet};
use crate::pg::settings::SettingsLevel;
use crate::pg::snapshot::Snapshot;
use crate::pg::{catalog, interrupt};
use crate::types::datum;
use crate::types::indexed::ValueList;
use pgrx::pg_sys::Oid;
use std::ffi::CString;
use std::time::Instant;

/// Largest k: no search looks at more candidates than hnsw.ef_search allows.
const MAX_K: i32 = 1000;

/// Opens an hnsw index that the caller may measure.
/// # Errors
/// Those of [`OpenIndex::open`]; 42809 for an index of another method, 42501 if row security would hide rows, 55000 for
/// an index that is not valid.
fn open(oid: Oid) -> Result<OpenIndex> {
    let index = OpenIndex::open(oid, TableRight::Select)?;
    if index.access_method().as_deref() != Some("hnsw") {
        return Err(Error::not_an_hnsw_index(&index.index().name()));
    }
    if index.has_row_security() {
        let table = index.heap().name();
        return Err(Error::new(
            SqlState::InsufficientPrivilege,
            format!("row security would hide rows of \"{table}\""),
        )
        .with_detail("The index is measured against all rows of its table.")
        .with_hint("Let a role measure that row security does not apply to."));
    }
    if !index.is_valid() {
        return Err(Error::new(
            SqlState::ObjectNotInPrerequisiteState,
            format!("index \"{}\" is not valid", index.index().name()),
        )
        .with_detail("CREATE INDEX CONCURRENTLY has not ended, or has failed.")
        .with_hint("REINDEX the index, or drop it."));
    }
    Ok(index)
}

/// The metric of the operator that the index orders by.
/// # Errors
/// 0A000 for an operator class of another type.
fn metric_of(index: &OpenIndex) -> Result<Metric> {
    let name = catalog::function_name(index.distance_function()).unwrap_or_default();
    match name.as_str() {
        "l2_distance" => Ok(Metric::L2),
        "vector_negative_inner_product"
        | "halfvec_negative_inner_product"
        | "sparsevec_negative_inner_product" => Ok(Metric::InnerProduct),
        "cosine_distance" => Ok(Metric::Cosine),
        "l1_distance" => Ok(Metric::L1),
        "hamming_distance" => Ok(Metric::Hamming),
        "jaccard_distance" => Ok(Metric::Jaccard),
        _ => Err(not_supported().with_detail(format!("Its distance function is \"{name}\"."))),
    }
}

fn not_supported() -> Error {
    Error::new(
        SqlState::FeatureNotSupported,
        "type not supported for hnsw index",
    )
}

/// The queries, as order keys and as elements.
/// # Errors
/// 42804 for another type, 22004 for a NULL, 22000 for other dimensions than the index's.
fn read_queries(index: &OpenIndex, array: &Array) -> Result<(Vec<ColumnValue>, ValueList)> {
    if array.element_type() != index.column_type() {
        let expected = catalog::type_name(index.column_type());
        let given = catalog::type_name(array.element_type());
        return Err(Error::new(
            SqlState::DatatypeMismatch,
            format!("queries must be {expected}[], not {given}[]"),
        ));
    }
    let of = datum::indexed_type_of(index.column_type()).ok_or_else(not_supported)?;
    let values = array.values();
    let mut keys = Vec::with_capacity(values.len());
    let index_dims = usize::try_from(index.index().first_column_typmod()).ok();
    let mut queries = index_dims.map(|dims| ValueList::new(of, dims));
    for (position, value) in (1..).zip(values) {
        let value = value.ok_or_else(|| {
            Error::array_with_nulls().with_detail(format!("Query {position} is null."))
        })?;
        datum::with_column_value(value, of, |value| {
            let given = value.dims();
            let queries = queries.get_or_insert_with(|| ValueList::new(of, given));
            let expected = queries.dims();
            if given != expected {
                let error = of.different_dimensions(expected, given);
                return Err(error.with_detail(format!("Query {position} has {given} dimensions.")));
            }
            queries.push(value)
        })??;
        keys.push(value);
    }
    Ok((keys, queries.unwrap_or_else(|| ValueList::new(of, 0))))
}

/// Sets what the scans of the approximate leg are to use.
fn set_search(settings: &SettingsLevel, ef_search: Option<i32>) {
    if let Some(ef_search) = ef_search {
        // Digits and a sign hold no NUL.
        let value = CString::new(ef_search.to_string()).unwrap_or_default();
        settings.set(c"hnsw.ef_search", &value);
    }
    // Without any bound a scan in strict order may read the whole index, if the query around this function scans it too
    // and has no LIMIT. The scan measured here has one: k.
    if guc::MAX_SCAN_TUPLES.get() == i32::MAX {
        settings.set(c"hnsw.max_scan_tuples", c"2147483646");
    }
}

fn milliseconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

fn measure_recall(
    index: &OpenIndex,
    keys: &[ColumnValue],
    queries: &ValueList,
    k: usize,
    ef_search: Option<i32>,
) -> Result<RowSet> {
    let metric = metric_of(index)?;
    let snapshot = Snapshot::active()?;
    let settings = SettingsLevel::begin();
    set_search(&settings, ef_search);
    let _rights = OwnerRights::lend_to_reader(index.heap());

    let mut approximate = Vec::with_capacity(keys.len());
    let mut scan = OrderedScan::begin(index, snapshot);
    let of = queries.indexed_type();
    for (number, key) in keys.iter().enumerate() {
        interrupt::check();
        let query = queries.value(number);
        let start = Instant::now();
        let distances = approximate::first_rows(&mut scan, *key, query, (metric, of), k)?;
        approximate.push((distances, milliseconds_since(start)));
    }
    drop(scan);

    let start = Instant::now();
    let nearest = exact::nearest(index, snapshot, metric, queries, k)?;
    let exact_ms = milliseconds_since(start) / keys.len() as f64;

    let rows = approximate.iter().zip(&nearest).zip(1..);
    let rows = rows
        .map(|(((distances, approx_ms), nearest), position)| {
            vec![
                Cell::Int(position),
                measure::recall(distances, nearest).into(),
                Cell::Double(*approx_ms),
                Cell::Double(exact_ms),
            ]
        })
        .collect();
    Ok(RowSet(rows))
}

sql_functions! {
    /// `annex.recall(regclass, anyarray, integer, integer)`.
    fn annex_recall(
        index: Option<Oid>,
        queries: Option<Array>,
        k: Option<i32>,
        ef_search: Option<i32>,
    ) -> Result<RowSet> {
        let index = open(index.ok_or_else(|| Error::null_argument("index"))?)?;
        let queries = queries.ok_or_else(|| Error::null_argument("queries"))?;
        let k = k.ok_or_else(|| Error::null_argument("k"))?;
        if !(1..=MAX_K).contains(&k) {
            return Err(Error::new(
                SqlState::InvalidParameterValue,
                format!("k must be between 1 and {MAX_K}"),
            ));
        }
        let (keys, queries) = read_queries(&index, &queries)?;
        if keys.is_empty() {
            return Ok(RowSet::default());
        }
        measure_recall(&index, &keys, &queries, k as usize, ef_search)
    }
}
