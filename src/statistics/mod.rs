//! What measurements prove: arithmetic, no PostgreSQL symbol.
//!
//! [`confidence`], [`sample_ratio`] and [`verdict`] judge an experiment, and hold at every look; [`drift`] tells whether two samples
//! of queries differ. [`sample`] is about recalls and times of queries, [`pareto`] about which of several indexes is to be preferred.

pub mod confidence;
pub mod drift;
pub mod gamma;
pub mod pareto;
pub mod random;
pub mod sample;
pub mod sample_ratio;
pub mod verdict;
