//! The referee: exact results against the index's.
//!
//! [`measure`] is the arithmetic of recall, [`statistics`] that of many queries, [`ladder`] the order in which widths of a
//! search are tried: all without PostgreSQL. [`exact`] and [`approximate`] are the two legs of a [`trial`]; [`questions`]
//! finds the queries; [`tune`] and [`calibrate`] are what trials are for, and `sql` is their face. Both legs see one snapshot and compute distances by one function.

pub mod approximate;
pub mod calibrate;
pub mod exact;
pub mod ladder;
pub mod measure;
pub mod questions;
pub mod sql;
pub mod statistics;
pub mod tids;
pub mod trial;
pub mod tune;
