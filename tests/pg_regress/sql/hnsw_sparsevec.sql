-- Proves: an index on sparsevec answers in exact order: every class through inserts, deletes and vacuum, with vectors of few and
-- of many elements, equal ones and ones without any, in as many dimensions as there are, and with its own errors and limits.
\set VERBOSITY default
SET client_min_messages = notice;

-- The vector of a seed: elements that are eighths, so that sums are exact, at some of the first indices more often.
CREATE FUNCTION hs_vector(seed int, dims int, elements int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{' || coalesce(string_agg(format('%s:%s', at, value), ','), '') || '}/' || dims)::sparsevec
    FROM (SELECT DISTINCT ON (at) at, value
          FROM (SELECT 1 + ((seed * 7919 + i * i % 1000 * 104729 + seed * i * 31) % (CASE WHEN i % 3 = 0 THEN 60 ELSE 100000 END)) % dims AS at,
                       ((seed * 131 + i * 7 * (1 + seed % 13)) % 201 - 100) / 8.0 AS value
                FROM generate_series(1, elements) i) pairs
          WHERE value <> 0 ORDER BY at) s
$$;

CREATE TABLE hs (id int PRIMARY KEY, v sparsevec(100000));
INSERT INTO hs SELECT i, hs_vector(i, 100000, 3 + i % 60) FROM generate_series(1, 300) i;
CREATE INDEX hs_l2 ON hs USING hnsw (v sparsevec_l2_ops);
CREATE INDEX hs_ip ON hs USING hnsw (v sparsevec_ip_ops) WITH (storage = compact);
CREATE INDEX hs_cosine ON hs USING hnsw (v sparsevec_cosine_ops) WITH (m = 8);
CREATE INDEX hs_l1 ON hs USING hnsw (v sparsevec_l1_ops);
INSERT INTO hs SELECT i, hs_vector(i, 100000, 3 + i % 60) FROM generate_series(301, 330) i;
INSERT INTO hs VALUES (331, NULL), (332, '{}/100000'), (333, '{}/100000'), (334, '{1:1,100000:-1}/100000');
SET hnsw.ef_search = 1000;
SET enable_sort = off;
CREATE VIEW hs_same AS
SELECT operator, q AS query, a.*
FROM unnest(ARRAY['<->', '<#>', '<=>', '<+>']) WITH ORDINALITY AS o(operator, number),
     (SELECT id AS q, v FROM hs WHERE id IN (2, 151, 320, 334)) AS queries,
     index_agrees(format('SELECT v %1$s $1 FROM hs WHERE v IS NOT NULL AND (l2_norm(v) > 0 OR ''%1$s'' <> ''<=>'') ORDER BY v %1$s $1 LIMIT 250', operator), v) a
ORDER BY number, q;
SELECT * FROM hs_same;
SELECT form, metric, dimensions, heap_rows FROM unnest(ARRAY['hs_l2', 'hs_ip', 'hs_cosine', 'hs_l1']) i, annex.index_info(i::regclass);

DELETE FROM hs WHERE id % 3 = 0 AND id < 330;
VACUUM hs;
SELECT * FROM hs_same;
SELECT i, v.* FROM unnest(ARRAY['hs_l2', 'hs_ip', 'hs_cosine', 'hs_l1']) i, annex.verify(i::regclass, true) v;
-- Slots that were freed are used again, by vectors of as many elements or fewer: the index hardly grows.
SELECT pg_relation_size('hs_l2') AS size_before \gset
INSERT INTO hs SELECT i, hs_vector(i, 100000, 3 + i % 60) FROM generate_series(360, 960, 30) i;
SELECT pg_relation_size('hs_l2') - :size_before <= 16384 AS is_reused;
SELECT i, v.* FROM unnest(ARRAY['hs_l2', 'hs_ip', 'hs_cosine', 'hs_l1']) i, annex.verify(i::regclass, true) v;
SELECT * FROM hs_same;
REINDEX INDEX hs_l2;
SELECT * FROM annex.verify('hs_l2', true);
SELECT i, count(*), min(recall) FROM unnest(ARRAY['hs_l2', 'hs_ip', 'hs_cosine', 'hs_l1']) i,
    annex.recall(i::regclass, (SELECT array_agg(v) FROM hs WHERE id < 50), 10, 1000) GROUP BY i ORDER BY i;
DROP VIEW hs_same;
RESET enable_sort;
RESET hnsw.ef_search;

SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT id FROM hs ORDER BY v <-> '{1:1}/100000' LIMIT 3;
EXPLAIN (COSTS off) SELECT id FROM hs ORDER BY v <#> '{1:1}/100000' LIMIT 3;
EXPLAIN (COSTS off) SELECT id FROM hs ORDER BY v <=> '{1:1}/100000' LIMIT 3;
EXPLAIN (COSTS off) SELECT id FROM hs ORDER BY v <+> '{1:1}/100000' LIMIT 3;
-- Vectors without elements are nearest to themselves, and not in a cosine index, where such a query gets rows in any order.
SELECT id, v <-> '{}/100000' AS d FROM hs ORDER BY v <-> '{}/100000' LIMIT 2;
SELECT count(*) FROM (SELECT id FROM hs ORDER BY v <=> '{}/100000' LIMIT 5) s;
SELECT count(*) FROM (SELECT id FROM hs ORDER BY v <=> (SELECT NULL::sparsevec) LIMIT 5) s;
-- Filters and iterative scans.
SET hnsw.iterative_scan = strict_order;
SELECT count(*) FROM (SELECT id FROM hs WHERE id % 25 = 1 ORDER BY v <-> '{1:1}/100000' LIMIT 10) s;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT id FROM hs WHERE id % 25 = 1 ORDER BY v <#> '{1:1}/100000' LIMIT 10) s;
RESET hnsw.iterative_scan;
-- A query of other dimensions.
SELECT id FROM hs ORDER BY v <-> '{1:1}/5' LIMIT 1;
\echo :SQLSTATE
SELECT * FROM annex.recall('hs_l2', ARRAY['{1:1}/5'::sparsevec], 10);
\echo :SQLSTATE
DROP TABLE hs;

-- A dense column, indexed by what is not zero; the largest dimensions; equal vectors share a node.
CREATE TABLE hd (id int, v vector(64), w sparsevec(1000000000));
INSERT INTO hd SELECT i, ARRAY(SELECT CASE WHEN j % 16 = i % 16 THEN i ELSE 0 END FROM generate_series(1, 64) j)::vector,
    format('{%s:1,1000000000:%s}/1000000000', 1 + i % 4, 1 + i % 3)::sparsevec FROM generate_series(1, 240) i;
CREATE INDEX hd_v ON hd USING hnsw ((v::sparsevec(64)) sparsevec_l2_ops);
CREATE INDEX hd_w ON hd USING hnsw (w sparsevec_cosine_ops);
SELECT id FROM hd ORDER BY v::sparsevec(64) <-> '{5:100,21:100,37:100,53:100}/64' LIMIT 3;
-- A dense query converts, and goes by the index too.
SELECT v AS dense FROM hd WHERE id = 101 \gset
EXPLAIN (COSTS off) SELECT id FROM hd ORDER BY v::sparsevec(64) <-> :'dense'::vector LIMIT 1;
SELECT id FROM hd ORDER BY v::sparsevec(64) <-> :'dense'::vector LIMIT 1;
SET hnsw.ef_search = 1;
SELECT count(*), min(d), max(d) FROM (SELECT w <=> '{2:1,1000000000:3}/1000000000' AS d FROM hd ORDER BY w <=> '{2:1,1000000000:3}/1000000000' LIMIT 20) s;
RESET hnsw.ef_search;
SELECT i, nodes, heap_rows, v.* FROM unnest(ARRAY['hd_v', 'hd_w']) i CROSS JOIN annex.index_info(i::regclass) LEFT JOIN annex.verify(i::regclass, true) v ON true;
DROP TABLE hd;

-- As many elements as a page holds, with each m at least 1,000; one more is an error, at the build and at an insert.
CREATE TABLE hw (id int, v sparsevec(20000));
CREATE FUNCTION hw_vector(from_index int, elements int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{' || string_agg(format('%s:%s', from_index + i, 1 + i % 5), ',') || '}/20000')::sparsevec FROM generate_series(1, elements) i
$$;
INSERT INTO hw SELECT i, hw_vector(i * 10, 1000 + 285 * (i % 2)) FROM generate_series(1, 40) i;
CREATE INDEX hw_v ON hw USING hnsw (v sparsevec_l2_ops);
SELECT id FROM hw ORDER BY v <-> hw_vector(70, 1285) LIMIT 1;
INSERT INTO hw VALUES (41, hw_vector(0, 1286));
\echo :SQLSTATE
DELETE FROM hw WHERE id % 4 < 2;
VACUUM hw;
INSERT INTO hw SELECT i, hw_vector(i * 10, 900 + i) FROM generate_series(50, 80) i;
SELECT id FROM hw ORDER BY v <-> hw_vector(600, 960) LIMIT 1;
SELECT * FROM annex.verify('hw_v', true);
DROP INDEX hw_v;
CREATE INDEX ON hw USING hnsw (v sparsevec_l2_ops) WITH (m = 100, ef_construction = 200);
\echo :SQLSTATE
DELETE FROM hw WHERE id < 50;
UPDATE hw SET v = hw_vector(id, 1081) WHERE id = 50;
CREATE INDEX hw_100 ON hw USING hnsw (v sparsevec_l2_ops) WITH (m = 100, ef_construction = 200);
UPDATE hw SET v = hw_vector(id, 1083) WHERE id = 51;
\echo :SQLSTATE
SELECT * FROM annex.verify('hw_100', true);
DROP TABLE hw;
DROP FUNCTION hw_vector;

-- Most rows share no element with a query, and are exactly as far by inner product. Of those a search looks at as many as
-- hnsw.ef_search when it knows nearer ones, and until it does at most at hnsw.max_scan_tuples; what it returns is in exact order.
CREATE TABLE ht (id int, v sparsevec(1000));
INSERT INTO ht SELECT i, format('{%s:%s,%s:1,%s:1}/1000', 1 + i % 30, 1 + i % 7, 31 + i * 7919 % 300, 331 + i * 104729 % 600)::sparsevec
FROM generate_series(1, 6000) i;
INSERT INTO ht SELECT 6000 + i, format('{1:3,%s:1,951:%s}/1000', 31 + i, i)::sparsevec FROM generate_series(1, 10) i;
CREATE INDEX ht_v ON ht USING hnsw (v sparsevec_ip_ops);
SELECT nodes FROM annex.index_info('ht_v');
-- Which of the 210 it meets first depends on the build.
SELECT count(*), bool_and(d < 0) AS share, array_agg(d) = array_agg(d ORDER BY d) AS in_order
FROM (SELECT v <#> '{1:1,951:1}/1000' AS d FROM ht ORDER BY v <#> '{1:1,951:1}/1000' LIMIT 4) s;
-- 210 rows share an element.
SET hnsw.ef_search = 300;
SELECT count(*) FROM (SELECT id FROM ht ORDER BY v <#> '{1:1,951:1}/1000' LIMIT 300) s;
SELECT expanded < 1500 AS expanded, returned < 1000 AS returned FROM annex.last_scan();
-- Ten do: the search goes on until it meets one.
SET hnsw.ef_search = 20;
SELECT count(*), min(d) < 0 AS shares FROM (SELECT v <#> '{951:1}/1000' AS d FROM ht ORDER BY v <#> '{951:1}/1000' LIMIT 20) s;
SELECT returned <= 100 AS returned FROM annex.last_scan();
-- None does.
SET hnsw.max_scan_tuples = 1000;
SELECT count(*), min(abs(d)), max(abs(d)) FROM (SELECT v <#> '{999:1}/1000' AS d FROM ht ORDER BY v <#> '{999:1}/1000' LIMIT 20) s;
SELECT distances BETWEEN 1000 AND 1100 AS distances, returned <= 100 AS returned FROM annex.last_scan();
-- Iterative scans go on, to the last row.
SET hnsw.max_scan_tuples = 2147483647;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ht ORDER BY v <#> '{951:1}/1000') s;
SET hnsw.iterative_scan = strict_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ht ORDER BY v <#> '{951:1}/1000') s;
SELECT (array_agg(id))[1:4] FROM (SELECT id FROM ht ORDER BY v <#> '{1:1,951:1}/1000') s;
SELECT count(*) FROM (SELECT id FROM ht WHERE id % 100 = 1 ORDER BY v <#> '{951:1}/1000' LIMIT 60) s;
RESET hnsw.iterative_scan;
RESET hnsw.max_scan_tuples;
RESET hnsw.ef_search;
DROP TABLE ht;

-- Errors: without dimensions, inline, the wrong class.
CREATE TABLE he (a sparsevec, b sparsevec(5));
CREATE INDEX ON he USING hnsw (a sparsevec_l2_ops);
\echo :SQLSTATE
CREATE INDEX ON he USING hnsw (b sparsevec_l2_ops) WITH (storage = inline);
\echo :SQLSTATE
CREATE INDEX ON he USING hnsw (b sparsevec_l1_ops) WITH (storage = inline);
\echo :SQLSTATE
CREATE INDEX ON he USING hnsw (b);
\echo :SQLSTATE
CREATE INDEX ON he USING hnsw (b vector_l2_ops);
\echo :SQLSTATE
DROP TABLE he;

-- More rows than memory holds: the others are inserted one by one.
CREATE TABLE hm (id int, v sparsevec(100000));
INSERT INTO hm SELECT i, hs_vector(i % 900, 100000, 120 + i % 60) FROM generate_series(1, 1600) i;
SET maintenance_work_mem = '1MB';
\set VERBOSITY terse
CREATE INDEX hm_v ON hm USING hnsw (v sparsevec_ip_ops);
\set VERBOSITY default
RESET maintenance_work_mem;
SELECT nodes, heap_rows FROM annex.index_info('hm_v');
SELECT * FROM annex.verify('hm_v', true);
DROP TABLE hm;
DROP FUNCTION hs_vector;
