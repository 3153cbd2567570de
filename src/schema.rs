//! The one place that orders SQL: every script of `sql/`, with its name and what it requires.
