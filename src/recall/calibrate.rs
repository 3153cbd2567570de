//! The whole curve of recall by `ef_search`, for scans to choose from.

use super::ladder;
use super::trial::Trial;
use super::tune;
use crate::error::Result;
use crate::hnsw::layout::CurvePoint;
use crate::statistics::sample::Sample;
use std::time::Instant;

/// Measures from the smallest `ef_search` on, until one finds everything or the time is up; one at least.
/// Empty if there is too little to measure.
/// # Errors
/// Those of [`Trial::search`].
pub fn measure(trial: &Trial<'_>, deadline: Instant) -> Result<Vec<CurvePoint>> {
    let mut points = Vec::new();
    for ef_search in ladder::rungs(trial.truth.k) {
        if !points.is_empty() && Instant::now() >= deadline {
            break;
        }
        let answers = trial.search(Some(ef_search))?;
        let recall = Sample::of(answers.iter().filter_map(|answer| answer.recall));
        let Some((recall, bound)) = recall.zip(tune::lower_bound(&answers, trial.truth.k)) else {
            break;
        };
        points.push(CurvePoint {
            ef_search: ef_search as u16,
            recall: recall.mean as f32,
            recall_lo: bound.min(recall.mean) as f32,
        });
        if recall.mean >= 1.0 {
            break;
        }
    }
    Ok(points)
}
