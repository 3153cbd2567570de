//! Whether users ask other things than they did: samples of two windows of time, compared by [`crate::statistics::drift`].

use super::errors;
use super::lookup::{Model, Version, check_may_insert, type_schema};
use super::overlap;
use crate::error::Result;
use crate::pg::function::Raw;
use crate::pg::interrupt;
use crate::pg::row_set::Cell;
use crate::pg::spi::{Param, Row, Session};
use crate::statistics::drift::{Queries, Signal};
use crate::types::binary;

/// Newest samples of a window that are looked at.
const MAX_SAMPLES: usize = 2000;
/// Samples that a window needs.
const MIN_SAMPLES: usize = 30;

/// The three statistics with their p-values, which are also appended to the measurements.
/// # Errors
/// 42501 without the right to record, 42704 and 55000 as everywhere, 55000 for too few samples in a window or no embeddings.
pub fn drift(
    session: &Session,
    name: &str,
    number: i32,
    (reference, current): (Raw, Raw),
) -> Result<Vec<Row>> {
    check_may_insert(session, "measurement")?;
    let model = Model::read(session, name)?;
    let version = Version::read(session, name, number)?;
    let mut queries = Queries {
        dim: usize::try_from(version.dim).unwrap_or(0),
        ..Queries::default()
    };
    read_window(session, &model, &version, reference, &mut queries)?;
    queries.reference = queries.nearest.len();
    read_window(session, &model, &version, current, &mut queries)?;
    let counts = [queries.reference, queries.nearest.len() - queries.reference];
    let [reference_count, current_count] = counts;
    if reference_count.min(current_count) < MIN_SAMPLES {
        return Err(errors::not_now(format!(
            "too few query samples: {reference_count} and {current_count}, at least {MIN_SAMPLES} each required"
        ))
        .with_hint("annex.sample_query collects them."));
    }
    if queries.nearest.iter().any(|distance| distance.is_nan()) {
        return Err(errors::not_now(format!(
            "version {number} of model \"{name}\" has no embeddings near the query samples"
        ))
        .with_detail("The table of embeddings is empty, or a query has no direction."));
    }
    let signals = queries.signals(seed(name, number, counts), interrupt::check);
    for signal in &signals {
        record(
            session,
            (name, number),
            signal,
            counts,
            (reference, current),
        )?;
    }
    let row = |signal: Signal| {
        Row(vec![
            Cell::Text(signal.name.to_owned()),
            Cell::Double(signal.value),
            Cell::Double(signal.p),
        ])
    };
    Ok(signals.into_iter().map(row).collect())
}

/// Appends the newest samples of a window. Those of other dimensions, which only a hand-written row can have, are left out.
fn read_window(
    session: &Session,
    model: &Model,
    version: &Version,
    window: Raw,
    into: &mut Queries,
) -> Result<()> {
    let table = version.table(&model.name)?;
    let schema = type_schema(session)?;
    let operator = overlap::operator(version);
    let sql = format!(
        "SELECT {schema}.vector_send(s.query), (
             SELECT e.embedding OPERATOR({schema}.{operator}) s.query FROM {table} e
             ORDER BY e.embedding OPERATOR({schema}.{operator}) s.query LIMIT 1)
         FROM (
             SELECT q.id, q.query FROM annex.query_sample q
             WHERE q.model OPERATOR(pg_catalog.=) $1 AND q.version OPERATOR(pg_catalog.=) $2
                 AND q.at OPERATOR(pg_catalog.<@) $3 AND {schema}.vector_dims(q.query) OPERATOR(pg_catalog.=) $4
             ORDER BY q.at DESC, q.id DESC LIMIT {MAX_SAMPLES}
         ) s"
    );
    let parameters = [
        (&model.name).into(),
        version.number.into(),
        Param::raw(window),
        version.dim.into(),
    ];
    for row in session.query(&sql, &parameters)? {
        let message = row.bytes(0).unwrap_or_default();
        let start = into.vectors.len();
        into.vectors.resize(start + into.dim, 0.0);
        let elements = into.vectors.get_mut(start..).unwrap_or_default();
        binary::decode_elements::<f32>(&message, elements)?;
        into.nearest.push(row.double(1).unwrap_or(f64::NAN));
    }
    Ok(())
}

/// FNV-1a of what the call is about: the same call deals the same labels.
fn seed(name: &str, number: i32, counts: [usize; 2]) -> u64 {
    let text = format!("{name}:{number}:{}:{}", counts[0], counts[1]);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn record(
    session: &Session,
    (name, number): (&str, i32),
    signal: &Signal,
    counts: [usize; 2],
    (reference, current): (Raw, Raw),
) -> Result<()> {
    let [n_reference, n_current] = counts.map(|count| count as i64);
    session.execute(
        "INSERT INTO annex.measurement (model, version, kind, value, n, detail)
         VALUES ($1, $2, 'drift', $3, $4, pg_catalog.jsonb_build_object('statistic', $5::pg_catalog.text, 'p', $6::pg_catalog.float8,
             'reference', pg_catalog.jsonb_build_array(pg_catalog.lower($7), pg_catalog.upper($7)),
             'current', pg_catalog.jsonb_build_array(pg_catalog.lower($8), pg_catalog.upper($8)),
             'n_reference', $9::pg_catalog.int8, 'n_current', $10::pg_catalog.int8))",
        &[
            name.into(),
            number.into(),
            signal.value.into(),
            (n_reference + n_current).into(),
            signal.name.into(),
            signal.p.into(),
            Param::raw(reference),
            Param::raw(current),
            n_reference.into(),
            n_current.into(),
        ],
    )?;
    Ok(())
}
