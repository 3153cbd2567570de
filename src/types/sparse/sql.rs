//! The functions of `sparsevec` as PostgreSQL calls them, declared in `sql/types/sparsevec.sql` and
//! `sql/types/sparsevec_casts.sql`. No logic of their own.

use super::datum::{SparseArg, UnreadSparse};
use super::{SPARSEVEC, SparseVector, SparseView, binary, compare, text};
use crate::error::Result;
use crate::pg::array::{Array, Modifiers};
use crate::pg::function::{Input, Message, NewText, Unused, sql_functions};
use crate::pg::varlena::NewVarlena;
use crate::types::datum::{
    DenseArg, HalfvecArg, NewDense, NewHalfvec, NewVector, Stored, VectorArg,
};
use crate::types::from_array::from_array;
use crate::types::typmod;
use std::cmp::Ordering;
use std::ffi::CStr;

/// All elements, the zeros too.
/// # Errors
/// 22000 or 54000 if a dense vector cannot have so many or `expected_typmod` is another number, 22003 for an element that
/// is too large.
fn to_dense<E: Stored>(a: SparseView, expected_typmod: i32) -> Result<NewDense<E>> {
    let mut result = NewDense::<E>::zeroed(a.dims())?;
    typmod::check_dims(expected_typmod, a.dims())?;
    a.write_dense(result.elements_mut())?;
    Ok(result)
}

/// The elements that are not zero.
/// # Errors
/// 22000 if `expected_typmod` is another number than the dimensions.
fn from_dense<E: Stored>(a: &DenseArg<E>, expected_typmod: i32) -> Result<SparseVector> {
    typmod::check_dims(expected_typmod, a.elements().len())?;
    SparseVector::from_dense(a.elements().iter().map(|x| x.to_f32()))
}

sql_functions! {
    /// `sparsevec_in(cstring, oid, integer)`.
    fn annex_sparsevec_in(literal: &CStr, _element: Unused, typmod: i32) -> Input<SparseVector> {
        Input(text::parse(literal.to_bytes(), typmod))
    }

    /// `sparsevec_out(sparsevec)`.
    fn annex_sparsevec_out(a: SparseArg) -> NewText {
        let a = a.view();
        let mut out = NewText::with_capacity(text::print_bound(a.values().len()));
        let len = text::print(a, out.bytes_mut());
        // What a number leaves behind its end must not follow the text.
        out.bytes_mut()[len] = 0;
        out
    }

    /// `sparsevec_typmod_in(cstring[])`.
    fn annex_sparsevec_typmod_in(modifiers: Modifiers) -> Result<i32> {
        typmod::from_modifiers(SPARSEVEC, modifiers.as_slice())
    }

    /// `sparsevec_recv(internal, oid, integer)`.
    fn annex_sparsevec_recv(message: Message, _element: Unused, typmod: i32) -> Result<SparseVector> {
        let mut message = message;
        let vector = binary::decode(message.rest(), typmod)?;
        // PostgreSQL reports what is left over.
        message.advance(binary::encoded_len(vector.view().values().len()));
        Ok(vector)
    }

    /// `sparsevec_send(sparsevec)`.
    fn annex_sparsevec_send(a: SparseArg) -> NewVarlena {
        let a = a.view();
        let mut message = NewVarlena::zeroed(binary::encoded_len(a.values().len()));
        binary::encode(a, message.body_mut());
        message
    }

    /// `sparsevec(sparsevec, integer, boolean)`: the length coercion.
    fn annex_sparsevec(a: UnreadSparse, typmod: i32, _is_explicit: Unused) -> Result<UnreadSparse> {
        typmod::check_dims(typmod, a.dims())?;
        Ok(a)
    }

    /// `array_to_sparsevec(array, integer, boolean)`.
    fn annex_array_to_sparsevec(array: Array, typmod: i32, _is_explicit: Unused) -> Result<SparseVector> {
        from_array(&array, typmod)
    }

    /// `vector_to_sparsevec(vector, integer, boolean)`.
    fn annex_vector_to_sparsevec(a: VectorArg, typmod: i32, _is_explicit: Unused) -> Result<SparseVector> {
        from_dense(&a, typmod)
    }

    /// `sparsevec_to_vector(sparsevec, integer, boolean)`.
    fn annex_sparsevec_to_vector(a: SparseArg, typmod: i32, _is_explicit: Unused) -> Result<NewVector> {
        to_dense(a.view(), typmod)
    }

    /// `halfvec_to_sparsevec(halfvec, integer, boolean)`.
    fn annex_halfvec_to_sparsevec(a: HalfvecArg, typmod: i32, _is_explicit: Unused) -> Result<SparseVector> {
        from_dense(&a, typmod)
    }

    /// `sparsevec_to_halfvec(sparsevec, integer, boolean)`.
    fn annex_sparsevec_to_halfvec(a: SparseArg, typmod: i32, _is_explicit: Unused) -> Result<NewHalfvec> {
        to_dense(a.view(), typmod)
    }

    /// `l2_norm(sparsevec)`.
    fn annex_sparsevec_l2_norm(a: SparseArg) -> f64 {
        a.view().norm()
    }

    /// `l2_normalize(sparsevec)`.
    fn annex_sparsevec_l2_normalize(a: SparseArg) -> Result<SparseVector> {
        a.view().normalized()
    }

    /// `sparsevec_lt(sparsevec, sparsevec)`.
    fn annex_sparsevec_lt(a: SparseArg, b: SparseArg) -> bool {
        compare(a.view(), b.view()) == Ordering::Less
    }

    /// `sparsevec_le(sparsevec, sparsevec)`.
    fn annex_sparsevec_le(a: SparseArg, b: SparseArg) -> bool {
        compare(a.view(), b.view()) != Ordering::Greater
    }

    /// `sparsevec_eq(sparsevec, sparsevec)`.
    fn annex_sparsevec_eq(a: SparseArg, b: SparseArg) -> bool {
        compare(a.view(), b.view()) == Ordering::Equal
    }

    /// `sparsevec_ne(sparsevec, sparsevec)`.
    fn annex_sparsevec_ne(a: SparseArg, b: SparseArg) -> bool {
        compare(a.view(), b.view()) != Ordering::Equal
    }

    /// `sparsevec_ge(sparsevec, sparsevec)`.
    fn annex_sparsevec_ge(a: SparseArg, b: SparseArg) -> bool {
        compare(a.view(), b.view()) != Ordering::Less
    }

    /// `sparsevec_gt(sparsevec, sparsevec)`.
    fn annex_sparsevec_gt(a: SparseArg, b: SparseArg) -> bool {
        compare(a.view(), b.view()) == Ordering::Greater
    }

    /// `sparsevec_cmp(sparsevec, sparsevec)`.
    fn annex_sparsevec_cmp(a: SparseArg, b: SparseArg) -> i32 {
        compare(a.view(), b.view()) as i32
    }
}
