//! Type modifiers: the `3` of `vector(3)`. Stored as the number itself; -1 means that none was given.

use super::VectorType;
use crate::error::{Error, Result};

/// The type modifier that `modifiers`, the numbers between the parentheses, stand for.
/// # Errors
/// 22023 unless it is one number of 1 to the type's limit.
pub fn from_modifiers(of: VectorType, modifiers: &[i32]) -> Result<i32> {
    match *modifiers {
        [dims] if dims < 1 => Err(Error::type_modifier_too_small(of.name)),
        [dims] if dims as usize > of.max_dims => {
            Err(Error::type_modifier_too_large(of.name, of.max_dims))
        }
        [dims] => Ok(dims),
        _ => Err(Error::invalid_type_modifier(of.name)),
    }
}

/// Checks that a value of `dims` dimensions may stand where `typmod` is declared.
/// # Errors
/// 22000 if a modifier is given and is another number.
pub fn check_dims(typmod: i32, dims: usize) -> Result<()> {
    match usize::try_from(typmod) {
        Ok(expected) if expected != dims => Err(Error::unexpected_dimensions(expected, dims)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::VECTOR;

    // Proves: only one number within the type's limits is a modifier.
    #[test]
    fn modifiers_are_one_number_in_range() {
        assert_eq!(from_modifiers(VECTOR, &[1]), Ok(1));
        assert_eq!(from_modifiers(VECTOR, &[16_000]), Ok(16_000));
        let message = |modifiers: &[i32]| from_modifiers(VECTOR, modifiers).unwrap_err().message;
        assert_eq!(
            message(&[0]),
            "dimensions for type vector must be at least 1"
        );
        assert_eq!(
            message(&[16_001]),
            "dimensions for type vector cannot exceed 16000"
        );
        assert_eq!(message(&[3, 2]), "invalid type modifier");
        assert_eq!(message(&[]), "invalid type modifier");
    }

    // Proves: without a modifier any number of dimensions passes, with one only that number.
    #[test]
    fn values_match_their_modifier() {
        assert_eq!(check_dims(-1, 7), Ok(()));
        assert_eq!(check_dims(3, 3), Ok(()));
        assert_eq!(
            check_dims(3, 2).unwrap_err().message,
            "expected 3 dimensions, not 2"
        );
    }
}
