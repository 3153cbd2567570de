//! What measurements prove: arithmetic, no PostgreSQL symbol.
//!
//! [`confidence`], [`sample_ratio`] and [`verdict`] judge an experiment, and hold at every look; [`drift`] tells whether two samples
//! of queries differ.

pub mod confidence;
pub mod drift;
pub mod gamma;
pub mod random;
pub mod sample_ratio;
pub mod verdict;
