//! The difference of two means with an interval that holds at every look: an asymptotic confidence sequence (Waudby-Smith,
//! Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory", 2024). Pure.

/// What was observed in one arm. The variance has divisor n - 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm {
    /// Units.
    pub n: u64,
    /// Mean of their values.
    pub mean: f64,
    /// Sample variance of their values.
    pub variance: f64,
}

/// What was fixed before the first unit came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Share of units that the challenger serves: above 0, below 1.
    pub fraction: f64,
    /// Chance of an interval that, at any look, does not hold the truth: above 0, below 0.5.
    pub alpha: f64,
    /// Units for which the interval is to be narrowest.
    pub planned_units: f64,
}

/// An interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Challenger's mean less champion's.
    pub difference: f64,
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

impl Plan {
    fn rho_squared(&self) -> f64 {
        let log = -2.0 * self.alpha.ln();
        (log + log.ln_1p()) / self.planned_units
    }

    /// Half the width of the interval after these units.
    pub fn half_width(&self, champion: &Arm, challenger: &Arm) -> f64 {
        let n = champion.n as f64 + challenger.n as f64;
        let rho2 = self.rho_squared();
        let spread = (challenger.variance / self.fraction
            + champion.variance / (1.0 - self.fraction))
            .sqrt();
        let units = n * rho2 + 1.0;
        spread * (2.0 * units * (units.sqrt() / self.alpha).ln() / (n * n * rho2)).sqrt()
    }

    /// The difference and its interval.
    pub fn interval(&self, champion: &Arm, challenger: &Arm) -> Interval {
        let difference = challenger.mean - champion.mean;
        let half = self.half_width(champion, challenger);
        Interval {
            difference,
            lo: difference - half,
            hi: difference + half,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(found: f64, expected: f64) {
        let bound = 1e-12 * expected.abs();
        assert!(
            (found - expected).abs() <= bound,
            "{found} is not {expected}"
        );
    }

    fn plan(fraction: f64, alpha: f64, planned_units: f64) -> Plan {
        Plan {
            fraction,
            alpha,
            planned_units,
        }
    }

    /// An arm of outcomes 0 and 1.
    fn clicks(n: u64, mean: f64) -> Arm {
        let n_float = n as f64;
        Arm {
            n,
            mean,
            variance: mean * (1.0 - mean) * n_float / (n_float - 1.0),
        }
    }

    // Proves: the values that the specification names.
    #[test]
    fn agrees_with_the_references() {
        assert_close(plan(0.1, 0.05, 1.0).rho_squared(), 7.936_154_601_737_565);
        assert_close(plan(0.1, 0.01, 1.0).rho_squared(), 11.533_741_340_715_224);
        let champion = clicks(18_040, 0.103_048_780_487_804_87);
        let challenger = clicks(1960, 0.138_775_510_204_081_63);
        let plan1 = plan(0.1, 0.05, 20_000.0);
        let interval = plan1.interval(&champion, &challenger);
        assert_close(
            plan1.half_width(&champion, &challenger),
            0.024_456_366_312_970_69,
        );
        assert_close(interval.lo, 0.011_270_363_403_306_068);
        assert_close(interval.hi, 0.060_183_096_029_247_45);
        let plan2 = plan(0.5, 0.05, 10_000.0);
        for (n, expected) in [
            (1000, 0.121_907_531_463_414_99),
            (10_000, 0.030_352_089_903_762_532),
        ] {
            let arm = Arm {
                n: n / 2,
                mean: 0.0,
                variance: 0.25,
            };
            assert_close(plan2.half_width(&arm, &arm), expected);
        }
    }
}
