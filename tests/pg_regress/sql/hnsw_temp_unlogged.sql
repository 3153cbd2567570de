-- Proves: temporary and unlogged tables, materialized views and SET LOGGED are indexed like any other table.
\set VERBOSITY default
SET client_min_messages = notice;
SET enable_seqscan = off;

-- Temporary, with each way to end.
CREATE TEMP TABLE tu (id int, v vector(2));
CREATE INDEX tu_v ON tu USING hnsw (v vector_l2_ops);
INSERT INTO tu SELECT i, ARRAY[i, 0] FROM generate_series(1, 500) i;
SELECT id FROM tu ORDER BY v <-> '[250.1,0]' LIMIT 2;
DELETE FROM tu WHERE id = 250;
VACUUM tu;
SELECT id FROM tu ORDER BY v <-> '[250.1,0]' LIMIT 2;
SELECT * FROM annex.verify('tu_v', true);
REINDEX TABLE tu;
SELECT id FROM tu ORDER BY v <-> '[250.1,0]' LIMIT 2;
SELECT relpersistence FROM pg_class WHERE relname = 'tu_v';
DROP TABLE tu;
CREATE TEMP TABLE tu (id int, v vector(2)) ON COMMIT DELETE ROWS;
CREATE INDEX tu_v ON tu USING hnsw (v vector_l2_ops);
BEGIN;
INSERT INTO tu VALUES (1, '[1,1]'), (2, '[2,2]');
SELECT id FROM tu ORDER BY v <-> '[2,2]' LIMIT 2;
COMMIT;
SELECT id FROM tu ORDER BY v <-> '[2,2]' LIMIT 2;
BEGIN;
INSERT INTO tu VALUES (3, '[3,3]');
SELECT id FROM tu ORDER BY v <-> '[2,2]' LIMIT 2;
ROLLBACK;
SELECT id FROM tu ORDER BY v <-> '[2,2]' LIMIT 2;
DROP TABLE tu;
BEGIN;
CREATE TEMP TABLE tu (id int, v vector(2)) ON COMMIT DROP;
INSERT INTO tu SELECT i, ARRAY[i, 0] FROM generate_series(1, 100) i;
CREATE INDEX ON tu USING hnsw (v vector_cosine_ops);
SELECT count(*) FROM (SELECT id FROM tu ORDER BY v <=> '[1,0]' LIMIT 40) s;
COMMIT;
CREATE TEMP TABLE tu AS SELECT 1 AS id, '[1,1]'::vector(2) AS v;
CREATE INDEX ON tu USING hnsw (v vector_l2_ops);
SELECT id FROM tu ORDER BY v <-> '[1,1]' LIMIT 1;
DROP TABLE tu;

-- Unlogged, then logged, then unlogged again.
CREATE UNLOGGED TABLE tu (id int, v vector(2));
CREATE INDEX tu_v ON tu USING hnsw (v vector_l2_ops);
SELECT relpersistence FROM pg_class WHERE relname = 'tu_v';
SELECT pg_relation_size('tu_v', 'init') > 0 AS has_init_fork;
INSERT INTO tu SELECT i, ARRAY[i, 0] FROM generate_series(1, 500) i;
SELECT id FROM tu ORDER BY v <-> '[250.1,0]' LIMIT 2;
DELETE FROM tu WHERE id = 250;
VACUUM tu;
SELECT id FROM tu ORDER BY v <-> '[250.1,0]' LIMIT 2;
ALTER TABLE tu SET LOGGED;
SELECT relpersistence, pg_relation_size('tu_v', 'init') FROM pg_class WHERE relname = 'tu_v';
SELECT id FROM tu ORDER BY v <-> '[250.1,0]' LIMIT 2;
INSERT INTO tu VALUES (250, '[250,0]');
SELECT id FROM tu ORDER BY v <-> '[250.1,0]' LIMIT 2;
ALTER TABLE tu SET UNLOGGED;
SELECT id FROM tu ORDER BY v <-> '[250.1,0]' LIMIT 2;
SELECT pg_relation_size('tu_v', 'init') > 0 AS has_init_fork;
TRUNCATE tu;
SELECT id FROM tu ORDER BY v <-> '[250.1,0]' LIMIT 2;
-- What a build refuses is refused for the init fork too.
CREATE UNLOGGED TABLE tu_open (v vector);
CREATE INDEX ON tu_open USING hnsw (v vector_l2_ops);
\echo :SQLSTATE
DROP TABLE tu, tu_open;

-- A materialized view, refreshed in both ways.
CREATE TABLE tu (id int, v vector(2));
INSERT INTO tu SELECT i, ARRAY[i, 0] FROM generate_series(1, 100) i;
CREATE MATERIALIZED VIEW tu_view AS SELECT id, v FROM tu WHERE id % 2 = 0;
CREATE UNIQUE INDEX ON tu_view (id);
CREATE INDEX tu_view_v ON tu_view USING hnsw (v vector_l2_ops);
SELECT id FROM tu_view ORDER BY v <-> '[51.2,0]' LIMIT 2;
UPDATE tu SET v = '[51.2,0]' WHERE id = 2;
REFRESH MATERIALIZED VIEW tu_view;
SELECT id FROM tu_view ORDER BY v <-> '[51.2,0]' LIMIT 2;
DELETE FROM tu WHERE id = 2;
REFRESH MATERIALIZED VIEW CONCURRENTLY tu_view;
SELECT id FROM tu_view ORDER BY v <-> '[51.2,0]' LIMIT 2;
REFRESH MATERIALIZED VIEW tu_view WITH NO DATA;
SELECT id FROM tu_view ORDER BY v <-> '[51.2,0]' LIMIT 2;
\echo :SQLSTATE
DROP MATERIALIZED VIEW tu_view;

-- Under row security and through a view, by a user without rights on the index itself.
CREATE INDEX ON tu USING hnsw (v vector_l2_ops);
CREATE ROLE regress_hnsw_reader;
CREATE VIEW tu_odd AS SELECT id, v FROM tu WHERE id % 2 = 1;
GRANT SELECT ON tu, tu_odd TO regress_hnsw_reader;
ALTER TABLE tu ENABLE ROW LEVEL SECURITY;
CREATE POLICY tu_small ON tu FOR SELECT TO regress_hnsw_reader USING (id < 50);
SET ROLE regress_hnsw_reader;
SET hnsw.iterative_scan = strict_order;
SELECT id FROM tu ORDER BY v <-> '[80,0]' LIMIT 2;
SELECT id FROM tu_odd ORDER BY v <-> '[80.1,0]' LIMIT 2;
RESET ROLE;
RESET hnsw.iterative_scan;
DROP TABLE tu CASCADE;
DROP ROLE regress_hnsw_reader;
