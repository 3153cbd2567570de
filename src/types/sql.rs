//! The types' functions as PostgreSQL calls them, declared in `sql/types/`. No logic of their own.

use super::datum::{NewBit, NewVector, UnreadVector, VectorArg};
use super::{VECTOR, aggregates, binary, text, typmod, vector};
use crate::error::{Error, Result};
use crate::pg::array::{Array, Modifiers, NewArray};
use crate::pg::function::{Input, Message, NewText, Unused, sql_functions};
use crate::pg::varlena::NewVarlena;
use pgrx::pg_sys;
use std::cmp::Ordering;
use std::ffi::CStr;

/// # Errors
/// 22000 if the dimensions differ.
fn same_dims(a: &VectorArg, b: &VectorArg) -> Result<usize> {
    let (a, b) = (a.elements().len(), b.elements().len());
    if a == b {
        Ok(a)
    } else {
        Err(Error::different_dimensions(VECTOR.name, a, b))
    }
}

fn input(literal: &[u8], expected_typmod: i32) -> Result<NewVector> {
    let mut value = NewVector::zeroed(text::element_bound(VECTOR, literal))?;
    let dims = text::parse(VECTOR, literal, value.elements_mut())?;
    typmod::check_dims(expected_typmod, dims)?;
    Ok(value)
}

fn from_array(array: &Array, expected_typmod: i32) -> Result<NewVector> {
    if array.dimensions() > 1 {
        return Err(Error::array_not_flat(array.dimensions()));
    }
    if array.contains_nulls() {
        return Err(Error::array_with_nulls());
    }
    VECTOR.check_dims(array.len())?;
    typmod::check_dims(expected_typmod, array.len())?;
    if let Some(elements) = array.elements::<f32>() {
        NewVector::from_elements(elements.iter().copied())
    } else if let Some(elements) = array.elements::<f64>() {
        NewVector::from_elements(elements.iter().map(|&x| x as f32))
    } else if let Some(elements) = array.elements::<i32>() {
        NewVector::from_elements(elements.iter().map(|&x| x as f32))
    } else if let Some(elements) = array.numerics() {
        NewVector::from_elements(elements.into_iter())
    } else {
        Err(Error::unsupported_array())
    }
}

/// The sums of an `avg` state.
fn state<'a>(array: &'a Array, function: &str) -> Result<&'a [f64]> {
    match array.elements::<f64>() {
        Some(state) if array.dimensions() == 1 && !state.is_empty() => Ok(state),
        _ => Err(Error::not_a_state(function)),
    }
}

/// A copy of a state as a new array.
fn copied(state: &[f64]) -> NewArray<f64> {
    let mut copy = NewArray::zeroed(state.len());
    copy.elements_mut().copy_from_slice(state);
    copy
}

sql_functions! {
    /// `vector_in(cstring, oid, integer)`.
    fn annex_vector_in(literal: &CStr, _element: Unused, typmod: i32) -> Input<NewVector> {
        Input(input(literal.to_bytes(), typmod))
    }

    /// `vector_out(vector)`.
    fn annex_vector_out(a: VectorArg) -> NewText {
        let elements = a.elements();
        let mut out = NewText::with_capacity(text::print_bound(elements.len()));
        let len = text::print(elements, out.bytes_mut());
        // What a number leaves behind its end must not follow the text.
        out.bytes_mut()[len] = 0;
        out
    }

    /// `vector_typmod_in(cstring[])`.
    fn annex_vector_typmod_in(modifiers: Modifiers) -> Result<i32> {
        typmod::from_modifiers(VECTOR, modifiers.as_slice())
    }

    /// `vector_recv(internal, oid, integer)`.
    fn annex_vector_recv(message: Message, _element: Unused, typmod: i32) -> Result<NewVector> {
        let mut message = message;
        let dims = binary::decode_dims(VECTOR, message.rest(), typmod)?;
        let mut value = NewVector::zeroed(dims)?;
        binary::decode_elements(VECTOR, message.rest(), value.elements_mut())?;
        // PostgreSQL reports what is left over.
        message.advance(binary::encoded_len(dims));
        Ok(value)
    }

    /// `vector_send(vector)`.
    fn annex_vector_send(a: VectorArg) -> NewVarlena {
        let elements = a.elements();
        let mut message = NewVarlena::zeroed(binary::encoded_len(elements.len()));
        binary::encode(elements, message.body_mut());
        message
    }

    /// `vector(vector, integer, boolean)`: the length coercion.
    fn annex_vector(a: UnreadVector, typmod: i32, _is_explicit: Unused) -> Result<UnreadVector> {
        typmod::check_dims(typmod, a.dims())?;
        Ok(a)
    }

    /// `array_to_vector(array, integer, boolean)`.
    fn annex_array_to_vector(array: Array, typmod: i32, _is_explicit: Unused) -> Result<NewVector> {
        from_array(&array, typmod)
    }

    /// `vector_to_float4(vector, integer, boolean)`.
    fn annex_vector_to_float4(a: VectorArg, _typmod: Unused, _is_explicit: Unused) -> NewArray<f32> {
        let mut array = NewArray::zeroed(a.elements().len());
        array.elements_mut().copy_from_slice(a.elements());
        array
    }

    /// `vector_dims(vector)`.
    fn annex_vector_dims(a: UnreadVector) -> i32 {
        a.dims() as i32
    }

    /// `vector_norm(vector)`.
    fn annex_vector_norm(a: VectorArg) -> f64 {
        vector::norm(a.elements())
    }

    /// `l2_normalize(vector)`.
    fn annex_vector_l2_normalize(a: VectorArg) -> Result<NewVector> {
        let mut result = NewVector::zeroed(a.elements().len())?;
        vector::normalize(a.elements(), result.elements_mut())?;
        Ok(result)
    }

    /// `binary_quantize(vector)`.
    fn annex_vector_binary_quantize(a: VectorArg) -> NewBit {
        let mut bits = NewBit::zeroed(a.elements().len());
        vector::quantize_binary(a.elements(), bits.bytes_mut());
        bits
    }

    /// `subvector(vector, integer, integer)`.
    fn annex_vector_subvector(a: VectorArg, start: i32, count: i32) -> Result<NewVector> {
        let range = vector::subvector_range(a.elements().len(), start, count)?;
        NewVector::from_elements(a.elements()[range].iter().copied())
    }

    /// `vector_add(vector, vector)`.
    fn annex_vector_add(a: VectorArg, b: VectorArg) -> Result<NewVector> {
        let mut result = NewVector::zeroed(same_dims(&a, &b)?)?;
        vector::add(a.elements(), b.elements(), result.elements_mut())?;
        Ok(result)
    }

    /// `vector_sub(vector, vector)`.
    fn annex_vector_sub(a: VectorArg, b: VectorArg) -> Result<NewVector> {
        let mut result = NewVector::zeroed(same_dims(&a, &b)?)?;
        vector::subtract(a.elements(), b.elements(), result.elements_mut())?;
        Ok(result)
    }

    /// `vector_mul(vector, vector)`.
    fn annex_vector_mul(a: VectorArg, b: VectorArg) -> Result<NewVector> {
        let mut result = NewVector::zeroed(same_dims(&a, &b)?)?;
        vector::multiply(a.elements(), b.elements(), result.elements_mut())?;
        Ok(result)
    }

    /// `vector_concat(vector, vector)`.
    fn annex_vector_concat(a: VectorArg, b: VectorArg) -> Result<NewVector> {
        let (a, b) = (a.elements(), b.elements());
        let mut result = NewVector::zeroed(a.len() + b.len())?;
        let (front, back) = result.elements_mut().split_at_mut(a.len());
        front.copy_from_slice(a);
        back.copy_from_slice(b);
        Ok(result)
    }

    /// `vector_lt(vector, vector)`.
    fn annex_vector_lt(a: VectorArg, b: VectorArg) -> bool {
        vector::compare(a.elements(), b.elements()) == Ordering::Less
    }

    /// `vector_le(vector, vector)`.
    fn annex_vector_le(a: VectorArg, b: VectorArg) -> bool {
        vector::compare(a.elements(), b.elements()) != Ordering::Greater
    }

    /// `vector_eq(vector, vector)`.
    fn annex_vector_eq(a: VectorArg, b: VectorArg) -> bool {
        vector::compare(a.elements(), b.elements()) == Ordering::Equal
    }

    /// `vector_ne(vector, vector)`.
    fn annex_vector_ne(a: VectorArg, b: VectorArg) -> bool {
        vector::compare(a.elements(), b.elements()) != Ordering::Equal
    }

    /// `vector_ge(vector, vector)`.
    fn annex_vector_ge(a: VectorArg, b: VectorArg) -> bool {
        vector::compare(a.elements(), b.elements()) != Ordering::Less
    }

    /// `vector_gt(vector, vector)`.
    fn annex_vector_gt(a: VectorArg, b: VectorArg) -> bool {
        vector::compare(a.elements(), b.elements()) == Ordering::Greater
    }

    /// `vector_cmp(vector, vector)`.
    fn annex_vector_cmp(a: VectorArg, b: VectorArg) -> i32 {
        vector::compare(a.elements(), b.elements()) as i32
    }

    /// `vector_accum(double precision[], vector)`.
    fn annex_vector_accum(sums: Array, a: VectorArg) -> Result<pg_sys::Datum> {
        let mut sums = sums;
        let dims = aggregates::state_dims(state(&sums, "vector_accum")?, "vector_accum")?;
        if dims != 0 && let Some(own) = sums.own_elements_mut::<f64>() {
            aggregates::accumulate(own, a.elements())?;
            return Ok(sums.into_datum());
        }
        let old = state(&sums, "vector_accum")?;
        let mut new = NewArray::zeroed(if dims == 0 { a.elements().len() } else { dims } + 1);
        new.elements_mut()[..old.len()].copy_from_slice(old);
        aggregates::accumulate(new.elements_mut(), a.elements())?;
        Ok(new.into_datum())
    }

    /// `vector_combine(double precision[], double precision[])`.
    fn annex_vector_combine(a: Array, b: Array) -> Result<pg_sys::Datum> {
        let mut a = a;
        let other = state(&b, "vector_combine")?;
        let one = state(&a, "vector_combine")?;
        if aggregates::is_empty(one) {
            aggregates::check_dims(VECTOR, other)?;
            return Ok(copied(other).into_datum());
        }
        if aggregates::is_empty(other) {
            aggregates::check_dims(VECTOR, one)?;
            return Ok(a.into_datum());
        }
        if let Some(own) = a.own_elements_mut::<f64>() {
            aggregates::combine(VECTOR, own, other)?;
            return Ok(a.into_datum());
        }
        let mut sum = copied(state(&a, "vector_combine")?);
        aggregates::combine(VECTOR, sum.elements_mut(), other)?;
        Ok(sum.into_datum())
    }

    /// `vector_avg(double precision[])`.
    fn annex_vector_avg(sums: Array) -> Result<Option<NewVector>> {
        let sums = state(&sums, "vector_avg")?;
        let Some(dims) = aggregates::average_dims(VECTOR, sums)? else {
            return Ok(None);
        };
        let mut result = NewVector::zeroed(dims)?;
        aggregates::average(sums, result.elements_mut());
        vector::check_elements(result.elements_mut())?;
        Ok(Some(result))
    }
}
