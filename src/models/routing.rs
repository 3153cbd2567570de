//! What applications call for each user and query: which version serves, who was served by it, and what came of it.
//!
//! Statements qualify every operator and keep their plans: changing the search_path for each call would cost more than they do.

use super::bucket;
use super::errors;
use super::lookup::check_model;
use crate::error::Result;
use crate::pg::digest;
use crate::pg::row_set::Cell;
use crate::pg::spi::{Access, Row, Session};

/// A number from 0 to below 1 that follows from both texts.
/// # Errors
/// XX000 if the server's cryptographic library refuses.
pub fn bucket(salt: &str, unit: &str) -> Result<f64> {
    let digest = digest::sha256(format!("{salt}:{unit}").as_bytes())?;
    Ok(bucket::fraction(&digest))
}

/// Which version serves a unit, and why.
struct Place {
    version: i32,
    arm: &'static str,
    experiment: Option<i64>,
    /// Whether the unit took part before.
    is_exposed: bool,
}

impl Place {
    fn of(session: &Session, model: &str, unit: Option<&str>, running: &str) -> Result<Self> {
        if let Some(unit) = unit
            && let Some(place) = Self::in_experiment(session, model, unit, running)?
        {
            return Ok(place);
        }
        let rows = session.query_kept(CHAMPION, &[model.into()])?;
        let Some(version) = rows.first().and_then(|row| row.int(0)) else {
            check_model(session, model)?;
            return Err(errors::no_champion(model));
        };
        Ok(Self {
            version,
            arm: "champion",
            experiment: None,
            is_exposed: false,
        })
    }

    fn in_experiment(
        session: &Session,
        model: &str,
        unit: &str,
        running: &str,
    ) -> Result<Option<Self>> {
        let rows = session.query_kept(running, &[model.into(), unit.into()])?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let fraction = row.double(3).unwrap_or(0.0);
        let is_challenged = bucket(&row.text(4).unwrap_or_default(), unit)? < fraction;
        let (arm, column) = if is_challenged {
            ("challenger", 2)
        } else {
            ("champion", 1)
        };
        let place = |version| Self {
            version,
            arm,
            experiment: row.bigint(0),
            is_exposed: row.is_true(5),
        };
        Ok(row.int(column).map(place))
    }
}

/// The row of `annex.route`.
/// # Errors
/// 42704 for no such model, 55000 before its first promotion.
pub fn route(session: &Session, model: &str, unit: Option<&str>) -> Result<Row> {
    let place = Place::of(session, model, unit, RUNNING)?;
    let mut rows = session.query_kept(VERSION, &[model.into(), place.version.into()])?;
    let missing = || errors::no_version(model, place.version);
    let version = rows.pop().ok_or_else(missing)?;
    let mut cells = vec![
        Cell::Int(place.version),
        Cell::Text(place.arm.to_owned()),
        place.experiment.map_or(Cell::Null, Cell::BigInt),
    ];
    cells.extend(version.0);
    Ok(Row(cells))
}

/// Records that a unit takes part in the running experiment, once; returns the version that serves it.
/// # Errors
/// As [`route`].
pub fn expose(model: &str, unit: &str) -> Result<i32> {
    // Most calls come from units that were here before, and only read.
    let reading = Session::begin(Access::Read);
    let place = Place::of(&reading, model, Some(unit), RUNNING_AND_EXPOSED)?;
    if let Some(experiment) = place.experiment
        && !place.is_exposed
    {
        let exposure = [experiment.into(), unit.into(), place.version.into()];
        Session::begin(Access::Write).execute_kept(EXPOSE, &exposure)?;
    }
    Ok(place.version)
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

/// Takes no part of the unit: one that only reads may not see who was in.
const RUNNING: &str = "
    SELECT e.id, e.champion, e.challenger, e.fraction, e.salt
    FROM annex.experiment e WHERE e.model OPERATOR(pg_catalog.=) $1 AND e.ended_at IS NULL AND $2 IS NOT NULL";

/// One statement for both questions: starting one costs more than the index probe that it makes.
const RUNNING_AND_EXPOSED: &str = "
    SELECT e.id, e.champion, e.challenger, e.fraction, e.salt,
        EXISTS (SELECT FROM annex.exposure x WHERE x.experiment OPERATOR(pg_catalog.=) e.id AND x.unit OPERATOR(pg_catalog.=) $2)
    FROM annex.experiment e WHERE e.model OPERATOR(pg_catalog.=) $1 AND e.ended_at IS NULL";

const CHAMPION: &str = "
    SELECT d.version FROM annex.deployment d
    WHERE d.model OPERATOR(pg_catalog.=) $1 AND d.alias OPERATOR(pg_catalog.=) 'champion' ORDER BY d.id DESC LIMIT 1";

const VERSION: &str = "
    SELECT v.dim, v.metric, v.artifact_uri, v.params
    FROM annex.version v WHERE v.model OPERATOR(pg_catalog.=) $1 AND v.version OPERATOR(pg_catalog.=) $2";

const EXPOSE: &str = "
    INSERT INTO annex.exposure (experiment, unit, version) VALUES ($1, $2, $3) ON CONFLICT (experiment, unit) DO NOTHING";

const FEEDBACK: &str = "
    INSERT INTO annex.outcome (exposure, value)
    SELECT x.id, $3 FROM annex.experiment e JOIN annex.exposure x
        ON x.experiment OPERATOR(pg_catalog.=) e.id AND x.unit OPERATOR(pg_catalog.=) $2
    WHERE e.model OPERATOR(pg_catalog.=) $1 AND e.ended_at IS NULL";
