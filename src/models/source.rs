//! The table that a model embeds: its key, its texts, and the operators of the key's own index.

use super::errors;
use super::names::quoted;
use crate::error::{Error, Result, SqlState};
use crate::pg::spi::Session;
use pgrx::pg_sys::Oid;

/// The column that tells rows apart.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// Its type with modifier, as a column definition has it.
    pub declared: String,
    /// Its type without modifier, qualified.
    pub plain_type: String,
    /// `COLLATE ...` where the collation is not the type's own; empty else.
    pub collation: String,
    /// The operator by which its unique index tells keys apart, qualified.
    pub equal: String,
    /// The operator of that index for greater keys, qualified.
    pub greater: String,
}

/// A source table as statements name it.
#[derive(Debug, Clone)]
pub struct Source {
    /// The table.
    pub oid: Oid,
    /// Its qualified name.
    pub name: String,
    /// Its schema, quoted.
    pub schema: String,
    /// The key column.
    pub key: Key,
    /// The column with the text to embed, quoted.
    pub content: String,
}

impl Source {
    /// Reads what the catalogs say of a table.
    /// # Errors
    /// 42P01 for no table, 42809 for a temporary one and other kinds of relations, 42703 for a column that is not there, 42830 for
    /// a key that no constraint keeps unique and not null, 42501 for a type of another role's making.
    pub fn read(session: &Session, oid: Oid, key: &str, content: &str) -> Result<Self> {
        let relation = session.lookup(RELATION, &[oid.into()])?;
        let Some(relation) = relation.first() else {
            let number = oid.to_u32();
            let message = format!("relation with OID {number} does not exist");
            return Err(Error::new(SqlState::UndefinedTable, message));
        };
        let text = |column| relation.text(column).unwrap_or_default();
        let (bare_name, name, schema) = (text(0), text(1), text(2));
        if !relation.is_true(3) {
            return Err(Error::new(
                SqlState::WrongObjectType,
                format!("\"{bare_name}\" is not an ordinary or partitioned table"),
            )
            .with_detail(
                "Embeddings refer to permanent tables, whose deleted rows take theirs with them.",
            ));
        }
        let missing = |column: &str| {
            let message = format!("column \"{column}\" of relation \"{bare_name}\" does not exist");
            Error::new(SqlState::UndefinedColumn, message)
        };
        let row = session.lookup(KEY, &[oid.into(), key.into()])?;
        let row = row.first().ok_or_else(|| missing(key))?;
        let content_row = session.lookup(COLUMN, &[oid.into(), content.into()])?;
        let content_row = content_row.first().ok_or_else(|| missing(content))?;
        for (column, is_built_in) in [(key, row.is_true(5)), (content, content_row.is_true(0))] {
            if !is_built_in {
                check_type(session, oid, &bare_name, column)?;
            }
        }
        let (Some(equal), Some(greater)) = (row.text(3), row.text(4)) else {
            return Err(Error::new(
                SqlState::InvalidForeignKey,
                format!(
                    "column \"{key}\" of relation \"{bare_name}\" must be a primary key or unique and not null"
                ),
            ));
        };
        let text = |column| row.text(column).unwrap_or_default();
        Ok(Self {
            oid,
            name,
            schema,
            key: Key {
                name: key.to_owned(),
                declared: text(0),
                plain_type: text(1),
                collation: text(2),
                equal,
                greater,
            },
            content: quoted(content),
        })
    }

    /// The key column, quoted.
    pub fn key_name(&self) -> String {
        quoted(&self.key.name)
    }
}

/// Names of columns that a version's table or the serving view has beside the key.
const RESERVED: [&str; 4] = ["version", "embedding", "content_hash", "embedded_at"];

/// Whether a key column may be called so.
/// # Errors
/// 22023 if the name is one of the version table's own.
pub fn check_key_name(key: &str) -> Result<()> {
    if RESERVED.contains(&key) {
        return Err(
            errors::invalid(format!("key column cannot be named \"{key}\"")).with_detail(format!(
                "Tables of versions have the columns {}.",
                RESERVED.join(", ")
            )),
        );
    }
    Ok(())
}

/// Keys and texts are cast to `text` with the rights of whoever calls, a superuser's scheduler among them: a type's owner could
/// have made that cast a function of his own.
/// # Errors
/// 42501 if the column's type, or the one below its domain, is owned by a role that is neither a superuser nor the caller.
fn check_type(session: &Session, table: Oid, bare_name: &str, column: &str) -> Result<()> {
    let rows = session.lookup(FOREIGN_TYPE, &[table.into(), column.into()])?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    let (kind, owner) = (
        row.text(0).unwrap_or_default(),
        row.text(1).unwrap_or_default(),
    );
    let message =
        format!("type of column \"{column}\" of relation \"{bare_name}\" belongs to another role");
    Err(errors::denied(message)
        .with_detail(format!(
            "A cast of type {kind} to text may call a function of role \"{owner}\", with the rights of the caller."
        ))
        .with_hint("Use a type of PostgreSQL or of an extension, or a domain over one."))
}

const RELATION: &str = "
    SELECT c.relname::text, format('%I.%I', n.nspname, c.relname), quote_ident(n.nspname),
        c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = $1";

/// Only superusers make types in `pg_catalog`.
const COLUMN: &str = "
    SELECT t.typnamespace = 'pg_catalog'::regnamespace FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = $1 AND a.attname = $2::name AND a.attnum > 0 AND NOT a.attisdropped";

const FOREIGN_TYPE: &str = "
    WITH RECURSIVE below AS (
        SELECT t.oid, t.typtype, t.typbasetype, t.typowner FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = $1 AND a.attname = $2::name AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT t.oid, t.typtype, t.typbasetype, t.typowner FROM below b JOIN pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd'
    )
    SELECT format_type(b.oid, NULL), r.rolname::text FROM below b JOIN pg_roles r ON r.oid = b.typowner
    WHERE b.typtype <> 'd' AND NOT r.rolsuper AND r.rolname <> current_user";

/// The key's operators are those of the index that keeps it unique: `=` on the search path may be another.
const KEY: &str = "
    SELECT format_type(a.atttypid, a.atttypmod), format('%I.%I', tn.nspname, t.typname),
        coalesce((SELECT format('COLLATE %I.%I', cn.nspname, co.collname)
            FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
            WHERE co.oid = a.attcollation AND a.attcollation <> t.typcollation), ''),
        (SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
            FROM pg_amop s JOIN pg_operator o ON o.oid = s.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
            WHERE s.amopfamily = i.opcfamily AND s.amoplefttype = i.opcintype AND s.amoprighttype = i.opcintype AND s.amopstrategy = 3),
        (SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
            FROM pg_amop s JOIN pg_operator o ON o.oid = s.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
            WHERE s.amopfamily = i.opcfamily AND s.amoplefttype = i.opcintype AND s.amoprighttype = i.opcintype AND s.amopstrategy = 5),
        tn.nspname = 'pg_catalog'
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_namespace tn ON tn.oid = t.typnamespace
    LEFT JOIN LATERAL (
        SELECT c.opcfamily, c.opcintype
        FROM pg_index x JOIN pg_opclass c ON c.oid = x.indclass[0]
        WHERE x.indrelid = a.attrelid AND x.indkey[0] = a.attnum AND x.indnkeyatts = 1 AND a.attnotnull
            AND x.indisunique AND x.indimmediate AND x.indisvalid AND x.indpred IS NULL
        ORDER BY x.indisprimary DESC, x.indexrelid
        LIMIT 1
    ) i ON true
    WHERE a.attrelid = $1 AND a.attname = $2::name AND a.attnum > 0 AND NOT a.attisdropped";
