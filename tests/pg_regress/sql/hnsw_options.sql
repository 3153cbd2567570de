-- Proves: the options of an index are m, ef_construction and builder (and storage: hnsw_storage.sql), with pgvector's ranges, and what ALTER INDEX changes later.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE op (id int, v vector(3));
INSERT INTO op SELECT i, ARRAY[i, 0, 0] FROM generate_series(1, 50) i;

CREATE INDEX op_idx ON op USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32);
SELECT pg_get_indexdef('op_idx'::regclass);
SELECT reloptions FROM pg_class WHERE relname = 'op_idx';
DROP INDEX op_idx;
CREATE INDEX op_idx ON op USING hnsw (v vector_l2_ops);
SELECT pg_get_indexdef('op_idx'::regclass);
DROP INDEX op_idx;

-- Ranges.
CREATE INDEX ON op USING hnsw (v vector_l2_ops) WITH (m = 1);
\echo :SQLSTATE
CREATE INDEX ON op USING hnsw (v vector_l2_ops) WITH (m = 101);
\echo :SQLSTATE
CREATE INDEX ON op USING hnsw (v vector_l2_ops) WITH (m = 'many');
\echo :SQLSTATE
CREATE INDEX ON op USING hnsw (v vector_l2_ops) WITH (ef_construction = 3);
\echo :SQLSTATE
CREATE INDEX ON op USING hnsw (v vector_l2_ops) WITH (ef_construction = 1001);
\echo :SQLSTATE
CREATE INDEX ON op USING hnsw (v vector_l2_ops) WITH (m = 16, ef_construction = 31);
\echo :SQLSTATE
CREATE INDEX ON op USING hnsw (v vector_l2_ops) WITH (builder = 'fast');
\echo :SQLSTATE
-- Unknown options.
CREATE INDEX ON op USING hnsw (v vector_l2_ops) WITH (fillfactor = 90);
\echo :SQLSTATE
CREATE INDEX ON op USING hnsw (v vector_l2_ops) WITH (lists = 100);
\echo :SQLSTATE

-- The ends of the ranges.
CREATE INDEX op_smallest ON op USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 4);
CREATE INDEX op_largest ON op USING hnsw (v vector_l2_ops) WITH (m = 100, ef_construction = 1000);
SET enable_seqscan = off;
SELECT array_agg(id) FROM (SELECT id FROM op ORDER BY v <-> '[7.2,0,0]' LIMIT 5) s;
DROP INDEX op_largest;
SELECT array_agg(id) FROM (SELECT id FROM op ORDER BY v <-> '[7.2,0,0]' LIMIT 5) s;
DROP INDEX op_smallest;

-- Both builders answer; their names are matched without regard to case.
CREATE INDEX op_flat ON op USING hnsw (v vector_l2_ops) WITH (builder = flat);
SELECT array_agg(id) FROM (SELECT id FROM op ORDER BY v <-> '[7.2,0,0]' LIMIT 5) s;
DROP INDEX op_flat;
CREATE INDEX op_hnsw_rs ON op USING hnsw (v vector_l2_ops) WITH (builder = 'HNSW_RS');
SELECT pg_get_indexdef('op_hnsw_rs'::regclass);
SELECT array_agg(id) FROM (SELECT id FROM op ORDER BY v <-> '[7.2,0,0]' LIMIT 5) s;

-- ef_construction can change for later inserts; m is fixed at build, and a new value waits for a REINDEX.
ALTER INDEX op_hnsw_rs SET (ef_construction = 200);
INSERT INTO op SELECT i, ARRAY[i, 0, 0] FROM generate_series(51, 60) i;
ALTER INDEX op_hnsw_rs SET (m = 32);
INSERT INTO op SELECT i, ARRAY[i, 0, 0] FROM generate_series(61, 70) i;
SELECT array_agg(id) FROM (SELECT id FROM op ORDER BY v <-> '[60.2,0,0]' LIMIT 5) s;
REINDEX INDEX op_hnsw_rs;
SELECT array_agg(id) FROM (SELECT id FROM op ORDER BY v <-> '[60.2,0,0]' LIMIT 5) s;
SELECT reloptions FROM pg_class WHERE relname = 'op_hnsw_rs';
ALTER INDEX op_hnsw_rs SET (m = 1);
\echo :SQLSTATE
ALTER INDEX op_hnsw_rs SET (fillfactor = 70);
\echo :SQLSTATE
-- What only a build can check is refused there, and the old index stays.
ALTER INDEX op_hnsw_rs SET (ef_construction = 10);
INSERT INTO op VALUES (71, '[71,0,0]');
REINDEX INDEX op_hnsw_rs;
\echo :SQLSTATE
SELECT array_agg(id) FROM (SELECT id FROM op ORDER BY v <-> '[70.6,0,0]' LIMIT 3) s;
ALTER INDEX op_hnsw_rs RESET (m, ef_construction, builder);
REINDEX INDEX op_hnsw_rs;
SELECT pg_get_indexdef('op_hnsw_rs'::regclass);
SELECT array_agg(id) FROM (SELECT id FROM op ORDER BY v <-> '[70.6,0,0]' LIMIT 3) s;
DROP TABLE op;
