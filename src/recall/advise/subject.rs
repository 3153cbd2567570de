//! What advice is asked about: a column of a table, by a distance; what the caller may read, and what can be indexed at all.

use crate::error::{Error, Result, SqlState};
use crate::hnsw::build::no_dimensions;
use crate::pg::spi::{Row, Session};
use crate::recall::questions::Served;
use crate::recall::sql::row_security_hides;
use crate::types::datum;
use crate::types::indexed::IndexedType;
use pgrx::pg_sys::Oid;

/// A column that may be measured and can have an hnsw index. Names are quoted where SQL needs it.
#[derive(Debug)]
pub struct Subject {
    /// The table's bare name, not quoted.
    pub bare_table: String,
    /// The table, with its schema.
    pub table: String,
    /// The column.
    pub column: String,
    /// Its type, with schema and dimensions.
    pub column_type: String,
    /// How its values are stored: a letter of `pg_attribute.attstorage`.
    pub storage: String,
    /// The same type, to us.
    pub of: IndexedType,
    /// Dimensions, or length in bits.
    pub dims: usize,
    /// The operator class of the distance, with its schema.
    pub operator_class: String,
    /// Rows of the table, as far as is known.
    pub rows: Option<f64>,
}

impl Subject {
    /// Looks it up for the current user.
    /// # Errors
    /// 42P01, 42809 if it is no table with rows of its own, 42501 without SELECT on it or under row security, 0A000 for a
    /// temporary table of another session, 42703, 42804 for a type without operator classes, 22023 for a column without
    /// dimensions or an unknown metric.
    pub fn read(session: &Session, oid: Oid, column: &str, metric: Option<String>) -> Result<Self> {
        let rows = session.lookup(TABLE, &[oid.into()])?;
        let Some(table) = rows.first() else {
            return Err(Error::new(
                SqlState::UndefinedTable,
                format!("relation with OID {} does not exist", oid.to_u32()),
            ));
        };
        let bare_name = table.text(0).unwrap_or_default();
        check_table(&bare_name, table)?;
        let rows = session.lookup(COLUMN, &[oid.into(), column.into()])?;
        let Some(found) = rows.first() else {
            let message = format!("column \"{column}\" of relation \"{bare_name}\" does not exist");
            return Err(Error::new(SqlState::UndefinedColumn, message));
        };
        let text = |row: &Row, column| row.text(column).unwrap_or_default();
        let type_oid = found.oid(0).unwrap_or(Oid::INVALID);
        let Some(of) = datum::indexed_type_of(type_oid) else {
            let message = format!(
                "column \"{column}\" of relation \"{bare_name}\" cannot have an hnsw index"
            );
            return Err(Error::new(SqlState::DatatypeMismatch, message)
                .with_detail(format!("It is of type {}.", text(found, 2)))
                .with_hint("Columns of type vector, halfvec, sparsevec and bit can."));
        };
        let dims = found.int(1).and_then(|typmod| usize::try_from(typmod).ok());
        let metric = match metric {
            Some(metric) => metric,
            None => Served::by(session, oid)?.map_or_else(
                || {
                    if of == IndexedType::Bit {
                        "hamming"
                    } else {
                        "cosine"
                    }
                    .to_owned()
                },
                |served| served.metric,
            ),
        };
        let class = format!("{}_{metric}_ops", of.name());
        let classes = session.lookup(CLASS, &[(&class).into(), type_oid.into()])?;
        let operator_class = classes.first().and_then(|row| row.text(0));
        Ok(Self {
            bare_table: bare_name,
            table: text(table, 1),
            column: text(found, 3),
            column_type: text(found, 2),
            storage: text(found, 4),
            of,
            dims: dims.ok_or_else(|| no_dimensions(of))?,
            operator_class: operator_class.ok_or_else(|| unknown_metric(&metric, of))?,
            // Negative where the table was never analyzed.
            rows: table.double(6).filter(|rows| *rows > 0.0),
        })
    }
}

/// Whether the caller may read the whole table, and whether it has rows of its own.
fn check_table(name: &str, row: &Row) -> Result<()> {
    let is = |column| row.is_true(column);
    let (is_table, is_partitioned, is_foreign_temporary) = (is(2), is(3), is(4));
    if !is_table {
        let message = format!("\"{name}\" is not a table or materialized view");
        let error = Error::new(SqlState::WrongObjectType, message);
        return Err(if is_partitioned {
            error.with_hint("Name one of its partitions: each has an index of its own.")
        } else {
            error
        });
    }
    if !is(5) {
        let message = format!("permission denied for table {name}");
        return Err(Error::new(SqlState::InsufficientPrivilege, message));
    }
    if is(7) {
        return Err(row_security_hides(name));
    }
    if is_foreign_temporary {
        return Err(Error::new(
            SqlState::FeatureNotSupported,
            "cannot access temporary tables of other sessions",
        ));
    }
    Ok(())
}

fn unknown_metric(metric: &str, of: IndexedType) -> Error {
    let metrics = match of {
        IndexedType::Bit => "hamming and jaccard",
        _ => "l2, ip, cosine and l1",
    };
    Error::new(
        SqlState::InvalidParameterValue,
        format!("unrecognized metric \"{metric}\""),
    )
    .with_hint(format!("Metrics of type {} are {metrics}.", of.name()))
}

const TABLE: &str = "
    SELECT c.relname::text, format('%I.%I', n.nspname, c.relname), c.relkind IN ('r', 'm'), c.relkind = 'p',
        pg_is_other_temp_schema(c.relnamespace), has_table_privilege(c.oid, 'SELECT'), c.reltuples::float8, row_security_active(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1";

const COLUMN: &str = "
    SELECT a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod), quote_ident(a.attname), a.attstorage::text
    FROM pg_attribute a WHERE a.attrelid = $1 AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped";

const CLASS: &str = "
    SELECT format('%I.%I', n.nspname, o.opcname)
    FROM pg_opclass o
    JOIN pg_am a ON a.oid = o.opcmethod AND a.amname = 'hnsw'
    JOIN pg_namespace n ON n.oid = o.opcnamespace
    WHERE o.opcname = $1 AND o.opcintype = $2";
