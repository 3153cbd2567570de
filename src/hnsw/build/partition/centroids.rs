//! Centers of the partitions, found on a sample of rows, and the two that are nearest to a row. Pure.
//!
//! The sample is cut in halves again and again, each cut across the direction in which its halves differ most, so
//! that the partitions come out about equal; a round of Lloyd's algorithm then moves the centers into the middle
//! of what is nearest to them. Always by Euclidean distance of the codes, whatever the metric: with the inner product
//! of the index nearly every row would choose the center of the largest norm.

use crate::distance::Metric;
use crate::hnsw::build::builder::{BuildControl, BuildFailure};
use crate::hnsw::codes::{CodeArena, CodeParams, Factors};
use rayon::prelude::*;
use std::sync::atomic::Ordering;

/// Rounds that turn a cut, and rounds of Lloyd's algorithm: more of these make the partitions unequal.
const CUT_ROUNDS: usize = 5;
const LLOYD_ROUNDS: usize = 1;

/// Centers as codes.
#[derive(Debug)]
pub(super) struct Centroids {
    params: CodeParams,
    codes: Vec<(Vec<i8>, Factors)>,
}

/// A row in the units of the codes: `scale * c`, without the mean.
fn add_scaled(sum: &mut [f32], code: &[i8], scale: f32) {
    for (sum, &c) in sum.iter_mut().zip(code) {
        *sum += scale * f32::from(c);
    }
}

fn project(direction: &[f32], code: &[i8], scale: f32) -> f32 {
    let products = direction.iter().zip(code);
    scale * products.map(|(x, &c)| x * f32::from(c)).sum::<f32>()
}

fn mean(sample: &CodeArena, rows: &[u32]) -> Vec<f32> {
    let mut mean = vec![0.0; sample.params.dims];
    for &row in rows {
        add_scaled(
            &mut mean,
            sample.code(row),
            sample.factors[row as usize].scale,
        );
    }
    let count = rows.len().max(1) as f32;
    mean.iter_mut().for_each(|x| *x /= count);
    mean
}

/// Cuts `rows` into `count` groups of about equal size and appends the mean of each to `means`.
fn bisect(
    sample: &CodeArena,
    rows: &mut [u32],
    count: usize,
    control: &BuildControl,
    means: &mut Vec<Vec<f32>>,
) -> Result<(), BuildFailure> {
    if control.cancel.load(Ordering::Relaxed) {
        return Err(BuildFailure::Canceled);
    }
    if count <= 1 || rows.len() < 2 {
        // A sample smaller than the number of partitions leaves some of them equal, hence empty.
        means.resize(means.len() + count, mean(sample, rows));
        return Ok(());
    }
    let left = count / 2;
    let cut = rows.len() * left / count;
    let whole = mean(sample, rows);
    let scale = |row: u32| sample.factors[row as usize].scale;
    // First across the direction of the row that sticks out most.
    let offset = |row: u32| {
        let norm = f64::from(sample.factors[row as usize].norm_squared);
        norm - 2.0 * f64::from(project(&whole, sample.code(row), scale(row)))
    };
    let farthest = rows
        .iter()
        .copied()
        .max_by(|&a, &b| offset(a).total_cmp(&offset(b)))
        .unwrap_or_default();
    let mut direction: Vec<f32> = whole.iter().map(|x| -x).collect();
    add_scaled(&mut direction, sample.code(farthest), scale(farthest));
    for _ in 0..CUT_ROUNDS {
        let mut projected: Vec<(f32, u32)> = rows
            .par_iter()
            .map(|&row| (project(&direction, sample.code(row), scale(row)), row))
            .collect();
        projected.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (row, (_, sorted)) in rows.iter_mut().zip(projected) {
            *row = sorted;
        }
        let (low, high) = rows.split_at(cut);
        let (low, high) = (mean(sample, low), mean(sample, high));
        for ((x, low), high) in direction.iter_mut().zip(low).zip(high) {
            *x = high - low;
        }
    }
    let (low, high) = rows.split_at_mut(cut);
    bisect(sample, low, left, control, means)?;
    bisect(sample, high, count - left, control, means)
}

impl Centroids {
    /// Bytes that `count` centers take, and those of them while they are found.
    pub(super) fn memory_bytes(count: usize, dims: usize) -> usize {
        count * (dims + size_of::<(Vec<i8>, Factors)>() + 2 * dims * size_of::<f32>())
    }

    /// Centers of `count` partitions, at least two, of the rows that `sample` stands for.
    /// # Errors
    /// `Canceled`.
    pub(super) fn find(
        sample: &CodeArena,
        count: usize,
        control: &BuildControl,
    ) -> Result<Self, BuildFailure> {
        let dims = sample.params.dims;
        let mut rows: Vec<u32> = (0..sample.len() as u32).collect();
        let mut means = Vec::with_capacity(count);
        bisect(sample, &mut rows, count, control, &mut means)?;
        let params = CodeParams::new(Metric::L2, dims, Vec::new());
        let mut centroids = Self {
            codes: means.iter().map(|mean| encode(&params, mean)).collect(),
            params,
        };
        for _ in 0..LLOYD_ROUNDS {
            if control.cancel.load(Ordering::Relaxed) {
                return Err(BuildFailure::Canceled);
            }
            let nearest: Vec<u16> = (0..sample.len() as u32)
                .into_par_iter()
                .map(|row| {
                    centroids.nearest_two(sample.code(row), &sample.factors[row as usize])[0]
                })
                .collect();
            let mut counts = vec![0_u32; means.len()];
            means.iter_mut().for_each(|mean| mean.fill(0.0));
            for (row, &center) in (0_u32..).zip(&nearest) {
                counts[usize::from(center)] += 1;
                let scale = sample.factors[row as usize].scale;
                add_scaled(&mut means[usize::from(center)], sample.code(row), scale);
            }
            for ((mean, &count), code) in means.iter_mut().zip(&counts).zip(&mut centroids.codes) {
                if count > 0 {
                    mean.iter_mut().for_each(|x| *x /= count as f32);
                    *code = encode(&centroids.params, mean);
                }
            }
        }
        Ok(centroids)
    }

    /// The nearest center and the next. The same for equal codes.
    pub(super) fn nearest_two(&self, code: &[i8], factors: &Factors) -> [u16; 2] {
        let mut best = [(f32::INFINITY, 0_u16), (f32::INFINITY, 1)];
        for (number, (center, center_factors)) in (0_u16..).zip(&self.codes) {
            let key = self.params.code_key(code, factors, center, center_factors);
            if key < best[0].0 {
                best = [(key, number), best[0]];
            } else if key < best[1].0 {
                best[1] = (key, number);
            }
        }
        // Keys that are not comparable leave the initial numbers, which must differ.
        if best[0].1 == best[1].1 {
            best[1].1 = u16::from(best[0].1 == 0);
        }
        [best[0].1, best[1].1]
    }
}

fn encode(params: &CodeParams, mean: &[f32]) -> (Vec<i8>, Factors) {
    let mut code = vec![0; mean.len()];
    let factors = params.encode(mean, &mut code);
    (code, factors)
}
