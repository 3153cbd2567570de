//! The referee: exact results against the index's.
