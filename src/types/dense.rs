//! The SQL functions of dense vectors, written once for every element type; `sql` declares them for each.

use super::aggregates::Step;
use super::datum::{DenseArg, NewBit, NewDense, Stored, UnreadVector};
use super::{aggregates, binary, element, text, typmod, vector};
use crate::distance::{self, Half};
use crate::error::{Error, Result};
use crate::pg::array::{Array, NewArray};
use crate::pg::function::{Message, NewText};
use crate::pg::varlena::NewVarlena;
use pgrx::pg_sys;
use std::cmp::Ordering;

/// # Errors
/// 22000 if the dimensions differ.
fn same_dims<E: Stored>(a: &DenseArg<E>, b: &DenseArg<E>) -> Result<usize> {
    let (a, b) = (a.elements().len(), b.elements().len());
    if a == b {
        Ok(a)
    } else {
        Err(Error::different_dimensions(E::TYPE.name, a, b))
    }
}

pub(super) fn input<E: Stored>(literal: &[u8], expected_typmod: i32) -> Result<NewDense<E>> {
    let mut value = NewDense::zeroed(text::element_bound(E::TYPE, literal))?;
    let elements: &mut [E] = value.elements_mut();
    let parsed = E::from_singles(elements, |singles| text::parse(E::TYPE, literal, singles));
    let dims = parsed?;
    text::check_range(literal, elements)?;
    typmod::check_dims(expected_typmod, dims)?;
    Ok(value)
}

pub(super) fn output<E: Stored>(a: &DenseArg<E>) -> NewText {
    let mut out = NewText::with_capacity(text::print_bound(a.elements().len()));
    let len = E::as_singles(a.elements(), |singles| {
        text::print(singles, out.bytes_mut())
    });
    // What a number leaves behind its end must not follow the text.
    out.bytes_mut()[len] = 0;
    out
}

pub(super) fn receive<E: Stored>(mut message: Message, typmod: i32) -> Result<NewDense<E>> {
    let dims = binary::decode_dims::<E>(message.rest(), typmod)?;
    let mut value = NewDense::<E>::zeroed(dims)?;
    binary::decode_elements(message.rest(), value.elements_mut())?;
    // PostgreSQL reports what is left over.
    message.advance(binary::encoded_len::<E>(dims));
    Ok(value)
}

pub(super) fn send<E: Stored>(a: &DenseArg<E>) -> NewVarlena {
    let elements = a.elements();
    let mut message = NewVarlena::zeroed(binary::encoded_len::<E>(elements.len()));
    binary::encode(elements, message.body_mut());
    message
}

pub(super) fn coerce_length(a: UnreadVector, typmod: i32) -> Result<UnreadVector> {
    typmod::check_dims(typmod, a.dims())?;
    Ok(a)
}

pub(super) fn to_float4<E: Stored>(a: &DenseArg<E>) -> NewArray<f32> {
    let mut array = NewArray::zeroed(a.elements().len());
    E::widen(a.elements(), array.elements_mut());
    array
}

/// `halfvec` to `vector`.
pub(super) fn widened(a: &DenseArg<Half>, expected_typmod: i32) -> Result<NewDense<f32>> {
    typmod::check_dims(expected_typmod, a.elements().len())?;
    let mut result = NewDense::<f32>::zeroed(a.elements().len())?;
    distance::widen(a.elements(), result.elements_mut());
    Ok(result)
}

/// `vector` to `halfvec`.
pub(super) fn narrowed(a: &DenseArg<f32>, expected_typmod: i32) -> Result<NewDense<Half>> {
    typmod::check_dims(expected_typmod, a.elements().len())?;
    let mut result = NewDense::<Half>::zeroed(a.elements().len())?;
    distance::narrow(a.elements(), result.elements_mut());
    element::check_rounded(a.elements().iter().copied(), result.elements_mut())?;
    Ok(result)
}

pub(super) fn normalized<E: Stored>(a: &DenseArg<E>) -> Result<NewDense<E>> {
    let mut result = NewDense::zeroed(a.elements().len())?;
    vector::normalize(a.elements(), result.elements_mut())?;
    Ok(result)
}

pub(super) fn binary_quantized<E: Stored>(a: &DenseArg<E>) -> NewBit {
    let mut bits = NewBit::zeroed(a.elements().len());
    vector::quantize_binary(a.elements(), bits.bytes_mut());
    bits
}

pub(super) fn part<E: Stored>(a: &DenseArg<E>, start: i32, count: i32) -> Result<NewDense<E>> {
    let range = vector::subvector_range(E::TYPE, a.elements().len(), start, count)?;
    let mut result = NewDense::zeroed(range.len())?;
    result.elements_mut().copy_from_slice(&a.elements()[range]);
    Ok(result)
}

/// The result of `operation`, element by element.
pub(super) fn combined<E: Stored>(
    a: &DenseArg<E>,
    b: &DenseArg<E>,
    operation: impl Fn(&[E], &[E], &mut [E]) -> Result<()>,
) -> Result<NewDense<E>> {
    let mut result = NewDense::zeroed(same_dims(a, b)?)?;
    operation(a.elements(), b.elements(), result.elements_mut())?;
    Ok(result)
}

pub(super) fn concatenated<E: Stored>(a: &DenseArg<E>, b: &DenseArg<E>) -> Result<NewDense<E>> {
    let (a, b) = (a.elements(), b.elements());
    let mut result = NewDense::zeroed(a.len() + b.len())?;
    let (front, back) = result.elements_mut().split_at_mut(a.len());
    front.copy_from_slice(a);
    back.copy_from_slice(b);
    Ok(result)
}

pub(super) fn order<E: Stored>(a: &DenseArg<E>, b: &DenseArg<E>) -> Ordering {
    vector::compare(a.elements(), b.elements())
}

/// The sums of an `avg` state.
fn state<E: Stored>(array: &Array, step: Step) -> Result<&[f64]> {
    match array.elements::<f64>() {
        Some(state) if array.dimensions() == 1 && !state.is_empty() => Ok(state),
        _ => Err(aggregates::not_a_state(E::TYPE, step)),
    }
}

/// A copy of a state as a new array.
fn copied(state: &[f64]) -> NewArray<f64> {
    let mut copy = NewArray::zeroed(state.len());
    copy.elements_mut().copy_from_slice(state);
    copy
}

pub(super) fn accumulated<E: Stored>(mut sums: Array, a: &DenseArg<E>) -> Result<pg_sys::Datum> {
    let old = state::<E>(&sums, Step::Accumulate)?;
    let dims = aggregates::state_dims(E::TYPE, Step::Accumulate, old)?;
    if dims != 0
        && let Some(own) = sums.own_elements_mut::<f64>()
    {
        aggregates::accumulate(own, a.elements())?;
        return Ok(sums.into_datum());
    }
    let old = state::<E>(&sums, Step::Accumulate)?;
    let mut new = NewArray::zeroed(if dims == 0 { a.elements().len() } else { dims } + 1);
    new.elements_mut()[..old.len()].copy_from_slice(old);
    aggregates::accumulate(new.elements_mut(), a.elements())?;
    Ok(new.into_datum())
}

pub(super) fn combined_states<E: Stored>(mut a: Array, b: &Array) -> Result<pg_sys::Datum> {
    let other = state::<E>(b, Step::Combine)?;
    let one = state::<E>(&a, Step::Combine)?;
    if aggregates::is_empty(one) {
        aggregates::check_dims(E::TYPE, other)?;
        return Ok(copied(other).into_datum());
    }
    if aggregates::is_empty(other) {
        aggregates::check_dims(E::TYPE, one)?;
        return Ok(a.into_datum());
    }
    if let Some(own) = a.own_elements_mut::<f64>() {
        aggregates::combine(E::TYPE, own, other)?;
        return Ok(a.into_datum());
    }
    let mut sum = copied(state::<E>(&a, Step::Combine)?);
    aggregates::combine(E::TYPE, sum.elements_mut(), other)?;
    Ok(sum.into_datum())
}

pub(super) fn average<E: Stored>(sums: &Array) -> Result<Option<NewDense<E>>> {
    let sums = state::<E>(sums, Step::Average)?;
    let Some(dims) = aggregates::average_dims(E::TYPE, sums)? else {
        return Ok(None);
    };
    let mut result = NewDense::<E>::zeroed(dims)?;
    aggregates::average(sums, result.elements_mut())?;
    Ok(Some(result))
}
