-- Proves: sparse vectors have the order of their dense forms, in comparisons, sorts, groups, unique constraints and btree indexes.
\set VERBOSITY default
SET client_min_messages = notice;

SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, sparsevec_cmp(a, b) AS cmp
FROM (VALUES ('{1:1,3:3}/3'::sparsevec, '{1:1,3:3}/3'::sparsevec), ('{1:1,3:3}/3', '{1:1,3:4}/3'), ('{1:1}/2', '{1:1}/3'), ('{1:1}/2', '{1:1,3:-1}/3'), ('{2:1}/2', '{1:1}/2'), ('{2:-1}/2', '{}/2'), ('{}/1', '{}/2'), ('{2:1}/2', '{2:1,3:1}/1000000000')) t(a, b);
-- The same order as that of vector, for every pair.
SELECT count(*) AS pairs, count(*) FILTER (WHERE sparsevec_cmp(a, b) <> vector_cmp(a::vector, b::vector)) AS ordered_otherwise
FROM (SELECT ARRAY[x, y]::sparsevec AS a FROM generate_series(-2, 2) x, generate_series(-2, 2) y UNION ALL SELECT ARRAY[x]::sparsevec FROM generate_series(-2, 2) x) s,
     (SELECT ARRAY[x, y]::sparsevec AS b FROM generate_series(-2, 2) x, generate_series(-2, 2) y UNION ALL SELECT ARRAY[x]::sparsevec FROM generate_series(-2, 2) x) t;

CREATE TABLE ordered (v sparsevec);
INSERT INTO ordered VALUES ('{1:1,2:2}/2'), ('{1:1}/1'), (NULL), ('{}/1'), ('{1:0}/1'), ('{2:2,1:1}/2'), ('{1:0.5,2:9}/2'), ('{1:-3}/1');
SELECT v FROM ordered ORDER BY v;
SELECT v FROM ordered ORDER BY v DESC NULLS LAST LIMIT 3;
SELECT count(DISTINCT v) FROM ordered;
SELECT v = '{}/1' AS is_zero, count(*) FROM ordered WHERE v IS NOT NULL GROUP BY v ORDER BY v;
SELECT count(*) FROM (SELECT v FROM ordered UNION SELECT '{1:7}/1'::sparsevec) u;
SELECT v FROM ordered WHERE v IN ('{1:1}/1', '{1:-3}/1') ORDER BY v;

CREATE INDEX ordered_v_idx ON ordered (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v FROM ordered WHERE v > '{1:0.5}/1' ORDER BY v;
SELECT v FROM ordered WHERE v > '{1:0.5}/1' ORDER BY v;
SELECT v FROM ordered WHERE v = '{2:2,1:1}/2';
RESET enable_seqscan;
RESET enable_bitmapscan;
RESET enable_sort;
DROP INDEX ordered_v_idx;

CREATE UNIQUE INDEX ordered_v_idx ON ordered (v);
DELETE FROM ordered WHERE v IN ('{1:1,2:2}/2', '{}/1');
CREATE UNIQUE INDEX ordered_v_idx ON ordered (v);
INSERT INTO ordered VALUES ('{1:5}/5'), ('{1:1,2:2}/2');
INSERT INTO ordered VALUES ('{2:0,1:5}/5');
INSERT INTO ordered VALUES ('{1:5}/5') ON CONFLICT (v) DO NOTHING;
DROP TABLE ordered;

-- A row too wide for btree.
CREATE TABLE wide (v sparsevec PRIMARY KEY);
INSERT INTO wide VALUES (array_fill(1, ARRAY[300]));
INSERT INTO wide SELECT array_agg(i)::integer[]::sparsevec FROM generate_series(1, 1000) i;
DROP TABLE wide;

-- Long values compare as short ones do, in line and out of line.
CREATE TABLE sorted (i integer, v sparsevec);
INSERT INTO sorted SELECT i, array_agg(CASE WHEN k = 1 THEN i % 10 ELSE k END ORDER BY k)::integer[]::sparsevec FROM generate_series(1, 50) i, generate_series(1, 1000) k GROUP BY i;
SELECT count(DISTINCT v), array_agg(i ORDER BY v, i) = (SELECT array_agg(i ORDER BY i % 10, i) FROM sorted) AS in_order FROM sorted;
ANALYZE sorted;
DROP TABLE sorted;

-- There is one btree class, the default, and no hash class: joins on equality are merged or looped, never hashed.
SELECT amname, opcname, opcdefault, opcintype::regtype FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod WHERE opcintype = 'sparsevec'::regtype AND amname IN ('btree', 'hash', 'gin', 'gist', 'brin') ORDER BY 1, 2;
SELECT amopstrategy, amopopr::regoperator FROM pg_amop WHERE amopfamily = (SELECT opcfamily FROM pg_opclass WHERE opcname = 'sparsevec_ops') ORDER BY 1;
SELECT amprocnum, amproc FROM pg_amproc WHERE amprocfamily = (SELECT opcfamily FROM pg_opclass WHERE opcname = 'sparsevec_ops');
CREATE TABLE hashed (v sparsevec) PARTITION BY HASH (v);
