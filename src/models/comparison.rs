//! How challenger and champion did: computed from exposures and outcomes while an experiment runs, written down at its end.

use super::deployment::{self, Gate};
use super::errors;
use super::experiment::{ABORTED, Experiment};
use super::json;
use super::lookup::{check_model, lock_against_retirement};
use crate::error::Result;
use crate::pg::row_set::Cell;
use crate::pg::spi::{Row, Session};
use crate::statistics::confidence::{Arm, Interval};
use crate::statistics::sample_ratio;
use crate::statistics::verdict::Verdict;

/// The verdict by which a challenger may be promoted without a reason.
const WINS: Verdict = Verdict::ChallengerBetter;

/// The row of `annex.compare`.
#[derive(Debug, Clone)]
struct Comparison {
    experiment: Experiment,
    n: [i64; 2],
    mean: [Option<f64>; 2],
    difference: Option<f64>,
    lo: Option<f64>,
    hi: Option<f64>,
    ratio_p: Option<f64>,
    verdict: String,
}

/// One arm, as counted.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    /// Every unit, for the ratio.
    exposed: u64,
    /// Units whose horizon has passed, for the rest.
    n: u64,
    mean: Option<f64>,
    variance: Option<f64>,
}

impl Counted {
    fn arm(&self) -> Option<Arm> {
        Some(Arm {
            n: self.n,
            mean: self.mean?,
            variance: self.variance?,
        })
    }
}

impl Comparison {
    /// What the experiment's result was, or is until now.
    fn of(session: &Session, model: &str, experiment: Experiment) -> Result<Self> {
        if !experiment.is_over {
            return Self::compute(session, experiment);
        }
        let parameters = [
            model.into(),
            experiment.challenger.into(),
            experiment.id.into(),
        ];
        let rows = session.lookup(RECORDED, &parameters)?;
        let Some(row) = rows.first() else {
            return Self::compute(session, experiment);
        };
        if row.text(8).as_deref() == Some(ABORTED) {
            let mut computed = Self::compute(session, experiment)?;
            ABORTED.clone_into(&mut computed.verdict);
            return Ok(computed);
        }
        let count = |column| row.bigint(column).unwrap_or(0);
        Ok(Self {
            experiment,
            n: [count(0), count(1)],
            mean: [row.double(2), row.double(3)],
            difference: row.double(4),
            lo: row.double(5),
            hi: row.double(6),
            ratio_p: row.double(7),
            verdict: row.text(8).unwrap_or_default(),
        })
    }

    fn compute(session: &Session, experiment: Experiment) -> Result<Self> {
        // One of three words: the table's constraint says so.
        let aggregate = match experiment.aggregate.as_str() {
            "sum" => "sum",
            "avg" => "avg",
            _ => "max",
        };
        let sql = UNITS.replace("AGGREGATE", aggregate);
        let rows = session.lookup(&sql, &[experiment.id.into()])?;
        let counted = |version| {
            let count = |row: &Row, column| row.bigint(column).and_then(|n| u64::try_from(n).ok());
            let row = rows.iter().find(|row| row.int(0) == Some(version));
            row.map_or(Counted::default(), |row| Counted {
                exposed: count(row, 1).unwrap_or(0),
                n: count(row, 2).unwrap_or(0),
                mean: row.double(3),
                variance: row.double(4),
            })
        };
        let (champion, challenger) = (counted(experiment.champion), counted(experiment.challenger));
        let plan = experiment.plan;
        let ratio_p = sample_ratio::p_value(champion.exposed, challenger.exposed, plan.fraction);
        let interval: Option<Interval> = champion
            .arm()
            .zip(challenger.arm())
            .map(|(champion, challenger)| plan.interval(&champion, &challenger));
        let means = champion.mean.zip(challenger.mean);
        let verdict = Verdict::of(champion.n, challenger.n, ratio_p, interval);
        Ok(Self {
            experiment,
            n: [champion, challenger].map(|arm| i64::try_from(arm.n).unwrap_or(i64::MAX)),
            mean: [champion.mean, challenger.mean],
            difference: means.map(|(champion, challenger)| challenger - champion),
            lo: interval.map(|interval| interval.lo),
            hi: interval.map(|interval| interval.hi),
            ratio_p: Some(ratio_p),
            verdict: verdict.to_string(),
        })
    }

    fn row(self) -> Row {
        Row(vec![
            Cell::BigInt(self.experiment.id),
            Cell::Text(self.experiment.metric),
            Cell::Int(self.experiment.champion),
            Cell::Int(self.experiment.challenger),
            Cell::BigInt(self.n[0]),
            Cell::BigInt(self.n[1]),
            self.mean[0].into(),
            self.mean[1].into(),
            self.difference.into(),
            self.lo.into(),
            self.hi.into(),
            self.ratio_p.into(),
            Cell::Text(self.verdict),
        ])
    }

    /// Appends it to the measurements of the challenger, with the last sentinel results of both versions.
    fn record(&self, session: &Session, model: &str) -> Result<()> {
        let experiment = &self.experiment;
        let parameters = [
            model.into(),
            experiment.champion.into(),
            experiment.challenger.into(),
        ];
        let sentinel = session.lookup(SENTINELS, &parameters)?;
        let sentinel = sentinel.first().and_then(|row| row.text(0));
        let detail = json::object([
            ("experiment", experiment.id.to_string()),
            ("metric", json::string(&experiment.metric)),
            ("champion", experiment.champion.to_string()),
            ("challenger", experiment.challenger.to_string()),
            ("n_champion", self.n[0].to_string()),
            ("n_challenger", self.n[1].to_string()),
            ("mean_champion", json::number(self.mean[0])),
            ("mean_challenger", json::number(self.mean[1])),
            ("diff", json::number(self.difference)),
            ("lo", json::number(self.lo)),
            ("hi", json::number(self.hi)),
            ("srm_p", json::number(self.ratio_p)),
            ("verdict", json::string(&self.verdict)),
            ("sentinel", sentinel.unwrap_or_else(|| "null".to_owned())),
        ]);
        session.execute(
            "INSERT INTO annex.measurement (model, version, kind, value, lo, hi, n, detail)
             VALUES ($1, $2, 'experiment', $3, $4, $5, $6, $7::pg_catalog.jsonb)",
            &[
                model.into(),
                experiment.challenger.into(),
                self.difference.unwrap_or(f64::NAN).into(),
                self.lo.into(),
                self.hi.into(),
                self.n[0].saturating_add(self.n[1]).into(),
                (&detail).into(),
            ],
        )?;
        Ok(())
    }
}

/// The result of an experiment, by default the newest: as recorded if it has ended, else until now.
/// # Errors
/// 42704 for no such model or experiment.
pub fn compare(session: &Session, model: &str, id: Option<i64>) -> Result<Row> {
    check_model(session, model)?;
    let experiment = Experiment::read(session, model, id)?;
    Ok(Comparison::of(session, model, experiment)?.row())
}

/// What becomes of the challenger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is promoted, if it is ready.
    Promote,
    /// Nothing.
    Keep,
}

/// Ends the running experiment, writes its result down, promotes the challenger if asked; returns the verdict.
/// # Errors
/// 42501 without the right to end one, 42704 and 55000 as everywhere, 55000 if none is running, 22023 for a promotion against the
/// verdict without a reason, and those of a promotion.
pub fn conclude(
    session: &Session,
    model: &str,
    outcome: Outcome,
    reason: Option<&str>,
) -> Result<String> {
    let may_end = session.lookup(MAY_END, &[])?;
    if !may_end.first().is_some_and(|row| row.is_true(0)) {
        return Err(errors::denied("permission denied for table experiment"));
    }
    check_model(session, model)?;
    let now = lock_against_retirement(session, model)?;
    let none = || errors::not_now(format!("model \"{model}\" has no running challenge"));
    let experiment = Experiment::running(&now, model)?.ok_or_else(none)?;
    // First: whoever comes second waits here, and not for numbers that he will not need.
    if !experiment.end(&now)? {
        return Err(none());
    }
    let challenger = experiment.challenger;
    let comparison = Comparison::compute(&now, experiment)?;
    let verdict = &comparison.verdict;
    if outcome == Outcome::Promote && reason.is_none() && *verdict != WINS.to_string() {
        let message = format!("promotion against the verdict \"{verdict}\" needs a reason");
        return Err(errors::invalid(message));
    }
    comparison.record(session, model)?;
    if outcome == Outcome::Promote {
        let default = format!("experiment {}: {verdict}", comparison.experiment.id);
        let reason = reason.unwrap_or(&default);
        deployment::promote(session, model, challenger, Some(reason), Gate::Closed)?;
    }
    Ok(comparison.verdict)
}

/// One row a version. Units are grouped by the number of their exposure: whoever compares may not see units.
const UNITS: &str = "
    SELECT u.version, count(*), count(*) FILTER (WHERE u.counts), avg(u.value) FILTER (WHERE u.counts),
        var_samp(u.value) FILTER (WHERE u.counts)
    FROM (
        SELECT x.version, e.horizon = interval '0' OR x.at + e.horizon <= now() AS counts, coalesce(AGGREGATE(o.value), 0) AS value
        FROM annex.experiment e
        JOIN annex.exposure x ON x.experiment = e.id
        LEFT JOIN annex.outcome o ON o.exposure = x.id AND (e.horizon = interval '0' OR o.at <= x.at + e.horizon)
        WHERE e.id = $1
        GROUP BY x.id, x.version, x.at, e.horizon
    ) u
    GROUP BY u.version";

const RECORDED: &str = "
    SELECT (m.detail ->> 'n_champion')::bigint, (m.detail ->> 'n_challenger')::bigint,
        (m.detail ->> 'mean_champion')::float8, (m.detail ->> 'mean_challenger')::float8,
        (m.detail ->> 'diff')::float8, (m.detail ->> 'lo')::float8, (m.detail ->> 'hi')::float8,
        (m.detail ->> 'srm_p')::float8, m.detail ->> 'verdict'
    FROM annex.measurement m
    WHERE m.model = $1 AND m.version = $2 AND m.kind = 'experiment' AND m.detail ->> 'experiment' = $3::text
    ORDER BY m.id DESC LIMIT 1";

const SENTINELS: &str = "
    SELECT jsonb_object_agg(arm.name, newest.found)::text
    FROM (VALUES ('champion', $2), ('challenger', $3)) arm (name, version)
    LEFT JOIN LATERAL (
        SELECT jsonb_build_object('value', m.value, 'at', m.at) AS found FROM annex.measurement m
        WHERE m.model = $1 AND m.version = arm.version AND m.kind = 'sentinel' ORDER BY m.id DESC LIMIT 1
    ) newest ON true";

const MAY_END: &str = "SELECT has_column_privilege('annex.experiment', 'ended_at', 'UPDATE')";
