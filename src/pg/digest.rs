//! SHA-256 by the server's own implementation.
#![allow(unsafe_code)]

use super::varlena::{NewVarlena, Varlena};
use pgrx::pg_sys;

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut value = NewVarlena::zeroed(bytes.len());
    value.body_mut().copy_from_slice(bytes);
    let value = value.into_datum();
    let mut digest = [0; 32];
    // SAFETY: the function of this type: bytea to bytea of 32 bytes, never NULL; both values are ours to free.
    unsafe {
        let result = pgrx::direct_function_call_as_datum(pg_sys::sha256_bytea, &[Some(value)]);
        if let Some(result) = result {
            digest.copy_from_slice(&Varlena::read(result).body()[..32]);
            pg_sys::pfree(result.cast_mut_ptr());
        }
        pg_sys::pfree(value.cast_mut_ptr());
    }
    digest
}
