//! Samples of what users ask: taken by chance, capped, expired, and read only by operators.

use super::direct;
use super::errors;
use super::lookup::check_model;
use crate::error::{Error, Result};
use crate::guc;
use crate::pg::owner_rights;
use crate::pg::spi::{Access, Param, Session};
use crate::pg::transaction;
use crate::statistics::random::Random;
use crate::types::datum::VectorValue;
use pgrx::pg_sys::Oid;
use std::cell::RefCell;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A query that may be kept.
#[derive(Debug)]
pub struct Query<'a> {
    /// What was searched for.
    pub vector: &'a VectorValue<'a>,
    /// The chance that it is kept.
    pub rate: f64,
    /// How many rows were wanted.
    pub k: Option<i32>,
}

/// A call that was found right.
struct Passed {
    user: Oid,
    model: String,
    version: i32,
    dims: usize,
}

/// A call, as far as it can be wrong.
#[derive(Clone, Copy)]
struct Call<'a> {
    user: Oid,
    model: &'a str,
    version: i32,
    dims: usize,
}

impl Passed {
    fn is(&self, call: &Call<'_>) -> bool {
        (self.user, self.version, self.dims) == (call.user, call.version, call.dims)
            && self.model == call.model
    }
}

impl From<Call<'_>> for Passed {
    fn from(call: Call<'_>) -> Self {
        Self {
            user: call.user,
            model: call.model.to_owned(),
            version: call.version,
            dims: call.dims,
        }
    }
}

/// Calls that a connection remembers.
const MAX_PASSED: usize = 100;

thread_local! {
    static PASSED: RefCell<Vec<Passed>> = const { RefCell::new(Vec::new()) };
    static CHANCE: RefCell<Random> = RefCell::new(Random::seeded(fresh_seed()));
}

/// Another one in each backend, also where the server had started a sequence before it forked.
fn fresh_seed() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// Keeps a query with the chance `rate`; whether it did. Writes nothing else, and never in a transaction that cannot write, so
/// that searches on a standby may call it.
///
/// What is wrong with a call is said at the first one, not with the chance `rate`; one like an earlier call of the connection is checked
/// again only when it is to be kept, since nearly all calls end here and no registry is asked for them.
/// # Errors
/// 42501 without the right to, 42704 and 55000 as everywhere, 22023 for a rate or `k` out of range, 22000 for other dimensions.
pub fn sample(model: &str, number: i32, query: &Query) -> Result<bool> {
    // Written so that NaN is out of range.
    if !(query.rate >= 0.0 && query.rate <= 1.0) {
        let rate = query.rate;
        return Err(
            errors::invalid("rate must be between 0 and 1").with_detail(format!("It is {rate}."))
        );
    }
    if let Some(k) = query.k
        && k < 1
    {
        return Err(errors::invalid("k must be at least 1").with_detail(format!("It is {k}.")));
    }
    let is_kept = CHANCE.with_borrow_mut(Random::fraction) < query.rate && transaction::can_write();
    let call = Call {
        user: owner_rights::current_user(),
        model,
        version: number,
        dims: query.vector.elements().len(),
    };
    if !PASSED.with_borrow(|passed| passed.iter().any(|passed| passed.is(&call))) {
        check(&call)?;
        PASSED.with_borrow_mut(|passed| {
            passed.truncate(MAX_PASSED - 1);
            passed.push(call.into());
        });
    }
    if !is_kept {
        return Ok(false);
    }
    let query: [Param; 4] = [
        call.model.into(),
        number.into(),
        Param::raw(query.vector.raw()?),
        query.k.into(),
    ];
    let is_right = direct::takes(model, number, call.dims)? == Some(true);
    let session = Session::begin(Access::Write);
    let is_kept = match is_right {
        true => session.execute_kept(KEEP, &query)?,
        false => {
            let [model, number, vector, k] = query;
            let dims = (call.dims as i32).into();
            session.execute_kept(KEEP_IF_RIGHT, &[model, number, vector, k, dims])?
        }
    } > 0;
    drop(session);
    if !is_kept {
        // Right once, wrong by now.
        check(&call)?;
    }
    Ok(is_kept)
}

/// Refuses a call that could not be kept.
fn check(call: &Call<'_>) -> Result<()> {
    let session = &Session::begin(Access::Read);
    let (model, number) = (call.model, call.version);
    let rows = session.query_kept(CHECK, &[model.into(), number.into()])?;
    let Some(row) = rows.first() else {
        check_model(session, model)?;
        return Err(errors::no_version(model, number));
    };
    if row.is_true(1) {
        return Err(errors::retired(model, number));
    }
    if !row.is_true(2) {
        return Err(errors::denied("permission denied for table query_sample"));
    }
    let expected = usize::try_from(row.int(0).unwrap_or(0)).unwrap_or(0);
    if call.dims != expected {
        return Err(Error::unexpected_dimensions(expected, call.dims));
    }
    Ok(())
}

/// Deletes samples beyond `annex.sample_max_rows` of a version or older than `annex.sample_max_days`, and exposures, with their
/// outcomes, of experiments that ended more than `annex.unit_max_days` ago. Whoever may not delete leaves them.
/// # Errors
/// PostgreSQL's own are raised.
pub fn trim(session: &Session) -> Result<()> {
    let rights = session.lookup(MAY_DELETE, &[])?;
    let may = |column| rights.first().is_some_and(|row| row.is_true(column));
    if may(0) {
        let limits = [
            i64::from(guc::SAMPLE_MAX_ROWS.get()).into(),
            guc::SAMPLE_MAX_DAYS.get().into(),
        ];
        session.lookup(TRIM_SAMPLES, &limits)?;
    }
    if may(1) {
        session.lookup(TRIM_EXPOSURES, &[guc::UNIT_MAX_DAYS.get().into()])?;
    }
    Ok(())
}

const CHECK: &str = "
    SELECT v.dim,
        EXISTS (SELECT FROM annex.retirement r
            WHERE r.model OPERATOR(pg_catalog.=) v.model AND r.version OPERATOR(pg_catalog.=) v.version),
        pg_catalog.has_column_privilege('annex.query_sample', 'query', 'INSERT')
    FROM annex.version v WHERE v.model OPERATOR(pg_catalog.=) $1 AND v.version OPERATOR(pg_catalog.=) $2";

/// For a version that was found right past the executor: a plan that reads nothing needs least of what is seldom near the processor.
const KEEP: &str = "
    INSERT INTO annex.query_sample (model, version, query, k) VALUES ($1, $2, $3, $4)";

/// Nothing where [`check`] would refuse.
const KEEP_IF_RIGHT: &str = "
    INSERT INTO annex.query_sample (model, version, query, k)
    SELECT v.model, v.version, $3, $4 FROM annex.version v
    WHERE v.model OPERATOR(pg_catalog.=) $1 AND v.version OPERATOR(pg_catalog.=) $2 AND v.dim OPERATOR(pg_catalog.=) $5
        AND NOT EXISTS (SELECT FROM annex.retirement r
            WHERE r.model OPERATOR(pg_catalog.=) v.model AND r.version OPERATOR(pg_catalog.=) v.version)";

const MAY_DELETE: &str = "
    SELECT has_table_privilege('annex.query_sample', 'SELECT, DELETE'), has_table_privilege('annex.exposure', 'DELETE')";

const TRIM_SAMPLES: &str = "
    DELETE FROM annex.query_sample s
    USING (
        SELECT q.id, q.at, row_number() OVER (PARTITION BY q.model, q.version ORDER BY q.at DESC, q.id DESC) AS position
        FROM annex.query_sample q
    ) ranked
    WHERE ranked.id = s.id AND (ranked.position > $1 OR ranked.at < now() - make_interval(days => $2))";

const TRIM_EXPOSURES: &str = "
    DELETE FROM annex.exposure x USING annex.experiment e
    WHERE e.id = x.experiment AND e.ended_at < now() - make_interval(days => $1)";
