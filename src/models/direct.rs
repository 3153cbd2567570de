//! What the query path asks of the registry with each search, read past the executor.
//!
//! `None` means that it could not be read so, for this caller or in this database (see [`crate::pg::probe`]): then the statements of
//! [`super::routing`] say the same, or why not.

use super::bucket::bucket;
use crate::error::Result;
use crate::pg::probe::{Answer, KeyValue, Names, NewRow, Probe, Wanted};
use crate::pg::row_set::Cell;
use crate::pg::spi::Row;
use std::ffi::CStr;

/// A side of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// What served before.
    Champion,
    /// What is tried.
    Challenger,
}

impl Arm {
    /// The arm that a unit is in.
    fn of(salt: &str, unit: &str, fraction: f64) -> Self {
        match bucket(salt, unit) < fraction {
            true => Self::Challenger,
            false => Self::Champion,
        }
    }

    /// Its name in the rows of `annex.route`.
    fn name(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Challenger => "challenger",
        }
    }
}

/// The version that serves a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Its number.
    pub version: i32,
    /// The running experiment and the unit's side of it; `None` if none runs.
    pub experiment: Option<(i64, Arm)>,
}

/// Which version serves a unit, or everybody. `None` also before the first promotion.
/// # Errors
/// PostgreSQL's own are raised.
pub fn served(model: &str, unit: Option<&str>) -> Result<Option<Served>> {
    if let Some(unit) = unit {
        match RUNNING.with(|probe| probe.first(&[KeyValue::Text(model)]))? {
            Answer::Row(row) => return Ok(in_experiment(&row, unit)),
            Answer::NoRow => {}
            Answer::Unknown => return Ok(None),
        }
    }
    let newest = champion(model)?.flatten();
    Ok(newest.map(|version| Served {
        version,
        experiment: None,
    }))
}

/// Which version a row of [`RUNNING`] has for a unit.
fn in_experiment(row: &Row, unit: &str) -> Option<Served> {
    use Cell::{BigInt, Double, Int, Text};
    let [
        BigInt(id),
        Int(champion),
        Int(challenger),
        Double(fraction),
        Text(salt),
    ] = row.0.as_slice()
    else {
        return None;
    };
    let arm = Arm::of(salt, unit, *fraction);
    let version = match arm {
        Arm::Champion => *champion,
        Arm::Challenger => *challenger,
    };
    let experiment = Some((*id, arm));
    Some(Served {
        version,
        experiment,
    })
}

/// The version of the newest deployment; the inner `None` before the first one.
/// # Errors
/// PostgreSQL's own are raised.
pub fn champion(model: &str) -> Result<Option<Option<i32>>> {
    let key = [KeyValue::Text(model), KeyValue::Text("champion")];
    Ok(match NEWEST.with(|probe| probe.first(&key))? {
        Answer::Row(row) => Some(row.int(0)),
        Answer::NoRow => Some(None),
        Answer::Unknown => None,
    })
}

/// Finds a unit's exposure in an experiment, or records it.
/// # Errors
/// PostgreSQL's own are raised.
pub fn expose(experiment: i64, unit: &str, version: i32) -> Result<Wanted> {
    let key = [KeyValue::BigInt(experiment), KeyValue::Text(unit)];
    EXPOSED.with(|probe| probe.find_or_insert(&key, version))
}

/// Whether the caller may know who takes part in experiments; false also if that is not certain.
pub fn may_see_exposures() -> bool {
    let key = [KeyValue::BigInt(0), KeyValue::Text("")];
    EXPOSED.with(|probe| probe.may_read(&key))
}

/// Whether a version has so many dimensions and is not retired.
/// # Errors
/// PostgreSQL's own are raised.
pub fn takes(model: &str, number: i32, dims: usize) -> Result<Option<bool>> {
    let key = [KeyValue::Text(model), KeyValue::Int(number)];
    let described = match VERSION.with(|probe| probe.first(&key))? {
        Answer::Row(row) => row.int(0),
        Answer::NoRow => return Ok(Some(false)),
        Answer::Unknown => return Ok(None),
    };
    let has_dims = described.and_then(|dim| usize::try_from(dim).ok()) == Some(dims);
    Ok(match RETIRED.with(|probe| probe.first(&key))? {
        Answer::Row(_) => Some(false),
        Answer::NoRow => Some(has_dims),
        Answer::Unknown => None,
    })
}

/// The row of `annex.route`.
/// # Errors
/// As [`served`].
pub fn route(model: &str, unit: Option<&str>) -> Result<Option<Row>> {
    let Some(served) = served(model, unit)? else {
        return Ok(None);
    };
    let key = [KeyValue::Text(model), KeyValue::Int(served.version)];
    let Answer::Row(described) = VERSION.with(|probe| probe.first(&key))? else {
        return Ok(None);
    };
    let (arm, experiment) = match served.experiment {
        Some((id, arm)) => (arm, Cell::BigInt(id)),
        None => (Arm::Champion, Cell::Null),
    };
    let arm = Cell::Text(arm.name().to_owned());
    let mut row = vec![Cell::Int(served.version), arm, experiment];
    row.extend(described.0.iter().cloned());
    Ok(Some(Row(row)))
}

const SCHEMA: &CStr = c"annex";

thread_local! {
    /// The experiment that runs on a model; the index is unique.
    static RUNNING: Probe = const { Probe::new(Names {
        schema: SCHEMA,
        table: c"experiment",
        index: c"experiment_running",
        keys: &[c"model"],
        descending: None,
        only_where_null: Some(c"ended_at"),
        columns: &[c"id", c"champion", c"challenger", c"fraction", c"salt"],
        new_row: None,
        kept_rows: 64,
    }) };

    /// The newest deployment of a model's alias.
    static NEWEST: Probe = const { Probe::new(Names {
        schema: SCHEMA,
        table: c"deployment",
        index: c"deployment_newest",
        keys: &[c"model", c"alias"],
        descending: Some(c"id"),
        only_where_null: None,
        columns: &[c"version"],
        new_row: None,
        kept_rows: 0,
    }) };

    /// A version.
    static VERSION: Probe = const { Probe::new(Names {
        schema: SCHEMA,
        table: c"version",
        index: c"version_pkey",
        keys: &[c"model", c"version"],
        descending: None,
        only_where_null: None,
        columns: &[c"dim", c"metric", c"artifact_uri", c"params"],
        new_row: None,
        kept_rows: 64,
    }) };

    /// The retirement of a version.
    static RETIRED: Probe = const { Probe::new(Names {
        schema: SCHEMA,
        table: c"retirement",
        index: c"retirement_pkey",
        keys: &[c"model", c"version"],
        descending: None,
        only_where_null: None,
        columns: &[],
        new_row: None,
        kept_rows: 0,
    }) };

    /// A unit's exposure in an experiment; a unit asks more than once.
    static EXPOSED: Probe = const { Probe::new(Names {
        schema: SCHEMA,
        table: c"exposure",
        index: c"exposure_pkey",
        keys: &[c"experiment", c"unit"],
        descending: None,
        only_where_null: None,
        columns: &[],
        new_row: Some(NewRow {
            given: c"version",
            identity: c"id",
            clock: c"at",
        }),
        kept_rows: 1024,
    }) };
}
