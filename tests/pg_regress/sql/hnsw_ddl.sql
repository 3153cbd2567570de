-- Proves: what DDL does with an hnsw index: refused forms, REINDEX, CONCURRENTLY, ALTER, DROP, dependencies, catalog output.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE dd (id int PRIMARY KEY, a int, v vector(3), plain vector, t text);
INSERT INTO dd SELECT i, i % 5, ARRAY[i, i % 3, 1], NULL, 'row ' || i FROM generate_series(1, 200) i;

-- Refused.
CREATE INDEX ON dd USING hnsw (v);
\echo :SQLSTATE
CREATE INDEX ON dd USING hnsw (t vector_l2_ops);
\echo :SQLSTATE
CREATE UNIQUE INDEX ON dd USING hnsw (v vector_l2_ops);
\echo :SQLSTATE
CREATE INDEX ON dd USING hnsw (v vector_l2_ops, a);
\echo :SQLSTATE
CREATE INDEX ON dd USING hnsw (v vector_l2_ops) INCLUDE (a);
\echo :SQLSTATE
CREATE INDEX ON dd USING hnsw (v vector_l2_ops ASC);
\echo :SQLSTATE
CREATE INDEX ON dd USING hnsw (v vector_l2_ops DESC);
\echo :SQLSTATE
CREATE INDEX ON dd USING hnsw (v vector_l2_ops NULLS FIRST);
\echo :SQLSTATE
ALTER TABLE dd ADD EXCLUDE USING hnsw (v vector_l2_ops WITH =);
\echo :SQLSTATE
ALTER TABLE dd ADD EXCLUDE USING hnsw (v vector_l2_ops WITH <->);
\echo :SQLSTATE
CREATE INDEX ON dd USING hnsw (plain vector_l2_ops);
\echo :SQLSTATE
CREATE INDEX ON dd USING hnsw (v vector_ops);
\echo :SQLSTATE
CREATE INDEX ON dd USING ivfflat (v vector_l2_ops);
\echo :SQLSTATE
-- Nothing is left of them.
SELECT count(*) FROM pg_index WHERE indrelid = 'dd'::regclass;

CREATE INDEX dd_v ON dd USING hnsw (v vector_l2_ops);
CREATE INDEX IF NOT EXISTS dd_v ON dd USING hnsw (v vector_l2_ops);
CLUSTER dd USING dd_v;
\echo :SQLSTATE
SELECT pg_get_indexdef('dd_v'::regclass), pg_get_indexdef('dd_v'::regclass, 1, false);
SELECT indisvalid, indisready, indisunique, indnatts, indnkeyatts FROM pg_index WHERE indexrelid = 'dd_v'::regclass;
\d dd
SELECT relkind, relpersistence, reltuples FROM pg_class WHERE relname = 'dd_v';

SET enable_seqscan = off;
-- REINDEX in its forms.
REINDEX INDEX dd_v;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
REINDEX TABLE dd;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
REINDEX INDEX CONCURRENTLY dd_v;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
REINDEX TABLE CONCURRENTLY dd;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
BEGIN;
REINDEX INDEX dd_v;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
ROLLBACK;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;

-- CREATE and DROP CONCURRENTLY.
DROP INDEX CONCURRENTLY dd_v;
CREATE INDEX CONCURRENTLY dd_v ON dd USING hnsw (v vector_l2_ops) WITH (m = 8);
SELECT indisvalid, indisready FROM pg_index WHERE indexrelid = 'dd_v'::regclass;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
INSERT INTO dd VALUES (201, 1, '[100,1,1.25]');
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
-- A concurrent build that fails leaves an invalid index, which REINDEX makes valid once the cause is gone.
CREATE INDEX CONCURRENTLY dd_bad ON dd USING hnsw ((subvector(v, 1, 1 + (id = 201)::int)::vector(1)) vector_l2_ops);
\echo :SQLSTATE
SELECT indisvalid FROM pg_index WHERE indexrelid = 'dd_bad'::regclass;
DELETE FROM dd WHERE id = 201;
REINDEX INDEX CONCURRENTLY dd_bad;
SELECT indisvalid FROM pg_index WHERE indexrelid = 'dd_bad'::regclass;
DROP INDEX dd_bad;

-- Columns and types.
ALTER TABLE dd ADD COLUMN b int DEFAULT 7;
ALTER TABLE dd DROP COLUMN a;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
ALTER TABLE dd ALTER COLUMN v SET STORAGE PLAIN;
UPDATE dd SET v = v WHERE id > 190;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[195,0,1]' LIMIT 1) s;
ALTER TABLE dd ALTER COLUMN v SET STORAGE EXTENDED;
-- Wide vectors in every form of storage: in line, compressed in line, out of line, compressed out of line.
CREATE TABLE dd_wide (id int, v vector(1500));
CREATE INDEX dd_wide_v ON dd_wide USING hnsw (v vector_l2_ops);
ALTER TABLE dd_wide ALTER COLUMN v SET STORAGE PLAIN;
INSERT INTO dd_wide SELECT i, array_fill(i, ARRAY[1500]) FROM generate_series(1, 5) i;
ALTER TABLE dd_wide ALTER COLUMN v SET STORAGE MAIN;
INSERT INTO dd_wide SELECT i, array_fill(i, ARRAY[1500]) FROM generate_series(6, 10) i;
ALTER TABLE dd_wide ALTER COLUMN v SET STORAGE EXTERNAL;
INSERT INTO dd_wide SELECT i, array_fill(i, ARRAY[1500]) FROM generate_series(11, 15) i;
ALTER TABLE dd_wide ALTER COLUMN v SET STORAGE EXTENDED;
INSERT INTO dd_wide SELECT i, ARRAY(SELECT i + (k * 7919 % 1009) * 1e-6 FROM generate_series(1, 1500) k)::real[] FROM generate_series(16, 20) i;
SELECT array_agg(id) FROM (SELECT id FROM dd_wide ORDER BY v <-> array_fill(10.3::real, ARRAY[1500])::vector LIMIT 20) s;
REINDEX INDEX dd_wide_v;
SELECT array_agg(id) FROM (SELECT id FROM dd_wide ORDER BY v <-> array_fill(10.3::real, ARRAY[1500])::vector LIMIT 20) s;
DROP TABLE dd_wide;
-- Another tablespace.
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_hnsw_space LOCATION '';
ALTER INDEX dd_v SET TABLESPACE regress_hnsw_space;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
INSERT INTO dd (id, v) VALUES (202, '[100,1,1.25]');
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
DELETE FROM dd WHERE id = 202;
ALTER INDEX dd_v SET TABLESPACE pg_default;
DROP TABLESPACE regress_hnsw_space;
-- A rewrite rebuilds the index: other dimensions, an array made a vector, a plain rewrite.
ALTER TABLE dd ALTER COLUMN v TYPE vector(2) USING subvector(v, 1, 2);
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1]' LIMIT 1) s;
SELECT id FROM dd ORDER BY v <-> '[100,1,1]' LIMIT 1;
\echo :SQLSTATE
-- Without a type modifier the index stays as it is, and refuses rows of other dimensions.
ALTER TABLE dd ALTER COLUMN v TYPE vector;
INSERT INTO dd (id, v) VALUES (300, '[1,2,3]');
\echo :SQLSTATE
INSERT INTO dd (id, v) VALUES (300, '[100,1.5]');
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1]' LIMIT 2) s;
REINDEX INDEX dd_v;
\echo :SQLSTATE
ALTER TABLE dd ALTER COLUMN v TYPE vector(2);
VACUUM FULL dd;
DELETE FROM dd WHERE id = 300;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1]' LIMIT 1) s;
CLUSTER dd USING dd_pkey;
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY v <-> '[100,1]' LIMIT 1) s;
ALTER TABLE dd RENAME COLUMN v TO embedding;
ALTER INDEX dd_v RENAME TO dd_embedding;
SELECT pg_get_indexdef('dd_embedding'::regclass);
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY embedding <-> '[100,1]' LIMIT 1) s;
COMMENT ON INDEX dd_embedding IS 'nearest neighbours';
ALTER INDEX dd_embedding ALTER COLUMN 1 SET STATISTICS 100;
\echo :SQLSTATE

-- CREATE TABLE LIKE, and a foreign schema on the search path.
CREATE TABLE dd_like (LIKE dd INCLUDING ALL);
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'dd_like'::regclass AND NOT indisprimary;
INSERT INTO dd_like SELECT * FROM dd WHERE id < 20;
SELECT array_agg(id) FROM (SELECT id FROM dd_like ORDER BY embedding <-> '[10,1]' LIMIT 1) s;
DROP TABLE dd_like;

-- Several indexes on one column: each serves its own operator.
CREATE INDEX dd_cosine ON dd USING hnsw (embedding vector_cosine_ops);
CREATE INDEX dd_l2_wide ON dd USING hnsw (embedding vector_l2_ops) WITH (m = 32);
SELECT array_agg(id) FROM (SELECT id FROM dd ORDER BY embedding <-> '[100,1]' LIMIT 1) s;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM dd ORDER BY embedding <=> '[1,1]' LIMIT 2) s;
DROP INDEX dd_embedding, dd_l2_wide;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM dd ORDER BY embedding <=> '[1,1]' LIMIT 2) s;
-- The index goes with its column, and stands in the way of its class.
ALTER TABLE dd DROP COLUMN embedding;
SELECT count(*) FROM pg_index WHERE indrelid = 'dd'::regclass;
DROP TABLE dd;
DROP OPERATOR CLASS vector_l2_ops USING hnsw;
\echo :SQLSTATE
DROP ACCESS METHOD hnsw;
\echo :SQLSTATE
