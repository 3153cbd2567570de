//! `annex.recall`, declared in `sql/recall/recall.sql`: checks what the caller may read, then runs both legs. The checks
//! serve all measurements.

pub mod advising;
pub mod tuning;

use super::questions;
use super::trial::{Answer, Trial};
use crate::distance::Metric;
use crate::error::{Error, Result, SqlState};
use crate::pg::array::Array;
use crate::pg::catalog;
use crate::pg::function::sql_functions;
use crate::pg::open_index::{OpenIndex, TableRight};
use crate::pg::relation::ColumnValue;
use crate::pg::row_set::{Cell, RowSet};
use crate::types::datum;
use crate::types::indexed::ValueList;
use pgrx::pg_sys::Oid;

/// Largest k: no search looks at more candidates than hnsw.ef_search allows.
const MAX_K: i32 = 1000;

/// Opens an hnsw index that the caller may measure, as he has `right` on its table.
/// # Errors
/// Those of [`OpenIndex::open`]; 42809 for an index of another method, 42501 if row security would hide rows, 55000 for
/// an index that is not valid.
pub fn open(oid: Oid, right: TableRight) -> Result<OpenIndex> {
    let index = OpenIndex::open(oid, right)?;
    if index.access_method().as_deref() != Some("hnsw") {
        return Err(Error::not_an_hnsw_index(&index.index().name()));
    }
    if index.has_row_security() {
        return Err(row_security_hides(&index.heap().name())
            .with_detail("The index is measured against all rows of its table."));
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

/// 42501: row security is on for the caller.
pub fn row_security_hides(table: &str) -> Error {
    let message = format!("row security would hide rows of \"{table}\"");
    Error::new(SqlState::InsufficientPrivilege, message)
        .with_hint("Let a role measure that row security does not apply to.")
}

/// The metric of the operator that the index orders by.
/// # Errors
/// 0A000 for an operator class of another type.
pub(super) fn metric_of(index: &OpenIndex) -> Result<Metric> {
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
pub(super) fn read_queries(
    index: &OpenIndex,
    array: &Array,
) -> Result<(Vec<ColumnValue>, ValueList)> {
    if array.element_type() != index.column_type() {
        let expected = catalog::type_name(index.column_type());
        let given = catalog::type_name(array.element_type());
        return Err(Error::new(
            SqlState::DatatypeMismatch,
            format!("queries must be {expected}[], not {given}[]"),
        )
        .with_hint(format!(
            "Cast an array of texts or of another type of vectors to {expected}[]."
        )));
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

/// Rows that each query asks for.
/// # Errors
/// 22004 for NULL, 22023 for one out of range.
pub fn read_k(k: Option<i32>) -> Result<usize> {
    let k = k.ok_or_else(|| Error::null_argument("k"))?;
    if (1..=MAX_K).contains(&k) {
        return Ok(k as usize);
    }
    Err(Error::new(
        SqlState::InvalidParameterValue,
        format!("k must be between 1 and {MAX_K}"),
    ))
}

sql_functions! {
    /// `annex.recall(regclass, anyarray, integer, integer)`.
    fn annex_recall(
        index: Option<Oid>,
        queries: Option<Array>,
        k: Option<i32>,
        ef_search: Option<i32>,
    ) -> Result<RowSet> {
        let index = index.ok_or_else(|| Error::null_argument("index"))?;
        let index = open(index, TableRight::Select)?;
        let queries = queries.ok_or_else(|| Error::null_argument("queries"))?;
        let k = read_k(k)?;
        let asked = questions::read(&index, &queries, false)?;
        if asked.keys.is_empty() {
            return Ok(RowSet::default());
        }
        let trial = Trial::begin(&index, &asked, k, None)?;
        let rows = (1..).zip(trial.search(ef_search)?);
        let row = |(position, answer): (i32, Answer)| {
            vec![
                Cell::Int(position),
                answer.recall.into(),
                Cell::Double(answer.ms),
                Cell::Double(trial.truth.exact_ms),
            ]
        };
        Ok(RowSet(rows.map(row).collect()))
    }
}
