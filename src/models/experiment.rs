//! Experiments: a challenger beside the champion, on a part of the users. What is fixed at the start stays so; a ramp is another one.
//!
//! A challenge locks the row of the model FOR UPDATE, after it has asked whether the version is ready: what moves the champion waits
//! for its insert, never for its questions. Whoever ends one locks the model before the experiment.

use super::errors;
use super::json;
use super::lookup::{Deployment, Model, Version, check_may_insert, lock_model};
use super::readiness;
use crate::error::{Error, Result, SqlState};
use crate::pg::function::Raw;
use crate::pg::spi::{Access, Param, Row, Session};
use crate::statistics::confidence::Plan;

/// A row of `annex.experiment`.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Its number.
    pub id: i64,
    /// The version that served when it began.
    pub champion: i32,
    /// The version that is tried.
    pub challenger: i32,
    /// What an outcome means, in the users' words.
    pub metric: String,
    /// `max`, `sum` or `avg`: how a unit's outcomes become one value.
    pub aggregate: String,
    /// What the statistics take as given.
    pub plan: Plan,
    /// Whether it has ended.
    pub is_over: bool,
}

impl Experiment {
    /// The one that is running, of a model.
    /// # Errors
    /// PostgreSQL's own are raised.
    pub fn running(session: &Session, model: &str) -> Result<Option<Self>> {
        let sql = format!("{COLUMNS} WHERE e.model = $1 AND e.ended_at IS NULL");
        let rows = session.lookup(&sql, &[model.into()])?;
        Ok(rows.first().and_then(Self::of))
    }

    /// One by its number, or the newest.
    /// # Errors
    /// 42704 if the model has none.
    pub fn read(session: &Session, model: &str, id: Option<i64>) -> Result<Self> {
        let sql = format!(
            "{COLUMNS} WHERE e.model = $1 AND ($2 IS NULL OR e.id = $2) ORDER BY e.id DESC LIMIT 1"
        );
        let rows = session.lookup(&sql, &[model.into(), id.into()])?;
        let missing = || {
            let which = id.map_or(String::new(), |id| format!(" {id}"));
            Error::new(
                SqlState::UndefinedObject,
                format!("model \"{model}\" has no experiment{which}"),
            )
        };
        rows.first().and_then(Self::of).ok_or_else(missing)
    }

    fn of(row: &Row) -> Option<Self> {
        Some(Self {
            id: row.bigint(0)?,
            champion: row.int(1)?,
            challenger: row.int(2)?,
            metric: row.text(3)?,
            aggregate: row.text(4)?,
            plan: Plan {
                fraction: row.double(5)?,
                alpha: row.double(6)?,
                planned_units: f64::from(row.int(7)?),
            },
            is_over: row.is_true(8),
        })
    }

    /// Ends it; false if somebody else has. The caller has locked the model, and the session sees what is committed now.
    /// # Errors
    /// PostgreSQL's own are raised.
    pub fn end(&self, now: &Session) -> Result<bool> {
        let sql = "UPDATE annex.experiment SET ended_at = clock_timestamp() WHERE id = $1 AND ended_at IS NULL RETURNING 1";
        Ok(!now.lookup(sql, &[self.id.into()])?.is_empty())
    }
}

/// Ends what is running because the champion is taken back. Computes nothing: a rollback does not wait for statistics.
/// # Errors
/// PostgreSQL's own are raised.
pub fn abort(now: &Session, model: &str) -> Result<()> {
    let Some(experiment) = Experiment::running(now, model)? else {
        return Ok(());
    };
    if !experiment.end(now)? {
        return Ok(());
    }
    let detail = json::object([
        ("experiment", experiment.id.to_string()),
        ("verdict", json::string(ABORTED)),
    ]);
    now.execute(
        "INSERT INTO annex.measurement (model, version, kind, value, detail)
         VALUES ($1, $2, 'experiment', 'NaN', $3::pg_catalog.jsonb)",
        &[model.into(), experiment.challenger.into(), (&detail).into()],
    )?;
    Ok(())
}

/// The verdict on an experiment that a rollback has ended.
pub const ABORTED: &str = "aborted: rollback";

/// What to try.
#[derive(Debug)]
pub struct NewChallenge {
    /// The version.
    pub challenger: i32,
    /// Share of the units that it serves.
    pub fraction: f64,
    /// What an outcome means.
    pub metric: String,
    /// How long after its exposure a unit's outcomes count; 0 without end.
    pub horizon: Raw,
    /// `max`, `sum` or `avg`.
    pub aggregate: String,
    /// Chance of a false winner.
    pub alpha: f64,
    /// Units for which the result is to be sharpest.
    pub planned_units: i32,
}

impl NewChallenge {
    fn check(&self, session: &Session) -> Result<()> {
        let out_of_range = |message: &'static str, value: String| {
            Err(errors::invalid(message).with_detail(format!("It is {value}.")))
        };
        // Written so that NaN is out of range.
        if !(self.fraction > 0.0 && self.fraction < 1.0) {
            return out_of_range(
                "fraction must be between 0 and 1",
                self.fraction.to_string(),
            );
        }
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            return out_of_range("alpha must be between 0 and 0.5", self.alpha.to_string());
        }
        if self.planned_units < 1 {
            return out_of_range(
                "planned_units must be at least 1",
                self.planned_units.to_string(),
            );
        }
        if !["max", "sum", "avg"].contains(&self.aggregate.as_str()) {
            let message = format!("unrecognized aggregate \"{}\"", self.aggregate);
            return Err(
                errors::invalid(message).with_hint("Aggregates are \"max\", \"sum\" and \"avg\".")
            );
        }
        let sql = "SELECT $1 < interval '0', $1::text";
        let rows = session.lookup(sql, &[Param::raw(self.horizon)])?;
        match rows.first() {
            Some(row) if row.is_true(0) => out_of_range(
                "horizon must not be negative",
                row.text(1).unwrap_or_default(),
            ),
            _ => Ok(()),
        }
    }

    /// The champion, which must be another version.
    fn champion(&self, session: &Session, model: &str) -> Result<i32> {
        let head = Deployment::newest(session, model, "champion")?;
        let champion = head.and_then(|head| head.version);
        let champion = champion.ok_or_else(|| errors::no_champion(model))?;
        if champion == self.challenger {
            return Err(errors::invalid("challenger is already the champion"));
        }
        Ok(champion)
    }
}

/// Begins an experiment; returns its number.
/// # Errors
/// 42501 without the right to, 42704 and 55000 as everywhere, 55000 for a version that is not ready, 22023 for values out of range and
/// for the champion itself; 23505 is raised if one is running.
pub fn challenge(session: &Session, name: &str, new: &NewChallenge) -> Result<i64> {
    check_may_insert(session, "experiment")?;
    new.check(session)?;
    let model = Model::read(session, name)?;
    let version = Version::read(session, name, new.challenger)?;
    new.champion(session, name)?;
    let readiness = readiness::assess(session, &model, &version)?;
    if let Some(refusal) = readiness.refusal(name, new.challenger) {
        return Err(refusal
            .with_hint("annex.readiness shows what is missing; a challenge cannot be forced."));
    }
    lock_model(session, name)?;
    // What may have changed before the lock, whatever the transaction's own snapshot says.
    let now = Session::begin(Access::Latest);
    Version::read(&now, name, new.challenger)?;
    let champion = new.champion(&now, name)?;
    let rows = session.query(
        "INSERT INTO annex.experiment (model, champion, challenger, fraction, metric, aggregate, horizon, alpha, planned_units)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        &[
            name.into(),
            champion.into(),
            new.challenger.into(),
            new.fraction.into(),
            (&new.metric).into(),
            (&new.aggregate).into(),
            Param::raw(new.horizon),
            new.alpha.into(),
            new.planned_units.into(),
        ],
    )?;
    let missing = || Error::new(SqlState::InternalError, "the experiment was not inserted");
    rows.first()
        .and_then(|row| row.bigint(0))
        .ok_or_else(missing)
}

const COLUMNS: &str = "
    SELECT e.id, e.champion, e.challenger, e.metric, e.aggregate, e.fraction, e.alpha, e.planned_units, e.ended_at IS NOT NULL
    FROM annex.experiment e";
