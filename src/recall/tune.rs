//! Which `ef_search` reaches a recall: measured on one half of the queries, confirmed on the other.

use super::ladder;
use super::trial::{Answer, Trial};
use crate::error::Result;
use crate::statistics::sample::{Sample, lower_bound_of_halves, percentile};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Times of a value are taken until so much time was spent on it.
const TIMING: Duration = Duration::from_millis(100);

/// What was measured with one `ef_search`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The value.
    pub ef_search: i32,
    /// Mean over all queries.
    pub recall: f64,
    /// Lower bound of the mean, the smaller one of those of the two halves.
    pub recall_lo: f64,
    /// Median over the queries of their median times.
    pub p50_ms: f64,
    /// What 95 % of these do not exceed.
    pub p95_ms: f64,
}

/// Lower bound of the mean recall of these answers, that of the worse half; `None` if there is too little to measure.
pub fn lower_bound(answers: &[Answer], k: usize) -> Option<f64> {
    let recalls: Vec<Option<f64>> = answers.iter().map(|answer| answer.recall).collect();
    lower_bound_of_halves(&recalls, k)
}

/// What was measured, by growing `ef_search`, and which value is the smallest whose bound reaches the target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tuned {
    /// Every value that was tried.
    pub tried: Vec<Measured>,
    /// One of them; `None` if none passed.
    pub chosen: Option<i32>,
}

/// Looks for the smallest `ef_search` that reaches `target`, until `deadline` at most.
/// # Errors
/// Those of [`Trial::search`].
pub fn tune(trial: &Trial<'_>, target: f64, deadline: Instant) -> Result<Tuned> {
    let mut tried = BTreeMap::new();
    let chosen = ladder::smallest(&ladder::rungs(trial.truth.k), |ef_search| -> Result<_> {
        if Instant::now() >= deadline {
            return Ok(ControlFlow::Break(()));
        }
        let Some(measured) = measure(trial, ef_search)? else {
            return Ok(ControlFlow::Break(()));
        };
        tried.insert(ef_search, measured);
        Ok(ControlFlow::Continue(measured.recall_lo >= target))
    })?;
    Ok(Tuned {
        tried: tried.into_values().collect(),
        chosen,
    })
}

/// Measures one value; `None` if there is too little to measure.
fn measure(trial: &Trial<'_>, ef_search: i32) -> Result<Option<Measured>> {
    let start = Instant::now();
    let answers = trial.search(Some(ef_search))?;
    let mut times: Vec<Vec<f64>> = answers.iter().map(|answer| vec![answer.ms]).collect();
    while start.elapsed() < TIMING {
        for (times, answer) in times.iter_mut().zip(trial.search(Some(ef_search))?) {
            times.push(answer.ms);
        }
    }
    let mut medians: Vec<f64> = times
        .iter_mut()
        .filter_map(|times| percentile(times, 0.5))
        .collect();
    let recall = Sample::of(answers.iter().filter_map(|answer| answer.recall));
    Ok(recall
        .zip(lower_bound(&answers, trial.truth.k))
        .map(|(recall, recall_lo)| Measured {
            ef_search,
            recall: recall.mean,
            recall_lo,
            p50_ms: percentile(&mut medians, 0.5).unwrap_or(0.0),
            p95_ms: percentile(&mut medians, 0.95).unwrap_or(0.0),
        }))
}
