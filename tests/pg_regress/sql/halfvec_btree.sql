-- Proves: halfvecs have the order of arrays, in comparisons, sorts, groups, unique constraints and btree indexes.
\set VERBOSITY default
SET client_min_messages = notice;

SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, halfvec_cmp(a, b) AS cmp
FROM (VALUES ('[1,2,3]'::halfvec, '[1,2,3]'::halfvec), ('[1,2,3]', '[1,2,4]'), ('[1,2]', '[1,2,3]'), ('[2]', '[1,2,3]'), ('[0,1]', '[-0,1]'), ('[-1]', '[1]'), ('[6e-8]', '[1e-7]')) t(a, b);
-- The same order as that of real[], for every pair.
SELECT count(*) AS pairs, count(*) FILTER (WHERE halfvec_cmp(a, b) <> btarraycmp(a::real[], b::real[])) AS ordered_otherwise
FROM (SELECT ARRAY[x, y]::halfvec AS a FROM generate_series(-2, 2) x, generate_series(-2, 2) y UNION ALL SELECT ARRAY[x]::halfvec FROM generate_series(-2, 2) x) s,
     (SELECT ARRAY[x, y]::halfvec AS b FROM generate_series(-2, 2) x, generate_series(-2, 2) y UNION ALL SELECT ARRAY[x]::halfvec FROM generate_series(-2, 2) x) t;

CREATE TABLE ordered (v halfvec);
INSERT INTO ordered VALUES ('[1,2]'), ('[1]'), (NULL), ('[-0]'), ('[0]'), ('[1,2]'), ('[0.5,9]'), ('[-3]');
SELECT v FROM ordered ORDER BY v, v::text;
SELECT v FROM ordered ORDER BY v DESC NULLS LAST, v::text LIMIT 3;
SELECT count(DISTINCT v) FROM ordered;
SELECT v = '[0]' AS is_zero, count(*) FROM ordered WHERE v IS NOT NULL GROUP BY v ORDER BY v;
SELECT count(*) FROM (SELECT v FROM ordered UNION SELECT '[7]'::halfvec) u;
SELECT v FROM ordered WHERE v IN ('[1]', '[-3]') ORDER BY v;

CREATE INDEX ordered_v_idx ON ordered (v);
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v FROM ordered WHERE v > '[0.5]' ORDER BY v;
SELECT v FROM ordered WHERE v > '[0.5]' ORDER BY v;
RESET enable_seqscan;
RESET enable_sort;
DROP INDEX ordered_v_idx;

CREATE UNIQUE INDEX ordered_v_idx ON ordered (v);
DELETE FROM ordered WHERE v IN ('[1,2]', '[0]');
CREATE UNIQUE INDEX ordered_v_idx ON ordered (v);
INSERT INTO ordered VALUES ('[5,5]'), ('[1,2]');
INSERT INTO ordered VALUES ('[5,5]');
INSERT INTO ordered VALUES ('[5,5]') ON CONFLICT (v) DO NOTHING;
DROP TABLE ordered;

-- There is one btree class, the default, and one hnsw class for each distance.
SELECT amname, opcname, opcdefault, opcintype::regtype FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod WHERE opcintype = 'halfvec'::regtype ORDER BY 1, 2;
SELECT amopstrategy, amopopr::regoperator FROM pg_amop WHERE amopfamily = (SELECT opcfamily FROM pg_opclass WHERE opcname = 'halfvec_ops') ORDER BY 1;
SELECT amprocnum, amproc FROM pg_amproc WHERE amprocfamily = (SELECT opcfamily FROM pg_opclass WHERE opcname = 'halfvec_ops');
CREATE TABLE hashed (v halfvec) PARTITION BY HASH (v);
