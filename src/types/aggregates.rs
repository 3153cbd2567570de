//! State of `avg`: `{count, sum 1, ..., sum d}`, a `double precision[]` in SQL. Pure.
//!
//! The state `{0}` is that of no rows. Sums are taken in binary64 and narrowed once, at the end.

use super::VectorType;
use crate::error::{Error, Result};

/// Number of elements of the sums in `state`.
/// # Errors
/// XX000 if `state` is empty, which no state is; `function` is named in it.
pub fn state_dims(state: &[f64], function: &str) -> Result<usize> {
    state
        .len()
        .checked_sub(1)
        .ok_or_else(|| Error::not_a_state(function))
}

/// Adds `elements` as one row to `state`, whose sums are all zero or have as many elements.
/// # Errors
/// 22000 if the dimensions differ, 22003 if a sum overflows, XX000 if `state` is none.
pub fn accumulate(state: &mut [f64], elements: &[f32]) -> Result<()> {
    let [count, sums @ ..] = state else {
        return Err(Error::not_a_state("vector_accum"));
    };
    if sums.len() != elements.len() {
        return Err(Error::unexpected_dimensions(sums.len(), elements.len()));
    }
    *count += 1.0;
    for (sum, &element) in sums.iter_mut().zip(elements) {
        *sum += f64::from(element);
    }
    check_sums(sums)
}

/// Adds `other` to `state`, both with sums of as many elements.
/// # Errors
/// As [`accumulate`]; 54000 if the type cannot have that many dimensions.
pub fn combine(of: VectorType, state: &mut [f64], other: &[f64]) -> Result<()> {
    let (dims, other_dims) = (
        state_dims(state, "vector_combine")?,
        state_dims(other, "vector_combine")?,
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
    let dims = state_dims(state, "vector_avg")?;
    check_dims(of, state)?;
    Ok((!is_empty(state)).then_some(dims))
}

/// Writes the average of `state` to `result`, which has [`average_dims`] places.
pub fn average(state: &[f64], result: &mut [f32]) {
    if let [count, sums @ ..] = state {
        for (place, &sum) in result.iter_mut().zip(sums) {
            *place = (sum / count) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::VECTOR;

    // Proves: the average of two states is that of all their rows, and is narrowed only once.
    #[test]
    fn average_is_taken_in_binary64() {
        let (mut state, mut other) = ([0.0; 3], [0.0; 3]);
        accumulate(&mut state, &[3e38, 1.0]).unwrap();
        accumulate(&mut other, &[3e38, 4.0]).unwrap();
        combine(VECTOR, &mut state, &other).unwrap();
        assert_eq!(average_dims(VECTOR, &state), Ok(Some(2)));
        let mut result = [0.0; 2];
        average(&state, &mut result);
        assert_eq!(result, [3e38, 2.5]);
    }

    // Proves: states that cannot be are reported.
    #[test]
    fn impossible_states_are_reported() {
        assert_eq!(
            accumulate(&mut [], &[1.0]),
            Err(Error::not_a_state("vector_accum"))
        );
        assert_eq!(
            accumulate(&mut [1.0, 1.0, 1.0], &[1.0]),
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
}
