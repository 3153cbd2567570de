//! The binary wire form of a vector: int16 dimensions, int16 zero, binary32 elements, all big-endian. Pure.

use super::{VectorType, text, typmod};
use crate::error::{Error, Result};

/// Bytes in front of the elements.
const HEADER_LEN: usize = 4;
const ELEMENT_LEN: usize = 4;

/// Length of the message for `dims` elements.
pub const fn encoded_len(dims: usize) -> usize {
    HEADER_LEN + ELEMENT_LEN * dims
}

/// Writes the message for `elements` to `message`.
/// # Panics
/// If `message` is not [`encoded_len`] long.
pub fn encode(elements: &[f32], message: &mut [u8]) {
    assert_eq!(message.len(), encoded_len(elements.len()));
    let (header, body) = message.split_at_mut(HEADER_LEN);
    header.copy_from_slice(&[(elements.len() >> 8) as u8, elements.len() as u8, 0, 0]);
    for (place, element) in body.chunks_exact_mut(ELEMENT_LEN).zip(elements) {
        place.copy_from_slice(&element.to_be_bytes());
    }
}

/// Reads the header of `message` and returns the number of its elements.
/// # Errors
/// 22000 or 54000 for impossible dimensions, 22000 if `expected_typmod` is another number or the reserved
/// field is used, 08P01 if the message ends too early; in this order.
pub fn decode_dims(of: VectorType, message: &[u8], expected_typmod: i32) -> Result<usize> {
    let Some(&[dims_high, dims_low, unused_high, unused_low]) = message.first_chunk() else {
        return Err(Error::message_too_short());
    };
    // Above 32767 the field reads as negative, which pgvector reports as too few.
    let dims = usize::try_from(i16::from_be_bytes([dims_high, dims_low])).unwrap_or(0);
    of.check_dims(dims)?;
    typmod::check_dims(expected_typmod, dims)?;
    match i16::from_be_bytes([unused_high, unused_low]) {
        0 => {}
        unused => return Err(Error::reserved_field_used(unused)),
    }
    if message.len() < encoded_len(dims) {
        return Err(Error::message_too_short());
    }
    Ok(dims)
}

/// Reads the elements of `message`, as many as [`decode_dims`] found.
/// # Errors
/// 22000 for NaN and infinity, 08P01 if the message ends too early.
pub fn decode_elements(of: VectorType, message: &[u8], elements: &mut [f32]) -> Result<()> {
    let Some(body) = message.get(HEADER_LEN..encoded_len(elements.len())) else {
        return Err(Error::message_too_short());
    };
    let (chunks, _) = body.as_chunks::<ELEMENT_LEN>();
    for (position, (place, chunk)) in elements.iter_mut().zip(chunks).enumerate() {
        let element = f32::from_be_bytes(*chunk);
        if !element.is_finite() {
            return Err(text::not_finite(of, element, position + 1));
        }
        *place = element;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::VECTOR;

    fn decoded(message: &[u8], typmod: i32) -> Result<Vec<f32>> {
        let mut elements = vec![0.0; decode_dims(VECTOR, message, typmod)?];
        decode_elements(VECTOR, message, &mut elements)?;
        Ok(elements)
    }

    // Proves: the bytes on the wire are pgvector's.
    #[test]
    fn bytes_are_those_of_pgvector() {
        let mut message = [0xff; encoded_len(3)];
        encode(&[1.0, 2.0, 3.0], &mut message);
        let expected = [
            0, 3, 0, 0, 0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0x40, 0x40, 0, 0,
        ];
        assert_eq!(message, expected);
        assert_eq!(decoded(&message, 3), Ok(vec![1.0, 2.0, 3.0]));
    }

    // Proves: checks come in pgvector's order, the dimensions before what follows them.
    #[test]
    fn damage_is_named_in_order() {
        for (message, typmod, text) in [
            (&[0, 1][..], -1, "insufficient data left in message"),
            (&[0, 0, 0, 1], -1, "vector must have at least 1 dimension"),
            (
                &[0x9c, 0x40, 0, 0],
                -1,
                "vector must have at least 1 dimension",
            ),
            (
                &[0x3e, 0x81, 0, 0],
                -1,
                "vector cannot have more than 16000 dimensions",
            ),
            (&[0, 1, 0, 1], 2, "expected 2 dimensions, not 1"),
            (&[0, 1, 0, 1], -1, "expected unused to be 0, not 1"),
            (&[0, 1, 0, 0, 0], -1, "insufficient data left in message"),
            (
                &[0, 1, 0, 0, 0x7f, 0xc0, 0, 0],
                -1,
                "NaN not allowed in vector",
            ),
            (
                &[0, 1, 0, 0, 0xff, 0x80, 0, 0],
                -1,
                "infinite value not allowed in vector",
            ),
        ] {
            assert_eq!(decoded(message, typmod).unwrap_err().message, text);
        }
    }
}
