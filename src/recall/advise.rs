//! Which options an index should be built with: tried on a sample, first in memory, the best ones then as real indexes.
//!
//! The default, 16 and 64, is built first: it is what the others are compared with, and how the rows are read. What the time
//! does not suffice for is returned as not measured.
//!
//! The screen asks [`graph_builder`] for the builder of real builds, not the reference `hnsw_rs`: that took 3 to 13 times as long for
//! 20,000 rows of three sets (text, 384 dimensions; GloVe, 50; Fashion-MNIST, 784), and its graphs would not tell of those
//! that are to be searched. To recall .95 they needed an `ef_search` of 37 where ours needed 19 (text, 16 and 64), and of
//! 92 where ours needed 34 (GloVe, 8 and 32).

pub mod sample;
pub mod subject;

use super::ladder;
use super::questions;
use super::screen::{Screen, Screened};
use super::trial::Trial;
use super::tune::{self, Measured};
use crate::error::{Error, Result};
use crate::hnsw::build::builder::{BuildControl, BuildFailure};
use crate::hnsw::build::{automatic_shape, build_params, graph_builder};
use crate::hnsw::codes::{CodeArena, CodeParams, Query};
use crate::hnsw::disk_graph::{read_mean, read_meta};
use crate::hnsw::insert::IndexedVector;
use crate::hnsw::layout::{Meta, Shape};
use crate::hnsw::options::Options;
use crate::pg::heap_scan::visit_visible_rows;
use crate::pg::open_index::OpenIndex;
use crate::pg::owner_rights::OwnerRights;
use crate::pg::snapshot::Snapshot;
use crate::pg::spi::{Access, Session};
use crate::pg::subtransaction::{NewSnapshot, rolled_back};
use crate::pg::{interrupt, worker_pool};
use crate::statistics::pareto::{self, Cost};
use crate::types::datum;
use crate::types::indexed::{IndexedValue, ValueList};
use sample::{Built, Sample};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use subject::Subject;

/// Links a node that are tried, the default first.
const M: [usize; 5] = [16, 12, 24, 8, 32];
/// `ef_construction` in multiples of `m`, the default first.
const EF_CONSTRUCTION: [usize; 3] = [4, 2, 8];
/// Screened ones that are built beside the default.
const BUILT: usize = 3;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Recall to reach.
    pub target: f64,
    /// Rows that a query asks for.
    pub k: usize,
    /// Rows of the sample, at most.
    pub sample_rows: i32,
    /// When the time is up.
    pub deadline: Instant,
}

/// What a real index has shown; times and sizes are scaled to the whole table, but for those of queries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confirmed {
    /// The smallest `ef_search` that passes, else the largest that was tried.
    pub measured: Measured,
    /// Whether it passes.
    pub passes: bool,
    /// What it costs.
    pub cost: Cost,
    /// Whether none that passes beats it.
    pub is_pareto: bool,
    /// Whether it is the one to choose.
    pub is_chosen: bool,
}

/// Options that were to be tried, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The option `m`.
    pub m: usize,
    /// The option `ef_construction`.
    pub ef_construction: usize,
    /// In memory; `None` if the time did not suffice.
    pub screened: Option<Screened>,
    /// As a real index; `None` if it was not among the best, or the time did not suffice.
    pub confirmed: Option<Confirmed>,
}

/// Tries what there is to try: confirmed ones first, the fastest first, then those only screened, by the distances that their
/// searches need, then those not reached. Changes nothing that is seen outside.
/// # Errors
/// Those of [`Sample::draw`] and of [`Trial::search`]; PostgreSQL's own are raised.
pub fn advise(subject: &Subject, request: &Request) -> Result<Vec<Candidate>> {
    let mut candidates = candidates(subject);
    rolled_back(|| {
        let session = Session::begin(Access::Write);
        let sample = Sample::draw(&session, subject, request.sample_rows)?;
        try_all(&sample, request, &mut candidates)
    })?;
    judge(&mut candidates);
    candidates.sort_by(order);
    Ok(candidates)
}

/// The options to try for such a column: those whose nodes fit a page, and the default in any case, whose build says what is
/// wrong if that does not.
fn candidates(subject: &Subject) -> Vec<Candidate> {
    let fits = |m: usize| m == M[0] || subject.dims <= Shape::max_dims_of(subject.of, m);
    let pairs = M.into_iter().filter(|m| fits(*m)).flat_map(|m| {
        let mut widths = EF_CONSTRUCTION.map(|multiple| multiple * m);
        if m != M[0] {
            widths.sort_unstable();
        }
        widths.map(|ef_construction| Candidate {
            m,
            ef_construction,
            screened: None,
            confirmed: None,
        })
    });
    pairs.collect()
}

/// Order of the result: see [`advise`]. Those alike stay in the order of trying.
fn order(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    let place = |candidate: &Candidate| match (candidate.confirmed, candidate.screened) {
        (Some(confirmed), _) if confirmed.passes => (0, confirmed.cost.p95_ms),
        (Some(_), _) => (1, 0.0),
        (None, Some(screened)) if screened.passes => (2, screened.distances),
        (None, Some(_)) => (3, 0.0),
        (None, None) => (4, 0.0),
    };
    let ((group, cost), (other_group, other_cost)) = (place(a), place(b));
    group.cmp(&other_group).then(cost.total_cmp(&other_cost))
}

fn try_all(sample: &Sample<'_>, request: &Request, candidates: &mut [Candidate]) -> Result<()> {
    let Some((default, others)) = candidates.split_first_mut() else {
        return Ok(());
    };
    if Instant::now() >= request.deadline {
        return Ok(());
    }
    let built = sample.build(default.m, default.ef_construction)?;
    let _snapshot = NewSnapshot::push();
    let asked = questions::read(&built.index, &sample.queries()?, false)?;
    let trial = Trial::begin(&built.index, &asked, request.k, None)?;
    default.confirmed = confirm(&trial, &built, sample, request)?;
    let mut truth = trial.truth;
    if Instant::now() >= request.deadline {
        return Ok(());
    }
    let screening = Screening::begin(&built.index, sample, request)?;
    let build_ms = built.build_ms;
    // No other index can be made while one is open.
    drop(built);
    screening.run(&asked.queries, default, others)?;
    drop(screening);
    // What a real build takes beside the one in memory: writing pages, above all.
    let factor = default.screened.map_or(1.0, |screened| {
        build_ms / (screened.build.as_secs_f64() * 1000.0).max(1.0)
    });
    let mut best: Vec<&mut Candidate> = others.iter_mut().collect();
    best.retain(|candidate| candidate.screened.is_some_and(|screened| screened.passes));
    best.sort_by(|a, b| order(a, b));
    for candidate in best.into_iter().take(BUILT) {
        let expected = candidate.screened.map_or(Duration::ZERO, |screened| {
            screened.build.mul_f64(factor.max(1.0))
        });
        if Instant::now() + expected >= request.deadline {
            continue;
        }
        let built = sample.build(candidate.m, candidate.ef_construction)?;
        let trial = Trial::resume(&built.index, &asked, truth)?;
        candidate.confirmed = confirm(&trial, &built, sample, request)?;
        truth = trial.truth;
    }
    Ok(())
}

/// Measures a real index; `None` if the time is up before it is known whether it passes.
fn confirm(
    trial: &Trial<'_>,
    built: &Built,
    sample: &Sample<'_>,
    request: &Request,
) -> Result<Option<Confirmed>> {
    let tuned = tune::tune(trial, request.target, request.deadline)?;
    let is_chosen = |measured: &&Measured| tuned.chosen == Some(measured.ef_search);
    let largest = ladder::rungs(request.k).last().copied();
    let failed = tuned.tried.last();
    let failed = failed.filter(|measured| Some(measured.ef_search) == largest);
    let measured = tuned.tried.iter().find(is_chosen).or(failed);
    let (rows, all) = (sample.rows as f64, sample.table_rows);
    Ok(measured.map(|measured| Confirmed {
        measured: *measured,
        passes: tuned.chosen.is_some(),
        cost: Cost {
            p95_ms: measured.p95_ms,
            build_ms: built.build_ms * (all * all.ln()) / (rows * rows.ln()),
            bytes: built.bytes * all / rows,
        },
        is_pareto: false,
        is_chosen: false,
    }))
}

/// Finds out which of those that pass are to be preferred.
fn judge(candidates: &mut [Candidate]) {
    let mut passed: Vec<&mut Confirmed> = candidates
        .iter_mut()
        .filter_map(|candidate| candidate.confirmed.as_mut())
        .filter(|confirmed| confirmed.passes)
        .collect();
    let costs: Vec<Cost> = passed.iter().map(|confirmed| confirmed.cost).collect();
    for (confirmed, is_front) in passed.iter_mut().zip(pareto::front(&costs)) {
        confirmed.is_pareto = is_front;
    }
    if let Some(chosen) = pareto::choose(&costs).and_then(|at| passed.get_mut(at)) {
        chosen.is_chosen = true;
    }
}

/// Trying options in memory, on the codes of an index.
struct Screening<'a> {
    meta: Meta,
    params: CodeParams,
    arena: CodeArena,
    request: &'a Request,
    deadline: Instant,
}

impl<'a> Screening<'a> {
    /// Reads the rows that an index holds.
    fn begin(index: &OpenIndex, sample: &Sample<'_>, request: &'a Request) -> Result<Self> {
        let meta = read_meta(index.index())?;
        let params = meta.shape.code_params(read_mean(index.index(), &meta)?);
        let capacity = usize::try_from(sample.rows).unwrap_or(0);
        let mut arena = CodeArena::try_with_capacity(params.clone(), capacity)?;
        let mut add = |value: IndexedValue<'_>| {
            if let Some(vector) = IndexedVector::new(&meta.shape, value)? {
                arena.push_value(vector.value())?;
            }
            Ok(())
        };
        let _rights = OwnerRights::lend_to_reader(index.heap());
        visit_visible_rows(
            index.heap(),
            index.index(),
            Snapshot::active()?,
            &mut |_, value| {
                interrupt::check();
                let Some(value) = value else { return Ok(()) };
                datum::with_column_value(value, meta.shape.of, &mut add)?
            },
        );
        let left = request.deadline.saturating_duration_since(Instant::now());
        Ok(Self {
            meta,
            params,
            arena,
            request,
            // The other half is for real indexes.
            deadline: Instant::now() + left / 2,
        })
    }

    fn run(
        &self,
        queries: &ValueList,
        default: &mut Candidate,
        others: &mut [Candidate],
    ) -> Result<()> {
        let k = self.request.k;
        let queries = queries.each();
        let queries = queries.map(|query| Query::from_value(&self.params, query));
        let queries = queries.collect();
        let Some(screen) = self.work(|control| Screen::new(&self.arena, queries, k, control))?
        else {
            return Ok(());
        };
        for candidate in std::iter::once(default).chain(others) {
            let options = Options::with(candidate.m, candidate.ef_construction);
            let shape = self.meta.shape;
            let shape = automatic_shape(shape.of, shape.metric, shape.dims, candidate.m);
            let (builder, params) = (graph_builder(&options), build_params(&shape, &options));
            let target = self.request.target;
            let screened =
                self.work(|control| screen.try_params(builder, &params, target, control))?;
            let Some(screened) = screened else { break };
            candidate.screened = screened;
        }
        Ok(())
    }

    /// Runs `work` on other threads; `None` if the time was up before its end.
    fn work<T: Send>(
        &self,
        work: impl FnOnce(&BuildControl) -> std::result::Result<T, BuildFailure> + Send,
    ) -> Result<Option<T>> {
        let control = BuildControl::default();
        let cancel: &AtomicBool = &control.cancel;
        let stop_in_time = || {
            if Instant::now() >= self.deadline {
                cancel.store(true, Ordering::Relaxed);
            }
        };
        let threads = worker_pool::build_threads();
        let result = worker_pool::run(threads, cancel, stop_in_time, || work(&control))?;
        // A canceled statement ends here, with PostgreSQL's own message.
        interrupt::check();
        match result {
            Ok(value) => Ok(Some(value)),
            Err(BuildFailure::Canceled) => Ok(None),
            Err(failure) => Err(Error::from(failure)),
        }
    }
}
