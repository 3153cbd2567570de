//! What an experiment says so far. Pure.

use super::confidence::Interval;
use std::fmt;

/// Units that each arm needs before anything is said: the intervals hold for many units, not for few.
const LEAST_UNITS: u64 = 100;
/// A split as unlikely as this is a fault of the experiment.
const LEAST_RATIO_P: f64 = 0.001;

/// The first of these that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// An arm has too few units.
    TooEarly,
    /// Units did not fall into the arms as planned: whatever the means say, they may be of different users.
    SampleRatioMismatch,
    /// The whole interval is above 0.
    ChallengerBetter,
    /// The whole interval is below 0.
    ChampionBetter,
    /// 0 is in the interval.
    Undecided,
}

impl Verdict {
    /// Judges units of champion and challenger, the p-value of their ratio, and the interval of the difference if there is one.
    pub fn of(champion: u64, challenger: u64, ratio_p: f64, interval: Option<Interval>) -> Self {
        let Some(interval) = interval else {
            return Self::TooEarly;
        };
        if champion.min(challenger) < LEAST_UNITS {
            Self::TooEarly
        } else if ratio_p < LEAST_RATIO_P {
            Self::SampleRatioMismatch
        } else if interval.lo > 0.0 {
            Self::ChallengerBetter
        } else if interval.hi < 0.0 {
            Self::ChampionBetter
        } else {
            Self::Undecided
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooEarly => "too early",
            Self::SampleRatioMismatch => "invalid: sample ratio mismatch",
            Self::ChallengerBetter => "challenger better",
            Self::ChampionBetter => "champion better",
            Self::Undecided => "undecided",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::confidence::{Arm, Plan};
    use super::super::random::Random;
    use super::super::sample_ratio;
    use super::*;

    // Proves: the order of the answers.
    #[test]
    fn the_first_that_applies() {
        let interval = |lo, hi| {
            Some(Interval {
                difference: (lo + hi) / 2.0,
                lo,
                hi,
            })
        };
        assert_eq!(
            Verdict::of(99, 100, 0.0, interval(1.0, 2.0)),
            Verdict::TooEarly
        );
        assert_eq!(
            Verdict::of(100, 99, 0.0, interval(1.0, 2.0)),
            Verdict::TooEarly
        );
        assert_eq!(Verdict::of(100, 100, 0.0, None), Verdict::TooEarly);
        let judged = |p, lo, hi| Verdict::of(100, 100, p, interval(lo, hi));
        assert_eq!(judged(0.0009, 1.0, 2.0), Verdict::SampleRatioMismatch);
        assert_eq!(judged(0.001, 1.0, 2.0), Verdict::ChallengerBetter);
        assert_eq!(judged(1.0, -2.0, -1.0), Verdict::ChampionBetter);
        assert_eq!(judged(1.0, 0.0, 1.0), Verdict::Undecided);
        assert_eq!(judged(1.0, -1.0, 0.0), Verdict::Undecided);
    }

    /// Users who come one by one and click at a rate that depends on their arm; the verdict is asked for again and again.
    struct Simulation {
        plan: Plan,
        rates: [f64; 2],
        units: u32,
        look_every: u32,
    }

    impl Simulation {
        /// The first winner that a look names, and whether a look found the ratio wrong.
        fn run(&self, random: &mut Random) -> (Option<Verdict>, bool) {
            let (mut n, mut clicks) = ([0_u64; 2], [0_u64; 2]);
            let (mut winner, mut is_alarmed) = (None, false);
            for unit in 1..=self.units {
                let arm = usize::from(random.fraction() < self.plan.fraction);
                n[arm] += 1;
                clicks[arm] += u64::from(random.fraction() < self.rates[arm]);
                if unit % self.look_every == 0 {
                    let arms = [0, 1].map(|arm| {
                        let mean = clicks[arm] as f64 / n[arm] as f64;
                        let variance = mean * (1.0 - mean) * n[arm] as f64 / (n[arm] as f64 - 1.0);
                        Arm {
                            n: n[arm],
                            mean,
                            variance,
                        }
                    });
                    let p = sample_ratio::p_value(n[0], n[1], self.plan.fraction);
                    let interval = self.plan.interval(&arms[0], &arms[1]);
                    match Verdict::of(n[0], n[1], p, Some(interval)) {
                        Verdict::SampleRatioMismatch => is_alarmed = true,
                        verdict @ (Verdict::ChallengerBetter | Verdict::ChampionBetter) => {
                            winner = winner.or(Some(verdict));
                        }
                        _ => {}
                    }
                }
            }
            (winner, is_alarmed)
        }

        /// Of `runs` runs: those that named a winner, those that named the challenger, false alarms of the ratio.
        fn count(&self, runs: u32, seed: u64) -> (u32, u32, u32) {
            let mut random = Random::seeded(seed);
            let (mut winners, mut challengers, mut alarms) = (0, 0, 0);
            for _ in 0..runs {
                let (winner, is_alarmed) = self.run(&mut random);
                winners += u32::from(winner.is_some());
                challengers += u32::from(winner == Some(Verdict::ChallengerBetter));
                alarms += u32::from(is_alarmed);
            }
            (winners, challengers, alarms)
        }
    }

    fn clicks(fraction: f64, rates: [f64; 2]) -> Simulation {
        Simulation {
            plan: Plan {
                fraction,
                alpha: 0.05,
                planned_units: 20_000.0,
            },
            rates,
            units: 20_000,
            look_every: 500,
        }
    }

    // Proves: of experiments without a difference at most 5 % name a winner, however often one looks. A test that is meant for one
    // look names one in every fourth of these.
    #[test]
    fn looking_again_does_not_make_winners() {
        for fraction in [0.1, 0.5] {
            let (winners, _, alarms) = clicks(fraction, [0.1, 0.1]).count(400, 1);
            assert!(winners <= 20, "split {fraction}: {winners} of 400");
            assert_eq!(alarms, 0, "split {fraction}: the ratio is as planned");
        }
    }

    // Proves: a true difference is found, and nearly always by the right name.
    #[test]
    fn a_better_challenger_is_found() {
        let (winners, challengers, _) = clicks(0.5, [0.10, 0.12]).count(100, 2);
        assert!(challengers >= 90, "{challengers} of 100");
        assert!(winners - challengers <= 1);
    }
}
