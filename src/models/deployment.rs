//! Moves the aliases: promotions, rollbacks, other names. Each move is one row that names the row it replaces.

use super::errors;
use super::experiment::{self, Experiment};
use super::lookup::{
    Deployment, Model, Version, check_may_insert, check_model, lock_against_retirement,
};
use super::names::{PATTERN, is_valid};
use super::readiness;
use crate::error::{Error, Result, SqlState};
use crate::pg::spi::{Param, Session};

/// The alias that serves.
const CHAMPION: &str = "champion";

/// Whether a promotion may pass by what stands against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It is refused.
    Closed,
    /// It passes, and the row says so.
    Forced,
}

/// A row to append.
struct Move<'a> {
    model: &'a str,
    alias: &'a str,
    version: Option<i32>,
    action: &'a str,
    prev: Option<i64>,
    undo: Option<i64>,
    is_forced: bool,
    checks: Option<String>,
    reason: Option<&'a str>,
}

impl Move<'_> {
    fn append(&self, session: &Session) -> Result<i64> {
        let rows = session.query(
            "INSERT INTO annex.deployment (model, alias, version, action, prev, undo, forced, checks, reason)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8::pg_catalog.jsonb, $9) RETURNING id",
            &[
                self.model.into(),
                self.alias.into(),
                self.version.into(),
                self.action.into(),
                self.prev.into(),
                self.undo.into(),
                self.is_forced.into(),
                Param::from(self.checks.as_deref()),
                self.reason.into(),
            ],
        )?;
        let missing = || Error::new(SqlState::InternalError, "the deployment was not inserted");
        rows.first()
            .and_then(|row| row.bigint(0))
            .ok_or_else(missing)
    }
}

/// Makes a version the champion; returns the row. Does nothing if it is the champion already.
/// # Errors
/// 42501 without the right to deploy, 42704 and 55000 as everywhere, 55000 for a version that is not ready and while a challenge is
/// running; 23505 is raised in the session that loses a race.
pub fn promote(
    session: &Session,
    name: &str,
    number: i32,
    reason: Option<&str>,
    gate: Gate,
) -> Result<i64> {
    check_may_insert(session, "deployment")?;
    let now = lock_against_retirement(session, name)?;
    let model = Model::read(session, name)?;
    let version = Version::read(&now, name, number)?;
    // Read before the checks, and by the transaction's own snapshot: a promotion that it does not see is not overwritten, it wins.
    let head = Deployment::newest(session, name, CHAMPION)?;
    if let Some(head) = head
        && head.version == Some(number)
    {
        return Ok(head.id);
    }
    if let Some(experiment) = Experiment::running(&now, name)? {
        let id = experiment.id;
        return Err(
            errors::not_now(format!("challenge {id} of model \"{name}\" is running"))
                .with_hint("End it with annex.conclude, which can promote the challenger."),
        );
    }
    let readiness = readiness::assess(session, &model, &version)?;
    let refusal = readiness.refusal(name, number);
    let is_forced = refusal.is_some();
    if let (Some(refusal), Gate::Closed) = (refusal, gate) {
        return Err(refusal);
    }
    // What is gone cannot serve, whoever insists.
    version.table(name)?;
    let head = head.map(|head| head.id);
    let id = Move {
        model: name,
        alias: CHAMPION,
        version: Some(number),
        action: "promote",
        prev: head,
        undo: head,
        is_forced,
        checks: Some(readiness.json()),
        reason,
    }
    .append(session)?;
    if let Some(coverage) = readiness.coverage {
        coverage.record(session, name, number)?;
    }
    Ok(id)
}

/// Returns to the champion before this one; returns its version. Asks nothing of it: it served before. Ends a challenge, which would
/// go on to serve the version that is taken back.
/// # Errors
/// 42501 without the right to deploy, 42704 for no such model, 55000 without a champion or without an earlier one.
pub fn rollback(session: &Session, name: &str, reason: Option<&str>) -> Result<i32> {
    check_may_insert(session, "deployment")?;
    let now = lock_against_retirement(session, name)?;
    // Not through `Model::read`: the way back stays open when the source has lost a column.
    check_model(session, name)?;
    let head = Deployment::newest(session, name, CHAMPION)?;
    let head = head.ok_or_else(|| errors::no_champion(name))?;
    let target = head.rollback_target(&now, name)?;
    let Some((target, version)) = target.and_then(|row| Some((row, row.version?))) else {
        let message = format!("model \"{name}\" has no earlier deployment to roll back to");
        let error = errors::not_now(message);
        return Err(match Experiment::running(&now, name)? {
            Some(experiment) => error.with_hint(format!(
                "Challenge {} is running; annex.conclude ends it.",
                experiment.id
            )),
            None => error,
        });
    };
    experiment::abort(&now, name)?;
    Move {
        model: name,
        alias: CHAMPION,
        version: Some(version),
        action: "rollback",
        prev: Some(head.id),
        undo: target.undo,
        is_forced: false,
        checks: None,
        reason,
    }
    .append(session)?;
    Ok(version)
}

/// Points an alias to a version, or removes it; returns the row.
/// # Errors
/// 22023 for a name that no alias can have, 42501, 42704 and 55000 as everywhere; 42704 if there is no alias to remove.
pub fn set_alias(
    session: &Session,
    name: &str,
    alias: &str,
    number: Option<i32>,
    reason: Option<&str>,
) -> Result<i64> {
    if alias == CHAMPION {
        let message = "alias \"champion\" is set by promote and rollback";
        return Err(errors::invalid(message));
    }
    if !is_valid(alias) {
        return Err(errors::invalid(format!("invalid alias name \"{alias}\""))
            .with_hint(format!("Alias names match {PATTERN}.")));
    }
    check_may_insert(session, "deployment")?;
    let now = lock_against_retirement(session, name)?;
    Model::read(session, name)?;
    let head = Deployment::newest(session, name, alias)?;
    match number {
        Some(number) => drop(Version::read(&now, name, number)?),
        None if head.is_none_or(|head| head.version.is_none()) => {
            let message = format!("model \"{name}\" has no alias \"{alias}\"");
            return Err(Error::new(SqlState::UndefinedObject, message));
        }
        None => {}
    }
    Move {
        model: name,
        alias,
        version: number,
        action: "alias",
        prev: head.map(|head| head.id),
        undo: None,
        is_forced: false,
        checks: None,
        reason,
    }
    .append(session)
}
