//! The referee: exact results against the index's.
//!
//! [`measure`] is the arithmetic of recall (`crate::statistics::sample` that of many queries), [`ladder`] the order in which widths of a
//! search are tried: all without PostgreSQL. [`exact`] and [`approximate`] are the two legs of a [`trial`]; [`questions`]
//! finds the queries; [`tune`] and [`calibrate`] are what trials are for, [`advise`] tries indexes
//! that do not exist, with the help of a [`screen`] in memory, and `sql` is their face. Both legs see one snapshot and compute distances by one function.

pub mod advise;
pub mod approximate;
pub mod calibrate;
pub mod exact;
pub mod ladder;
pub mod measure;
pub mod questions;
pub mod screen;
pub mod sql;
pub mod tids;
pub mod trial;
pub mod tune;
