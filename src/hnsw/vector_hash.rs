//! A 64-bit hash of a vector's elements or of a bit string, stored with each node to recognise equal ones. Pure; index format.

use crate::types::indexed::IndexedValue;

/// Hash of a value: of its elements; of a bit string its bytes, four at a time, the last ones filled up with
/// zeros; of a sparse vector index and value of each element that is not zero. The same on every CPU.
pub fn value_hash(value: IndexedValue<'_>) -> u64 {
    match value {
        IndexedValue::Dense(elements) => vector_hash(elements),
        IndexedValue::Bits(string) => {
            let words = string.bytes().chunks(4).map(|bytes| {
                let mut word = [0; 4];
                word[..bytes.len()].copy_from_slice(bytes);
                u32::from_le_bytes(word)
            });
            hash(value.dims(), words)
        }
        IndexedValue::Sparse(vector) => {
            let elements = vector.indices().iter().zip(vector.values());
            let words = elements.flat_map(|(index, value)| [*index, bits(*value)]);
            hash(value.dims(), words)
        }
    }
}

/// Hash of the elements' bits; 0 and -0 hash alike. The same on every CPU.
pub fn vector_hash(vector: &[f32]) -> u64 {
    hash(vector.len(), vector.iter().copied().map(bits))
}

/// The bits of an element, the same for 0 and -0.
fn bits(element: f32) -> u32 {
    if element == 0.0 { 0 } else { element.to_bits() }
}

fn hash(dims: usize, words: impl Iterator<Item = u32>) -> u64 {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let start = (dims as u64).wrapping_mul(MULTIPLIER);
    let hash = words.fold(start, |hash, bits| {
        let mixed = (hash ^ u64::from(bits)).wrapping_mul(MULTIPLIER);
        mixed ^ (mixed >> 29)
    });
    let mixed = hash.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use super::vector_hash;

    #[test]
    fn equal_vectors_hash_alike_and_others_do_not() {
        assert_eq!(vector_hash(&[0.0, 1.0]), vector_hash(&[-0.0, 1.0]));
        assert_ne!(vector_hash(&[0.0, 1.0]), vector_hash(&[1.0, 0.0]));
        assert_ne!(vector_hash(&[1.0]), vector_hash(&[1.0, 0.0]));
        let mut seen = std::collections::HashSet::new();
        assert!((0..100_000u32).all(|i| seen.insert(vector_hash(&[i as f32, 1.0, -(i as f32)]))));
    }

    #[test]
    fn the_hash_is_part_of_the_format() {
        assert_eq!(vector_hash(&[1.0, 2.0, 3.0]), GOLDEN);
    }

    /// Computed by another program from the definition above.
    const GOLDEN: u64 = 0x0D7C_2552_DD88_5913;
}
