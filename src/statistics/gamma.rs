//! The logarithm of the gamma function. Pure.

/// From here on the series below is exact to the last digits.
const SERIES_FROM: f64 = 15.0;

/// `ln(gamma(x))` for `x > 0`; NaN for others. Stirling's series, and the recurrence `gamma(x + 1) = x gamma(x)` where `x` is small.
pub fn ln_gamma(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return f64::NAN;
    }
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < SERIES_FROM {
        product *= shifted;
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let square = inverse * inverse;
    // Bernoulli numbers B(2i) over 2i (2i - 1).
    let series = inverse
        * (1.0 / 12.0
            - square
                * (1.0 / 360.0
                    - square
                        * (1.0 / 1260.0
                            - square
                                * (1.0 / 1680.0
                                    - square * (1.0 / 1188.0 - square * 691.0 / 360_360.0)))));
    let half_ln_two_pi = 0.5 * std::f64::consts::TAU.ln();
    (shifted - 0.5) * shifted.ln() - shifted + half_ln_two_pi + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(x: f64, expected: f64) {
        let found = ln_gamma(x);
        let bound = 1e-12 * expected.abs().max(1.0);
        assert!(
            (found - expected).abs() <= bound,
            "ln_gamma({x}) is {found}, not {expected}"
        );
    }

    // Proves: the values that the specification names, and factorials.
    #[test]
    fn agrees_with_the_references() {
        assert_close(100.0, 359.134_205_369_575_4);
        assert_close(0.5, 0.572_364_942_924_7);
        let mut ln_factorial = 0.0;
        for n in 1..170_u32 {
            assert_close(f64::from(n), ln_factorial);
            ln_factorial += f64::from(n).ln();
        }
    }

    // Proves: no seam where the series takes over, and sense at the edges.
    #[test]
    fn satisfies_the_recurrence_everywhere() {
        for i in 1..4000 {
            let x = f64::from(i) * 0.013;
            assert_close(x + 1.0, ln_gamma(x) + x.ln());
        }
        assert!((ln_gamma(1e-300) - 690.775_527_898_213_7).abs() < 1e-9);
        assert!(ln_gamma(0.0).is_nan() && ln_gamma(-1.5).is_nan() && ln_gamma(f64::NAN).is_nan());
        assert!(ln_gamma(1e9).is_finite());
    }
}
