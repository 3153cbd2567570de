//! What applications call for each user and query: which version serves, who was served by it, and what came of it.
//!
//! What it needs is read directly where that is certain to say the same ([`direct`]): starting a statement costs more than its rows.
//! Statements qualify every operator and keep their plans: changing the search_path for each call would cost more than they do.

use super::direct;
use super::errors;
use super::lookup::check_model;
use crate::error::Result;
use crate::pg::probe::Wanted;
use crate::pg::spi::{Access, Row, Session};

/// The row of `annex.route`.
/// # Errors
/// 42704 for no such model, 55000 before its first promotion.
pub fn route(model: &str, unit: Option<&str>) -> Result<Row> {
    if let Some(row) = direct::route(model, unit)? {
        return Ok(row);
    }
    let session = &Session::begin(Access::Read);
    let routed = match unit {
        Some(unit) => session
            .query_kept(ROUTED, &[model.into(), unit.into()])?
            .pop(),
        None => None,
    };
    match routed {
        Some(row) => Ok(row),
        None => champion(session, model),
    }
}

/// The row of `annex.route` where no experiment decides.
fn champion(session: &Session, model: &str) -> Result<Row> {
    if let Some(row) = session.query_kept(CHAMPION, &[model.into()])?.pop() {
        return Ok(row);
    }
    check_model(session, model)?;
    Err(errors::no_champion(model))
}

/// The version of the newest deployment; `None` before the first promotion, and for no such model.
/// # Errors
/// PostgreSQL's own are raised.
pub fn champion_number(model: &str) -> Result<Option<i32>> {
    if let Some(version) = direct::champion(model)? {
        return Ok(version);
    }
    let rows = Session::begin(Access::Read).query_kept(CHAMPION_NUMBER, &[model.into()])?;
    Ok(rows.first().and_then(|row| row.int(0)))
}

/// Records that a unit takes part in the running experiment, once; returns the version that serves it.
/// # Errors
/// As [`route`].
pub fn expose(model: &str, unit: &str) -> Result<i32> {
    // Most calls come from units that were here before, and only read.
    if let Some(version) = expose_directly(model, unit)? {
        return Ok(version);
    }
    let reading = Session::begin(Access::Read);
    let served = match reading
        .query_kept(SERVED, &[model.into(), unit.into()])?
        .pop()
    {
        Some(row) => row,
        None => champion(&reading, model)?,
    };
    let version = served.int(0).ok_or_else(|| errors::no_champion(model))?;
    if let Some(experiment) = served.bigint(2)
        && !served.is_true(1)
    {
        record(experiment, unit, version)?;
    }
    Ok(version)
}

/// As [`expose`]; `None` where the statements have to answer.
fn expose_directly(model: &str, unit: &str) -> Result<Option<i32>> {
    let Some(served) = direct::served(model, Some(unit))? else {
        return Ok(None);
    };
    let may_answer = match served.experiment {
        // Refused alike whether an experiment runs or not.
        None => direct::may_see_exposures(),
        Some((experiment, _)) => match direct::expose(experiment, unit, served.version)? {
            Wanted::Found | Wanted::Inserted => true,
            Wanted::Missing => {
                record(experiment, unit, served.version)?;
                true
            }
            Wanted::Unknown => false,
        },
    };
    Ok(may_answer.then_some(served.version))
}

/// Records an exposure by a statement, unless another session has meanwhile: it waits for one that is about to.
fn record(experiment: i64, unit: &str, version: i32) -> Result<()> {
    let exposure = [experiment.into(), unit.into(), version.into()];
    Session::begin(Access::Write).execute_kept(EXPOSE, &exposure)?;
    Ok(())
}

/// Adds an outcome to a unit's exposure in the running experiment; false if there is none.
/// # Errors
/// 22023 for infinity and NaN, 42704 for no such model.
pub fn feedback(session: &Session, model: &str, unit: &str, value: f64) -> Result<bool> {
    if !value.is_finite() {
        return Err(errors::invalid("value must be finite").with_detail(format!("It is {value}.")));
    }
    let parameters = [model.into(), unit.into(), value.into()];
    let is_added = session.execute_kept(FEEDBACK, &parameters)? > 0;
    if !is_added {
        check_model(session, model)?;
    }
    Ok(is_added)
}

/// What [`champion_number`] asks where the newest deployment cannot be read directly.
const CHAMPION_NUMBER: &str = "
    SELECT d.version FROM annex.deployment d
    WHERE d.model OPERATOR(pg_catalog.=) $1 AND d.alias OPERATOR(pg_catalog.=) 'champion' ORDER BY d.id DESC LIMIT 1";

/// One statement for a whole answer: starting one costs more than the index probes that it makes.
const ROUTED: &str = "
    SELECT v.version, CASE WHEN v.version OPERATOR(pg_catalog.=) e.challenger THEN 'challenger' ELSE 'champion' END, e.id,
        v.dim, v.metric, v.artifact_uri, v.params
    FROM annex.experiment e JOIN annex.version v
        ON v.model OPERATOR(pg_catalog.=) e.model AND v.version OPERATOR(pg_catalog.=)
            CASE WHEN annex.bucket(e.salt, $2) OPERATOR(pg_catalog.<) e.fraction THEN e.challenger ELSE e.champion END
    WHERE e.model OPERATOR(pg_catalog.=) $1 AND e.ended_at IS NULL";

const CHAMPION: &str = "
    SELECT v.version, 'champion'::pg_catalog.text, NULL::pg_catalog.int8, v.dim, v.metric, v.artifact_uri, v.params
    FROM (
        SELECT d.model, d.version FROM annex.deployment d
        WHERE d.model OPERATOR(pg_catalog.=) $1 AND d.alias OPERATOR(pg_catalog.=) 'champion' ORDER BY d.id DESC LIMIT 1
    ) newest
    JOIN annex.version v ON v.model OPERATOR(pg_catalog.=) newest.model AND v.version OPERATOR(pg_catalog.=) newest.version";

/// Not for [`route`], whose callers may not see who was in.
const SERVED: &str = "
    SELECT CASE WHEN annex.bucket(e.salt, $2) OPERATOR(pg_catalog.<) e.fraction THEN e.challenger ELSE e.champion END,
        EXISTS (SELECT FROM annex.exposure x WHERE x.experiment OPERATOR(pg_catalog.=) e.id AND x.unit OPERATOR(pg_catalog.=) $2),
        e.id
    FROM annex.experiment e WHERE e.model OPERATOR(pg_catalog.=) $1 AND e.ended_at IS NULL";

const EXPOSE: &str = "
    INSERT INTO annex.exposure (experiment, unit, version) VALUES ($1, $2, $3) ON CONFLICT (experiment, unit) DO NOTHING";

const FEEDBACK: &str = "
    INSERT INTO annex.outcome (exposure, value)
    SELECT x.id, $3 FROM annex.experiment e JOIN annex.exposure x
        ON x.experiment OPERATOR(pg_catalog.=) e.id AND x.unit OPERATOR(pg_catalog.=) $2
    WHERE e.model OPERATOR(pg_catalog.=) $1 AND e.ended_at IS NULL";
