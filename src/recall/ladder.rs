//! Which values of `ef_search` are tried, and in which order. Pure.

use std::ops::ControlFlow;

/// Largest `ef_search`.
const LARGEST: i32 = 1000;
/// A gap between a failure and a success that is not worth narrowing, in percent of the success.
const GAP_PERCENT: i32 = 5;

/// The values that every search for an `ef_search` starts from: `10 * sqrt(2)^i`, rounded, from the first one that is not
/// below `k`, and the largest. `k` is at most the largest.
pub fn rungs(k: usize) -> Vec<i32> {
    let value = |i| (10.0 * std::f64::consts::SQRT_2.powi(i)).round() as i32;
    let mut rungs: Vec<i32> = (0..)
        .map(value)
        .take_while(|value| *value < LARGEST)
        .filter(|value| usize::try_from(*value).is_ok_and(|value| value >= k))
        .collect();
    rungs.push(LARGEST);
    rungs
}

/// Looks for the smallest value for which `passes` holds, given that it holds for all values above one for which it
/// does: by halves on the rungs, then by halves between the last failure and the first success, until these are less
/// than 5 % apart. `passes` may break off, as when its time is up; `None` if no value was seen to pass.
///
/// What was seen is never taken back: the answer has passed, whether or not values below it would have.
pub fn smallest<E>(
    rungs: &[i32],
    mut passes: impl FnMut(i32) -> Result<ControlFlow<(), bool>, E>,
) -> Result<Option<i32>, E> {
    let (mut failed, mut passed) = (None, None);
    let (mut low, mut high) = (0, rungs.len());
    while low < high {
        let middle = (low + high) / 2;
        match passes(rungs[middle])? {
            ControlFlow::Break(()) => return Ok(passed),
            ControlFlow::Continue(true) => {
                passed = Some(rungs[middle]);
                high = middle;
            }
            ControlFlow::Continue(false) => {
                failed = Some(rungs[middle]);
                low = middle + 1;
            }
        }
    }
    while let (Some(below), Some(above)) = (failed, passed)
        && (above - below) * 100 >= above * GAP_PERCENT
        && above - below > 1
    {
        let middle = (below + above) / 2;
        match passes(middle)? {
            ControlFlow::Break(()) => break,
            ControlFlow::Continue(true) => passed = Some(middle),
            ControlFlow::Continue(false) => failed = Some(middle),
        }
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn rungs_grow_by_the_root_of_two() {
        let all = [
            10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320, 453, 640, 905, 1000,
        ];
        assert_eq!(rungs(1), all);
        assert_eq!(rungs(10), all);
        assert_eq!(rungs(11), all[1..]);
        assert_eq!(rungs(906), [1000]);
        assert_eq!(rungs(1000), [1000]);
    }

    fn found(least: i32, tries: &mut usize) -> Option<i32> {
        let result = smallest::<Infallible>(&rungs(10), |ef| {
            *tries += 1;
            Ok(ControlFlow::Continue(ef >= least))
        });
        result.unwrap_or_else(|never| match never {})
    }

    /// Never below what suffices, and at most 5 % above it.
    #[test]
    fn finds_the_smallest_within_five_percent() {
        for least in 11..=1000 {
            let mut tries = 0;
            let ef = found(least, &mut tries).expect("a value");
            assert!(
                ef >= least && (ef - least) * 100 <= 5 * ef,
                "{ef} for {least}"
            );
            assert!(tries <= 8, "{tries} tries for {least}");
        }
    }

    #[test]
    fn ends_are_told() {
        assert_eq!(found(1, &mut 0), Some(10));
        assert_eq!(found(1001, &mut 0), None);
    }

    /// What had passed before the time was up is the answer.
    #[test]
    fn breaking_off_keeps_what_passed() {
        for allowed in 0..6 {
            let (mut left, mut best) = (allowed, None);
            let result = smallest::<Infallible>(&rungs(10), |ef| {
                if left == 0 {
                    return Ok(ControlFlow::Break(()));
                }
                left -= 1;
                if ef >= 70 {
                    best = Some(ef);
                }
                Ok(ControlFlow::Continue(ef >= 70))
            });
            assert_eq!(result, Ok(best));
        }
    }
}
