-- Proves: an index over no rows answers without error, takes its first rows in any way, and is empty again after TRUNCATE or DELETE and VACUUM.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE ei (id int PRIMARY KEY, v vector(3));
CREATE INDEX ei_v ON ei USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT id FROM ei ORDER BY v <-> '[1,2,3]' LIMIT 5;
SELECT id FROM ei ORDER BY v <-> '[1,2,3]' LIMIT 5;
SELECT id FROM ei ORDER BY v <-> '[1,2]' LIMIT 5;
SELECT id FROM ei ORDER BY v <-> (SELECT NULL::vector) LIMIT 5;
SET hnsw.iterative_scan = strict_order;
SELECT id FROM ei ORDER BY v <-> '[1,2,3]';
SET hnsw.max_scan_tuples = 2147483647;
SELECT id FROM ei ORDER BY v <-> '[1,2,3]';
RESET hnsw.max_scan_tuples;
RESET hnsw.iterative_scan;
VACUUM ei;
ANALYZE ei;
REINDEX INDEX ei_v;

-- The first rows, one by one.
INSERT INTO ei VALUES (1, '[1,1,1]');
SELECT id FROM ei ORDER BY v <-> '[1,2,3]' LIMIT 5;
SELECT id FROM ei ORDER BY v <-> '[1,2]' LIMIT 5;
\echo :SQLSTATE
INSERT INTO ei VALUES (2, '[2,2,2]');
INSERT INTO ei VALUES (3, '[3,3,3]');
SELECT id FROM ei ORDER BY v <-> '[1,2,3]' LIMIT 5;

-- All in one statement, many enough for several pages.
TRUNCATE ei;
SELECT id FROM ei ORDER BY v <-> '[1,2,3]' LIMIT 5;
INSERT INTO ei SELECT i, ARRAY[i, i % 10, i % 3] FROM generate_series(1, 1000) i;
SELECT array_agg(id) FROM (SELECT id FROM ei ORDER BY v <-> '[500,0,2]' LIMIT 3) s;
SET hnsw.iterative_scan = strict_order;
SET hnsw.max_scan_tuples = 2147483647;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ei ORDER BY v <-> '[1,2,3]') s;

-- Everything deleted and vacuumed, then filled again.
DELETE FROM ei;
SELECT count(*) FROM (SELECT id FROM ei ORDER BY v <-> '[1,2,3]') s;
VACUUM ei;
SELECT count(*) FROM (SELECT id FROM ei ORDER BY v <-> '[1,2,3]') s;
INSERT INTO ei VALUES (1, '[1,1,1]'), (2, '[2,2,2]');
SELECT array_agg(id) FROM (SELECT id FROM ei ORDER BY v <-> '[1,2,3]') s;
INSERT INTO ei SELECT i, ARRAY[i, i % 10, i % 3] FROM generate_series(3, 1000) i;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ei ORDER BY v <-> '[1,2,3]') s;
VACUUM ei;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ei ORDER BY v <-> '[1,2,3]') s;
SELECT * FROM annex.verify('ei_v', true);

-- TRUNCATE that is rolled back, and rows inserted behind one that is not.
BEGIN;
TRUNCATE ei;
INSERT INTO ei VALUES (1, '[1,1,1]');
SELECT array_agg(id) FROM (SELECT id FROM ei ORDER BY v <-> '[1,2,3]') s;
ROLLBACK;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ei ORDER BY v <-> '[1,2,3]') s;
BEGIN;
TRUNCATE ei;
INSERT INTO ei VALUES (1, '[1,1,1]');
COMMIT;
SELECT array_agg(id) FROM (SELECT id FROM ei ORDER BY v <-> '[1,2,3]') s;

-- The first rows of an index in a transaction that fails.
TRUNCATE ei;
BEGIN;
INSERT INTO ei VALUES (1, '[1,1,1]');
ROLLBACK;
SELECT id FROM ei ORDER BY v <-> '[1,2,3]';
INSERT INTO ei VALUES (2, '[2,2,2]');
SELECT id FROM ei ORDER BY v <-> '[1,2,3]';
VACUUM ei;
SELECT id FROM ei ORDER BY v <-> '[1,2,3]';
SELECT * FROM annex.verify('ei_v', true);
DROP TABLE ei;
