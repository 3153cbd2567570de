-- Proves: the index follows INSERT, COPY, UPDATE, upsert, MERGE, DELETE and VACUUM at once, and each live row stays reachable through churn.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE up (id int PRIMARY KEY, c int, v vector(2));
INSERT INTO up SELECT i, 0, ARRAY[i, i % 5] FROM generate_series(1, 200) i;
CREATE INDEX up_v ON up USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;

-- The number of rows, and whether a scan without any bound returns each of them once and in order.
SET hnsw.iterative_scan = strict_order;
SET hnsw.max_scan_tuples = 2147483647;
SELECT $$WITH scan AS MATERIALIZED (SELECT id, v <-> '[17,3]' AS distance FROM up ORDER BY v <-> '[17,3]')
SELECT (SELECT count(*) FROM up) AS live,
       (SELECT array_agg(id ORDER BY id) FROM scan) = (SELECT array_agg(id ORDER BY id) FROM up) AS is_complete,
       (SELECT bool_and(distance >= previous) FROM (SELECT distance, lag(distance, 1, 0) OVER (ROWS UNBOUNDED PRECEDING) AS previous FROM scan) s) AS is_sorted$$
AS up_check \gset
:up_check;

INSERT INTO up VALUES (1001, 0, '[1000,1]'), (1002, 0, '[1000,2]');
COPY up FROM stdin;
1003	0	[1000,3]
1004	0	[1000,4]
\.
SELECT id FROM up ORDER BY v <-> '[1000,2.9]' LIMIT 3;
-- Of the vector, of another column (HOT or not), of all rows.
UPDATE up SET v = '[-1000,0]' WHERE id = 1003;
SELECT id FROM up ORDER BY v <-> '[1000,2.9]' LIMIT 3;
SELECT id FROM up ORDER BY v <-> '[-1000,0]' LIMIT 1;
UPDATE up SET c = 1 WHERE id IN (1001, 1003);
SELECT id, c FROM up ORDER BY v <-> '[-1000,0]' LIMIT 1;
UPDATE up SET v = v + '[0,100]' WHERE id <= 200;
SELECT id FROM up ORDER BY v <-> '[50,100]' LIMIT 1;
:up_check;
-- Upsert, MERGE, UPDATE ... FROM, RETURNING.
INSERT INTO up VALUES (1001, 2, '[2000,1]'), (1005, 2, '[2000,2]') ON CONFLICT (id) DO UPDATE SET v = excluded.v, c = excluded.c;
INSERT INTO up VALUES (1001, 3, '[3000,1]') ON CONFLICT DO NOTHING;
SELECT id FROM up ORDER BY v <-> '[2000,1]' LIMIT 2;
SELECT id FROM up ORDER BY v <-> '[3000,1]' LIMIT 1;
MERGE INTO up USING (VALUES (1005, '[2000,5]'::vector), (1006, '[2000,6]')) AS s(id, v) ON up.id = s.id
WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, 4, s.v);
SELECT id FROM up ORDER BY v <-> '[2000,5.1]' LIMIT 2;
UPDATE up SET v = near.v FROM (SELECT v FROM up ORDER BY v <-> '[2000,6]' LIMIT 1) near WHERE id = 1 RETURNING id;
SELECT id FROM up ORDER BY v <-> '[2000,6]', id LIMIT 2;
-- DELETE of the nearest rows by the index itself.
DELETE FROM up WHERE id IN (SELECT id FROM up ORDER BY v <-> '[2000,6]' LIMIT 3);
:up_check;

-- VACUUM, then new rows into the freed places, five times.
CREATE FUNCTION up_round(round int) RETURNS void LANGUAGE sql AS $$
    DELETE FROM up WHERE id % 5 = round;
    INSERT INTO up SELECT 10000 * (round + 1) + i * 5 + round, round, ARRAY[i, round + 0.5] FROM generate_series(1, 40) i;
$$;
SELECT up_round(0);
VACUUM up;
:up_check;
SELECT up_round(1);
VACUUM up;
:up_check;
SELECT up_round(2);
VACUUM up;
:up_check;
SELECT up_round(3);
VACUUM up;
:up_check;
SELECT up_round(4);
VACUUM up;
:up_check;
SELECT id, v <-> '[20,2.5]' AS distance FROM up ORDER BY v <-> '[20,2.5]' LIMIT 1;
-- A second VACUUM without dead rows changes nothing; options of VACUUM and ANALYZE.
VACUUM up;
VACUUM (ANALYZE, INDEX_CLEANUP on) up;
VACUUM (INDEX_CLEANUP off) up;
VACUUM (PARALLEL 2) up;
VACUUM FREEZE up;
SELECT * FROM annex.verify('up_v', true);
:up_check;
SELECT reltuples = (SELECT count(*) FROM up) AS counts_rows FROM pg_class WHERE relname = 'up_v';

-- Growth from a small build by single inserts: many more rows than were built.
TRUNCATE up;
INSERT INTO up SELECT i, 0, ARRAY[i % 37, i % 41] FROM generate_series(1, 50) i;
REINDEX INDEX up_v;
INSERT INTO up SELECT i, 0, ARRAY[(i * 7919) % 1009, (i * 104729) % 997] FROM generate_series(51, 3000) i;
:up_check;
-- Each of a sample of rows finds itself with the default settings.
RESET hnsw.iterative_scan;
SELECT count(*) AS asked, count(*) FILTER (WHERE near.distance = 0) AS found
FROM (SELECT id, v FROM up WHERE id % 30 = 0) q, LATERAL (SELECT up.v <-> q.v AS distance FROM up ORDER BY up.v <-> q.v LIMIT 1) near;
SET hnsw.iterative_scan = strict_order;
DELETE FROM up WHERE id % 3 <> 0;
VACUUM up;
:up_check;
RESET hnsw.iterative_scan;
SELECT count(*) AS asked, count(*) FILTER (WHERE near.distance = 0) AS found
FROM (SELECT id, v FROM up WHERE id % 30 = 0) q, LATERAL (SELECT up.v <-> q.v AS distance FROM up ORDER BY up.v <-> q.v LIMIT 1) near;
SELECT * FROM annex.verify('up_v', true);
DROP TABLE up;
DROP FUNCTION up_round;
