//! The SQL types as values with invariants, apart from their storage.
//!
//! Pure except for `datum` (storage), `dense`, `from_array` and `sql` (the functions PostgreSQL calls), here and in
//! `sparse`. What the types share is written once for a [`VectorType`], which carries the name and the limit that errors
//! print; what the dense ones share, for a [`element::DenseElement`].

pub mod aggregates;
pub mod binary;
pub mod commas;
pub mod datum;
pub mod decimal;
mod dense;
pub mod element;
mod from_array;
pub mod indexed;
pub mod integer_block;
pub mod number;
pub mod shortest;
pub mod sparse;
pub mod sql;
pub mod text;
pub mod typmod;
pub mod vector;

/// Most dimensions of a `vector` or `halfvec`.
pub const MAX_DIM: usize = 16_000;

/// Name and limit of one SQL type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorType {
    /// Name that users know and errors print.
    pub name: &'static str,
    /// Most dimensions a value can have.
    pub max_dims: usize,
}

/// The type `vector`: binary32 elements, all finite, 1 to [`MAX_DIM`] of them.
pub const VECTOR: VectorType = VectorType {
    name: "vector",
    max_dims: MAX_DIM,
};

/// The type `halfvec`: binary16 elements, all finite, 1 to [`MAX_DIM`] of them.
pub const HALFVEC: VectorType = VectorType {
    name: "halfvec",
    max_dims: MAX_DIM,
};

impl VectorType {
    /// Checks that a value of this type can have `dims` dimensions.
    /// # Errors
    /// 22000 for none, 54000 for too many.
    pub fn check_dims(self, dims: usize) -> crate::error::Result<()> {
        if dims == 0 {
            Err(crate::error::Error::no_dimensions(self.name))
        } else if dims > self.max_dims {
            Err(crate::error::Error::too_many_dimensions(
                self.name,
                self.max_dims,
            ))
        } else {
            Ok(())
        }
    }
}
