//! What the planner knows about an index path, as values.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// Costs of an index path, in the planner's units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathCost {
    /// Before the first row.
    pub startup: f64,
    /// Until the last row.
    pub total: f64,
    /// Fraction of the table's rows returned.
    pub selectivity: f64,
    /// Correlation of index order and heap order.
    pub correlation: f64,
    /// Index pages read.
    pub pages: f64,
}

impl PathCost {
    /// The cost of a path that must not be taken.
    pub const IMPOSSIBLE: PathCost = PathCost {
        startup: f64::INFINITY,
        total: f64::INFINITY,
        selectivity: 0.0,
        correlation: 0.0,
        pages: 0.0,
    };
}

/// The facts a cost estimate starts from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathFacts {
    /// Whether the path is used for its order.
    pub has_order: bool,
    /// Whether the query needs the `ctid` of the rows (row locks do) and this server loses it: see
    /// [`super::executor::reordered_rows_keep_tid`].
    pub loses_needed_tid: bool,
    /// Rows in the index.
    pub index_tuples: f64,
    /// Pages of the index.
    pub index_pages: f64,
    /// Pages of the table.
    pub table_pages: f64,
    /// Cost of a random page of the index's tablespace.
    pub random_page_cost: f64,
    /// Cost of a sequential page of it.
    pub seq_page_cost: f64,
    /// `cpu_operator_cost`.
    pub cpu_operator_cost: f64,
    /// PostgreSQL's generic estimate of reading the whole index.
    pub generic: PathCost,
}

impl PathFacts {
    /// Collects the facts of `path`.
    ///
    /// # Safety
    /// The pointers are those PostgreSQL passed to `amcostestimate`.
    pub unsafe fn of(
        root: *mut pg_sys::PlannerInfo,
        path: *mut pg_sys::IndexPath,
        loop_count: f64,
    ) -> Self {
        // SAFETY: contract of this function: root, path, its index and its relation are valid.
        unsafe {
            let index = &*(*path).indexinfo;
            let mut costs = pg_sys::GenericCosts::default();
            pg_sys::genericcostestimate(root, path, loop_count, &mut costs);
            let (mut random_page_cost, mut seq_page_cost) = (0.0, 0.0);
            pg_sys::get_tablespace_page_costs(
                index.reltablespace,
                &mut random_page_cost,
                &mut seq_page_cost,
            );
            Self {
                has_order: !(*path).indexorderbys.is_null(),
                loses_needed_tid: needs_tid(index.rel)
                    && !super::executor::reordered_rows_keep_tid(),
                index_tuples: index.tuples,
                index_pages: f64::from(index.pages),
                table_pages: index.rel.as_ref().map_or(0.0, |rel| f64::from(rel.pages)),
                random_page_cost,
                seq_page_cost,
                cpu_operator_cost: pg_sys::cpu_operator_cost,
                generic: PathCost {
                    startup: costs.indexStartupCost,
                    total: costs.indexTotalCost,
                    selectivity: costs.indexSelectivity,
                    correlation: costs.indexCorrelation,
                    pages: costs.numIndexPages,
                },
            }
        }
    }

    /// Number and object of the index whose path this is: its OID.
    ///
    /// # Safety
    /// `path` is a valid index path.
    pub unsafe fn index_oid(path: *mut pg_sys::IndexPath) -> pg_sys::Oid {
        // SAFETY: contract of this function.
        unsafe { (*(*path).indexinfo).indexoid }
    }
}

/// Whether something above the scan of `rel`, or one of its conditions, reads the rows' `ctid`.
///
/// # Safety
/// `rel` is null or a valid base relation of a query being planned.
unsafe fn needs_tid(rel: *mut pg_sys::RelOptInfo) -> bool {
    // SAFETY: contract of this function; target and conditions are valid lists of expressions.
    unsafe {
        let Some(rel) = rel.as_ref() else {
            return false;
        };
        let mut columns = std::ptr::null_mut();
        pg_sys::pull_varattnos((*rel.reltarget).exprs.cast(), rel.relid, &mut columns);
        let conditions = pg_sys::extract_actual_clauses(rel.baserestrictinfo, false);
        pg_sys::pull_varattnos(conditions.cast(), rel.relid, &mut columns);
        let ctid =
            pg_sys::SelfItemPointerAttributeNumber - pg_sys::FirstLowInvalidHeapAttributeNumber;
        pg_sys::bms_is_member(ctid, columns)
    }
}
