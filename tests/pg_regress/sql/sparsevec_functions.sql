-- Proves: every function and operator of sparsevec returns what it promises, at its edges too, and agrees with vector.
\set VERBOSITY default
SET client_min_messages = notice;

-- Distances.
SELECT l2_distance('{}/2'::sparsevec, '{1:3,2:4}/2'), '{}/2'::sparsevec <-> '{1:3,2:4}/2', sparsevec_l2_squared_distance('{}/2', '{1:3,2:4}/2'), '{1:3}/2'::sparsevec <-> '{2:4}/2';
SELECT inner_product('{1:1,2:2}/2'::sparsevec, '{1:3,2:4}/2'), '{1:1,2:2}/2'::sparsevec <#> '{1:3,2:4}/2', sparsevec_negative_inner_product('{1:1}/2', '{2:1}/2'), inner_product('{1:1}/2'::sparsevec, '{2:1}/2');
SELECT cosine_distance('{1:1,2:2}/2'::sparsevec, '{1:2,2:4}/2'), cosine_distance('{1:1,2:1}/2'::sparsevec, '{1:-1,2:-1}/2'), '{1:1}/2'::sparsevec <=> '{2:2}/2';
SELECT l1_distance('{}/2'::sparsevec, '{1:3,2:-4}/2'), '{1:3}/2'::sparsevec <+> '{2:4}/2';
SELECT '{1:3e38}/1'::sparsevec <-> '{1:-3e38}/1' AS l2, '{1:3e38}/1'::sparsevec <#> '{1:3e38}/1' AS inner_product, '{1:3e38}/1'::sparsevec <+> '{1:-3e38}/1' AS l1;
SELECT '{1:1}/2'::sparsevec <=> '{}/2' AS zero, '{1:1e-30}/1'::sparsevec <=> '{1:1e-30}/1' AS small, '{1:3e38}/1'::sparsevec <=> '{1:3e38}/1' AS large;
SELECT '{1:1.1,2:2.2}/2'::sparsevec <=> '{1:11,2:22}/2' BETWEEN 0 AND 1e-6 AS near_parallel, '{1:3,2:1}/2'::sparsevec <=> '{1:3,2:1}/2' >= 0 AS never_negative;
SELECT '{1:1,1000000000:2}/1000000000'::sparsevec <-> '{500000000:2}/1000000000' AS wide, '{}/1000000000'::sparsevec <+> '{}/1000000000' AS zeros;
-- Small integers are exact in every order of summation: sparse and dense agree.
SELECT count(*) AS pairs, count(*) FILTER (WHERE (a <-> b, a <#> b, a <=> b, a <+> b) IS DISTINCT FROM (a::sparsevec <-> b::sparsevec, a::sparsevec <#> b::sparsevec, a::sparsevec <=> b::sparsevec, a::sparsevec <+> b::sparsevec)) AS differing
FROM (SELECT array_agg(CASE WHEN (i * k) % 5 < 3 THEN 0 ELSE i % 7 - 3 END ORDER BY i)::integer[]::vector AS a, array_agg(CASE WHEN (i + k) % (k % 4 + 1) > 0 THEN 0 ELSE i % 5 - 2 END ORDER BY i)::integer[]::vector AS b
    FROM generate_series(1, 1000) i, generate_series(1, 20) k GROUP BY k) v;
SELECT l2_distance('{}/2'::sparsevec, '{}/1');
SELECT '{}/2'::sparsevec <#> '{}/1';
SELECT '{}/2'::sparsevec <=> '{}/1';
SELECT '{}/2'::sparsevec <+> '{}/1';
SELECT sparsevec_l2_squared_distance('{}/2', '{}/1');
SELECT '{}/1000000000'::sparsevec <-> '{}/999999999';

-- Norm and normalization.
SELECT l2_norm('{1:3,2:4}/2'::sparsevec), l2_norm('{}/2'::sparsevec), round(l2_norm('{1:3e37,2:4e37}/2'::sparsevec)::numeric, -32) = 5e37 AS wide_norm, l2_norm('{1:3e-45}/2'::sparsevec) > 0 AS small_norm;
SELECT l2_normalize('{1:3,2:4}/2'::sparsevec), l2_normalize('{1:3}/2'::sparsevec), l2_normalize('{2:0.1}/2'::sparsevec), l2_normalize('{}/2'::sparsevec), l2_normalize('{1:3e38}/1'::sparsevec), l2_normalize('{1:1e-45}/2'::sparsevec);
SELECT l2_normalize('{1:1e38,2:1e-38}/2'::sparsevec) AS becomes_zero;

-- Resolution of operators and functions: what is unique, and what is not.
SELECT '{}/2' <-> '{1:3,2:4}/2'::sparsevec, '{1:3,2:4}/2'::sparsevec <-> '{}/2', cosine_distance('{1:1}/2'::sparsevec, '{1:2}/2');
PREPARE nearest AS SELECT '{1:1,2:2}/2'::sparsevec <-> $1;
EXECUTE nearest('{1:4,2:6}/2');
SELECT pg_typeof(l2_normalize('{}/1'::sparsevec)), pg_typeof(l2_normalize('[1]'::vector)), '[1,2]'::vector <-> '[1,3]' AS vector_stays_vector, cosine_distance('[1,2]'::vector, '[2,4]');
SELECT l2_distance('[1]', '[2]');
SELECT l2_normalize('[1]');
SELECT '{}/1'::sparsevec <-> ARRAY[1]::real[];
SELECT '{}/1'::sparsevec + '{}/1'::sparsevec;
SELECT 2 * '{}/1'::sparsevec;
SELECT '{}/1'::sparsevec || '{}/1'::sparsevec;
SELECT vector_dims('{}/1'::sparsevec);
SELECT binary_quantize('{}/1'::sparsevec);
SELECT subvector('{}/1'::sparsevec, 1, 1);
SELECT sum(v) FROM (SELECT '{}/1'::sparsevec AS v) t;
SELECT avg(v) FROM (SELECT '{}/1'::sparsevec AS v) t;
SELECT max(v) FROM (SELECT '{}/1'::sparsevec AS v) t;
SELECT ARRAY[1,2,3] = ARRAY[1,2,3] AS arrays_stay_unambiguous;

-- NULL in, NULL out.
SELECT l2_distance(NULL::sparsevec, '{}/1'), '{}/1'::sparsevec <=> NULL, l2_norm(NULL::sparsevec), l2_normalize(NULL::sparsevec), NULL::sparsevec = '{}/1';

-- Exact search in a table.
CREATE TABLE items (id integer, v sparsevec(1000000000));
INSERT INTO items SELECT i, ('{' || i || ':1,' || i + 1000 || ':2,999999999:' || i || '}/1000000000')::sparsevec FROM generate_series(1, 500) i UNION ALL SELECT 0, NULL;
SELECT id, v <-> '{7:1,1007:2,999999999:7}/1000000000' AS distance FROM items ORDER BY 2, 1 LIMIT 3;
SELECT id FROM items ORDER BY v <#> '{999999999:1}/1000000000', id LIMIT 3;
SELECT id FROM items ORDER BY v <=> '{5:1,1005:2,999999999:5}/1000000000' LIMIT 1;
SELECT id, v <+> '{3:1}/1000000000' AS distance FROM items ORDER BY 2, 1 LIMIT 3;
DROP TABLE items;

-- Functions are what the planner and parallel workers expect.
SELECT p.oid::regprocedure, provolatile, proisstrict, proparallel, procost, proargnames
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'annex') AND ('sparsevec'::regtype = ANY (proargtypes) OR prorettype = 'sparsevec'::regtype)
    AND (provolatile <> 'i' OR NOT proisstrict OR proparallel <> 's' OR procost <> 1 OR proargnames IS NOT NULL);
SELECT p.oid::regprocedure, prorettype::regtype
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'annex') AND ('sparsevec'::regtype = ANY (proargtypes) OR prorettype = 'sparsevec'::regtype)
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT o.oid::regoperator, oprresult::regtype, oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash
FROM pg_operator o WHERE oprleft = 'sparsevec'::regtype OR oprright = 'sparsevec'::regtype ORDER BY oprname COLLATE "C";
