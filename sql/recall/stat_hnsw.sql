-- Counted by PostgreSQL itself, so scans of all sessions are in it; the curve is that of the index's pages.
CREATE VIEW annex.stat_hnsw WITH (security_invoker) AS
    SELECT s.indexrelid::regclass AS index, s.idx_scan AS scans, s.idx_tup_read AS tuples,
        c.ef_search, c.origin, c.calibrated_at, now() - c.calibrated_at AS age, c.k, c.queries, c.rows, c.changed, c.stale
    FROM pg_stat_all_indexes s
    JOIN pg_class i ON i.oid = s.indexrelid
    JOIN pg_am a ON a.oid = i.relam AND a.amname = 'hnsw'
    LEFT JOIN LATERAL annex.calibration(s.indexrelid) c ON true;
COMMENT ON VIEW annex.stat_hnsw IS 'hnsw indexes: scans, and the ef_search of a scan by this session; age of the curve that annex.calibrate measured, rows changed since, and whether they are too many';
