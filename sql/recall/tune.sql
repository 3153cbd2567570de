-- None is STRICT: what must not be NULL is refused by name. The default of queries makes the call resolve without them; an
-- index on another type takes an array of that type.
CREATE FUNCTION annex.tune(index regclass, target_recall double precision DEFAULT 0.95, k integer DEFAULT 10,
        queries anyarray DEFAULT NULL::@extschema@.vector[], budget interval DEFAULT '60 s')
    RETURNS TABLE (ef_search integer, recall double precision, recall_lo double precision, p50_ms double precision, p95_ms double precision,
        chosen boolean, ddl text, query_source text, overridden_by text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 10 AS 'MODULE_PATHNAME', 'annex_tune';
COMMENT ON FUNCTION annex.tune(regclass, double precision, integer, anyarray, interval) IS 'the smallest ef_search that reaches a recall, measured; changes nothing, the chosen row has the command that does';

CREATE FUNCTION annex.calibrate(index regclass, k integer DEFAULT 10, queries anyarray DEFAULT NULL::@extschema@.vector[],
        budget interval DEFAULT '60 s')
    RETURNS TABLE (ef_search integer, recall double precision, recall_lo double precision, measured_at timestamptz)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 15 AS 'MODULE_PATHNAME', 'annex_calibrate';
COMMENT ON FUNCTION annex.calibrate(regclass, integer, anyarray, interval) IS 'measures recall by ef_search and keeps the curve in the index, for annex.target_recall to choose from';

-- Shows counts, no rows, so everybody may; no row for what is no hnsw index, or is locked now.
CREATE FUNCTION annex.calibration(index regclass)
    RETURNS TABLE (ef_search integer, origin text, calibrated_at timestamptz, k integer, queries integer, rows bigint, changed bigint,
        stale boolean)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 1000 ROWS 1 AS 'MODULE_PATHNAME', 'annex_calibration';
COMMENT ON FUNCTION annex.calibration(regclass) IS 'the ef_search of a scan by this session and who has decided it; when the index was calibrated, and what has changed since';
