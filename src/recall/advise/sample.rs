//! Rows of the subject in a temporary table, and real indexes on them. Everything is gone with the subtransaction around it.

use super::subject::Subject;
use crate::error::{Error, Result, SqlState};
use crate::pg::array::Array;
use crate::pg::open_index::{OpenIndex, TableRight};
use crate::pg::spi::Session;
use std::time::Instant;

/// Queries, rows of the table that are not among those sampled.
pub const QUERIES: i32 = 200;
/// Fewest rows that are worth an index.
pub const LEAST_ROWS: i32 = 1000;
/// How many times the rows wanted the blocks hold that they are drawn from: few of each, as neighbors in the table are often
/// alike.
const SPARE: f64 = 2.0;
/// The temporary table: `n` numbers the rows, of which the first ones are the queries.
const TABLE: &str = "pg_temp.annex_advise";

/// The temporary table.
#[derive(Debug)]
pub struct Sample<'a> {
    session: &'a Session,
    operator_class: &'a str,
    /// Rows that indexes on it hold, apart from those that the distance excludes.
    pub rows: i64,
    /// Rows of the table, as far as is known.
    pub table_rows: f64,
}

/// A real index, and what it has cost.
#[derive(Debug)]
pub struct Built {
    /// The index.
    pub index: OpenIndex,
    /// Time of the build, in milliseconds.
    pub build_ms: f64,
    /// Its size.
    pub bytes: f64,
}

impl<'a> Sample<'a> {
    /// Draws about `rows` rows and the queries: the same ones as long as the table is the same.
    /// # Errors
    /// 55000 if the table has too few; PostgreSQL's own are raised.
    pub fn draw(session: &'a Session, subject: &'a Subject, rows: i32) -> Result<Self> {
        let Subject {
            table,
            column,
            column_type,
            storage,
            ..
        } = subject;
        let storage = match storage.as_str() {
            "p" => "PLAIN",
            "m" => "MAIN",
            "x" => "EXTENDED",
            _ => "EXTERNAL",
        };
        session.define(&format!(
            "CREATE TEMPORARY TABLE {TABLE} (n integer, v {column_type})"
        ))?;
        session.define(&format!(
            "ALTER TABLE {TABLE} ALTER v SET STORAGE {storage}"
        ))?;
        let table_rows = match subject.rows {
            Some(rows) => rows,
            None => {
                let counted = session.query(
                    &format!("SELECT pg_catalog.count(*) FROM ONLY {table}"),
                    &[],
                )?;
                counted.first().and_then(|row| row.bigint(0)).unwrap_or(0) as f64
            }
        };
        let wanted = rows.saturating_add(QUERIES);
        let fill = |share: f64| {
            let sql = format!(
                "INSERT INTO {TABLE} SELECT pg_catalog.row_number() OVER (ORDER BY r.place), r.value FROM (
                     SELECT {column} AS value, annex.bucket('annex.advise', ctid::pg_catalog.text) AS place
                     FROM ONLY {table} TABLESAMPLE pg_catalog.system ({share}) REPEATABLE (0)
                     WHERE {column} IS NOT NULL ORDER BY place LIMIT $1
                 ) r"
            );
            session.execute(&sql, &[wanted.into()])
        };
        let share = (100.0 * SPARE * f64::from(wanted) / table_rows.max(1.0)).min(100.0);
        let mut drawn = fill(share)?;
        if drawn < wanted as u64 && share < 100.0 {
            session.define(&format!("TRUNCATE {TABLE}"))?;
            drawn = fill(100.0)?;
        }
        let least = LEAST_ROWS + QUERIES;
        if drawn < least as u64 {
            let message = format!(
                "table \"{}\" has too few rows: {drawn}, at least {least} required",
                subject.bare_table
            );
            return Err(Error::new(SqlState::ObjectNotInPrerequisiteState, message)
                .with_detail("Rows in which the column is null do not count.")
                .with_hint("So few rows are searched about as fast without an index."));
        }
        let rows = drawn as i64 - i64::from(QUERIES);
        Ok(Self {
            session,
            operator_class: &subject.operator_class,
            rows,
            // All that have a value were drawn, or more are there than was known.
            table_rows: match drawn < wanted as u64 {
                true => drawn as f64,
                false => table_rows.max(drawn as f64),
            },
        })
    }

    /// The queries.
    /// # Errors
    /// PostgreSQL's own are raised; XX000 if there are none.
    pub fn queries(&self) -> Result<Array> {
        let sql = format!(
            "SELECT pg_catalog.array_agg(v) FROM {TABLE} WHERE n OPERATOR(pg_catalog.<=) {QUERIES}"
        );
        let queries = self.session.array(&sql, &[])?;
        queries.ok_or_else(|| Error::new(SqlState::InternalError, "a sample has no queries"))
    }

    /// Builds an index on the rows that are no queries.
    /// # Errors
    /// 54000 if a page cannot hold such nodes; PostgreSQL's own are raised.
    pub fn build(&self, m: usize, ef_construction: usize) -> Result<Built> {
        let name = format!("annex_advise_{m}_{ef_construction}");
        let class = self.operator_class;
        let start = Instant::now();
        self.session.define(&format!(
            "CREATE INDEX {name} ON {TABLE} USING hnsw (v {class}) WITH (m = {m}, ef_construction = {ef_construction}) WHERE n > {QUERIES}"
        ))?;
        let build_ms = start.elapsed().as_secs_f64() * 1000.0;
        let sql = format!(
            "SELECT r.oid, pg_catalog.pg_relation_size(r.oid)
             FROM (SELECT pg_catalog.to_regclass('pg_temp.{name}')::pg_catalog.oid AS oid) r"
        );
        let rows = self.session.query(&sql, &[])?;
        let found = rows.first().and_then(|row| row.oid(0).zip(row.bigint(1)));
        let (oid, bytes) = found.ok_or_else(|| {
            Error::new(SqlState::InternalError, format!("index \"{name}\" is gone"))
        })?;
        Ok(Built {
            index: OpenIndex::open(oid, TableRight::Select)?,
            build_ms,
            bytes: bytes as f64,
        })
    }
}
