//! What the planner is told an index scan costs.
//!
//! The first batch of a search is all startup: the greedy descent plus the layer search, estimated by the number of
//! nodes that HNSW visits. Later rows cost their share of reading the rest of the index, so that a selective filter
//! over many rows goes to a btree or an exact sort instead.

use super::layout::Storage;
use crate::pg::planner::{PathCost, PathFacts};

/// Share of the neighbors of an expanded node that were not seen before, found by experiment by pgvector's users
/// and kept, so that plans do not change when moving to annex.
const UNSEEN_SHARE: f64 = 0.55;

/// Nodes that a search of an inline index reads for each of `ef_search` (README.md, "Estimates").
const INLINE_EXPANSIONS: f64 = 1.6;

/// Nodes whose distance a search over `rows` rows with `m` and `ef_search` computes.
fn visited_nodes(rows: f64, m: f64, storage: Storage, ef_search: f64) -> f64 {
    let rows = rows.max(2.0);
    let entry_level = (rows.ln() / m.ln()).floor();
    if storage == Storage::Inline {
        return entry_level * m + INLINE_EXPANSIONS * ef_search;
    }
    let layer_0 =
        2.0 * m * ef_search * UNSEEN_SHARE * rows.ln() / (m.ln() * (1.0 + ef_search.ln()));
    entry_level * m + layer_0
}

/// Cost of a path over an index with `m` and `storage`, at the current `ef_search`.
pub fn estimate(facts: &PathFacts, m: usize, storage: Storage, ef_search: usize) -> PathCost {
    if !facts.has_order || facts.loses_needed_tid {
        return PathCost::IMPOSSIBLE;
    }
    let ratio = if facts.index_tuples > 0.0 {
        (visited_nodes(facts.index_tuples, m as f64, storage, ef_search as f64)
            / facts.index_tuples)
            .min(1.0)
    } else {
        1.0
    };
    let mut startup = facts.generic.total * ratio;
    // A sequential scan is never charged for fetching TOASTed vectors. Where they make the table look smaller than
    // what the search reads of the index, an honest price of the index would lose to reading every vector: the
    // search is then charged for no more pages than the sequential scan is, and at the same price.
    let startup_pages = facts.generic.pages * ratio;
    if startup_pages > facts.table_pages && ratio < 0.5 {
        let honest = startup_pages * facts.random_page_cost;
        startup = (startup - honest + facts.table_pages * facts.seq_page_cost).max(0.0);
    }
    let total = facts.generic.total.max(startup);
    PathCost {
        startup,
        total,
        ..facts.generic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(rows: f64) -> PathFacts {
        let generic = PathCost {
            startup: 0.0,
            total: rows / 10.0 * 4.0 + rows * 0.0075,
            selectivity: 1.0,
            correlation: 0.0,
            pages: rows / 10.0,
        };
        PathFacts {
            has_order: true,
            loses_needed_tid: false,
            index_tuples: rows,
            index_pages: rows / 10.0,
            table_pages: rows / 50.0,
            random_page_cost: 4.0,
            seq_page_cost: 1.0,
            cpu_operator_cost: 0.0025,
            generic,
        }
    }

    #[test]
    fn without_an_order_the_path_is_impossible() {
        let facts = PathFacts {
            has_order: false,
            ..facts(1000.0)
        };
        assert_eq!(
            estimate(&facts, 16, Storage::Compact, 40),
            PathCost::IMPOSSIBLE
        );
    }

    #[test]
    fn a_query_that_would_lose_its_row_pointers_goes_elsewhere() {
        let facts = PathFacts {
            loses_needed_tid: true,
            ..facts(1000.0)
        };
        assert_eq!(
            estimate(&facts, 16, Storage::Compact, 40),
            PathCost::IMPOSSIBLE
        );
    }

    /// Proves: the inline form, which reads fewer nodes, costs less for the same rows and pages.
    #[test]
    fn inline_reads_fewer_nodes() {
        let facts = facts(1e6);
        let [compact, inline] =
            [Storage::Compact, Storage::Inline].map(|form| estimate(&facts, 16, form, 40).startup);
        assert!(0.0 < inline && inline < compact / 5.0);
    }

    #[test]
    fn startup_grows_with_ef_and_stays_below_the_total() {
        let facts = facts(1e6);
        let costs: Vec<_> = [10, 40, 200, 1000]
            .map(|ef| estimate(&facts, 16, Storage::Compact, ef))
            .to_vec();
        assert!(
            costs
                .windows(2)
                .all(|pair| pair[0].startup < pair[1].startup)
        );
        assert!(
            costs
                .iter()
                .all(|cost| cost.startup > 0.0 && cost.startup < cost.total)
        );
    }

    /// Proves: 2,000 vectors of 1,536 dimensions, TOASTed behind 13 pages of table, are searched by the index.
    #[test]
    fn a_search_is_cheaper_than_a_sequential_scan_of_toasted_vectors() {
        let pages = 529.0;
        let facts = PathFacts {
            index_pages: pages,
            table_pages: 13.0,
            generic: PathCost {
                total: pages * 4.0 + 2000.0 * 0.0075,
                pages,
                ..facts(2000.0).generic
            },
            ..facts(2000.0)
        };
        let cost = estimate(&facts, 16, Storage::Compact, 40);
        let ten_rows = cost.startup + (cost.total - cost.startup) * 10.0 / 2000.0;
        let sequential_scan = 13.0 + 2000.0 * (0.01 + 0.0025);
        assert!(ten_rows < sequential_scan, "{ten_rows} {sequential_scan}");
    }

    #[test]
    fn startup_grows_slower_than_the_table() {
        let (small, large) = (
            estimate(&facts(1e4), 16, Storage::Compact, 40),
            estimate(&facts(1e6), 16, Storage::Compact, 40),
        );
        assert!(large.startup < 10.0 * small.startup);
    }

    #[test]
    fn an_empty_index_has_a_finite_cost() {
        assert!(
            estimate(&facts(0.0), 16, Storage::Compact, 40)
                .total
                .is_finite()
        );
    }
}
