//! `amvalidate`: whether an operator class has what the access method needs. Follows `access/amvalidate.h`.

use crate::distance::Metric;
use crate::error::{Error, Result, SqlState};
use crate::pg::catalog;
use crate::pg::relation::Relation;
use crate::types::datum;
use crate::types::indexed::IndexedType;
use pgrx::pg_sys;
use pgrx::prelude::*;

/// Strategy number of the ordering operator.
pub const STRATEGY_ORDER: i16 = 1;
/// Support number of the distance function.
pub const SUPPORT_DISTANCE: u16 = 1;
/// Support number of the norm function, which only classes that normalise have.
pub const SUPPORT_NORM: u16 = 2;
/// Support number that pgvector uses for its type info; accepted, not used.
pub const SUPPORT_TYPE_INFO: u16 = 3;

/// Operators of a class's family that hnsw cannot use, and support functions with a number it does not know.
const PROBLEMS: &str = "
    SELECT pg_catalog.format('operator family \"%s\" of access method hnsw contains operator %s with invalid strategy number %s or purpose',
                             f.opfname, o.amopopr::pg_catalog.regoperator, o.amopstrategy)
    FROM pg_catalog.pg_opclass c
    JOIN pg_catalog.pg_opfamily f ON f.oid = c.opcfamily
    JOIN pg_catalog.pg_amop o ON o.amopfamily = f.oid
    WHERE c.oid = $1 AND (o.amopstrategy <> 1 OR o.amoppurpose <> 'o')
    UNION ALL
    SELECT pg_catalog.format('operator family \"%s\" of access method hnsw contains function %s with invalid support number %s',
                             f.opfname, p.amproc::pg_catalog.regprocedure, p.amprocnum)
    FROM pg_catalog.pg_opclass c
    JOIN pg_catalog.pg_opfamily f ON f.oid = c.opcfamily
    JOIN pg_catalog.pg_amproc p ON p.amprocfamily = f.oid
    WHERE c.oid = $1 AND p.amprocnum NOT BETWEEN 1 AND 3
    UNION ALL
    SELECT pg_catalog.format('operator class \"%s\" of access method hnsw is missing its ordering operator or its distance function',
                             c.opcname)
    FROM pg_catalog.pg_opclass c
    WHERE c.oid = $1
      AND NOT (EXISTS (SELECT FROM pg_catalog.pg_amop o WHERE o.amopfamily = c.opcfamily
                         AND o.amoplefttype = c.opcintype AND o.amopstrategy = 1 AND o.amoppurpose = 'o')
           AND EXISTS (SELECT FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = c.opcfamily
                         AND p.amproclefttype = c.opcintype AND p.amprocnum = 1))";

/// Whether the operator class is complete; each problem is reported at INFO, as PostgreSQL's own methods do.
pub fn operator_class(class: pg_sys::Oid) -> Result<bool> {
    let problems = Spi::connect(|client| {
        client
            .select(PROBLEMS, None, &[class.into()])?
            .map(|row| row.get::<String>(1))
            .collect::<std::result::Result<Vec<_>, _>>()
    })
    .map_err(|error| Error::new(SqlState::InternalError, error.to_string()))?;
    for problem in problems.iter().flatten() {
        pgrx::info!("{problem}");
    }
    Ok(problems.is_empty())
}

/// The distance that the operator class of an index orders by, told by its support functions, and the type of its column.
/// # Errors
/// 0A000 if the class is of a kind that this version does not know, or the column of a type that it takes for another:
/// `varbit`.
pub fn metric_of(index: Relation) -> Result<(Metric, IndexedType)> {
    let function = index.support_function(SUPPORT_DISTANCE);
    let name = function.and_then(catalog::function_name);
    let is_normalised = index.support_function(SUPPORT_NORM).is_some();
    // `l1_distance` is there for each type.
    let class_type = function
        .and_then(catalog::first_argument_type)
        .and_then(datum::indexed_type_of);
    // PostgreSQL takes one for the other, as their values are alike; a domain's have no length that the index knew.
    let is_varbit = index.first_column_type() == pg_sys::VARBITOID;
    let metric = match (name.as_deref().unwrap_or_default(), is_normalised) {
        (
            "vector_l2_squared_distance"
            | "halfvec_l2_squared_distance"
            | "sparsevec_l2_squared_distance",
            false,
        ) => Some(Metric::L2),
        (
            "vector_negative_inner_product"
            | "halfvec_negative_inner_product"
            | "sparsevec_negative_inner_product",
            is_normalised,
        ) => Some(if is_normalised {
            Metric::Cosine
        } else {
            Metric::InnerProduct
        }),
        ("l1_distance", false) => Some(Metric::L1),
        ("hamming_distance", false) => Some(Metric::Hamming),
        ("jaccard_distance", false) => Some(Metric::Jaccard),
        _ => None,
    };
    let found = metric.zip(class_type.filter(|_| !is_varbit));
    if let Some((metric, of)) = found
        && of.has(metric)
    {
        return Ok((metric, of));
    }
    let error = Error::new(
        SqlState::FeatureNotSupported,
        "type not supported for hnsw index",
    );
    Err(match (metric, class_type, name) {
        (Some(_), Some(of), _) => error
            .with_detail(format!(
                "The column is of type {}, the operator class of {}.",
                catalog::type_name(index.first_column_type()),
                of.name()
            ))
            .with_hint(format!(
                "Index an expression with a cast to {}(n).",
                of.name()
            )),
        (.., name) => error
            .with_detail(name.map_or_else(
                || "Its operator class has no distance function.".to_owned(),
                |name| format!("Its distance function is \"{name}\"."),
            ))
            .with_hint("Use an operator class of vector, halfvec, bit or sparsevec."),
    })
}
