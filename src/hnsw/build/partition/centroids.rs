//! Centers of the partitions, found on a sample of rows, and the two that are nearest to a row. Pure.
//!
//! The sample is cut in halves again and again, each cut across the direction in which its halves differ most, so
//! that the partitions come out about equal; a round of Lloyd's algorithm then moves the centers into the middle
//! of what is nearest to them. Always by Euclidean distance of the codes, whatever the metric (bits are 0 and 1): with the inner product
//! of the index nearly every row would choose the center of the largest norm.

use crate::distance::{Metric, kernels};
use crate::hnsw::build::builder::{BuildControl, BuildFailure};
use crate::hnsw::codes::{CodeArena, CodeForm, CodeParams, Factors, sign_bytes};
use rayon::prelude::*;
use std::sync::atomic::Ordering;

/// Rounds that turn a cut, and rounds of Lloyd's algorithm: more of these make the partitions unequal.
const CUT_ROUNDS: usize = 5;
const LLOYD_ROUNDS: usize = 1;

/// Centers as codes of elements.
#[derive(Debug)]
pub(super) struct Centroids {
    /// What the rows' codes are made of.
    rows: CodeForm,
    params: CodeParams,
    codes: Vec<(Vec<i8>, Factors)>,
}

/// Elements of a center: one a dimension, or one a bit, the lowest of each byte first.
fn elements_of(params: &CodeParams) -> usize {
    match params.form {
        CodeForm::Elements => params.dims,
        CodeForm::Bits(form) => form.whole_bits(),
        CodeForm::NonZeros(_) => no_centers(),
    }
}

fn no_centers() -> ! {
    unreachable!("`Settings` has the length of all codes, which sparse vectors do not have")
}

/// A row of the sample as a point among the centers.
#[derive(Clone, Copy)]
enum Point<'a> {
    /// `scale * c`, without the mean.
    Elements(&'a [i8], f32),
    /// 0 or 1 for each bit.
    Bits(&'a [u8]),
}

fn is_set(byte: u8, bit: usize) -> bool {
    byte >> bit & 1 != 0
}

impl<'a> Point<'a> {
    fn of(sample: &'a CodeArena, row: u32) -> Self {
        let code = sample.code(row);
        match sample.params.form {
            CodeForm::Elements => Self::Elements(code, sample.factors[row as usize].scale),
            CodeForm::Bits(form) => Self::Bits(form.whole_bytes(code)),
            CodeForm::NonZeros(_) => no_centers(),
        }
    }

    fn add_to(self, sum: &mut [f32]) {
        match self {
            Self::Elements(code, scale) => {
                for (sum, &c) in sum.iter_mut().zip(code) {
                    *sum += scale * f32::from(c);
                }
            }
            Self::Bits(bytes) => {
                for (sums, &byte) in sum.chunks_mut(8).zip(bytes) {
                    for (bit, sum) in sums.iter_mut().enumerate() {
                        *sum += f32::from(u8::from(is_set(byte, bit)));
                    }
                }
            }
        }
    }

    fn project(self, direction: &[f32]) -> f32 {
        match self {
            Self::Elements(code, scale) => {
                let products = direction.iter().zip(code);
                scale * products.map(|(x, &c)| x * f32::from(c)).sum::<f32>()
            }
            Self::Bits(bytes) => {
                let set = |(part, &byte): (&[f32], &u8)| {
                    let parts = part.iter().enumerate();
                    let set = parts.filter(|(bit, _)| is_set(byte, *bit));
                    set.map(|(_, x)| x).sum::<f32>()
                };
                direction.chunks(8).zip(bytes).map(set).sum()
            }
        }
    }

    fn norm_squared(self) -> f64 {
        match self {
            Self::Elements(code, scale) => {
                let square: i64 = code.iter().map(|&c| i64::from(c) * i64::from(c)).sum();
                f64::from(scale) * f64::from(scale) * square as f64
            }
            Self::Bits(bytes) => bytes.iter().map(|byte| f64::from(byte.count_ones())).sum(),
        }
    }
}

fn mean(sample: &CodeArena, rows: &[u32]) -> Vec<f32> {
    let mut mean = vec![0.0; elements_of(&sample.params)];
    for &row in rows {
        Point::of(sample, row).add_to(&mut mean);
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
    // First across the direction of the row that sticks out most.
    let offset = |row: u32| {
        let point = Point::of(sample, row);
        point.norm_squared() - 2.0 * f64::from(point.project(&whole))
    };
    let farthest = rows
        .iter()
        .copied()
        .max_by(|&a, &b| offset(a).total_cmp(&offset(b)))
        .unwrap_or_default();
    let mut direction: Vec<f32> = whole.iter().map(|x| -x).collect();
    Point::of(sample, farthest).add_to(&mut direction);
    for _ in 0..CUT_ROUNDS {
        let mut projected: Vec<(f32, u32)> = rows
            .par_iter()
            .map(|&row| (Point::of(sample, row).project(&direction), row))
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
    pub(super) fn memory_bytes(count: usize, params: &CodeParams) -> usize {
        let dims = elements_of(params);
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
        let mut rows: Vec<u32> = (0..sample.len() as u32).collect();
        let mut means = Vec::with_capacity(count);
        bisect(sample, &mut rows, count, control, &mut means)?;
        let params = CodeParams::new(Metric::L2, elements_of(&sample.params), Vec::new());
        let mut centroids = Self {
            rows: sample.params.form,
            codes: means
                .iter()
                .map(|mean| encode(&params, sample.params.form, mean))
                .collect(),
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
                Point::of(sample, row).add_to(&mut means[usize::from(center)]);
            }
            for ((mean, &count), code) in means.iter_mut().zip(&counts).zip(&mut centroids.codes) {
                if count > 0 {
                    mean.iter_mut().for_each(|x| *x /= count as f32);
                    *code = encode(&centroids.params, centroids.rows, mean);
                }
            }
        }
        Ok(centroids)
    }

    /// The nearest center and the next. The same for equal codes.
    pub(super) fn nearest_two(&self, code: &[i8], factors: &Factors) -> [u16; 2] {
        let mut best = [(f32::INFINITY, 0_u16), (f32::INFINITY, 1)];
        // Bits are compared in whole blocks.
        let mut blocks = Vec::new();
        if let CodeForm::Bits(form) = self.rows {
            blocks.extend_from_slice(form.whole_bytes(code));
            blocks.resize(sign_bytes(form.whole_bits()), 0);
        }
        for (number, (center, center_factors)) in (0_u16..).zip(&self.codes) {
            let key = match self.rows {
                CodeForm::Elements => self.params.code_key(code, factors, center, center_factors),
                CodeForm::NonZeros(_) => no_centers(),
                CodeForm::Bits(_) => {
                    let mut product = [0];
                    kernels().masked_sums(center, &blocks, &mut product);
                    center_factors.norm_squared - 2.0 * center_factors.scale * product[0] as f32
                }
            };
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

/// Code of a center, for bits filled up with zeros to whole blocks.
fn encode(params: &CodeParams, rows: CodeForm, mean: &[f32]) -> (Vec<i8>, Factors) {
    let mut code = vec![0; mean.len()];
    let factors = params.encode(mean, &mut code);
    if let CodeForm::Bits(form) = rows {
        code.resize(8 * sign_bytes(form.whole_bits()), 0);
    }
    (code, factors)
}
