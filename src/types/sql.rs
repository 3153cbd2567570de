//! The types' functions as PostgreSQL calls them, declared in `sql/types/`. No logic of their own.

pub mod halfvec;

use super::datum::{NewBit, NewVector, UnreadVector, VectorArg};
use super::from_array::from_array;
use super::{VECTOR, dense, typmod, vector};
use crate::error::Result;
use crate::pg::array::{Array, Modifiers, NewArray};
use crate::pg::function::{Input, Message, NewText, Unused, sql_functions};
use crate::pg::varlena::NewVarlena;
use pgrx::pg_sys;
use std::cmp::Ordering;
use std::ffi::CStr;

sql_functions! {
    /// `vector_in(cstring, oid, integer)`.
    fn annex_vector_in(literal: &CStr, _element: Unused, typmod: i32) -> Input<NewVector> {
        Input(dense::input(literal.to_bytes(), typmod))
    }

    /// `vector_out(vector)`.
    fn annex_vector_out(a: VectorArg) -> NewText {
        dense::output(&a)
    }

    /// `vector_typmod_in(cstring[])`.
    fn annex_vector_typmod_in(modifiers: Modifiers) -> Result<i32> {
        typmod::from_modifiers(VECTOR, modifiers.as_slice())
    }

    /// `vector_recv(internal, oid, integer)`.
    fn annex_vector_recv(message: Message, _element: Unused, typmod: i32) -> Result<NewVector> {
        dense::receive(message, typmod)
    }

    /// `vector_send(vector)`.
    fn annex_vector_send(a: VectorArg) -> NewVarlena {
        dense::send(&a)
    }

    /// `vector(vector, integer, boolean)`: the length coercion.
    fn annex_vector(a: UnreadVector, typmod: i32, _is_explicit: Unused) -> Result<UnreadVector> {
        dense::coerce_length(a, typmod)
    }

    /// `array_to_vector(array, integer, boolean)`.
    fn annex_array_to_vector(array: Array, typmod: i32, _is_explicit: Unused) -> Result<NewVector> {
        from_array(&array, typmod)
    }

    /// `vector_to_float4(vector, integer, boolean)`.
    fn annex_vector_to_float4(a: VectorArg, _typmod: Unused, _is_explicit: Unused) -> NewArray<f32> {
        dense::to_float4(&a)
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
        dense::normalized(&a)
    }

    /// `binary_quantize(vector)`.
    fn annex_vector_binary_quantize(a: VectorArg) -> NewBit {
        dense::binary_quantized(&a)
    }

    /// `subvector(vector, integer, integer)`.
    fn annex_vector_subvector(a: VectorArg, start: i32, count: i32) -> Result<NewVector> {
        dense::part(&a, start, count)
    }

    /// `vector_add(vector, vector)`.
    fn annex_vector_add(a: VectorArg, b: VectorArg) -> Result<NewVector> {
        dense::combined(&a, &b, vector::add)
    }

    /// `vector_sub(vector, vector)`.
    fn annex_vector_sub(a: VectorArg, b: VectorArg) -> Result<NewVector> {
        dense::combined(&a, &b, vector::subtract)
    }

    /// `vector_mul(vector, vector)`.
    fn annex_vector_mul(a: VectorArg, b: VectorArg) -> Result<NewVector> {
        dense::combined(&a, &b, vector::multiply)
    }

    /// `vector_concat(vector, vector)`.
    fn annex_vector_concat(a: VectorArg, b: VectorArg) -> Result<NewVector> {
        dense::concatenated(&a, &b)
    }

    /// `vector_lt(vector, vector)`.
    fn annex_vector_lt(a: VectorArg, b: VectorArg) -> bool {
        dense::order(&a, &b) == Ordering::Less
    }

    /// `vector_le(vector, vector)`.
    fn annex_vector_le(a: VectorArg, b: VectorArg) -> bool {
        dense::order(&a, &b) != Ordering::Greater
    }

    /// `vector_eq(vector, vector)`.
    fn annex_vector_eq(a: VectorArg, b: VectorArg) -> bool {
        dense::order(&a, &b) == Ordering::Equal
    }

    /// `vector_ne(vector, vector)`.
    fn annex_vector_ne(a: VectorArg, b: VectorArg) -> bool {
        dense::order(&a, &b) != Ordering::Equal
    }

    /// `vector_ge(vector, vector)`.
    fn annex_vector_ge(a: VectorArg, b: VectorArg) -> bool {
        dense::order(&a, &b) != Ordering::Less
    }

    /// `vector_gt(vector, vector)`.
    fn annex_vector_gt(a: VectorArg, b: VectorArg) -> bool {
        dense::order(&a, &b) == Ordering::Greater
    }

    /// `vector_cmp(vector, vector)`.
    fn annex_vector_cmp(a: VectorArg, b: VectorArg) -> i32 {
        dense::order(&a, &b) as i32
    }

    /// `vector_accum(double precision[], vector)`.
    fn annex_vector_accum(sums: Array, a: VectorArg) -> Result<pg_sys::Datum> {
        dense::accumulated(sums, &a)
    }

    /// `vector_combine(double precision[], double precision[])`.
    fn annex_vector_combine(a: Array, b: Array) -> Result<pg_sys::Datum> {
        dense::combined_states::<f32>(a, &b)
    }

    /// `vector_avg(double precision[])`.
    fn annex_vector_avg(sums: Array) -> Result<Option<NewVector>> {
        dense::average(&sums)
    }
}
