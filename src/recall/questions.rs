//! Which queries a measurement asks where the caller gives none: queries that users have asked, or rows of the table.

use super::sql::read_queries;
use super::trial::Questions;
use crate::error::Result;
use crate::pg::array::Array;
use crate::pg::open_index::OpenIndex;
use crate::pg::owner_rights::OwnerRights;
use crate::pg::spi::{Param, Session};
use pgrx::pg_sys::Oid;

/// Queries of a curve where the caller gives none: each of its points asks all of them.
pub const QUERIES: i32 = 1000;
/// Most queries of a choice where the caller gives none. The bound that decides is the farther below the mean the fewer they
/// are, and where recall grows slowly with `ef_search` that is dear: of 1000, the value chosen for sentences was 1.7 times
/// the smallest that does.
const MOST_QUERIES: i32 = 3000;
/// What more than [`QUERIES`] may cost, in pages of the table times queries: exact results compare each query with each row.
const LARGEST_WORK: f64 = 1.5e8;
/// Fewest sampled queries that stand for what users ask.
pub const LEAST_SAMPLES: usize = 30;
/// Blocks of the table that rows are drawn from for each query, about: few rows of each block, as neighbors in the table
/// are often alike.
const BLOCKS_A_QUERY: f64 = 1.5;

/// Where queries come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The caller.
    Given,
    /// `annex.query_sample`.
    Sample,
    /// Rows of the table.
    Rows,
}

impl Source {
    /// The word in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Sample => "sample",
            Self::Rows => "rows",
        }
    }
}

/// The version of a model that an index serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The model.
    pub model: String,
    /// Number of the version.
    pub version: i32,
    /// Its distance, as in the names of operator classes.
    pub metric: String,
}

impl Served {
    /// The version whose embeddings a table holds; `None` if there is none, or the caller may not read the registry.
    /// # Errors
    /// PostgreSQL's own are raised.
    pub fn by(session: &Session, table: Oid) -> Result<Option<Self>> {
        if !may_read(session, "annex.version")? {
            return Ok(None);
        }
        let sql = "SELECT model, version, metric FROM annex.version WHERE embeddings = $1";
        let rows = session.lookup(sql, &[table.into()])?;
        Ok(rows.first().and_then(|row| {
            Some(Self {
                model: row.text(0)?,
                version: row.int(1)?,
                metric: row.text(2)?,
            })
        }))
    }

    /// Its newest query samples, at most `count`, without those of other dimensions, which only a hand-written row can have;
    /// `None` if the caller may not read them.
    /// # Errors
    /// PostgreSQL's own are raised.
    pub fn samples(&self, session: &Session, count: i32) -> Result<Option<Array>> {
        if !may_read(session, "annex.query_sample")? {
            return Ok(None);
        }
        let sql = "SELECT pg_catalog.array_agg(s.query) FROM (
                 SELECT q.query FROM annex.query_sample q
                 JOIN annex.version v ON v.model OPERATOR(pg_catalog.=) q.model AND v.version OPERATOR(pg_catalog.=) q.version
                 WHERE q.model OPERATOR(pg_catalog.=) $1 AND q.version OPERATOR(pg_catalog.=) $2
                     AND pg_catalog.array_length(q.query::pg_catalog.float4[], 1) OPERATOR(pg_catalog.=) v.dim
                 ORDER BY q.id DESC LIMIT $3
             ) s";
        let parameters = [(&self.model).into(), self.version.into(), count.into()];
        session.array(sql, &parameters)
    }
}

/// Whether there is such a table, and the caller may read it.
fn may_read(session: &Session, table: &str) -> Result<bool> {
    let sql = "SELECT has_table_privilege(to_regclass($1), 'SELECT')";
    let rows = session.lookup(sql, &[table.into()])?;
    Ok(rows.first().is_some_and(|row| row.is_true(0)))
}

/// How many queries a choice asks where the caller gives none.
pub fn queries_of_choice(index: &OpenIndex) -> i32 {
    let affordable = LARGEST_WORK / f64::from(index.heap().block_count().max(1));
    (affordable as i32).clamp(QUERIES, MOST_QUERIES)
}

/// The queries to ask: those given; else, if there are enough of them, samples of the version that the index serves; else
/// rows of the table, `most` of either. `None` if it has none.
/// # Errors
/// Those of `read_queries` for queries that do not fit.
pub fn choose(
    index: &OpenIndex,
    given: Option<Array>,
    served: Option<&Served>,
    session: &Session,
    most: i32,
) -> Result<Option<(Questions, Source)>> {
    if let Some(given) = given {
        return Ok(Some((read(index, &given, false)?, Source::Given)));
    }
    if let Some(served) = served
        && let Some(samples) = served.samples(session, most)?
        && samples.len() >= LEAST_SAMPLES
        // An index on an expression may be of another type.
        && samples.element_type() == index.column_type()
    {
        return Ok(Some((read(index, &samples, false)?, Source::Sample)));
    }
    let rows = draw_rows(index, session, most)?;
    let rows = rows.map(|rows| read(index, &rows, true)).transpose()?;
    Ok(rows.map(|rows| (rows, Source::Rows)))
}

/// Queries as a measurement takes them.
/// # Errors
/// Those of `read_queries`.
pub fn read(index: &OpenIndex, array: &Array, are_rows: bool) -> Result<Questions> {
    let (keys, queries) = read_queries(index, array)?;
    Ok(Questions {
        keys,
        queries,
        are_rows,
    })
}

/// Rows that the index holds, drawn from random blocks of the table: the same ones as long as the table is the same.
fn draw_rows(index: &OpenIndex, session: &Session, most: i32) -> Result<Option<Array>> {
    // The index's expressions and predicate run with the rights of those who wrote them.
    let _rights = OwnerRights::lend_to_reader(index.heap());
    let definition = session.query(DEFINITION, &[index.index().oid().into()])?;
    let Some(row) = definition.first() else {
        return Ok(None);
    };
    let text = |column| row.text(column).unwrap_or_default();
    let (table, value, predicate) = (text(0), text(1), text(2));
    let blocks = f64::from(index.heap().block_count().max(1));
    let share = (100.0 * BLOCKS_A_QUERY * f64::from(most) / blocks).min(100.0);
    let sql = |share: f64| {
        format!(
            "SELECT pg_catalog.array_agg(r.value) FROM (
                 SELECT {value} AS value FROM {table} TABLESAMPLE pg_catalog.system ({share}) REPEATABLE (0)
                 WHERE ({value}) IS NOT NULL AND ({predicate})
                 ORDER BY annex.bucket('annex.tune', ctid::pg_catalog.text) LIMIT $1
             ) r"
        )
    };
    let limit: [Param; 1] = [most.into()];
    let few = |rows: &Option<Array>| rows.as_ref().map_or(0, Array::len) < most as usize;
    let mut rows = session.array(&sql(share), &limit)?;
    if few(&rows) && share < 100.0 {
        rows = session.array(&sql(100.0), &limit)?;
    }
    Ok(rows)
}

/// Table, first column or expression, and predicate of an index; the names are written out in full where the search path
/// does not find them.
const DEFINITION: &str = "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_get_indexdef(x.indexrelid, 1, true),
        coalesce(pg_catalog.pg_get_expr(x.indpred, x.indrelid), 'true')
    FROM pg_catalog.pg_index x
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) x.indrelid
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE x.indexrelid OPERATOR(pg_catalog.=) $1";

/// Whether the caller may append measurements, here and now.
/// # Errors
/// PostgreSQL's own are raised.
pub fn may_record(session: &Session) -> Result<bool> {
    if !may_read(session, "annex.measurement")? {
        return Ok(false);
    }
    let sql = "
        SELECT has_any_column_privilege('annex.measurement', 'INSERT')
            AND NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";
    let rows = session.lookup(sql, &[])?;
    Ok(rows.first().is_some_and(|row| row.is_true(0)))
}
