//! The one place that orders SQL: every script of `sql/`, with its name and what it requires.

use pgrx::extension_sql_file;

extension_sql_file!("../sql/schema.sql", name = "annex_schema");
extension_sql_file!("../sql/types/shells.sql", name = "types_shells");
extension_sql_file!(
    "../sql/types/vector.sql",
    name = "types_vector",
    requires = ["types_shells"]
);
extension_sql_file!(
    "../sql/types/halfvec.sql",
    name = "types_halfvec",
    requires = ["types_shells"]
);
extension_sql_file!(
    "../sql/types/sparsevec.sql",
    name = "types_sparsevec",
    requires = ["types_shells"]
);
extension_sql_file!(
    "../sql/types/casts.sql",
    name = "types_casts",
    requires = ["types_vector", "types_halfvec"]
);
extension_sql_file!(
    "../sql/types/sparsevec_casts.sql",
    name = "types_sparsevec_casts",
    requires = ["types_vector", "types_halfvec", "types_sparsevec"]
);
extension_sql_file!(
    "../sql/types/aggregates.sql",
    name = "types_aggregates",
    requires = ["types_vector", "types_halfvec"]
);
extension_sql_file!(
    "../sql/types/btree_classes.sql",
    name = "types_btree_classes",
    requires = ["types_vector", "types_halfvec", "types_sparsevec"]
);
extension_sql_file!(
    "../sql/distance/operators.sql",
    name = "distance_operators",
    requires = ["types_vector", "types_halfvec"]
);
extension_sql_file!(
    "../sql/distance/sparsevec.sql",
    name = "distance_sparsevec",
    requires = ["types_sparsevec"]
);
extension_sql_file!("../sql/hnsw/access_method.sql", name = "hnsw_access_method");
extension_sql_file!(
    "../sql/hnsw/operator_classes.sql",
    name = "hnsw_operator_classes",
    requires = [
        "hnsw_access_method",
        "distance_operators",
        "distance_sparsevec"
    ]
);
extension_sql_file!(
    "../sql/hnsw/verify.sql",
    name = "hnsw_verify",
    requires = ["annex_schema", "hnsw_access_method"]
);
extension_sql_file!(
    "../sql/recall/recall.sql",
    name = "recall",
    requires = ["annex_schema"]
);

extension_sql_file!(
    "../sql/recall/tune.sql",
    name = "recall_tune",
    requires = ["annex_schema", "types_casts"]
);
extension_sql_file!(
    "../sql/recall/advise.sql",
    name = "recall_advise",
    requires = ["annex_schema"]
);
#[cfg(not(feature = "pg14"))]
extension_sql_file!(
    "../sql/recall/stat_hnsw.sql",
    name = "recall_stat_hnsw",
    requires = ["recall_tune", "hnsw_verify"]
);

// PostgreSQL 14 has no views that run with the rights of whoever asks.
#[cfg(not(feature = "pg14"))]
extension_sql_file!(
    "../sql/models/tables.sql",
    name = "models_tables",
    requires = ["annex_schema", "types_casts"]
);
#[cfg(not(feature = "pg14"))]
extension_sql_file!(
    "../sql/models/views.sql",
    name = "models_views",
    requires = ["models_tables"]
);
#[cfg(not(feature = "pg14"))]
extension_sql_file!(
    "../sql/models/functions.sql",
    name = "models_functions",
    requires = ["models_tables"]
);
#[cfg(not(feature = "pg14"))]
extension_sql_file!(
    "../sql/models/measure_recall.sql",
    name = "models_measure_recall",
    requires = ["models_tables"]
);
#[cfg(not(feature = "pg14"))]
extension_sql_file!(
    "../sql/models/ownership.sql",
    name = "models_ownership",
    requires = ["models_views", "models_functions", "recall_stat_hnsw"]
);
