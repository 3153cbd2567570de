//! Takes versions out of service.

use super::errors;
use super::experiment::Experiment;
use super::lookup::{Deployment, Model, Version, lock_model};
use super::registry::limit_waiting;
use super::serving_view;
use crate::error::Result;
use crate::pg::settings::SettingsLevel;
use crate::pg::spi::Session;

/// What becomes of the table of a retired version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// It stays, and its rows still go with those of the source.
    Keep,
    /// It is dropped.
    Drop,
}

/// Retires a version that nobody uses, and takes it out of the view.
/// # Errors
/// 42704 and 55000 as everywhere; 55000 for a version in use.
pub fn retire(
    session: &Session,
    name: &str,
    number: i32,
    table: Table,
    reason: Option<&str>,
) -> Result<()> {
    let settings = SettingsLevel::begin();
    limit_waiting(session, &settings)?;
    let model = Model::read(session, name)?;
    lock_model(session, name)?;
    let version = Version::read(session, name, number)?;
    if let Some(use_of_it) = use_of(session, name, number)? {
        let message = format!("version {number} of model \"{name}\" is in use");
        return Err(errors::not_now(message).with_detail(use_of_it));
    }
    session.execute(
        "INSERT INTO annex.retirement (model, version, reason) VALUES ($1, $2, $3)",
        &[name.into(), number.into(), reason.into()],
    )?;
    serving_view::rebuild(session, &model)?;
    if let (Table::Drop, Some(table)) = (table, &version.table) {
        session.define(&format!("DROP TABLE {table}"))?;
    }
    Ok(())
}

/// What a version is needed for, as a sentence.
fn use_of(session: &Session, name: &str, number: i32) -> Result<Option<String>> {
    if let Some(champion) = Deployment::newest(session, name, "champion")? {
        if champion.version == Some(number) {
            return Ok(Some("It is the champion.".to_owned()));
        }
        let target = champion.rollback_target(session, name)?;
        if target.is_some_and(|target| target.version == Some(number)) {
            return Ok(Some("A rollback would return to it.".to_owned()));
        }
    }
    let experiment = Experiment::running(session, name)?;
    if let Some(experiment) = experiment
        && [experiment.champion, experiment.challenger].contains(&number)
    {
        return Ok(Some(format!(
            "Challenge {} is running on it.",
            experiment.id
        )));
    }
    let alias = session.lookup(
        "SELECT alias FROM annex.alias WHERE model = $1 AND version = $2 ORDER BY alias LIMIT 1",
        &[name.into(), number.into()],
    )?;
    let alias = alias.first().and_then(|row| row.text(0));
    Ok(alias.map(|alias| format!("Alias \"{alias}\" points to it.")))
}
