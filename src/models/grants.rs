//! What each kind of user needs, as plain GRANTs. Columns that say who and when are granted to nobody.

use super::errors;
use crate::error::{Error, Result, SqlState};
use crate::pg::spi::Session;
use pgrx::pg_sys::Oid;

/// Reads everything.
const READER: [&str; 2] = [
    "SELECT ON annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.outcome, annex.sentinel,
        annex.measurement, annex.alias, annex.history, annex.status, annex.stat_hnsw",
    // Not the unit: it says who.
    "SELECT (id, experiment, version, at) ON annex.exposure",
];

/// Records who was served by what, what came of it, and samples of queries.
const APP: [&str; 3] = [
    "SELECT, INSERT (experiment, unit, version) ON annex.exposure",
    "INSERT (exposure, value) ON annex.outcome",
    "INSERT (model, version, query, k) ON annex.query_sample",
];

/// Registers, deploys, experiments and measures.
const OPERATOR: [&str; 10] = [
    "INSERT (model, source, key_column, content_column, serving_view, description), UPDATE (description) ON annex.model",
    "INSERT (model, version, dim, metric, embeddings, artifact_uri, artifact_sha256, params, data_ref, code_ref) ON annex.version",
    "INSERT (model, version, reason) ON annex.retirement",
    "INSERT (model, version, part, data) ON annex.artifact",
    "INSERT (model, alias, version, action, prev, undo, forced, checks, reason) ON annex.deployment",
    "INSERT (model, version, content, embedding) ON annex.sentinel",
    "INSERT (model, champion, challenger, fraction, metric, aggregate, horizon, alpha, planned_units), UPDATE (ended_at) ON annex.experiment",
    "DELETE ON annex.exposure",
    "SELECT, DELETE ON annex.query_sample",
    "INSERT (model, version, kind, value, lo, hi, n, detail) ON annex.measurement",
];

/// Grants a role what `level` needs: reader, app or operator.
/// # Errors
/// 22023 for another level, 42501 for whoever does not own the extension's tables, 42704 for no such role.
pub fn grant(session: &Session, grantee: Oid, level: &str) -> Result<()> {
    let levels: &[&[&str]] = match level {
        "reader" => &[&READER],
        "app" => &[&READER, &APP],
        "operator" => &[&READER, &APP, &OPERATOR],
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
