CREATE FUNCTION annex.verify(index regclass, deep boolean DEFAULT false)
    RETURNS TABLE (severity text, block bigint, item integer, finding text, detail text)
    AS 'MODULE_PATHNAME', 'annex_verify' LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION annex.verify(regclass, boolean) IS
    'checks an hnsw index, one row per finding (error, warning or info); deep also compares it with every row of its table';

CREATE FUNCTION annex.index_info(index regclass)
    RETURNS TABLE (form text, metric text, dimensions integer, m integer, ef_construction integer, nodes bigint,
                   tombstones bigint, heap_rows bigint, upper_nodes bigint, entry_level integer, format_version integer,
                   size_bytes bigint, last_repair timestamptz)
    AS 'MODULE_PATHNAME', 'annex_index_info' LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION annex.index_info(regclass) IS
    'what an hnsw index is and how much is in it; reads all of the index';

CREATE FUNCTION annex.last_scan()
    RETURNS TABLE (expanded bigint, distances bigint, upper_expanded bigint, upper_distances bigint, returned bigint)
    AS 'MODULE_PATHNAME', 'annex_last_scan' LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 1;
COMMENT ON FUNCTION annex.last_scan() IS
    'what the last hnsw index scan of this session did: nodes expanded and distances computed on level 0 and above, rows returned; no row before the first scan';

-- Of any index: nothing is opened. Temporary indexes are not counted.
CREATE FUNCTION annex.scan_totals(index oid)
    RETURNS TABLE (scans bigint, tuples bigint, distances bigint, total_ms double precision, histogram bigint[])
    AS 'MODULE_PATHNAME', 'annex_scan_totals' LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 1;
COMMENT ON FUNCTION annex.scan_totals(oid) IS
    'what all scans of an hnsw index have done since the server was started: rows, distances, time of searches and its histogram by powers of two of microseconds; no row unless annex is in shared_preload_libraries';
