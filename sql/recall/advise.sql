-- None is STRICT: what must not be NULL is refused by name; metric may be.
CREATE FUNCTION annex.advise(tbl regclass, col name, target_recall double precision DEFAULT 0.95, k integer DEFAULT 10,
        sample_rows integer DEFAULT 20000, budget interval DEFAULT '5 min', metric text DEFAULT NULL)
    RETURNS TABLE (m integer, ef_construction integer, ef_search integer, recall double precision, p95_ms double precision,
        build_ms double precision, bytes bigint, pareto boolean, chosen boolean, ddl text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 15 AS 'MODULE_PATHNAME', 'annex_advise';
COMMENT ON FUNCTION annex.advise(regclass, name, double precision, integer, integer, interval, text) IS
    'which options an hnsw index should have to reach a recall: tried in memory on a sample of rows, the best ones as real indexes on a temporary table; p95_ms is NULL where only memory was tried, ef_search too where the budget did not suffice; changes nothing, the chosen row has the command that does';
