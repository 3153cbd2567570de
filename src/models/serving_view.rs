//! The view that serves a model: one arm a version, and the grants that follow the source.

use super::errors;
use super::lookup::{Model, Version, type_schema};
use super::source::Source;
use crate::error::Result;
use crate::pg::spi::Session;
use pgrx::pg_sys::Oid;

/// The SELECT of the view. The first arm gives the columns their types, so that versions of other dimensions never change one: a
/// view whose column types change could only be dropped. The version is a constant in each arm, so that a query for one
/// version does not touch the tables of the others.
fn definition(source: &Source, vector_schema: &str, versions: &[Version]) -> String {
    let key = source.key_name();
    let null = format!("NULL::{} {}", source.key.declared, source.key.collation);
    let mut sql = format!(
        "SELECT {null} AS {key}, NULL::pg_catalog.int4 AS version, NULL::{vector_schema}.vector AS embedding WHERE false"
    );
    for version in versions {
        // A table that was dropped took the view with it.
        if let Some(table) = &version.table {
            let number = version.number;
            sql += &format!(" UNION ALL SELECT {key}, {number}, embedding FROM {table}");
        }
    }
    sql
}

/// Makes the view of a new model, named in full.
/// # Errors
/// 42P07 is raised if the name is taken.
pub fn create(session: &Session, source: &Source, view: &str) -> Result<()> {
    let select = definition(source, &type_schema(session)?, &[]);
    let sql = format!("CREATE VIEW {view} WITH (security_invoker = true) AS {select}");
    session.define(&sql)
}

/// Gives the view one arm for each unretired version. Takes AccessExclusiveLock on it.
/// # Errors
/// 55000 if it was dropped; PostgreSQL's own are raised.
pub fn rebuild(session: &Session, model: &Model) -> Result<()> {
    let Some(view) = &model.view else {
        return Err(errors::relation_gone(
            &model.name,
            "Its serving view was dropped.",
        ));
    };
    let versions = Version::unretired(session, &model.name)?;
    let select = definition(&model.source, &type_schema(session)?, &versions);
    let sql = format!("CREATE OR REPLACE VIEW {view} WITH (security_invoker = true) AS {select}");
    session.define(&sql)
}

/// Which grants a new relation takes from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grants {
    /// SELECT only.
    Select,
    /// All of them.
    All,
}

/// Grants on relation `to`, named in full, what others have on `from`; the owner of `from` too, if another role made `to`.
/// # Errors
/// PostgreSQL's own are raised.
pub fn copy_grants(session: &Session, from: Oid, to: &str, grants: Grants) -> Result<()> {
    let only = (grants == Grants::Select).then_some("SELECT");
    for row in session.lookup(GRANTS, &[from.into(), only.into()])? {
        let (Some(privilege), Some(grantee)) = (row.text(0), row.text(1)) else {
            continue;
        };
        let option = if row.is_true(2) {
            " WITH GRANT OPTION"
        } else {
            ""
        };
        session.define(&format!("GRANT {privilege} ON {to} TO {grantee}{option}"))?;
    }
    Ok(())
}

/// The new relation's owner, who is the current user, has all rights anyway.
const GRANTS: &str = "
    SELECT a.privilege_type, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.is_grantable
    FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
    WHERE c.oid = $1 AND ($2 IS NULL OR a.privilege_type = $2) AND pg_get_userbyid(a.grantee) <> current_user
    ORDER BY a.grantee, a.privilege_type";
