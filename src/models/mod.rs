//! The life of embedding models: registry, backfill, deployment and rollback, readiness, experiments, drift, sentinels, rights.
//!
//! The state is in the tables of `sql/models/tables.sql`, which say by their constraints what can be. Functions here check,
//! explain and write one row each; none keeps state in memory, raises its rights or starts anything.
//! [`lookup`] reads the registry, [`direct`] what each search asks of it; what is asked of users' tables is SQL with every name and
//! operator qualified.
//!
//! Locks: registering and retiring lock the row of the model FOR UPDATE, what moves an alias FOR KEY SHARE: a version cannot be
//! retired while it is being promoted. Two promotions do not wait for that lock: a unique index lets one of them win. A challenge
//! locks it FOR UPDATE before its insert, so that the champion it is measured against stays; what ends one locks the model first.

pub mod backfill;
pub mod bucket;
pub mod comparison;
pub mod coverage;
pub mod deployment;
pub mod direct;
pub mod drift;
pub mod errors;
pub mod experiment;
pub mod grants;
pub mod json;
pub mod lookup;
pub mod monitoring;
pub mod names;
pub mod overlap;
pub mod readiness;
pub mod recall;
pub mod registry;
pub mod retirement;
pub mod routing;
pub mod sampling;
pub mod serving_view;
pub mod source;
pub mod sql;
pub mod version_table;
