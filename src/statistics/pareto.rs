//! Which of several indexes that all reach a recall is to be preferred: none is that another beats in every respect.

/// How much slower than the fastest one an index may be and be preferred for its size.
const AS_FAST: f64 = 1.05;

/// What an index costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Time of a query, in milliseconds.
    pub p95_ms: f64,
    /// Time of the build, in milliseconds.
    pub build_ms: f64,
    /// Size.
    pub bytes: f64,
}

impl Cost {
    /// Whether it is nowhere worse than `other`, and somewhere better.
    fn beats(&self, other: &Self) -> bool {
        let pairs = [
            (self.p95_ms, other.p95_ms),
            (self.build_ms, other.build_ms),
            (self.bytes, other.bytes),
        ];
        pairs.iter().all(|(own, others)| own <= others)
            && pairs.iter().any(|(own, others)| own < others)
    }
}

/// For each cost whether no other one beats it.
pub fn front(costs: &[Cost]) -> Vec<bool> {
    let is_beaten = |cost| costs.iter().any(|other: &Cost| other.beats(cost));
    costs.iter().map(|cost| !is_beaten(cost)).collect()
}

/// Position of the one to choose: of those about as fast as the fastest the smallest. `None` if there are none.
pub fn choose(costs: &[Cost]) -> Option<usize> {
    let fastest = costs
        .iter()
        .map(|cost| cost.p95_ms)
        .min_by(f64::total_cmp)?;
    let fast = costs
        .iter()
        .zip(front(costs))
        .enumerate()
        .filter(|(_, (cost, is_front))| *is_front && cost.p95_ms <= fastest * AS_FAST);
    fast.min_by(|(_, (a, _)), (_, (b, _))| {
        let by_size = a.bytes.total_cmp(&b.bytes);
        by_size.then(a.p95_ms.total_cmp(&b.p95_ms))
    })
    .map(|(position, _)| position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(p95_ms: f64, build_ms: f64, bytes: f64) -> Cost {
        Cost {
            p95_ms,
            build_ms,
            bytes,
        }
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        let costs = [
            cost(1.0, 100.0, 50.0),
            cost(2.0, 50.0, 50.0),
            cost(2.0, 100.0, 50.0),
            cost(3.0, 40.0, 60.0),
        ];
        assert_eq!(front(&costs), [true, true, false, true]);
        // Equal ones do not beat each other.
        assert_eq!(front(&[costs[0], costs[0]]), [true, true]);
        assert!(front(&[]).is_empty());
    }

    #[test]
    fn the_fastest_is_chosen_but_for_a_smaller_one_that_is_as_fast() {
        let fastest = cost(1.0, 100.0, 90.0);
        assert_eq!(choose(&[cost(1.04, 90.0, 50.0), fastest]), Some(0));
        assert_eq!(choose(&[cost(1.06, 90.0, 50.0), fastest]), Some(1));
        assert_eq!(choose(&[fastest, cost(1.01, 99.0, 90.0)]), Some(0));
        assert_eq!(choose(&[]), None);
    }
}
