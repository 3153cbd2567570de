//! State of `avg`: `{count, sum 1, ..., sum d}`, a `double precision[]` in SQL. Pure.
//!
//! The state `{0}` is that of no rows. Sums are taken in binary64 and narrowed once, at the end.

use super::VectorType;
use super::element::{self, DenseElement};
use crate::error::{Error, Result};

/// What an aggregate function does with states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Takes a row in: `vector_accum`.
    Accumulate,
    /// Adds two states: `vector_combine`.
    Combine,
    /// Gives the result: `vector_avg`.
    Average,
}

/// XX000: a call of the function for this step with something that is no state.
#[cold]
pub fn not_a_state(of: VectorType, step: Step) -> Error {
    let function = match step {
        Step::Accumulate => "accum",
        Step::Combine => "combine",
        Step::Average => "avg",
    };
    Error::not_a_state(&format!("{}_{function}", of.name))
}

/// Number of elements of the sums in `state`.
/// # Errors
/// XX000 if `state` is empty, which no state is; the function is named in it.
pub fn state_dims(of: VectorType, step: Step, state: &[f64]) -> Result<usize> {
    state
        .len()
        .checked_sub(1)
        .ok_or_else(|| not_a_state(of, step))
}

/// Adds `elements` as one row to `state`, whose sums are all zero or have as many elements.
/// # Errors
/// 22000 if the dimensions differ, 22003 if a sum overflows, XX000 if `state` is none.
pub fn accumulate<E: DenseElement>(state: &mut [f64], elements: &[E]) -> Result<()> {
    let [count, sums @ ..] = state else {
        return Err(not_a_state(E::TYPE, Step::Accumulate));
    };
    if sums.len() != elements.len() {
        return Err(Error::unexpected_dimensions(sums.len(), elements.len()));
    }
    *count += 1.0;
    for (sum, &element) in sums.iter_mut().zip(elements) {
        *sum += f64::from(element.to_f32());
    }
    check_sums(sums)
}

/// Adds `other` to `state`, both with sums of as many elements.
/// # Errors
/// As [`accumulate`]; 54000 if the type cannot have that many dimensions.
pub fn combine(of: VectorType, state: &mut [f64], other: &[f64]) -> Result<()> {
    let (dims, other_dims) = (
        state_dims(of, Step::Combine, state)?,
        state_dims(of, Step::Combine, other)?,
    );
    if dims != other_dims {
        return Err(Error::unexpected_dimensions(dims, other_dims));
    }
    of.check_dims(dims)?;
    for (sum, &more) in state.iter_mut().zip(other) {
        *sum += more;
    }
    check_sums(&state[1..])
}

fn check_sums(sums: &[f64]) -> Result<()> {
    match sums.iter().position(|sum| sum.is_infinite()) {
        None => Ok(()),
        Some(at) => Err(Error::overflow(at + 1)),
    }
}

/// Whether `state` has seen no row.
pub fn is_empty(state: &[f64]) -> bool {
    state.first().is_none_or(|&count| count == 0.0)
}

/// Checks that `state` is that of no rows, or has sums of as many elements as the type can have.
/// # Errors
/// 22000 or 54000 if not.
pub fn check_dims(of: VectorType, state: &[f64]) -> Result<()> {
    if is_empty(state) {
        Ok(())
    } else {
        of.check_dims(state.len() - 1)
    }
}

/// Number of dimensions of the average of `state`; none if no row was seen.
/// # Errors
/// 22000 or 54000 if the type cannot have so many; XX000 if `state` is none.
pub fn average_dims(of: VectorType, state: &[f64]) -> Result<Option<usize>> {
    let dims = state_dims(of, Step::Average, state)?;
    check_dims(of, state)?;
    Ok((!is_empty(state)).then_some(dims))
}

/// Writes the average of `state` to `result`, which has [`average_dims`] places.
/// # Errors
/// 22000 for a NaN or an average that is infinite in binary32, 22003 for another one that is too large for an element.
pub fn average<E: DenseElement>(state: &[f64], result: &mut [E]) -> Result<()> {
    let [count, sums @ ..] = state else {
        return Err(not_a_state(E::TYPE, Step::Average));
    };
    element::round(sums.iter().map(|sum| (sum / count) as f32), result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::Half;
    use crate::types::VECTOR;

    // Proves: the average of two states is that of all their rows, and is narrowed only once.
    #[test]
    fn average_is_taken_in_binary64() {
        let (mut state, mut other) = ([0.0; 3], [0.0; 3]);
        accumulate(&mut state, &[3e38_f32, 1.0]).unwrap();
        accumulate(&mut other, &[3e38_f32, 4.0]).unwrap();
        combine(VECTOR, &mut state, &other).unwrap();
        assert_eq!(average_dims(VECTOR, &state), Ok(Some(2)));
        let mut result = [0.0_f32; 2];
        assert_eq!(average(&state, &mut result), Ok(()));
        assert_eq!(result, [3e38, 2.5]);
    }

    // Proves: states that cannot be are reported.
    #[test]
    fn impossible_states_are_reported() {
        assert_eq!(
            accumulate(&mut [], &[1.0_f32]),
            Err(Error::not_a_state("vector_accum"))
        );
        assert_eq!(
            accumulate(&mut [1.0, 1.0, 1.0], &[1.0_f32]),
            Err(Error::unexpected_dimensions(2, 1))
        );
        assert_eq!(
            combine(VECTOR, &mut [1.0, 1e308], &[1.0, 1e308]),
            Err(Error::overflow(1))
        );
        assert_eq!(average_dims(VECTOR, &[0.0]), Ok(None));
        assert_eq!(
            average_dims(VECTOR, &[1.0]),
            Err(Error::no_dimensions("vector"))
        );
        assert_eq!(
            average_dims(VECTOR, &vec![1.0; 16_002]),
            Err(Error::too_many_dimensions("vector", 16_000))
        );
    }

    // Proves: halves are summed without the limit of their type, which an average meets again only by a state of others.
    #[test]
    fn average_of_halves_has_their_limit() {
        let largest = [Half::from_f32(65504.0)];
        let mut state = [0.0; 2];
        accumulate(&mut state, &largest).unwrap();
        accumulate(&mut state, &largest).unwrap();
        let mut result = [Half::default()];
        assert_eq!(average(&state, &mut result), Ok(()));
        assert_eq!(result[0].to_f32(), 65504.0);
        let message = |state: &[f64]| average(state, &mut [Half::default()]).unwrap_err().message;
        assert_eq!(
            message(&[1.0, 65520.0]),
            "\"65520\" is out of range for type halfvec"
        );
        assert_eq!(
            message(&[1.0, 1e300]),
            "infinite value not allowed in halfvec"
        );
        assert_eq!(message(&[]), "halfvec_avg: expected state array");
    }
}
