//! The table of a version's embeddings: made, or taken over from the user.

use super::errors;
use super::lookup::{Model, type_schema};
use crate::error::{Error, Result, SqlState};
use crate::pg::spi::{Param, Session};
use pgrx::pg_sys::Oid;

/// Makes the table beside the source; returns its qualified name. A row goes with its source row, and follows its key.
/// # Errors
/// PostgreSQL's own are raised: 42P07 if the name is taken, 42501 without REFERENCES on the source.
pub fn create(session: &Session, model: &Model, number: i32, dim: i32) -> Result<String> {
    let source = &model.source;
    let table = format!("{}.{}_v{number}", source.schema, model.name);
    let (key, kind, collation) = (
        source.key_name(),
        &source.key.declared,
        &source.key.collation,
    );
    let vector_schema = type_schema(session)?;
    let sql = format!(
        "CREATE TABLE {table} (
            {key} {kind} {collation} PRIMARY KEY REFERENCES {source} ({key}) ON UPDATE CASCADE ON DELETE CASCADE,
            embedding {vector_schema}.vector({dim}) NOT NULL,
            content_hash pg_catalog.bytea NOT NULL,
            embedded_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now()
        )",
        source = source.name,
    );
    session.define(&sql)?;
    Ok(table)
}

/// Gives a table of embeddings the row security of the source, whose grants it is given too: embeddings give the texts back. Who
/// sees a row of the source sees and stores its embedding; OFFSET keeps that a lookup by key. A table that has row security
/// already stays as it is.
/// # Errors
/// PostgreSQL's own are raised.
pub fn secure(session: &Session, model: &Model, table: &str) -> Result<()> {
    let source = &model.source;
    let rows = session.lookup(ROW_SECURITY, &[source.oid.into(), Param::from(table)])?;
    let row = rows.first().cloned().unwrap_or_default();
    let (is_secured, is_forced, has_policy) = (row.is_true(0), row.is_true(1), row.is_true(2));
    if !is_secured {
        return Ok(());
    }
    session.define(&format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"))?;
    if is_forced {
        session.define(&format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))?;
    }
    if !has_policy {
        let (key, equal, from) = (source.key_name(), &source.key.equal, &source.name);
        session.define(&format!(
            "CREATE POLICY as_source ON {table}
             USING (EXISTS (SELECT FROM {from} s WHERE s.{key} {equal} {table}.{key} OFFSET 0))"
        ))?;
    }
    Ok(())
}

/// Checks that a given table can hold the embeddings of a version, which has `dim` dimensions; returns its qualified name.
/// # Errors
/// 42809 for another kind of relation, 42501 if the caller does not own it, 42710 if it belongs to a version, 42804 if a column
/// does not fit, 42830 without the foreign key.
pub fn check(session: &Session, model: &Model, table: Oid, dim: i32) -> Result<String> {
    let rows = session.lookup(RELATION, &[table.into()])?;
    let Some(row) = rows.first() else {
        let message = format!("relation with OID {} does not exist", table.to_u32());
        return Err(Error::new(SqlState::UndefinedTable, message));
    };
    let (bare_name, name) = (
        row.text(0).unwrap_or_default(),
        row.text(1).unwrap_or_default(),
    );
    if !row.is_true(2) {
        return Err(Error::new(
            SqlState::WrongObjectType,
            format!("\"{bare_name}\" is not a permanent ordinary table"),
        ));
    }
    if !row.is_true(3) {
        return Err(errors::denied(format!(
            "must be owner of table {bare_name}"
        )));
    }
    let taken = session.lookup(
        "SELECT model, version FROM annex.version WHERE embeddings::oid = $1",
        &[table.into()],
    )?;
    if let Some(row) = taken.first() {
        let (owner, number) = (
            row.text(0).unwrap_or_default(),
            row.int(1).unwrap_or_default(),
        );
        return Err(Error::new(
            SqlState::DuplicateObject,
            format!(
                "table \"{bare_name}\" already belongs to version {number} of model \"{owner}\""
            ),
        ));
    }
    let source = &model.source;
    let key = source.key.name.as_str();
    let parameters = [
        table.into(),
        key.into(),
        Param::from(&source.key.declared),
        format!("vector({dim})").as_str().into(),
        source.oid.into(),
    ];
    if let Some(row) = session.lookup(MISFIT, &parameters[..4])?.first() {
        return Err(Error::new(
            SqlState::DatatypeMismatch,
            format!(
                "table \"{bare_name}\" does not fit model \"{}\"",
                model.name
            ),
        )
        .with_detail(row.text(0).unwrap_or_default()));
    }
    let keys = session.lookup(FOREIGN_KEY, &[table.into(), key.into(), source.oid.into()])?;
    if keys.is_empty() {
        let source = session.lookup(RELATION, &[source.oid.into()])?;
        let source = source
            .first()
            .and_then(|row| row.text(0))
            .unwrap_or_default();
        return Err(Error::new(
            SqlState::InvalidForeignKey,
            format!("table \"{bare_name}\" has no cascading foreign key to \"{source}\""),
        )
        .with_hint(format!(
            "Add a foreign key of \"{key}\" with ON UPDATE CASCADE and ON DELETE CASCADE."
        )));
    }
    Ok(name)
}

/// Whether embeddings lack the row security that the source has, whether it is forced there, and whether they have a policy.
const ROW_SECURITY: &str = "
    SELECT s.relrowsecurity AND NOT v.relrowsecurity, s.relforcerowsecurity, EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = v.oid)
    FROM pg_class s, pg_class v WHERE s.oid = $1 AND v.oid = $2::regclass::oid";

const RELATION: &str = "
    SELECT c.relname::text, format('%I.%I', n.nspname, c.relname), c.relkind = 'r' AND c.relpersistence <> 't',
        pg_has_role(current_user, c.relowner, 'USAGE')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = $1";

/// The first column that is not what `put` writes. Types are compared as SQL writes them, the vector's without its schema.
const MISFIT: &str = "
    SELECT CASE
            WHEN a.attname IS NULL THEN format('Column \"%s\" does not exist.', w.name)
            WHEN a.actual <> w.expected THEN format('Column \"%s\" has type %s, not %s.', w.name, a.actual, w.expected)
            WHEN NOT a.attnotnull THEN format('Column \"%s\" may be null.', w.name)
            ELSE format('Column \"%s\" is not a primary key or unique.', w.name)
        END
    FROM (VALUES (1, $2, $3), (2, 'embedding', $4), (3, 'content_hash', 'bytea'), (4, 'embedded_at', 'timestamp with time zone'))
        w (position, name, expected)
    LEFT JOIN LATERAL (
        SELECT a.attname, a.attnotnull, a.attnum,
            CASE w.name WHEN 'embedding' THEN regexp_replace(format_type(a.atttypid, a.atttypmod), '^.*\\.', '')
                ELSE format_type(a.atttypid, a.atttypmod) END AS actual
        FROM pg_attribute a WHERE a.attrelid = $1 AND a.attname = w.name::name AND a.attnum > 0 AND NOT a.attisdropped
    ) a ON true
    WHERE a.attname IS NULL OR a.actual <> w.expected OR NOT a.attnotnull
        OR w.position = 1 AND NOT EXISTS (
            SELECT FROM pg_index x
            WHERE x.indrelid = $1 AND x.indkey[0] = a.attnum AND x.indnkeyatts = 1
                AND x.indisunique AND x.indimmediate AND x.indisvalid AND x.indpred IS NULL)
    ORDER BY w.position LIMIT 1";

const FOREIGN_KEY: &str = "
    SELECT 1 FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = $2::name AND NOT a.attisdropped
    WHERE c.contype = 'f' AND c.conrelid = $1 AND c.confrelid = $3 AND c.conkey = ARRAY[a.attnum]
        AND c.confdeltype = 'c' AND c.confupdtype = 'c' AND c.convalidated
        AND c.confkey = (SELECT ARRAY[s.attnum] FROM pg_attribute s WHERE s.attrelid = $3 AND s.attname = $2::name AND NOT s.attisdropped)";
