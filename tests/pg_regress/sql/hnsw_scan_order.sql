-- Proves: rows come in exact, non-decreasing distance however the scan is started: plain, filtered, rescanned, joined, prepared.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE so (id int PRIMARY KEY, c int, v vector(3));
INSERT INTO so SELECT i, i % 4, ARRAY[i, 2 * i, -i] FROM generate_series(1, 120) i;
CREATE INDEX so_v ON so USING hnsw (v vector_l2_ops);
ANALYZE so;
SET enable_seqscan = off;
SET enable_sort = off;
SET hnsw.ef_search = 200;

SELECT array_agg(id) FROM (SELECT id FROM so ORDER BY v <-> '[30.1,60.2,-30.1]' LIMIT 9) s;
-- Every row, once, in order.
SELECT count(*), count(DISTINCT id), bool_and(distance >= previous) AS is_sorted
FROM (SELECT id, distance, lag(distance, 1, 0) OVER (ROWS UNBOUNDED PRECEDING) AS previous
      FROM (SELECT id, v <-> '[30,60,-30]' AS distance FROM so ORDER BY v <-> '[30,60,-30]') s) t;
-- A filter, and a filter on the distance.
SELECT array_agg(id) FROM (SELECT id FROM so WHERE c = 2 ORDER BY v <-> '[30.1,60.2,-30.1]' LIMIT 5) s;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM so WHERE v <-> '[30,60,-30]' < 6 ORDER BY v <-> '[30,60,-30]') s;
-- OFFSET, DISTINCT distances, aggregates above the scan.
SELECT array_agg(id) FROM (SELECT id FROM so ORDER BY v <-> '[30.1,60.2,-30.1]' OFFSET 5 LIMIT 4) s;

-- LATERAL: a rescan with another query vector for each outer row.
EXPLAIN (COSTS off)
SELECT q.id, n.id FROM (SELECT id, v FROM so WHERE id IN (10, 60, 110)) q
CROSS JOIN LATERAL (SELECT id FROM so ORDER BY so.v <-> q.v LIMIT 3) n;
SELECT q.id, array_agg(n.id ORDER BY n.distance, n.id) FROM (SELECT id, v FROM so WHERE id IN (10, 60, 110)) q
CROSS JOIN LATERAL (SELECT id, so.v <-> q.v AS distance FROM so ORDER BY so.v <-> q.v LIMIT 3) n GROUP BY q.id ORDER BY q.id;
-- A correlated subquery.
SELECT q.id, (SELECT id FROM so WHERE id <> q.id AND id % 2 = 0 ORDER BY v <-> q.v LIMIT 1) FROM so q WHERE q.id IN (1, 119) ORDER BY q.id;
-- The query vector from a scalar subquery.
SELECT id FROM so ORDER BY v <-> (SELECT v FROM so WHERE id = 77) LIMIT 1;

-- Prepared statements with custom and generic plans.
PREPARE so_nearest (vector, int) AS SELECT id FROM so ORDER BY v <-> $1 LIMIT $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS off) EXECUTE so_nearest ('[7,14,-7]', 2);
EXECUTE so_nearest ('[7,14,-7]', 1);
EXECUTE so_nearest ('[99,198,-99]', 1);
SET plan_cache_mode = force_custom_plan;
EXPLAIN (COSTS off) EXECUTE so_nearest ('[7,14,-7]', 2);
EXECUTE so_nearest ('[55,110,-55]', 1);
RESET plan_cache_mode;
-- The plan follows a changed index.
DROP INDEX so_v;
CREATE INDEX so_v2 ON so USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 100);
EXECUTE so_nearest ('[55,110,-55]', 1);
DEALLOCATE so_nearest;

-- Inside PL/pgSQL, also a loop that stops early, many times in one session.
DO $$
DECLARE
    row record;
    seen int[];
BEGIN
    FOR q IN 1..120 LOOP
        FOR row IN SELECT id FROM so ORDER BY v <-> (ARRAY[q, 2 * q, -q]::real[])::vector LOOP
            seen := seen || row.id;
            EXIT;
        END LOOP;
    END LOOP;
    RAISE NOTICE 'first of each query is its own row: %', seen = ARRAY(SELECT generate_series(1, 120));
END $$;

-- Two scans of one index at the same time, interleaved.
EXPLAIN (COSTS off)
SELECT count(*) FROM (SELECT id FROM so ORDER BY v <-> '[1,2,-1]' LIMIT 50) a JOIN (SELECT id FROM so ORDER BY v <-> '[40,80,-40]' LIMIT 50) b USING (id);
SELECT count(*), min(id), max(id) FROM (SELECT id FROM so ORDER BY v <-> '[1,2,-1]' LIMIT 50) a JOIN (SELECT id FROM so ORDER BY v <-> '[40.4,80.8,-40.4]' LIMIT 50) b USING (id);

-- idx_scan counts scans; a table without a primary key so that the count is the hnsw index's alone.
CREATE TABLE so_count (v vector(1));
INSERT INTO so_count SELECT ARRAY[i] FROM generate_series(1, 10) i;
CREATE INDEX so_count_v ON so_count USING hnsw (v vector_l2_ops);
BEGIN;
SELECT v FROM so_count ORDER BY v <-> '[3]' LIMIT 1;
SELECT v FROM so_count ORDER BY v <-> '[5]' LIMIT 1;
SELECT n.v FROM (VALUES ('[1]'::vector), ('[2]'), ('[9]')) q(v) CROSS JOIN LATERAL (SELECT v FROM so_count ORDER BY so_count.v <-> q.v LIMIT 1) n;
SELECT pg_stat_get_xact_numscans('so_count_v'::regclass);
COMMIT;
DROP TABLE so_count;
DROP TABLE so;

-- Values that the index's own 8-bit code cannot tell apart still come in exact order.
CREATE TABLE so_close (id int, v vector(4));
INSERT INTO so_close SELECT i, ARRAY[1 + i * 1e-5, 100, -100, 50] FROM generate_series(1, 30) i;
INSERT INTO so_close VALUES (0, '[-30000,30000,-30000,30000]');
CREATE INDEX ON so_close USING hnsw (v vector_l2_ops);
SELECT array_agg(id) FROM (SELECT id FROM so_close ORDER BY v <-> '[1,100,-100,50]' LIMIT 31) s;
-- Extreme magnitudes side by side.
TRUNCATE so_close;
INSERT INTO so_close VALUES (1, '[1e-30,0,0,0]'), (2, '[1e-10,0,0,0]'), (3, '[1,0,0,0]'), (4, '[1e10,0,0,0]'), (5, '[1e18,0,0,0]'), (6, '[3e38,3e38,3e38,3e38]');
SELECT array_agg(id) FROM (SELECT id FROM so_close ORDER BY v <-> '[0,0,0,0]' LIMIT 6) s;
REINDEX TABLE so_close;
SELECT array_agg(id) FROM (SELECT id FROM so_close ORDER BY v <-> '[0,0,0,0]' LIMIT 6) s;
SELECT id FROM so_close ORDER BY v <-> '[2e18,0,0,0]' LIMIT 1;
DROP TABLE so_close;
