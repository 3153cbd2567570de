-- Not STRICT: ef_search may be NULL, the others are refused by name. VOLATILE, because it reads the clock.
CREATE FUNCTION annex.recall(index regclass, queries anyarray, k integer DEFAULT 10, ef_search integer DEFAULT NULL)
    RETURNS TABLE (query integer, recall double precision, approx_ms double precision, exact_ms double precision)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'annex_recall';
COMMENT ON FUNCTION annex.recall(regclass, anyarray, integer, integer) IS 'recall@k of an hnsw index, with the times of both searches: each query by exactly this index and by reading its table';
