-- Proves: rows whose vectors lie in TOAST come in exact order, and an index scan fetches each of them once although the
-- executor computes the distance of a returned row twice.
\set VERBOSITY default
SET client_min_messages = notice;
SET enable_seqscan = off;
SET enable_sort = off;

CREATE TABLE ht (id int, v vector(800));
CREATE FUNCTION ht_vec(id int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg((hashint8(id::bigint * 4096 + j)::float8 / 2147483648)::real ORDER BY j)::vector
    FROM generate_series(1, 800) j $$;
INSERT INTO ht SELECT i, ht_vec(i) FROM generate_series(1, 300) i;
CREATE INDEX ht_v ON ht USING hnsw (v vector_l2_ops);
-- How often this transaction has fetched a value of the table from TOAST.
CREATE FUNCTION ht_fetched() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT pg_stat_get_xact_numscans(i.indexrelid) FROM pg_index i JOIN pg_class c ON i.indrelid = c.reltoastrelid WHERE c.oid = 'ht'::regclass $$;

-- Of 20 rows returned and few more looked at.
SELECT ht_vec(1000) AS q \gset
BEGIN;
SELECT ht_fetched() AS before \gset
SELECT count(*), bool_and(distance = previous OR distance > previous) FROM (
    SELECT distance, lag(distance, 1, 0) OVER () AS previous
    FROM (SELECT v <-> :'q' AS distance FROM ht ORDER BY v <-> :'q' LIMIT 20) s) t;
SELECT ht_fetched() - :before AS fetched \gset
SELECT :fetched BETWEEN 20 AND 39 AS once_each;
-- Without an index scan nothing is kept: twice is two fetches.
SELECT ht_fetched() AS before \gset
SELECT count(v <-> :'q'), count(v <+> :'q') FROM (SELECT v FROM ht OFFSET 280) s;
SELECT ht_fetched() - :before AS fetched;
COMMIT;

-- The answers are those of exact search, also when a scan runs beside another one, and when rows change under a cursor.
SET hnsw.ef_search = 300;
SELECT count(*) FROM (SELECT id FROM ht ORDER BY v <-> :'q' LIMIT 20) a
JOIN (SELECT id FROM ht ORDER BY (v <-> :'q') + 0 LIMIT 20) b USING (id);
SELECT n.id, m.id = n.id AS is_itself FROM generate_series(1, 3) i
CROSS JOIN LATERAL (SELECT id, v FROM ht ORDER BY v <-> ht_vec(i) LIMIT 1) n
CROSS JOIN LATERAL (SELECT id FROM ht ORDER BY v <-> n.v LIMIT 1) m;
BEGIN;
DECLARE c CURSOR FOR SELECT id, v = ht_vec(id) AS is_old FROM ht ORDER BY v <-> ht_vec(7);
FETCH 1 FROM c;
UPDATE ht SET v = ht_vec(id + 2000);
SELECT id, v <-> ht_vec(2007) AS distance FROM ht ORDER BY v <-> ht_vec(2007) LIMIT 1;
SELECT count(*), bool_and(is_new) FROM (SELECT 1) s CROSS JOIN LATERAL (SELECT id, v = ht_vec(id + 2000) AS is_new FROM ht ORDER BY v <-> ht_vec(3) LIMIT 10) t;
SAVEPOINT s;
UPDATE ht SET v = ht_vec(id + 4000);
ROLLBACK TO s;
SELECT id, v <-> ht_vec(2009) AS distance FROM ht ORDER BY v <-> ht_vec(2009) LIMIT 1;
FETCH 1 FROM c;
MOVE 20 IN c;
ROLLBACK;

-- The executor frees what an error leaves, and the next scan starts without it.
SELECT id / (id - id) FROM ht ORDER BY v <-> :'q' LIMIT 5;
\echo :SQLSTATE
SELECT id FROM ht ORDER BY v <-> ht_vec(9) LIMIT 1;
DROP TABLE ht;
DROP FUNCTION ht_vec, ht_fetched;
