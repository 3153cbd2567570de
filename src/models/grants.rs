//! What each kind of user needs, as plain GRANTs. Columns that say who and when are granted to nobody.

use super::errors;
use crate::error::{Error, Result, SqlState};
use crate::pg::spi::Session;
use pgrx::pg_sys::Oid;

/// Reads everything.
const READER: [&str; 1] = [
    "SELECT ON annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.sentinel, annex.measurement,
        annex.alias, annex.history, annex.status, annex.stat_hnsw",
];

/// Registers, deploys and measures.
const OPERATOR: [&str; 7] = [
    "INSERT (model, source, key_column, content_column, serving_view, description), UPDATE (description) ON annex.model",
    "INSERT (model, version, dim, metric, embeddings, artifact_uri, artifact_sha256, params, data_ref, code_ref) ON annex.version",
    "INSERT (model, version, reason) ON annex.retirement",
    "INSERT (model, version, part, data) ON annex.artifact",
    "INSERT (model, alias, version, action, prev, undo, forced, checks, reason) ON annex.deployment",
    "INSERT (model, version, content, embedding) ON annex.sentinel",
    "INSERT (model, version, kind, value, lo, hi, n, detail) ON annex.measurement",
];

/// Grants a role what `level` needs: reader, app or operator.
/// # Errors
/// 22023 for another level, 42501 for whoever does not own the extension's tables, 42704 for no such role.
pub fn grant(session: &Session, grantee: Oid, level: &str) -> Result<()> {
    // What apps alone do, recording exposures and samples, is not there yet.
    let levels: &[&[&str]] = match level {
        "reader" | "app" => &[&READER],
        "operator" => &[&READER, &OPERATOR],
        _ => {
            return Err(errors::invalid("level must be reader, app or operator")
                .with_detail(format!("It is \"{level}\".")));
        }
    };
    let rows = session.lookup(GRANTEE, &[grantee.into()])?;
    let row = rows.first().cloned().unwrap_or_default();
    if !row.is_true(0) {
        return Err(errors::denied("must be owner of extension annex"));
    }
    let Some(role) = row.text(1) else {
        let message = format!("role with OID {} does not exist", grantee.to_u32());
        return Err(Error::new(SqlState::UndefinedObject, message));
    };
    for what in levels.iter().copied().flatten() {
        session.define(&format!("GRANT {what} TO {role}"))?;
    }
    Ok(())
}

/// The tables' owner, not the extension's: pg_upgrade leaves the extension to the superuser, and the tables to who had them.
const GRANTEE: &str = "
    SELECT pg_has_role(current_user, c.relowner, 'USAGE'),
        (SELECT quote_ident(r.rolname) FROM pg_roles r WHERE r.oid = $1)
    FROM pg_class c WHERE c.oid = 'annex.model'::regclass";
