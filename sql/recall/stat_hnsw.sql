-- scans and tuples are PostgreSQL's own counts where ours are not shared by all sessions; either way all sessions' scans are in
-- them. The curve is that of the index's pages.
CREATE VIEW annex.stat_hnsw WITH (security_invoker) AS
    SELECT s.indexrelid::regclass AS index, coalesce(t.scans, s.idx_scan) AS scans, coalesce(t.tuples, s.idx_tup_read) AS tuples,
        t.distances, t.total_ms, t.histogram, t.scans IS NOT NULL AS shared,
        c.ef_search, c.origin, c.calibrated_at, now() - c.calibrated_at AS age, c.k, c.queries, c.rows, c.changed, c.stale
    FROM pg_stat_all_indexes s
    JOIN pg_class i ON i.oid = s.indexrelid
    JOIN pg_am a ON a.oid = i.relam AND a.amname = 'hnsw'
    LEFT JOIN LATERAL annex.scan_totals(CASE WHEN i.relpersistence <> 't' THEN s.indexrelid END) t ON true
    LEFT JOIN LATERAL annex.calibration(s.indexrelid) c ON true;
COMMENT ON VIEW annex.stat_hnsw IS 'hnsw indexes: scans, with shared_preload_libraries their distances and times too, histogram by powers of two of microseconds; the ef_search of a scan by this session; age of the curve that annex.calibrate measured, rows changed since, and whether they are too many';
