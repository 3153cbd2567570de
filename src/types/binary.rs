//! The binary wire form of a dense vector: int16 dimensions, int16 zero, elements, all big-endian. Pure.

use super::element::{self, DenseElement};
use super::typmod;
use crate::error::{Error, Result};

/// Bytes in front of the elements.
const HEADER_LEN: usize = 4;

/// Length of the message for `dims` elements.
pub const fn encoded_len<E: DenseElement>(dims: usize) -> usize {
    HEADER_LEN + size_of::<E>() * dims
}

/// Writes the message for `elements` to `message`.
/// # Panics
/// If `message` is not [`encoded_len`] long.
pub fn encode<E: DenseElement>(elements: &[E], message: &mut [u8]) {
    assert_eq!(message.len(), encoded_len::<E>(elements.len()));
    let (header, body) = message.split_at_mut(HEADER_LEN);
    header.copy_from_slice(&[(elements.len() >> 8) as u8, elements.len() as u8, 0, 0]);
    for (place, element) in body.chunks_exact_mut(size_of::<E>()).zip(elements) {
        element.write_be(place);
    }
}

/// Reads the header of `message` and returns the number of its elements.
/// # Errors
/// 22000 or 54000 for impossible dimensions, 22000 if `expected_typmod` is another number or the reserved
/// field is used, 08P01 if the message ends too early; in this order.
pub fn decode_dims<E: DenseElement>(message: &[u8], expected_typmod: i32) -> Result<usize> {
    let Some(&[dims_high, dims_low, unused_high, unused_low]) = message.first_chunk() else {
        return Err(Error::message_too_short());
    };
    // Above 32767 the field reads as negative, which pgvector reports as too few.
    let dims = usize::try_from(i16::from_be_bytes([dims_high, dims_low])).unwrap_or(0);
    E::TYPE.check_dims(dims)?;
    typmod::check_dims(expected_typmod, dims)?;
    match i16::from_be_bytes([unused_high, unused_low]) {
        0 => {}
        unused => return Err(Error::reserved_field_used(unused)),
    }
    if message.len() < encoded_len::<E>(dims) {
        return Err(Error::message_too_short());
    }
    Ok(dims)
}

/// Reads the elements of `message`, as many as [`decode_dims`] found.
/// # Errors
/// 22000 for NaN and infinity, 08P01 if the message ends too early.
pub fn decode_elements<E: DenseElement>(message: &[u8], elements: &mut [E]) -> Result<()> {
    let Some(body) = message.get(HEADER_LEN..encoded_len::<E>(elements.len())) else {
        return Err(Error::message_too_short());
    };
    let chunks = body.chunks_exact(size_of::<E>());
    for (position, (place, chunk)) in elements.iter_mut().zip(chunks).enumerate() {
        let element = E::read_be(chunk);
        if !element.is_finite() {
            return Err(element::refusal(E::TYPE, element.to_f32(), position + 1));
        }
        *place = element;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::Half;

    fn decoded(message: &[u8], typmod: i32) -> Result<Vec<f32>> {
        let mut elements = vec![0.0_f32; decode_dims::<f32>(message, typmod)?];
        decode_elements(message, &mut elements)?;
        Ok(elements)
    }

    // Proves: the bytes on the wire are pgvector's.
    #[test]
    fn bytes_are_those_of_pgvector() {
        let mut message = [0xff; encoded_len::<f32>(3)];
        encode(&[1.0_f32, 2.0, 3.0], &mut message);
        let expected = [
            0, 3, 0, 0, 0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0x40, 0x40, 0, 0,
        ];
        assert_eq!(message, expected);
        assert_eq!(decoded(&message, 3), Ok(vec![1.0, 2.0, 3.0]));
        let halves = [1.0, 2.0, 3.0].map(Half::from_f32);
        let mut message = [0xff; encoded_len::<Half>(3)];
        encode(&halves, &mut message);
        assert_eq!(message, [0, 3, 0, 0, 0x3c, 0, 0x40, 0, 0x42, 0]);
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

    // Proves: a message of halves is checked as one of vectors is, with its own width and name.
    #[test]
    fn damage_in_halves_is_named() {
        let refused = |message: &[u8]| {
            let dims = decode_dims::<Half>(message, -1);
            let elements = |dims| decode_elements(message, &mut vec![Half::default(); dims]);
            dims.and_then(elements).unwrap_err().message
        };
        for (message, text) in [
            (
                &[0, 2, 0, 0, 0x3c, 0, 0x3c][..],
                "insufficient data left in message",
            ),
            (&[0, 0, 0, 0], "halfvec must have at least 1 dimension"),
            (&[0, 1, 0, 0, 0x7e, 0], "NaN not allowed in halfvec"),
            (
                &[0, 1, 0, 0, 0xfc, 0],
                "infinite value not allowed in halfvec",
            ),
        ] {
            assert_eq!(refused(message), text);
        }
    }
}
