-- Proves: an index on bit answers in exact order: both classes through inserts, deletes and vacuum, with equal and empty strings,
-- with lengths that fill no byte, with the longest that a code has whole and longer ones, and with its own errors and limits.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE hb (id int PRIMARY KEY, b bit(77));
SELECT setseed(0.25);
-- Strings of different density, so that Jaccard distances differ, and 40 equal ones.
INSERT INTO hb SELECT i, (SELECT string_agg(CASE WHEN random() * 20 + j * 0 < i % 20 THEN '1' ELSE '0' END, '') FROM generate_series(1, 77) j)::bit(77)
FROM generate_series(1, 900) i;
INSERT INTO hb SELECT i, repeat('1100100', 11)::bit(77) FROM generate_series(901, 940) i;
CREATE INDEX hb_hamming ON hb USING hnsw (b bit_hamming_ops);
CREATE INDEX hb_jaccard ON hb USING hnsw (b bit_jaccard_ops) WITH (storage = compact, m = 8);
INSERT INTO hb SELECT i, (SELECT string_agg(CASE WHEN random() * 20 + j * 0 < i % 20 THEN '1' ELSE '0' END, '') FROM generate_series(1, 77) j)::bit(77)
FROM generate_series(941, 990) i;
INSERT INTO hb SELECT i, repeat('1100100', 11)::bit(77) FROM generate_series(991, 1030) i;
INSERT INTO hb VALUES (1031, NULL), (1032, 0::bit(77)), (1033, ~0::bit(77));
SELECT i, form, metric, dimensions, nodes < heap_rows AS shared, heap_rows
FROM unnest(ARRAY['hb_hamming', 'hb_jaccard']) i, annex.index_info(i::regclass);

SET hnsw.ef_search = 1000;
SET enable_sort = off;
CREATE VIEW hb_same AS
SELECT operator, q AS query, a.*
FROM unnest(ARRAY['<~>', '<%>']) WITH ORDINALITY AS o(operator, number),
     (SELECT id AS q, b FROM hb WHERE id IN (3, 455, 917, 1032, 1033)) AS queries,
     index_agrees(format('SELECT b %1$s $1 FROM hb WHERE b IS NOT NULL ORDER BY b %1$s $1 LIMIT 800', operator), b) a
ORDER BY number, q;
SELECT * FROM hb_same;
DELETE FROM hb WHERE id % 3 = 0 AND id <> 1032;
VACUUM hb;
SELECT * FROM hb_same;
SELECT i, v.* FROM unnest(ARRAY['hb_hamming', 'hb_jaccard']) i, annex.verify(i::regclass, true) v;
REINDEX INDEX hb_hamming;
SELECT * FROM annex.verify('hb_hamming', true);
SELECT count(*), min(recall) FROM annex.recall('hb_hamming', (SELECT array_agg(b) FROM hb WHERE id < 50), 10);
SELECT count(*), min(recall) FROM annex.recall('hb_jaccard', (SELECT array_agg(b) FROM hb WHERE id < 50), 10);
SELECT * FROM annex.recall('hb_jaccard', ARRAY[B'101', B'10'], 10);
\echo :SQLSTATE
DROP VIEW hb_same;
RESET enable_sort;
RESET hnsw.ef_search;

-- Equal strings share a node, so all of them are found, with as few candidates as may be; NULL is not.
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT id FROM hb ORDER BY b <~> repeat('1100100', 11)::bit(77) LIMIT 3;
EXPLAIN (COSTS off) SELECT id FROM hb ORDER BY b <%> repeat('1100100', 11)::bit(77) LIMIT 3;
SET hnsw.ef_search = 1;
SELECT count(*), min(id), max(id) FROM (SELECT id FROM hb ORDER BY b <~> repeat('1100100', 11)::bit(77) LIMIT 54) s;
RESET hnsw.ef_search;
-- Filters and iterative scans.
SET hnsw.iterative_scan = strict_order;
SELECT count(*) FROM (SELECT id FROM hb WHERE id % 50 = 1 ORDER BY b <~> repeat('10', 39)::bit(77) LIMIT 10) s;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT id FROM hb WHERE id % 50 = 1 ORDER BY b <%> repeat('10', 39)::bit(77) LIMIT 10) s;
RESET hnsw.iterative_scan;
-- A query of another length; NULL.
SELECT id FROM hb ORDER BY b <~> B'101' LIMIT 1;
\echo :SQLSTATE
SELECT count(*) FROM (SELECT id FROM hb ORDER BY b <~> (SELECT NULL::bit(77)) LIMIT 5) s;
DROP TABLE hb;

-- A binary quantized vector, reordered by the vector itself.
CREATE TABLE hq (id int PRIMARY KEY, v vector(16));
INSERT INTO hq SELECT i, ARRAY(SELECT sin(i * j) FROM generate_series(1, 16) j)::vector FROM generate_series(1, 300) i;
CREATE INDEX hq_v ON hq USING hnsw ((binary_quantize(v)::bit(16)) bit_hamming_ops);
EXPLAIN (COSTS off) SELECT id FROM hq ORDER BY binary_quantize(v)::bit(16) <~> binary_quantize('[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'::vector) LIMIT 3;
SELECT binary_quantize(v)::bit(16) <~> B'1111111111111111' AS d FROM hq ORDER BY binary_quantize(v)::bit(16) <~> B'1111111111111111' LIMIT 4;
SELECT * FROM annex.verify('hq_v', true);
DROP TABLE hq;

-- One bit; the longest string with each m has 64,000 bits and more. Where a page cannot hold all of it the last bits are counted,
-- and the order is exact all the same: rows 1 to 24 differ in their last bits only, and by Jaccard from row 0.
CREATE TABLE ho (b bit);
INSERT INTO ho VALUES (B'0'), (B'1'), (B'1'), (NULL);
CREATE INDEX ho_b ON ho USING hnsw (b bit_hamming_ops);
SELECT b FROM ho ORDER BY b <~> B'1';
SELECT * FROM annex.verify('ho_b', true);
DROP TABLE ho;
CREATE TABLE hl (id int PRIMARY KEY, b bit(64000));
INSERT INTO hl SELECT i, overlay(repeat('1000', 16000) placing repeat('1', 25 * i) from 64001 - 25 * i)::bit(64000)
FROM generate_series(0, 24) i;
CREATE INDEX hl_2 ON hl USING hnsw (b bit_hamming_ops) WITH (m = 2);
SELECT id, b <~> repeat('1000', 16000)::bit(64000) AS d FROM hl ORDER BY b <~> repeat('1000', 16000)::bit(64000) LIMIT 25;
SELECT * FROM annex.verify('hl_2', true);
DROP INDEX hl_2;
CREATE INDEX hl_16 ON hl USING hnsw (b bit_hamming_ops);
SELECT array_agg(id) FROM (SELECT id FROM hl ORDER BY b <~> repeat('1000', 16000)::bit(64000) LIMIT 25) s;
DROP INDEX hl_16;
CREATE INDEX hl_100 ON hl USING hnsw (b bit_jaccard_ops) WITH (m = 100, ef_construction = 200);
INSERT INTO hl SELECT i, overlay(repeat('1000', 16000) placing repeat('1', 25 * i) from 64001 - 25 * i)::bit(64000)
FROM generate_series(25, 30) i;
SELECT array_agg(id) FROM (SELECT id FROM hl ORDER BY b <%> repeat('1000', 16000)::bit(64000) LIMIT 31) s;
SELECT * FROM annex.verify('hl_100', true);
DROP TABLE hl;

-- Errors: too long, without a length, of another type, inline.
CREATE TABLE he (id int, b bit(64001), c bit(65000), v varbit(8), d bit(8));
CREATE INDEX ON he USING hnsw (b bit_hamming_ops);
\echo :SQLSTATE
CREATE INDEX ON he USING hnsw (c bit_jaccard_ops) WITH (m = 2);
\echo :SQLSTATE
CREATE INDEX ON he USING hnsw (v bit_hamming_ops);
\echo :SQLSTATE
CREATE INDEX ON he USING hnsw ((v::bit(8)) bit_hamming_ops);
CREATE INDEX ON he USING hnsw ((d || d) bit_hamming_ops);
\echo :SQLSTATE
CREATE INDEX ON he USING hnsw (d bit_hamming_ops) WITH (storage = inline);
\echo :SQLSTATE
CREATE INDEX ON he USING hnsw (d);
\echo :SQLSTATE
CREATE INDEX ON he USING hnsw (d vector_l2_ops);
\echo :SQLSTATE
DROP TABLE he;

-- More rows than memory holds are built in parts; equal strings stay one node.
CREATE TABLE hp (id int, b bit(256));
SELECT setseed(0.5);
INSERT INTO hp SELECT i, (SELECT string_agg(((i % 40 * 7919 + j * j * (1 + i % 40)) % 97 < 30 + 20 * random())::int::text, '')
                          FROM generate_series(1, 256) j)::bit(256)
FROM generate_series(1, 4000) i;
INSERT INTO hp SELECT 4001, b FROM hp WHERE id = 7;
SET maintenance_work_mem = '1MB';
CREATE INDEX hp_b ON hp USING hnsw (b bit_hamming_ops);
CREATE INDEX hp_j ON hp USING hnsw (b bit_jaccard_ops);
RESET maintenance_work_mem;
SELECT nodes, heap_rows FROM annex.index_info('hp_b');
SELECT i, v.* FROM unnest(ARRAY['hp_b', 'hp_j']) i, annex.verify(i::regclass, true) v;
SELECT i, avg(recall) > .97 AS good FROM unnest(ARRAY['hp_b', 'hp_j']) i,
    annex.recall(i::regclass, (SELECT array_agg(b) FROM hp WHERE id <= 60), 10) GROUP BY i ORDER BY i;
DROP TABLE hp;
