//! How good graphs of other parameters would be, tried in memory: no page is written, and distances are those of codes.
//! Pure.
//!
//! The number of distances that a search needs to a recall tells parameters apart as its time does, and depends neither on
//! the machine nor on what else runs there. Graphs are those of the builder that is asked, so the one of real builds tells
//! most: what it makes is what will be searched.

use super::ladder;
use super::measure::{self, Nearest};
use crate::hnsw::build::builder::{
    BuildControl, BuildFailure, BuildParams, GraphBuilder, Topology,
};
use crate::hnsw::build::refine;
use crate::hnsw::codes::{CodeArena, Query};
use crate::hnsw::memory_graph::MemorySearch;
use crate::statistics::sample::{Sample, lower_bound_of_halves};
use rayon::prelude::*;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Rows, queries that are none of them, and the nearest rows of each by the keys of their codes.
pub struct Screen<'a> {
    arena: &'a CodeArena,
    queries: Vec<(Query, Nearest)>,
    k: usize,
}

/// What a graph has shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Screened {
    /// The smallest `ef_search` that reaches the target, else the largest there is.
    pub ef_search: i32,
    /// Mean recall with it.
    pub recall: f64,
    /// Whether it reaches the target.
    pub passes: bool,
    /// Distances that a query needs then, in the mean.
    pub distances: f64,
    /// Time of the build.
    pub build: Duration,
}

/// What queries have found with one `ef_search`.
struct Found {
    recalls: Vec<Option<f64>>,
    distances: f64,
}

impl<'a> Screen<'a> {
    /// Finds the `k` nearest rows of each query. Runs on the threads of the current rayon pool.
    /// # Errors
    /// `Canceled`.
    pub fn new(
        arena: &'a CodeArena,
        queries: Vec<Query>,
        k: usize,
        control: &BuildControl,
    ) -> Result<Self, BuildFailure> {
        let with_nearest = |query: Query| {
            if control.cancel.load(Ordering::Relaxed) {
                return Err(BuildFailure::Canceled);
            }
            let mut nearest = Nearest::new(k);
            for (id, factors) in (0..).zip(&arena.factors) {
                nearest.offer(f64::from(query.key(arena.code(id), factors)));
            }
            Ok((query, nearest))
        };
        let queries = queries.into_par_iter().map(with_nearest);
        Ok(Self {
            arena,
            queries: queries.collect::<Result<_, _>>()?,
            k,
        })
    }

    /// Builds a graph and looks for the smallest `ef_search` whose lower bound reaches `target`. Runs on the threads of the
    /// current rayon pool.
    /// # Errors
    /// `Canceled`, and the builder's own.
    pub fn try_params(
        &self,
        builder: &(dyn GraphBuilder + Sync),
        params: &BuildParams,
        target: f64,
        control: &BuildControl,
    ) -> Result<Option<Screened>, BuildFailure> {
        let start = Instant::now();
        let mut graph = builder.build(self.arena, params, control)?;
        refine::refine(&mut graph, self.arena, control)?;
        let build = start.elapsed();
        let mut best: Option<Screened> = None;
        ladder::smallest(&ladder::rungs(self.k), |ef_search| {
            let found = self.search(&graph, ef_search, control)?;
            let recall = Sample::of(found.recalls.iter().copied().flatten());
            let bound = lower_bound_of_halves(&found.recalls, self.k);
            let Some((recall, bound)) = recall.zip(bound) else {
                return Ok(ControlFlow::Break(()));
            };
            let tried = Screened {
                ef_search,
                recall: recall.mean,
                passes: bound >= target,
                distances: found.distances,
                build,
            };
            // The ladder goes down from what passes and up from what does not.
            let is_better = best.is_none_or(|best| match (best.passes, tried.passes) {
                (true, true) => ef_search < best.ef_search,
                (false, false) => ef_search > best.ef_search,
                (_, passes) => passes,
            });
            if is_better {
                best = Some(tried);
            }
            Ok(ControlFlow::Continue(tried.passes))
        })?;
        Ok(best)
    }

    fn search(
        &self,
        graph: &Topology,
        ef_search: i32,
        control: &BuildControl,
    ) -> Result<Found, BuildFailure> {
        let (arena, ef) = (self.arena, usize::try_from(ef_search).unwrap_or(1));
        let ask = |search: &mut Result<MemorySearch, BuildFailure>,
                   (query, nearest): &(Query, Nearest)| {
            if control.cancel.load(Ordering::Relaxed) {
                return Err(BuildFailure::Canceled);
            }
            let search = search.as_mut().map_err(|failure| failure.clone())?;
            let mut distances = 0_u64;
            let found = search.search(graph, arena, ef, |id| {
                distances += 1;
                query.key(arena.code(id), &arena.factors[id as usize])
            });
            let keys: Vec<f64> = found.iter().map(|(key, _)| f64::from(key)).collect();
            Ok((measure::recall(&keys, nearest), distances))
        };
        let space = || {
            let bytes = refine::memory_bytes(arena.len());
            MemorySearch::try_new(arena.len()).map_err(|_| BuildFailure::OutOfMemory(bytes))
        };
        let answers = self.queries.par_iter().map_init(space, ask);
        let answers: Vec<(Option<f64>, u64)> = answers.collect::<Result<_, _>>()?;
        let distances: u64 = answers.iter().map(|(_, distances)| distances).sum();
        Ok(Found {
            distances: distances as f64 / answers.len().max(1) as f64,
            recalls: answers.into_iter().map(|(recall, _)| recall).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::Metric;
    use crate::hnsw::build::flat::FlatBuilder;
    use crate::hnsw::codes::CodeParams;
    use crate::types::indexed::IndexedValue;

    const DIMS: usize = 12;

    /// Numbers between -1 and 1 that look random, the same each time.
    fn vector(seed: u32) -> Vec<f32> {
        let mut state = u64::from(seed) + 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..DIMS + 8).map(|_| next()).skip(8).collect()
    }

    fn screened(m: usize, ef_construction: usize, target: f64) -> Screened {
        let params = CodeParams::new(Metric::L2, DIMS, Vec::new());
        let mut arena = CodeArena::try_with_capacity(params.clone(), 2000).expect("memory");
        for row in 0..2000 {
            arena.push(&vector(row)).expect("memory");
        }
        let queries = (5000..5060).map(|seed| {
            let vector = vector(seed);
            Query::from_value(&params, IndexedValue::Dense(&vector))
        });
        let control = BuildControl::default();
        let screen = Screen::new(&arena, queries.collect(), 10, &control).expect("no cancel");
        let params = BuildParams {
            m,
            upper_degree: m,
            base_degree: 2 * m,
            ef_construction,
            max_level: 5,
            seed: 1,
            threads: 1,
        };
        let tried = screen.try_params(&FlatBuilder, &params, target, &control);
        tried.expect("no cancel").expect("queries with answers")
    }

    /// More links find the same with a shorter list, and a higher target needs a longer one; what cannot be reached is not
    /// said to be.
    #[test]
    fn tells_parameters_apart() {
        let (poor, rich) = (screened(4, 8, 0.9), screened(16, 64, 0.9));
        assert!(poor.passes && rich.passes && poor.recall >= 0.9 && rich.recall >= 0.9);
        assert!(rich.ef_search < poor.ef_search, "{rich:?} {poor:?}");
        assert!(poor.distances > f64::from(poor.ef_search));
        assert!(poor.distances < 2000.0);
        let more = screened(4, 8, 0.97);
        assert!(more.ef_search > poor.ef_search && more.distances > poor.distances);
        // 60 queries that all find everything prove 1 - 1.645 / 20 / sqrt(30) at most.
        let never = screened(4, 8, 0.99);
        assert!(!never.passes);
        assert_eq!(never.ef_search, 1000);
    }

    #[test]
    fn a_cancel_ends_it() {
        let params = CodeParams::new(Metric::L2, DIMS, Vec::new());
        let mut arena = CodeArena::try_with_capacity(params.clone(), 1).expect("memory");
        arena.push(&vector(1)).expect("memory");
        let control = BuildControl::default();
        control.cancel.store(true, Ordering::Relaxed);
        let query = Query::from_value(&params, IndexedValue::Dense(&vector(2)));
        let canceled = Screen::new(&arena, vec![query], 1, &control);
        assert!(matches!(canceled, Err(BuildFailure::Canceled)));
    }
}
