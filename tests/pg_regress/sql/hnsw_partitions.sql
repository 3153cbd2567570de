-- Proves: a partitioned table's index covers each partition, one old and one new, and ordered scans of partitions are merged in order.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE pa (id int, c int, v vector(2)) PARTITION BY LIST (c);
CREATE TABLE pa_1 PARTITION OF pa FOR VALUES IN (1);
CREATE TABLE pa_2 PARTITION OF pa FOR VALUES IN (2);
INSERT INTO pa SELECT i, 1 + i % 2, ARRAY[i, 0] FROM generate_series(1, 300) i;
CREATE INDEX pa_v ON pa USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 40);
SELECT c.relname, c.relkind, c.reloptions FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE i.inhparent = 'pa_v'::regclass ORDER BY 1;
SELECT pg_get_indexdef('pa_v'::regclass);
CREATE TABLE pa_3 PARTITION OF pa FOR VALUES IN (3);
INSERT INTO pa SELECT i, 3, ARRAY[i, 0.5] FROM generate_series(1, 300) i;
CREATE TABLE pa_4 (id int, c int, v vector(2));
INSERT INTO pa_4 SELECT i, 4, ARRAY[i, 100] FROM generate_series(1, 50) i;
ALTER TABLE pa ATTACH PARTITION pa_4 FOR VALUES IN (4);
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid IN ('pa_3'::regclass, 'pa_4'::regclass) ORDER BY 1;
ANALYZE pa;

SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS off) SELECT id, c FROM pa ORDER BY v <-> '[100.1,0]' LIMIT 6;
SELECT id, c FROM pa ORDER BY v <-> '[100.1,0]' LIMIT 6;
-- Pruned to one partition.
EXPLAIN (COSTS off) SELECT id FROM pa WHERE c = 3 ORDER BY v <-> '[100.1,0]' LIMIT 2;
SELECT id FROM pa WHERE c = 3 ORDER BY v <-> '[100.1,0]' LIMIT 2;
-- A row moves to another partition.
UPDATE pa SET c = 3 WHERE id = 100 AND c = 1;
SELECT id, c FROM pa ORDER BY v <-> '[100.1,0]' LIMIT 2;
SELECT id, c FROM pa WHERE c = 1 ORDER BY v <-> '[100.1,0]' LIMIT 2;
-- Iterative scans under a MergeAppend.
SET hnsw.iterative_scan = strict_order;
SELECT count(*), bool_and(distance >= previous) FROM (
    SELECT distance, lag(distance, 1, 0) OVER (ROWS UNBOUNDED PRECEDING) AS previous
    FROM (SELECT v <-> '[100.1,0]' AS distance FROM pa WHERE id % 50 = 0 ORDER BY v <-> '[100.1,0]' LIMIT 13) s) t;
-- Parameters, also across rescans.
PREPARE pa_nearest (vector) AS SELECT id, c FROM pa ORDER BY v <-> $1 LIMIT 1;
SET plan_cache_mode = force_generic_plan;
EXECUTE pa_nearest ('[7,0]');
EXECUTE pa_nearest ('[7,99]');
DEALLOCATE pa_nearest;
SELECT q.x, n.id, n.c FROM (VALUES (10), (200), (299)) q(x), LATERAL (SELECT id, c FROM pa ORDER BY v <-> ARRAY[q.x, 0]::real[]::vector LIMIT 1) n ORDER BY 1;

-- An index made for each partition, then attached to one made ONLY on the parent.
CREATE INDEX pa_cosine ON ONLY pa USING hnsw (v vector_cosine_ops);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'pa_cosine'::regclass;
CREATE INDEX pa_1_cosine ON pa_1 USING hnsw (v vector_cosine_ops);
CREATE INDEX CONCURRENTLY pa_2_cosine ON pa_2 USING hnsw (v vector_cosine_ops);
CREATE INDEX pa_3_cosine ON pa_3 USING hnsw (v vector_cosine_ops);
CREATE INDEX pa_4_cosine ON pa_4 USING hnsw (v vector_cosine_ops);
ALTER INDEX pa_cosine ATTACH PARTITION pa_1_cosine;
ALTER INDEX pa_cosine ATTACH PARTITION pa_2_cosine;
ALTER INDEX pa_cosine ATTACH PARTITION pa_3_cosine;
ALTER INDEX pa_cosine ATTACH PARTITION pa_4_cosine;
SELECT indisvalid FROM pg_index WHERE indexrelid = 'pa_cosine'::regclass;
SELECT id, c FROM pa ORDER BY v <=> '[1,100]' LIMIT 1;
REINDEX INDEX pa_v;
VACUUM pa;
ALTER TABLE pa DETACH PARTITION pa_3;
SELECT id, c FROM pa ORDER BY v <-> '[100.1,0]' LIMIT 2;
SELECT id, c FROM pa_3 ORDER BY v <-> '[100.1,0]' LIMIT 1;
-- Options of a partitioned index are checked when it is made, also without partitions.
CREATE TABLE pa_empty (c int, v vector(2)) PARTITION BY LIST (c);
CREATE INDEX ON pa_empty USING hnsw (v vector_l2_ops) WITH (m = 1);
\echo :SQLSTATE
CREATE INDEX ON pa_empty USING hnsw (v vector_l2_ops);
SELECT c FROM pa_empty ORDER BY v <-> '[1,1]' LIMIT 1;
DROP TABLE pa, pa_3, pa_empty;

-- Table inheritance and UNION ALL: the children's indexes are merged.
CREATE TABLE pa_parent (id int, v vector(2));
CREATE TABLE pa_child () INHERITS (pa_parent);
INSERT INTO pa_parent SELECT i, ARRAY[i, 0] FROM generate_series(1, 100) i;
INSERT INTO pa_child SELECT i, ARRAY[i, 0.5] FROM generate_series(101, 200) i;
CREATE INDEX ON pa_parent USING hnsw (v vector_l2_ops);
CREATE INDEX ON pa_child USING hnsw (v vector_l2_ops);
EXPLAIN (COSTS off) SELECT id FROM pa_parent ORDER BY v <-> '[100,0]' LIMIT 4;
SELECT id FROM pa_parent ORDER BY v <-> '[100.1,0]' LIMIT 4;
SELECT id FROM (SELECT id, v FROM ONLY pa_parent UNION ALL SELECT id, v FROM pa_child) u ORDER BY v <-> '[100.1,0]' LIMIT 4;
DROP TABLE pa_parent CASCADE;
