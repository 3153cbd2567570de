//! The referee: exact results against the index's.
//!
//! [`measure`] is the arithmetic of recall, without PostgreSQL; [`exact`] and [`approximate`] are the two legs of a
//! measurement, and `sql` is `annex.recall`. Both legs see one snapshot and compute distances by one function.

pub mod approximate;
pub mod exact;
pub mod measure;
pub mod sql;
