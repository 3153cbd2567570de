//! Means of measured recalls, their bounds, and percentiles of times.

/// Standard normal quantile of a one-sided bound of 95 %.
pub const ONE_SIDED: f64 = 1.645;
/// Standard normal quantile of a two-sided interval of 95 %.
pub const TWO_SIDED: f64 = 1.96;

/// Recalls of some queries, in short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// How many queries, at least one.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Standard deviation over the queries, with the divisor n - 1; 0 for one query.
    pub deviation: f64,
}

impl Sample {
    /// In short what `values` are; `None` if there are none.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let count = values.clone().count();
        if count == 0 {
            return None;
        }
        let mean = values.clone().sum::<f64>() / count as f64;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (count.max(2) - 1) as f64).sqrt();
        Some(Self {
            count,
            mean,
            deviation,
        })
    }

    /// How far from the true mean this one may be, at the quantile `z`, for recalls of `k` rows. A sample in which all
    /// queries agree is no proof: the deviation counts as half of the smallest step of recall at least.
    pub fn margin(&self, k: usize, z: f64) -> f64 {
        z * self.deviation.max(0.5 / k as f64) / (self.count as f64).sqrt()
    }

    /// Lower bound of the true mean with a confidence of 95 %, at least 0.
    pub fn lower_bound(&self, k: usize) -> f64 {
        (self.mean - self.margin(k, ONE_SIDED)).max(0.0)
    }

    /// Interval of the true mean with a confidence of 95 %, within 0..=1.
    pub fn interval(&self, k: usize) -> (f64, f64) {
        let margin = self.margin(k, TWO_SIDED);
        ((self.mean - margin).max(0.0), (self.mean + margin).min(1.0))
    }
}

/// Lower bound of the mean of recalls of `k` rows, that of the half that comes off worse: queries at odd positions select a
/// value, those at even ones confirm it. Queries without an answer do not count; `None` if a half has none with one.
pub fn lower_bound_of_halves(recalls: &[Option<f64>], k: usize) -> Option<f64> {
    let half = |first| recalls.iter().skip(first).step_by(2).copied().flatten();
    let bound = |first| Sample::of(half(first)).map(|sample| sample.lower_bound(k));
    Some(bound(0)?.min(bound(1)?))
}

/// The smallest of `values` that a share of `share` of them does not exceed; `None` if there are none.
pub fn percentile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12
    }

    /// Reference values by another program: numpy's mean and std(ddof = 1), and the formulas by hand.
    #[test]
    fn agrees_with_reference_values() {
        let recalls = [1.0, 0.9, 0.8, 1.0, 0.7, 1.0, 0.9, 1.0];
        let sample = Sample::of(recalls.into_iter()).expect("values");
        assert_eq!(sample.count, 8);
        assert!(is_near(sample.mean, 0.9125));
        assert!(is_near(sample.deviation, 0.112_599_162_645_960_34));
        assert!(is_near(
            sample.margin(10, ONE_SIDED),
            0.065_487_146_878_223_37
        ));
        assert!(is_near(sample.lower_bound(10), 0.847_012_853_121_776_8));
        let (lo, hi) = sample.interval(10);
        assert!(is_near(lo, 0.834_472_761_166_372_3));
        assert!(is_near(hi, 0.990_527_238_833_627_9));
    }

    /// 100 queries that all found everything: the bound is 1 - 1.645 / 20 / 10.
    #[test]
    fn agreement_is_no_proof() {
        let sample = Sample::of([1.0; 100].into_iter()).expect("values");
        assert_eq!(sample.deviation, 0.0);
        assert!(is_near(sample.lower_bound(10), 0.991_775));
        assert_eq!(sample.interval(10).1, 1.0);
        let one = Sample::of([1.0].into_iter()).expect("a value");
        assert!(is_near(one.lower_bound(1), 0.1775));
        assert_eq!(
            Sample::of([0.0].into_iter()).map(|zero| zero.lower_bound(1)),
            Some(0.0)
        );
        assert_eq!(Sample::of([].into_iter()), None);
    }

    /// The worse half decides, and one without answers says nothing.
    #[test]
    fn the_worse_half_decides() {
        let recalls = [Some(1.0), Some(0.5), None, Some(0.7), Some(1.0), None];
        let worse = Sample::of([0.5, 0.7].into_iter()).map(|sample| sample.lower_bound(10));
        assert!(worse.is_some());
        assert_eq!(lower_bound_of_halves(&recalls, 10), worse);
        assert_eq!(
            lower_bound_of_halves(&[Some(1.0), None, Some(1.0)], 10),
            None
        );
        assert_eq!(lower_bound_of_halves(&[], 10), None);
    }

    #[test]
    fn percentiles_are_values() {
        let mut times: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut times, 0.5), Some(10.0));
        assert_eq!(percentile(&mut times, 0.95), Some(19.0));
        assert_eq!(percentile(&mut times, 1.0), Some(20.0));
        assert_eq!(percentile(&mut [7.0], 0.95), Some(7.0));
        assert_eq!(percentile(&mut [], 0.5), None);
    }
}
