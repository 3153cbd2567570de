//! The functions of `halfvec` as PostgreSQL calls them, declared in `sql/types/halfvec.sql` and its neighbors. No logic
//! of their own.

use crate::distance::Half;
use crate::error::Result;
use crate::pg::array::{Array, Modifiers, NewArray};
use crate::pg::function::{Input, Message, NewText, Unused, sql_functions};
use crate::pg::varlena::NewVarlena;
use crate::types::datum::{HalfvecArg, NewBit, NewHalfvec, NewVector, UnreadVector, VectorArg};
use crate::types::from_array::from_array;
use crate::types::{HALFVEC, dense, typmod, vector};
use pgrx::pg_sys;
use std::cmp::Ordering;
use std::ffi::CStr;

sql_functions! {
    /// `halfvec_in(cstring, oid, integer)`.
    fn annex_halfvec_in(literal: &CStr, _element: Unused, typmod: i32) -> Input<NewHalfvec> {
        Input(dense::input(literal.to_bytes(), typmod))
    }

    /// `halfvec_out(halfvec)`.
    fn annex_halfvec_out(a: HalfvecArg) -> NewText {
        dense::output(&a)
    }

    /// `halfvec_typmod_in(cstring[])`.
    fn annex_halfvec_typmod_in(modifiers: Modifiers) -> Result<i32> {
        typmod::from_modifiers(HALFVEC, modifiers.as_slice())
    }

    /// `halfvec_recv(internal, oid, integer)`.
    fn annex_halfvec_recv(message: Message, _element: Unused, typmod: i32) -> Result<NewHalfvec> {
        dense::receive(message, typmod)
    }

    /// `halfvec_send(halfvec)`.
    fn annex_halfvec_send(a: HalfvecArg) -> NewVarlena {
        dense::send(&a)
    }

    /// `halfvec(halfvec, integer, boolean)`: the length coercion.
    fn annex_halfvec(a: UnreadVector, typmod: i32, _is_explicit: Unused) -> Result<UnreadVector> {
        dense::coerce_length(a, typmod)
    }

    /// `array_to_halfvec(array, integer, boolean)`.
    fn annex_array_to_halfvec(array: Array, typmod: i32, _is_explicit: Unused) -> Result<NewHalfvec> {
        from_array(&array, typmod)
    }

    /// `halfvec_to_float4(halfvec, integer, boolean)`.
    fn annex_halfvec_to_float4(a: HalfvecArg, _typmod: Unused, _is_explicit: Unused) -> NewArray<f32> {
        dense::to_float4(&a)
    }

    /// `vector_to_halfvec(vector, integer, boolean)`.
    fn annex_vector_to_halfvec(a: VectorArg, typmod: i32, _is_explicit: Unused) -> Result<NewHalfvec> {
        dense::narrowed(&a, typmod)
    }

    /// `halfvec_to_vector(halfvec, integer, boolean)`.
    fn annex_halfvec_to_vector(a: HalfvecArg, typmod: i32, _is_explicit: Unused) -> Result<NewVector> {
        dense::widened(&a, typmod)
    }

    /// `vector_dims(halfvec)`.
    fn annex_halfvec_vector_dims(a: UnreadVector) -> i32 {
        a.dims() as i32
    }

    /// `l2_norm(halfvec)`.
    fn annex_halfvec_l2_norm(a: HalfvecArg) -> f64 {
        vector::norm(a.elements())
    }

    /// `l2_normalize(halfvec)`.
    fn annex_halfvec_l2_normalize(a: HalfvecArg) -> Result<NewHalfvec> {
        dense::normalized(&a)
    }

    /// `binary_quantize(halfvec)`.
    fn annex_halfvec_binary_quantize(a: HalfvecArg) -> NewBit {
        dense::binary_quantized(&a)
    }

    /// `subvector(halfvec, integer, integer)`.
    fn annex_halfvec_subvector(a: HalfvecArg, start: i32, count: i32) -> Result<NewHalfvec> {
        dense::part(&a, start, count)
    }

    /// `halfvec_add(halfvec, halfvec)`.
    fn annex_halfvec_add(a: HalfvecArg, b: HalfvecArg) -> Result<NewHalfvec> {
        dense::combined(&a, &b, vector::add)
    }

    /// `halfvec_sub(halfvec, halfvec)`.
    fn annex_halfvec_sub(a: HalfvecArg, b: HalfvecArg) -> Result<NewHalfvec> {
        dense::combined(&a, &b, vector::subtract)
    }

    /// `halfvec_mul(halfvec, halfvec)`.
    fn annex_halfvec_mul(a: HalfvecArg, b: HalfvecArg) -> Result<NewHalfvec> {
        dense::combined(&a, &b, vector::multiply)
    }

    /// `halfvec_concat(halfvec, halfvec)`.
    fn annex_halfvec_concat(a: HalfvecArg, b: HalfvecArg) -> Result<NewHalfvec> {
        dense::concatenated(&a, &b)
    }

    /// `halfvec_lt(halfvec, halfvec)`.
    fn annex_halfvec_lt(a: HalfvecArg, b: HalfvecArg) -> bool {
        dense::order(&a, &b) == Ordering::Less
    }

    /// `halfvec_le(halfvec, halfvec)`.
    fn annex_halfvec_le(a: HalfvecArg, b: HalfvecArg) -> bool {
        dense::order(&a, &b) != Ordering::Greater
    }

    /// `halfvec_eq(halfvec, halfvec)`.
    fn annex_halfvec_eq(a: HalfvecArg, b: HalfvecArg) -> bool {
        dense::order(&a, &b) == Ordering::Equal
    }

    /// `halfvec_ne(halfvec, halfvec)`.
    fn annex_halfvec_ne(a: HalfvecArg, b: HalfvecArg) -> bool {
        dense::order(&a, &b) != Ordering::Equal
    }

    /// `halfvec_ge(halfvec, halfvec)`.
    fn annex_halfvec_ge(a: HalfvecArg, b: HalfvecArg) -> bool {
        dense::order(&a, &b) != Ordering::Less
    }

    /// `halfvec_gt(halfvec, halfvec)`.
    fn annex_halfvec_gt(a: HalfvecArg, b: HalfvecArg) -> bool {
        dense::order(&a, &b) == Ordering::Greater
    }

    /// `halfvec_cmp(halfvec, halfvec)`.
    fn annex_halfvec_cmp(a: HalfvecArg, b: HalfvecArg) -> i32 {
        dense::order(&a, &b) as i32
    }

    /// `halfvec_accum(double precision[], halfvec)`.
    fn annex_halfvec_accum(sums: Array, a: HalfvecArg) -> Result<pg_sys::Datum> {
        dense::accumulated(sums, &a)
    }

    /// `halfvec_combine(double precision[], double precision[])`.
    fn annex_halfvec_combine(a: Array, b: Array) -> Result<pg_sys::Datum> {
        dense::combined_states::<Half>(a, &b)
    }

    /// `halfvec_avg(double precision[])`.
    fn annex_halfvec_avg(sums: Array) -> Result<Option<NewHalfvec>> {
        dense::average(&sums)
    }
}
