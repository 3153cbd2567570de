CREATE FUNCTION annex.measure_recall(model text, version integer, k integer DEFAULT 10, n integer DEFAULT 100,
        filter_fraction double precision DEFAULT NULL)
    RETURNS annex.measurement
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'annex_measure_recall';
COMMENT ON FUNCTION annex.measure_recall(text, integer, integer, integer, double precision) IS 'measures the recall of a version''s index, by sampled queries or stored rows, and appends it to annex.measurement';
