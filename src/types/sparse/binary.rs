//! The binary wire form of a sparse vector: int32 dimensions, int32 number of elements that are not zero, int32 zero,
//! their int32 indices counted from 0, their binary32 values, all big-endian. Pure.

use super::{MAX_NON_ZEROS, SPARSEVEC, SparseVector, SparseView, check_finite, check_index};
use crate::error::{Error, Result};
use crate::types::typmod;

/// Bytes in front of the indices.
const HEADER_LEN: usize = 12;
const FIELD_LEN: usize = 4;

/// Length of the message for `non_zeros` elements.
pub const fn encoded_len(non_zeros: usize) -> usize {
    HEADER_LEN + 2 * FIELD_LEN * non_zeros
}

/// Writes the message for `vector` to `message`.
/// # Panics
/// If `message` is not [`encoded_len`] long.
pub fn encode(vector: SparseView, message: &mut [u8]) {
    let non_zeros = vector.values().len();
    assert_eq!(message.len(), encoded_len(non_zeros));
    let header = [vector.dims() as u32, non_zeros as u32, 0];
    let values = vector.values().iter().map(|value| value.to_bits());
    let fields = header
        .into_iter()
        .chain(vector.indices().iter().copied())
        .chain(values);
    for (place, field) in message.chunks_exact_mut(FIELD_LEN).zip(fields) {
        place.copy_from_slice(&field.to_be_bytes());
    }
}

/// Reads a vector from the start of `message`, of which it is the first [`encoded_len`] bytes.
/// # Errors
/// 22000 or 54000 for impossible dimensions or an impossible number of elements, 22000 if `expected_typmod` is another
/// number than the dimensions or the reserved field is used, 08P01 if the message ends too early, 22000 for indices that
/// do not ascend or are beyond the dimensions, and for NaN, infinity and zero; in this order.
pub fn decode(message: &[u8], expected_typmod: i32) -> Result<SparseVector> {
    let Some((header, elements)) = message.split_first_chunk::<HEADER_LEN>() else {
        return Err(Error::message_too_short());
    };
    let (header, _) = header.as_chunks();
    let [dims, non_zeros, unused] = [0, 1, 2].map(|at| i32::from_be_bytes(header[at]));

    let dims = usize::try_from(dims).unwrap_or(0);
    SPARSEVEC.check_dims(dims)?;
    let non_zeros = check_non_zeros(non_zeros, dims)?;
    typmod::check_dims(expected_typmod, dims)?;
    if unused != 0 {
        return Err(Error::reserved_field_used(unused));
    }

    let Some(elements) = elements.get(..2 * FIELD_LEN * non_zeros) else {
        return Err(Error::message_too_short());
    };
    let (fields, _) = elements.as_chunks();
    let (indices, values) = fields.split_at(non_zeros);
    let mut vector = SparseVector::zero(dims)?;
    for index in indices {
        let previous = vector.indices.last().copied();
        let index = check_index(i32::from_be_bytes(*index).into(), previous, dims)?;
        vector.indices.push(index);
    }
    for (value, index) in values.iter().zip(&vector.indices) {
        let (value, position) = (f32::from_be_bytes(*value), *index as usize + 1);
        check_finite(value, position)?;
        if value == 0.0 {
            return Err(Error::zero_in_binary(position));
        }
        vector.values.push(value);
    }
    Ok(vector)
}

/// # Errors
/// 22000 if the number is negative, 54000 if it is above the limit or the dimensions.
fn check_non_zeros(non_zeros: i32, dims: usize) -> Result<usize> {
    match usize::try_from(non_zeros) {
        Err(_) => Err(Error::negative_non_zeros(non_zeros)),
        Ok(count) if count > MAX_NON_ZEROS => Err(Error::too_many_non_zeros(MAX_NON_ZEROS)),
        Ok(count) if count > dims => Err(Error::more_non_zeros_than_dimensions(count, dims)),
        Ok(count) => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlState;

    fn message(fields: &[u32]) -> Vec<u8> {
        fields
            .iter()
            .flat_map(|field| field.to_be_bytes())
            .collect()
    }

    // Proves: the bytes on the wire are pgvector's.
    #[test]
    fn bytes_are_those_of_pgvector() {
        let vector = SparseVector::from_elements(5, vec![(0, 1.0), (4, 2.0)]).unwrap();
        let mut bytes = [0xff; encoded_len(2)];
        encode(vector.view(), &mut bytes);
        let expected = message(&[5, 2, 0, 0, 4, 0x3f80_0000, 0x4000_0000]);
        assert_eq!(bytes.as_slice(), expected);
        assert_eq!(decode(&bytes, 5), Ok(vector));
    }

    // Proves: checks come in pgvector's order, each with its SQLSTATE and text.
    #[test]
    fn damage_is_named_in_order() {
        use SqlState::{DataException as Data, ProgramLimitExceeded as Limit};
        const ONE: u32 = 0x3f80_0000;
        let of = |fields: &[u32], typmod| {
            let error = decode(&message(fields), typmod).unwrap_err();
            (error.state, error.message.into_owned())
        };
        let same = |fields: &[u32], state, text: &str| {
            assert_eq!(of(fields, -1), (state, text.to_owned()), "{fields:?}");
        };
        let minus = |x: i32| x as u32;
        same(
            &[0, minus(-1), 1],
            Data,
            "sparsevec must have at least 1 dimension",
        );
        same(
            &[minus(-1), 0, 0],
            Data,
            "sparsevec must have at least 1 dimension",
        );
        same(
            &[1_000_000_001, 0, 0],
            Limit,
            "sparsevec cannot have more than 1000000000 dimensions",
        );
        same(
            &[1, minus(-1), 1],
            Data,
            "sparsevec cannot have negative number of elements",
        );
        same(
            &[1, 16_001, 1],
            Limit,
            "sparsevec cannot have more than 16000 non-zero elements",
        );
        same(
            &[1, 2, 1],
            Limit,
            "sparsevec cannot have more elements than dimensions",
        );
        assert_eq!(
            of(&[1, 1, 1], 2),
            (Data, "expected 2 dimensions, not 1".to_owned())
        );
        same(&[1, 1, minus(-7)], Data, "expected unused to be 0, not -7");
        for index in [2, minus(-1)] {
            same(
                &[2, 1, 0, index, ONE],
                Data,
                "sparsevec index out of bounds",
            );
        }
        same(
            &[2, 2, 0, 1, 1, ONE, ONE],
            Data,
            "sparsevec indices must not contain duplicates",
        );
        same(
            &[2, 2, 0, 1, 0, ONE, 0x7fc0_0000],
            Data,
            "sparsevec indices must be in ascending order",
        );
        same(
            &[1, 1, 0, 0, 0x7fc0_0000],
            Data,
            "NaN not allowed in sparsevec",
        );
        same(
            &[1, 1, 0, 0, 0xff80_0000],
            Data,
            "infinite value not allowed in sparsevec",
        );
        for zero in [0, 1 << 31] {
            same(
                &[1, 1, 0, 0, zero],
                Data,
                "binary representation of sparsevec cannot contain zero values",
            );
        }
    }

    // Proves: a message that is cut anywhere is too short, and what follows a vector is left alone.
    #[test]
    fn the_length_is_that_of_the_header() {
        let bytes = message(&[9, 2, 0, 3, 8, 0x3f80_0000, 0xbf80_0000]);
        for len in 0..bytes.len() {
            let error = Error::message_too_short();
            assert_eq!(decode(&bytes[..len], -1), Err(error), "{len}");
        }
        let longer = [bytes.clone(), vec![1]].concat();
        assert_eq!(decode(&longer, -1), decode(&bytes, -1));
        assert!(decode(&bytes, -1).is_ok());
    }
}
