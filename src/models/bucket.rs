//! A number that follows from a text: how work and users are split alike on every node, in every release.
//! Pure: no PostgreSQL symbol.

use sha2::{Digest, Sha256};

/// A number from 0 to below 1 that follows from both texts: the first 52 bits of the SHA-256 digest of `salt:unit`.
pub fn bucket(salt: &str, unit: &str) -> f64 {
    let digest = Sha256::new()
        .chain_update(salt)
        .chain_update(":")
        .chain_update(unit);
    fraction(&digest.finalize().into())
}

/// The first 52 bits of a digest as a fraction: 0 to below 1, exact in binary64.
fn fraction(digest: &[u8; 32]) -> f64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    let bits = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 12;
    bits as f64 / (1_u64 << 52) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(start: [u8; 8]) -> [u8; 32] {
        let mut digest = [0xff; 32];
        digest[..8].copy_from_slice(&start);
        digest
    }

    /// The digest of `salt:user-42` begins with a93ca91c7594a.
    #[test]
    fn agrees_with_the_reference() {
        let start = [0xa9, 0x3c, 0xa9, 0x1c, 0x75, 0x94, 0xa0, 0];
        assert_eq!(fraction(&digest(start)), 0.661_081_857_154_914);
        assert_eq!(bucket("salt", "user-42"), 0.661_081_857_154_914);
    }

    #[test]
    fn stays_below_one() {
        assert_eq!(fraction(&digest([0; 8])), 0.0);
        let largest = fraction(&digest([0xff; 8]));
        assert!(largest < 1.0 && largest > 0.999_999_999);
    }
}
