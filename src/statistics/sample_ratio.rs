//! Whether units fell into the arms as the fraction says: a sequential multinomial test with a Dirichlet prior (Lindon and
//! Malek, "Anytime-valid inference for multinomial count data", 2022). Holds at every look. Pure.

use super::gamma::ln_gamma;

/// Weight of the prior, in units.
const WEIGHT: f64 = 100.0;

/// Logarithm of the likelihood ratio of "as planned" to "anything else", for units counted in each arm.
pub fn ln_ratio(champion: u64, challenger: u64, fraction: f64) -> f64 {
    let (n0, n1) = (champion as f64, challenger as f64);
    let (prior0, prior1) = (WEIGHT * (1.0 - fraction), WEIGHT * fraction);
    let planned = n1 * fraction.ln() + n0 * (-fraction).ln_1p();
    let others = ln_gamma(WEIGHT) - ln_gamma(prior1) - ln_gamma(prior0)
        + ln_gamma(prior1 + n1)
        + ln_gamma(prior0 + n0)
        - ln_gamma(WEIGHT + n0 + n1);
    planned - others
}

/// The p-value of a split that does not follow `fraction`: the chance of a suspicion like this, at any look, if it does. 0 to 1.
pub fn p_value(champion: u64, challenger: u64, fraction: f64) -> f64 {
    ln_ratio(champion, challenger, fraction).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(found: f64, expected: f64, relative: f64) {
        let bound = relative * expected.abs();
        assert!(
            (found - expected).abs() <= bound,
            "{found} is not {expected}"
        );
    }

    // Proves: the values that the specification names.
    #[test]
    fn agrees_with_the_references() {
        assert_close(ln_ratio(18_040, 1960, 0.1), 2.206_219, 1e-6);
        for (n1, n0, f, expected) in [
            (1960, 18_040, 0.1, 1.0),
            (2150, 17_850, 0.1, 0.033_556_8),
            (2200, 17_800, 0.1, 3.211_841e-4),
            (1000, 1000, 0.5, 1.0),
            (900, 1100, 0.5, 3.294_208e-4),
            (0, 0, 0.5, 1.0),
        ] {
            // The values are given to seven digits.
            assert_close(p_value(n0, n1, f), expected, 2e-6);
        }
        // Given to four digits.
        assert_close(p_value(18_040, 980, 0.1), 1.114e-127, 5e-4);
    }

    // Proves: the extremes of a fraction and of counts give a number.
    #[test]
    fn is_a_probability() {
        for fraction in [f64::MIN_POSITIVE, 1e-9, 0.5, 1.0 - f64::EPSILON] {
            for (n0, n1) in [(0, 0), (1, 0), (0, 1), (1_000_000_000, 1_000_000_000)] {
                let p = p_value(n0, n1, fraction);
                assert!((0.0..=1.0).contains(&p), "{fraction} {n0} {n1}: {p}");
            }
        }
    }
}
