//! stand-in until the types land
#![allow(unsafe_code)]
use crate::error::Result;
use crate::pg::relation::ColumnValue;
/// stand-in
pub fn column_elements(value: ColumnValue) -> Result<Vec<f32>> {
    unsafe {
        let p = pgrx::pg_sys::pg_detoast_datum(value.datum().cast_mut_ptr());
        let dim = *(p.cast::<u8>().add(4).cast::<i16>()) as usize;
        Ok(std::slice::from_raw_parts(p.cast::<u8>().add(8).cast::<f32>(), dim).to_vec())
    }
}
