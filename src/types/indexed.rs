//! What the column of an index holds, whatever its type: the terms that the access method and the functions that
//! measure it share. Pure.

use super::sparse::{SPARSEVEC, SparseView};
use super::{HALFVEC, VECTOR};
use crate::distance::sparse::NonZeros;
use crate::distance::{Metric, bits};
use crate::error::Error;

/// A type that can be indexed. The values stand in indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum IndexedType {
    /// `vector`.
    Vector = 0,
    /// `halfvec`: its elements are widened where a value enters.
    Halfvec = 1,
    /// `bit`.
    Bit = 2,
    /// `sparsevec`.
    Sparsevec = 3,
}

impl IndexedType {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Vector, Self::Halfvec, Self::Bit, Self::Sparsevec];

    /// The type's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vector => VECTOR.name,
            Self::Halfvec => HALFVEC.name,
            Self::Bit => "bit",
            Self::Sparsevec => SPARSEVEC.name,
        }
    }

    /// Whether values have all their elements, so that [`IndexedValue::Dense`] shows them.
    pub fn is_dense(self) -> bool {
        matches!(self, Self::Vector | Self::Halfvec)
    }

    /// Whether `metric` is a distance of values of this type.
    pub fn has(self, metric: Metric) -> bool {
        (self == Self::Bit) == metric.is_of_bits()
    }

    /// 22000: two values of this type with different dimensions.
    pub fn different_dimensions(self, a: usize, b: usize) -> Error {
        match self {
            Self::Bit => Error::different_bit_lengths(a as u32, b as u32),
            _ => Error::different_dimensions(self.name(), a, b),
        }
    }
}

/// A bit string: its length, and its bytes with the first bit highest and the padding bits clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitString<'a> {
    len: usize,
    bytes: &'a [u8],
}

impl<'a> BitString<'a> {
    /// The first `len` bits of `bytes`.
    /// # Panics
    /// If these are not as many bytes as `len` bits take.
    pub fn new(len: usize, bytes: &'a [u8]) -> Self {
        assert_eq!(bytes.len(), len.div_ceil(8));
        Self { len, bytes }
    }

    /// The bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// A value to be indexed or searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum IndexedValue<'a> {
    /// Of `vector` and `halfvec`.
    Dense(&'a [f32]),
    /// Of `bit`.
    Bits(BitString<'a>),
    /// Of `sparsevec`.
    Sparse(SparseView<'a>),
}

impl IndexedValue<'_> {
    /// Number of dimensions, or length in bits.
    pub fn dims(&self) -> usize {
        match self {
            Self::Dense(elements) => elements.len(),
            Self::Bits(bits) => bits.len,
            Self::Sparse(vector) => vector.dims(),
        }
    }

    /// Whether all elements are zero.
    pub fn is_zero(&self) -> bool {
        let are_zero = |elements: &[f32]| elements.iter().all(|element| *element == 0.0);
        match self {
            Self::Dense(elements) => are_zero(elements),
            Self::Bits(bits) => bits.bytes.iter().all(|byte| *byte == 0),
            Self::Sparse(vector) => are_zero(vector.values()),
        }
    }

    /// Whether an index by `metric` holds the value: zeros have no direction, so no cosine.
    pub fn is_indexed_by(&self, metric: Metric) -> bool {
        metric != Metric::Cosine || !self.is_zero()
    }

    /// What the metric's operator returns for two values of the same type and dimensions; NaN if the metric is none of
    /// that type.
    /// # Panics
    /// If one is dense or a bit string, and their dimensions differ.
    pub fn distance(&self, metric: Metric, other: &Self) -> f64 {
        match (self, other, metric) {
            (Self::Bits(a), Self::Bits(b), Metric::Hamming) => {
                bits::hamming(a.bytes, b.bytes) as f64
            }
            (Self::Bits(a), Self::Bits(b), Metric::Jaccard) => bits::jaccard(a.bytes, b.bytes),
            (Self::Dense(a), Self::Dense(b), _) => metric.distance(a, b),
            (Self::Sparse(a), Self::Sparse(b), _) => {
                let a = NonZeros::new(a.indices(), a.values());
                metric.sparse_distance(a, NonZeros::new(b.indices(), b.values()))
            }
            _ => f64::NAN,
        }
    }
}

/// Many values of one type and of equal dimensions, one behind the other.
#[derive(Debug, Clone)]
pub struct ValueList {
    of: IndexedType,
    dims: usize,
    len: usize,
    elements: Vec<f32>,
    bytes: Vec<u8>,
    /// Where the elements of a sparse vector are, and where those of each vector begin.
    indices: Vec<u32>,
    starts: Vec<usize>,
}

impl ValueList {
    /// No values yet, of type `of` and `dims` dimensions.
    pub fn new(of: IndexedType, dims: usize) -> Self {
        Self {
            of,
            dims,
            len: 0,
            elements: Vec::new(),
            bytes: Vec::new(),
            indices: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// The type of the values.
    pub fn indexed_type(&self) -> IndexedType {
        self.of
    }

    /// Dimensions of each value.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the values.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + (self.elements.len() + self.indices.len()) * size_of::<f32>()
    }

    /// Adds a value.
    /// # Errors
    /// 22000 if it has other dimensions.
    pub fn push(&mut self, value: IndexedValue<'_>) -> Result<(), Error> {
        if value.dims() != self.dims {
            return Err(self.of.different_dimensions(value.dims(), self.dims));
        }
        match value {
            IndexedValue::Dense(elements) => self.elements.extend_from_slice(elements),
            IndexedValue::Bits(bits) => self.bytes.extend_from_slice(bits.bytes),
            IndexedValue::Sparse(vector) => {
                self.starts.push(self.elements.len());
                self.elements.extend_from_slice(vector.values());
                self.indices.extend_from_slice(vector.indices());
            }
        }
        self.len += 1;
        Ok(())
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.len = 0;
        self.elements.clear();
        self.bytes.clear();
        self.indices.clear();
        self.starts.clear();
    }

    /// Each value.
    pub fn each(&self) -> impl Iterator<Item = IndexedValue<'_>> {
        (0..self.len).map(|at| self.value(at))
    }

    /// Value number `at`, counted from 0.
    /// # Panics
    /// If there is none.
    #[inline]
    pub fn value(&self, at: usize) -> IndexedValue<'_> {
        match self.of {
            IndexedType::Vector | IndexedType::Halfvec => {
                IndexedValue::Dense(&self.elements[at * self.dims..][..self.dims])
            }
            IndexedType::Bit => {
                let size = self.dims.div_ceil(8);
                IndexedValue::Bits(BitString::new(self.dims, &self.bytes[at * size..][..size]))
            }
            IndexedType::Sparsevec => {
                let end = self.starts.get(at + 1).copied();
                let range = self.starts[at]..end.unwrap_or(self.elements.len());
                let (indices, values) = (&self.indices[range.clone()], &self.elements[range]);
                IndexedValue::Sparse(SparseView::new(self.dims, indices, values))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves: values of every form come back as they went in, and others than those of the list's dimensions are refused.
    #[test]
    fn a_list_holds_values_of_any_form() {
        let sparse = |indices, values| IndexedValue::Sparse(SparseView::new(9, indices, values));
        let bits = |bytes| IndexedValue::Bits(BitString::new(9, bytes));
        let dense = |elements| IndexedValue::Dense(elements);
        let lists = [
            (
                IndexedType::Sparsevec,
                [
                    sparse(&[0, 8], &[1.0, 2.0]),
                    sparse(&[], &[]),
                    sparse(&[3], &[3.0]),
                ],
            ),
            (
                IndexedType::Bit,
                [bits(&[1, 128]), bits(&[0, 0]), bits(&[255, 0])],
            ),
            (
                IndexedType::Halfvec,
                [
                    dense(&[1.0; 9]),
                    dense(&[0.0; 9]),
                    dense(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]),
                ],
            ),
        ];
        for (of, values) in lists {
            let mut list = ValueList::new(of, 9);
            for value in values {
                list.push(value).unwrap();
            }
            assert!(list.push(dense(&[1.0])).is_err());
            assert_eq!(list.len(), 3);
            for (at, value) in values.iter().enumerate() {
                assert_eq!(list.value(at), *value);
                assert_eq!(value.is_zero(), at == 1);
            }
            list.clear();
            assert!(list.is_empty() && list.size_bytes() == 0);
        }
    }
}
