//! Whether the queries of two windows of time differ, by permutation: the labels of the windows are dealt out anew, and the
//! observed difference is compared with those that chance makes. Signals, not verdicts. Pure.

use super::random::Random;

/// How often labels are dealt out anew.
pub const PERMUTATIONS: u32 = 999;
/// Differences closer than this are equal: sums in another order differ by roundings.
const TOLERANCE: f64 = 1e-12;

/// Queries of both windows, and how far the row nearest to each is.
#[derive(Debug, Clone, Default)]
pub struct Queries {
    /// Dimensions of a query.
    pub dim: usize,
    /// The queries of the reference window, then those of the current one.
    pub vectors: Vec<f32>,
    /// Distance of each to its nearest row.
    pub nearest: Vec<f64>,
    /// How many are of the reference window.
    pub reference: usize,
}

/// One statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal {
    /// `centroid_cosine`, `norm_ratio` or `top1_ks`.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// The share of chance differences that are not smaller, itself counted.
    pub p: f64,
}

/// What permutations ask again and again.
struct Pooled<'a> {
    queries: &'a Queries,
    total: Vec<f64>,
    norms: Vec<f64>,
    norm_total: f64,
    /// Positions of queries by their distance to the nearest row.
    by_nearest: Vec<u32>,
}

impl Queries {
    fn len(&self) -> usize {
        self.nearest.len()
    }

    fn vector(&self, position: u32) -> &[f32] {
        let start = position as usize * self.dim;
        self.vectors
            .get(start..start + self.dim)
            .unwrap_or_default()
    }

    /// The three statistics: 1 - cosine of the windows' means, ratio of their mean norms (current to reference; tested by the
    /// logarithm's size), and the largest difference of the distributions of `nearest`. `poll` is called between permutations.
    /// Both windows must hold something.
    pub fn signals(&self, seed: u64, mut poll: impl FnMut()) -> [Signal; 3] {
        let pooled = Pooled::of(self);
        // Which of the windows is dealt out does not matter to the differences; the smaller one is less work.
        let mut positions: Vec<u32> = (0..self.len() as u32).collect();
        let current = self.len() - self.reference;
        if current < self.reference {
            positions.rotate_left(self.reference);
        }
        let dealt = current.min(self.reference);
        let observed = pooled.differences(positions.get(..dealt).unwrap_or_default());
        let mut not_smaller = [1_u32; 3];
        let mut random = Random::seeded(seed);
        for _ in 0..PERMUTATIONS {
            poll();
            random.choose(&mut positions, dealt);
            let chance = pooled.differences(positions.get(..dealt).unwrap_or_default());
            for ((count, chance), observed) in not_smaller.iter_mut().zip(chance).zip(observed) {
                *count += u32::from(chance >= observed - TOLERANCE);
            }
        }
        let values = [observed[0], pooled.norm_ratio(), observed[2]];
        let names = ["centroid_cosine", "norm_ratio", "top1_ks"];
        [0, 1, 2].map(|i| Signal {
            name: names[i],
            value: values[i],
            p: f64::from(not_smaller[i]) / f64::from(PERMUTATIONS + 1),
        })
    }
}

impl<'a> Pooled<'a> {
    fn of(queries: &'a Queries) -> Self {
        let len = queries.len() as u32;
        let mut total = vec![0.0; queries.dim];
        let mut norms = Vec::with_capacity(len as usize);
        for position in 0..len {
            let vector = queries.vector(position);
            add(&mut total, vector);
            let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            norms.push(square.sqrt());
        }
        let nearest = |position: &u32| {
            queries
                .nearest
                .get(*position as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        let mut by_nearest: Vec<u32> = (0..len).collect();
        by_nearest.sort_by(|a, b| nearest(a).total_cmp(&nearest(b)));
        Self {
            queries,
            total,
            norm_total: norms.iter().sum(),
            norms,
            by_nearest,
        }
    }

    fn norm_sum(&self, of: &[u32]) -> f64 {
        of.iter()
            .filter_map(|&position| self.norms.get(position as usize))
            .sum()
    }

    /// Mean norm of the current window to that of the reference; 1 where all vectors are zero.
    fn norm_ratio(&self) -> f64 {
        let reference: Vec<u32> = (0..self.queries.reference as u32).collect();
        self.ratio(self.norm_sum(&reference), reference.len())
    }

    /// Mean norm of the others to that of `count` queries whose norms sum to `sum`.
    fn ratio(&self, sum: f64, count: usize) -> f64 {
        let others = (self.norm_total - sum).max(0.0) / (self.queries.len() - count) as f64;
        let ratio = others / (sum / count as f64);
        if ratio.is_nan() { 1.0 } else { ratio }
    }

    /// The three differences between the queries at these positions and the others.
    fn differences(&self, chosen: &[u32]) -> [f64; 3] {
        let mut sum = vec![0.0; self.queries.dim];
        for &position in chosen {
            add(&mut sum, self.queries.vector(position));
        }
        let ratio = self.ratio(self.norm_sum(chosen), chosen.len());
        [
            1.0 - self.cosine_to_rest(&sum),
            ratio.ln().abs(),
            self.ks(chosen),
        ]
    }

    /// Cosine of `sum` to the sum of the other queries; 0 if either is zero.
    fn cosine_to_rest(&self, sum: &[f64]) -> f64 {
        let (mut product, mut square, mut rest_square) = (0.0, 0.0, 0.0);
        for (&part, &total) in sum.iter().zip(&self.total) {
            let rest = total - part;
            product += part * rest;
            square += part * part;
            rest_square += rest * rest;
        }
        let norms = (square * rest_square).sqrt();
        if norms > 0.0 { product / norms } else { 0.0 }
    }

    /// Kolmogorov-Smirnov distance between the distances of the chosen queries and of the others.
    fn ks(&self, chosen: &[u32]) -> f64 {
        let mut is_chosen = vec![false; self.queries.len()];
        for &position in chosen {
            if let Some(mark) = is_chosen.get_mut(position as usize) {
                *mark = true;
            }
        }
        let (chosen_step, other_step) = (
            1.0 / chosen.len() as f64,
            1.0 / (self.queries.len() - chosen.len()) as f64,
        );
        let (mut chosen_seen, mut others_seen, mut largest) = (0.0, 0.0, 0.0_f64);
        let mut rest = self
            .by_nearest
            .iter()
            .map(|&position| position as usize)
            .peekable();
        while let Some(position) = rest.next() {
            match is_chosen.get(position) {
                Some(true) => chosen_seen += 1.0,
                _ => others_seen += 1.0,
            }
            // Equal distances are one step of both distributions.
            let is_last = rest
                .peek()
                .is_none_or(|&next| !self.is_as_near(position, next));
            if is_last {
                largest = largest.max((chosen_seen * chosen_step - others_seen * other_step).abs());
            }
        }
        largest
    }

    fn is_as_near(&self, a: usize, b: usize) -> bool {
        let nearest = &self.queries.nearest;
        match (nearest.get(a), nearest.get(b)) {
            (Some(a), Some(b)) => a.total_cmp(b).is_eq(),
            _ => false,
        }
    }
}

fn add(sum: &mut [f64], vector: &[f32]) {
    for (sum, &element) in sum.iter_mut().zip(vector) {
        *sum += f64::from(element);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of numbers from 0 to 1, the first dimension shifted; the distance is that of the first dimension to 0.
    fn window(n: usize, shift: f32, random: &mut Random) -> Vec<[f32; 3]> {
        let mut vector = || [shift, 0.0, 0.0].map(|shift| random.fraction() as f32 + shift);
        (0..n).map(|_| vector()).collect()
    }

    fn queries(reference: &[[f32; 3]], current: &[[f32; 3]]) -> Queries {
        let all: Vec<[f32; 3]> = reference.iter().chain(current).copied().collect();
        Queries {
            dim: 3,
            nearest: all.iter().map(|vector| f64::from(vector[0])).collect(),
            vectors: all.concat(),
            reference: reference.len(),
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    // Proves: the three definitions, on a case that can be done by hand.
    #[test]
    fn statistics_are_what_they_say() {
        let small = queries(
            &[[3.0, 0.0, 0.0], [1.0, 0.0, 0.0]],
            &[[0.0, 4.0, 0.0], [1.0, 0.0, 0.0], [5.0, 0.0, 0.0]],
        );
        let [centroid, norm, ks] = small.signals(0, || ());
        // Means (2, 0, 0) and (2, 4/3, 0); norms 2 and 10/3; distances 1, 3 against 0, 1, 5.
        assert!(
            close(centroid.value, 1.0 - 2.0 / (4.0_f64 + 16.0 / 9.0).sqrt()),
            "{centroid:?}"
        );
        assert!(close(norm.value, 5.0 / 3.0), "{norm:?}");
        assert!(close(ks.value, 1.0 / 3.0), "{ks:?}");
        assert_eq!(
            [centroid.name, norm.name, ks.name],
            ["centroid_cosine", "norm_ratio", "top1_ks"]
        );
    }

    // Proves: a window beside itself differs by nothing, whatever its size: every p is 1.
    #[test]
    fn a_window_does_not_differ_from_itself() {
        let mut random = Random::seeded(1);
        for n in [1, 30, 300] {
            let one = window(n, 0.0, &mut random);
            for signal in queries(&one, &one).signals(n as u64, || ()) {
                assert_eq!(signal.p, 1.0, "{n}: {signal:?}");
            }
        }
        let zeros = [[0.0; 3]; 30];
        for signal in queries(&zeros, &zeros).signals(1, || ()) {
            assert_eq!(signal.p, 1.0, "{signal:?}");
        }
    }

    // Proves: a shift is seen, in whichever window and of whichever sizes; the same call gives the same p, and looks for a cancel.
    #[test]
    fn a_shift_is_seen() {
        let mut random = Random::seeded(2);
        let (old, new) = (window(300, 0.0, &mut random), window(100, 0.4, &mut random));
        for pair in [queries(&old, &new), queries(&new, &old)] {
            let mut polls = 0;
            let signals = pair.signals(3, || polls += 1);
            assert!(signals.iter().all(|signal| signal.p <= 0.01), "{signals:?}");
            assert_eq!(polls, PERMUTATIONS);
            assert_eq!(signals, pair.signals(3, || ()));
        }
        let ratio = |pair: Queries| pair.signals(3, || ())[1].value;
        assert!(close(
            ratio(queries(&old, &new)) * ratio(queries(&new, &old)),
            1.0
        ));
    }

    // Proves: without a difference, small p-values are as rare as they say.
    #[test]
    fn chance_is_not_taken_for_drift() {
        let mut random = Random::seeded(4);
        let mut small = [0; 3];
        for seed in 0..100 {
            let pair = queries(&window(40, 0.0, &mut random), &window(60, 0.0, &mut random));
            for (count, signal) in small.iter_mut().zip(pair.signals(seed, || ())) {
                *count += i32::from(signal.p <= 0.05);
            }
        }
        // Of 100 at 5 %: more than 12 come by chance once in 700 times.
        assert!(small.iter().all(|&count| count <= 12), "{small:?}");
    }
}
