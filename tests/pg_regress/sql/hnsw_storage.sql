-- Proves: what the option storage accepts and picks, and that both forms of an index give the answers of exact search through
-- everything that changes one.
\set VERBOSITY default
SET client_min_messages = notice;

-- Vectors whose numbers follow from their row.
CREATE FUNCTION st_vec(id int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg((hashint8(id::bigint * 4096 + j)::float8 / 2147483648)::real ORDER BY j)::vector
    FROM generate_series(1, dims) j $$;

-- Names and other values.
CREATE TABLE st (id int PRIMARY KEY, v vector(3));
CREATE INDEX st_v ON st USING hnsw (v vector_l2_ops) WITH (storage = inline);
SELECT pg_get_indexdef('st_v'::regclass);
SELECT form FROM annex.index_info('st_v');
DROP INDEX st_v;
CREATE INDEX st_v ON st USING hnsw (v vector_l2_ops) WITH (storage = 'COMPACT');
SELECT form FROM annex.index_info('st_v');
DROP INDEX st_v;
CREATE INDEX st_v ON st USING hnsw (v vector_l2_ops) WITH (storage = auto);
SELECT form FROM annex.index_info('st_v');
ALTER INDEX st_v SET (storage = 'plain');
\echo :SQLSTATE
DROP INDEX st_v;
CREATE INDEX st_v ON st USING hnsw (v vector_l2_ops) WITH (storage = fast);
\echo :SQLSTATE
CREATE INDEX st_v ON st USING hnsw (v vector_l2_ops) WITH (storage = '');
\echo :SQLSTATE

-- Where there is no inline form: L1, and too many neighbors for a page. Compact and auto go on.
CREATE INDEX st_v ON st USING hnsw (v vector_l1_ops) WITH (storage = inline);
\echo :SQLSTATE
CREATE TABLE st_wide (v vector(1500), w vector(7000));
CREATE INDEX st_wide_v ON st_wide USING hnsw (v vector_l2_ops) WITH (m = 100, ef_construction = 200, storage = inline);
\echo :SQLSTATE
CREATE INDEX st_wide_w ON st_wide USING hnsw (w vector_ip_ops) WITH (storage = inline);
\echo :SQLSTATE
CREATE INDEX st_wide_v ON st_wide USING hnsw (v vector_l2_ops) WITH (m = 100, ef_construction = 200);
CREATE INDEX st_wide_w ON st_wide USING hnsw (w vector_ip_ops) WITH (storage = compact);
SELECT form, dimensions FROM annex.index_info('st_wide_v') UNION ALL SELECT form, dimensions FROM annex.index_info('st_wide_w');
-- The same for an index that exists: the old one stays.
ALTER INDEX st_wide_w SET (storage = inline);
REINDEX INDEX st_wide_w;
\echo :SQLSTATE
SELECT form FROM annex.index_info('st_wide_w');
DROP TABLE st_wide;

-- What auto picks: by dimensions, metric, and whether a page holds three quarters of the neighbors.
CREATE TABLE st_auto (a vector(47), b vector(48), c vector(1536), d vector(2000));
CREATE INDEX st_auto_1 ON st_auto USING hnsw (a vector_l2_ops);
CREATE INDEX st_auto_2 ON st_auto USING hnsw (b vector_l2_ops);
CREATE INDEX st_auto_3 ON st_auto USING hnsw (b vector_ip_ops);
CREATE INDEX st_auto_4 ON st_auto USING hnsw (b vector_cosine_ops);
CREATE INDEX st_auto_5 ON st_auto USING hnsw (b vector_l1_ops);
CREATE INDEX st_auto_6 ON st_auto USING hnsw (c vector_cosine_ops);
CREATE INDEX st_auto_7 ON st_auto USING hnsw (c vector_cosine_ops) WITH (m = 48, ef_construction = 100);
CREATE INDEX st_auto_8 ON st_auto USING hnsw (d vector_l2_ops);
CREATE INDEX st_auto_9 ON st_auto USING hnsw (d vector_l2_ops) WITH (storage = inline);
SELECT i, form, metric, dimensions, m FROM generate_series(1, 9) i, annex.index_info(('st_auto_' || i)::regclass) ORDER BY i;
DROP TABLE st_auto;
-- The last dimensions at m = 16 that auto takes inline, and that inline takes.
CREATE TABLE st_last (a vector(1920), b vector(1921), c vector(2584), d vector(2585));
CREATE INDEX st_last_1 ON st_last USING hnsw (a vector_l2_ops);
CREATE INDEX st_last_2 ON st_last USING hnsw (b vector_l2_ops);
CREATE INDEX st_last_3 ON st_last USING hnsw (c vector_l2_ops) WITH (storage = inline);
SELECT form, dimensions FROM generate_series(1, 3) i, annex.index_info(('st_last_' || i)::regclass) ORDER BY i;
CREATE INDEX st_last_4 ON st_last USING hnsw (d vector_l2_ops) WITH (storage = inline);
\echo :SQLSTATE
DROP TABLE st_last;

-- A new value waits for a REINDEX; until then the index stays in use as it is.
INSERT INTO st SELECT i, st_vec(i, 3) FROM generate_series(1, 200) i;
CREATE INDEX st_v ON st USING hnsw (v vector_l2_ops);
ALTER INDEX st_v SET (storage = inline);
INSERT INTO st SELECT i, st_vec(i, 3) FROM generate_series(201, 250) i;
SELECT form FROM annex.index_info('st_v');
REINDEX INDEX st_v;
SELECT form FROM annex.index_info('st_v');
SELECT * FROM annex.verify('st_v', true);
ALTER INDEX st_v SET (storage = compact);
DELETE FROM st WHERE id % 2 = 0;
VACUUM st;
INSERT INTO st SELECT i, st_vec(i, 3) FROM generate_series(251, 300) i;
SELECT form FROM annex.index_info('st_v');
SELECT severity, finding FROM annex.verify('st_v', true) WHERE severity <> 'info';
REINDEX INDEX st_v;
SELECT form FROM annex.index_info('st_v');
ALTER INDEX st_v RESET (storage);
SELECT * FROM annex.verify('st_v', true);
DROP TABLE st;

-- Exact search against the index, for each form, metric and some dimensions.
CREATE FUNCTION st_same(dims int, operator text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    is_same bool := true;
    query text := format('SELECT array_agg(d) FROM (SELECT v %s $1 AS d FROM st ORDER BY v %1$s $1 LIMIT 30) s', operator);
    by_index float8[];
    by_table float8[];
BEGIN
    FOR q IN 100001..100010 LOOP
        PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true), set_config('enable_indexscan', 'on', true);
        EXECUTE query INTO by_index USING st_vec(q, dims);
        PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true), set_config('enable_indexscan', 'off', true);
        EXECUTE query INTO by_table USING st_vec(q, dims);
        is_same := is_same AND by_index = by_table AND cardinality(by_index) = 30;
    END LOOP;
    RETURN is_same;
END $$;
CREATE PROCEDURE st_check(step text, dims int, operator text) LANGUAGE plpgsql AS $$
BEGIN
    IF NOT st_same(dims, operator) THEN
        RAISE NOTICE '% dimensions, %, %: not the rows of exact search', dims, operator, step;
    END IF;
    IF EXISTS (SELECT FROM annex.verify('st_v', true) WHERE severity <> 'info') THEN
        RAISE NOTICE '% dimensions, %, %: verify finds something', dims, operator, step;
    END IF;
END $$;
SET hnsw.ef_search = 400;
-- The index answers, so the comparison is one.
CREATE TABLE st (id int, v vector(3));
CREATE INDEX st_v ON st USING hnsw (v vector_ip_ops) WITH (storage = inline);
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS off) SELECT v <#> '[1,2,3]' AS d FROM st ORDER BY v <#> '[1,2,3]' LIMIT 30;
RESET enable_seqscan;
RESET enable_sort;
DROP TABLE st;
-- A build, inserts with equal rows among them, deletes, vacuum, slots used again; for each persistence.
SELECT format('CREATE %s TABLE st (id int, v vector(%s))', persistence, dims),
       format('INSERT INTO st SELECT i, st_vec(i, %s) FROM generate_series(1, 200) i', dims),
       format('CREATE INDEX st_v ON st USING hnsw (v vector_%s_ops) WITH (m = 6, ef_construction = 40, storage = inline)', metric),
       format('CALL st_check(''built'', %s, %L)', dims, operator),
       format('INSERT INTO st SELECT i, st_vec(CASE WHEN i %% 10 = 0 THEN 7 ELSE i END, %s) FROM generate_series(201, 400) i', dims),
       format('CALL st_check(''inserted'', %s, %L)', dims, operator),
       'DELETE FROM st WHERE id % 3 = 0',
       format('CALL st_check(''deleted'', %s, %L)', dims, operator),
       'VACUUM st',
       format('CALL st_check(''vacuumed'', %s, %L)', dims, operator),
       format('INSERT INTO st SELECT i, st_vec(i, %s) FROM generate_series(401, 500) i', dims),
       format('CALL st_check(''inserted again'', %s, %L)', dims, operator),
       'DROP TABLE st'
FROM (VALUES ('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>')) AS metrics (metric, operator),
     (VALUES (3, ''), (70, 'UNLOGGED'), (128, 'TEMP')) AS tables (dims, persistence)
ORDER BY metric, dims \gexec

-- Rows inserted into an empty index; all of them deleted, and new ones.
CREATE TABLE st (id int PRIMARY KEY, c int, v vector(20));
CREATE INDEX st_v ON st USING hnsw (v vector_l2_ops) WITH (storage = inline);
INSERT INTO st SELECT i, i % 50, st_vec(i, 20) FROM generate_series(1, 300) i;
CALL st_check('inserted into an empty index', 20, '<->');
DELETE FROM st;
VACUUM st;
SELECT nodes, tombstones, heap_rows FROM annex.index_info('st_v');
INSERT INTO st SELECT i, i % 50, st_vec(i, 20) FROM generate_series(1001, 1500) i;
CALL st_check('inserted after all were deleted', 20, '<->');
-- Equal rows share a node: more of them than a list holds.
INSERT INTO st SELECT 2000 + i, 50, st_vec(1001, 20) FROM generate_series(1, 300) i;
SELECT heap_rows - nodes AS shared, heap_rows FROM annex.index_info('st_v');
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) FROM (SELECT c, id FROM st ORDER BY v <-> st_vec(1001, 20) LIMIT 301) s WHERE c = 50 OR id = 1001;
-- Iterative scans: as many rows as asked for, every row once, in order.
RESET hnsw.ef_search;
SELECT count(*) < 9 AS too_few FROM (SELECT id FROM st WHERE c = 7 ORDER BY v <-> st_vec(100001, 20) LIMIT 10) s;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT id FROM st WHERE c = 7 ORDER BY v <-> st_vec(100001, 20) LIMIT 10) s;
SET hnsw.max_scan_tuples = 2147483647;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM st ORDER BY v <-> st_vec(100001, 20)) s;
SET hnsw.iterative_scan = strict_order;
SELECT count(*), count(DISTINCT id), bool_and(distance >= previous) AS is_sorted
FROM (SELECT id, distance, lag(distance, 1, 0) OVER (ROWS UNBOUNDED PRECEDING) AS previous
      FROM (SELECT id, v <-> st_vec(100001, 20) AS distance FROM st ORDER BY v <-> st_vec(100001, 20)) s) t;
RESET hnsw.max_scan_tuples;
SELECT count(*), bool_and(distance >= previous) AS is_sorted
FROM (SELECT distance, lag(distance, 1, 0) OVER (ROWS UNBOUNDED PRECEDING) AS previous
      FROM (SELECT v <-> st_vec(100001, 20) AS distance FROM st WHERE c % 5 = 2 ORDER BY v <-> st_vec(100001, 20) LIMIT 60) s) t;
SELECT * FROM annex.verify('st_v', true) WHERE severity <> 'info';
RESET ALL;

-- Numbers at both ends of what a vector holds, and vectors that cosine does not index.
CREATE TABLE st_ends (id int, v vector(4));
INSERT INTO st_ends VALUES (1, '[0,0,0,0]'), (2, '[3e38,-3e38,3e38,3e38]'), (3, '[1e-44,0,0,-1e-44]'), (4, '[1e-20,1e-20,0,0]'), (5, '[1,1,1,1]'), (6, '[-1e20,1,0,0]');
CREATE INDEX st_ends_l2 ON st_ends USING hnsw (v vector_l2_ops) WITH (storage = inline);
CREATE INDEX st_ends_ip ON st_ends USING hnsw (v vector_ip_ops) WITH (storage = inline);
CREATE INDEX st_ends_cosine ON st_ends USING hnsw (v vector_cosine_ops) WITH (storage = inline);
INSERT INTO st_ends SELECT id + 10, v FROM st_ends;
INSERT INTO st_ends SELECT id + 20, st_vec(id, 4) FROM st_ends;
SELECT metric, heap_rows FROM annex.index_info('st_ends_l2') UNION ALL SELECT metric, heap_rows FROM annex.index_info('st_ends_ip')
    UNION ALL SELECT metric, heap_rows FROM annex.index_info('st_ends_cosine');
SELECT * FROM annex.verify('st_ends_l2', true) UNION ALL SELECT * FROM annex.verify('st_ends_ip', true) UNION ALL SELECT * FROM annex.verify('st_ends_cosine', true);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) FROM (SELECT id FROM st_ends ORDER BY v <-> '[1,1,1,1]') s;
SELECT count(*) FROM (SELECT id FROM st_ends ORDER BY v <#> '[1,1,1,1]') s;
SELECT count(*) FROM (SELECT id FROM st_ends ORDER BY v <=> '[1,1,1,1]') s;
RESET ALL;
DROP TABLE st, st_ends;
DROP PROCEDURE st_check;
DROP FUNCTION st_same;
DROP FUNCTION st_vec;

-- A shorter list than 12 nodes is not worth it on codes of one bit: an inline index returns so many, a compact one what is asked.
CREATE TABLE st_short (id int, v vector(2));
INSERT INTO st_short SELECT i, ARRAY[i, i % 7] FROM generate_series(1, 10000) i;
CREATE INDEX st_short_inline ON st_short USING hnsw (v vector_l2_ops) WITH (storage = inline);
SET enable_seqscan = off;
SET hnsw.ef_search = 5;
SELECT count(*) >= 12 AS has_12 FROM (SELECT id FROM st_short ORDER BY v <-> '[5,5]' LIMIT 100) s;
DROP INDEX st_short_inline;
CREATE INDEX st_short_compact ON st_short USING hnsw (v vector_l2_ops) WITH (storage = compact);
SELECT count(*) BETWEEN 5 AND 11 AS has_5 FROM (SELECT id FROM st_short ORDER BY v <-> '[5,5]' LIMIT 100) s;
DROP TABLE st_short;
