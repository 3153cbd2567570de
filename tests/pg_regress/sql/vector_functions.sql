-- Proves: every function and operator of vector and bit returns what it promises, at its edges too.
\set VERBOSITY default
SET client_min_messages = notice;

-- Arithmetic.
SELECT '[1,2,3]'::vector + '[4,5,6]', '[1,2,3]'::vector - '[4,5,6]', '[1,2,3]'::vector * '[4,5,6]', '[1,2,3]'::vector || '[4,5]';
SELECT '[3e38]'::vector + '[3e38]';
SELECT '[1,-3e38]'::vector - '[1,3e38]';
SELECT '[1e37]'::vector * '[1e37]';
SELECT '[1,1e-37]'::vector * '[1,1e-37]';
SELECT '[0,-1]'::vector * '[1e-37,0]';
SELECT '[1,2]'::vector + '[3]';
SELECT '[1,2]'::vector - '[3]';
SELECT '[1,2]'::vector * '[3]';
SELECT vector_dims(big || big), vector_dims(big || big || '[1]')
FROM (SELECT array_fill(0, ARRAY[8000])::vector AS big) b;

-- Dimensions, norm, normalization.
SELECT vector_dims('[1,2,3]'::vector), vector_dims(array_fill(0, ARRAY[16000])::vector);
SELECT vector_norm('[3,4]'), vector_norm('[0,0]'), round(vector_norm('[3e37,4e37]')::numeric, -32) = 5e37 AS wide_norm;
SELECT vector_norm('[3e-45,0]') > 0 AS small_norm;
SELECT l2_normalize('[3,4]'::vector), l2_normalize('[3,0]'::vector), l2_normalize('[0,0.1]'::vector), l2_normalize('[0,-0]'::vector);
SELECT l2_normalize('[3e38]'::vector), l2_normalize('[1e-45,0]'::vector);

-- Distances.
SELECT l2_distance('[0,0]'::vector, '[3,4]'), '[0,0]'::vector <-> '[3,4]', vector_l2_squared_distance('[0,0]', '[3,4]');
SELECT inner_product('[1,2]'::vector, '[3,4]'), '[1,2]'::vector <#> '[3,4]', vector_negative_inner_product('[1,2]', '[0,0]');
SELECT cosine_distance('[1,2]'::vector, '[2,4]'), cosine_distance('[1,1]'::vector, '[-1,-1]'), '[1,0]'::vector <=> '[0,2]';
SELECT l1_distance('[0,0]'::vector, '[3,-4]'), '[0,0]'::vector <+> '[3,4]';
SELECT vector_spherical_distance('[1,0]', '[1,0]'), vector_spherical_distance('[1,0]', '[0,1]'), vector_spherical_distance('[1,0]', '[-2,0]');
SELECT '[3e38]'::vector <-> '[-3e38]' AS l2, '[3e38]'::vector <#> '[3e38]' AS inner_product, '[3e38]'::vector <+> '[-3e38]' AS l1;
SELECT '[1,2]'::vector <=> '[0,0]' AS zero, '[1e-30]'::vector <=> '[1e-30]' AS small, '[3e38]'::vector <=> '[3e38]' AS large;
SELECT '[1.1,2.2]'::vector <=> '[11,22]' BETWEEN 0 AND 1e-6 AS near_parallel, '[3,1]'::vector <=> '[3,1]' >= 0 AS never_negative;
-- Small integers are exact in every order of summation.
SELECT a <-> b AS l2, a <#> b AS inner_product, a <+> b AS l1
FROM (SELECT array_agg(i % 7)::integer[]::vector AS a, array_agg(i % 5 - 2)::integer[]::vector AS b FROM generate_series(1, 1000) i) v;
SELECT l2_distance('[1,2]'::vector, '[3]');
SELECT '[1,2]'::vector <#> '[3]';
SELECT '[1,2]'::vector <=> '[3]';
SELECT '[1,2]'::vector <+> '[3]';
SELECT vector_spherical_distance('[1,2]', '[3]');

-- Resolution of operators: what is unique, and what is not.
SELECT '[0,0]' <-> '[3,4]'::vector, '[3,4]'::vector <-> '[0,0]', cosine_distance('[1,2]'::vector, '[2,4]');
PREPARE nearest AS SELECT '[1,2]'::vector <-> $1;
EXECUTE nearest('[4,6]');
SELECT '[1,2]'::vector <-> ARRAY[1,2]::real[];
SELECT '[1,2]'::vector = ARRAY[1,2]::real[];
SELECT 2 * '[1,2]'::vector;
SELECT array_length('[1,2]'::vector, 1);
SELECT max(v) FROM (SELECT '[1,2]'::vector AS v) t;
SELECT ARRAY[1,2,3] = ARRAY[1,2,3] AS arrays_stay_unambiguous;

-- Parts.
SELECT subvector('[1,2,3,4,5]'::vector, 1, 3), subvector('[1,2,3,4,5]'::vector, 3, 2), subvector('[1,2,3,4,5]'::vector, -1, 3);
SELECT subvector('[1,2,3,4,5]'::vector, 3, 9), subvector('[1,2,3,4,5]'::vector, 3, 2147483647), subvector('[1,2,3,4,5]'::vector, -2147483644, 2147483647);
SELECT subvector('[1,2,3,4,5]'::vector, 1, 0);
SELECT subvector('[1,2,3,4,5]'::vector, 1, -1);
SELECT subvector('[1,2,3,4,5]'::vector, 6, 1);
SELECT subvector('[1,2,3,4,5]'::vector, -1, 2);
SELECT subvector('[1,2,3,4,5]'::vector, 2147483647, 2147483647);
SELECT subvector('[1,2,3,4,5]'::vector, -2147483648, 2147483647);

-- Bits.
SELECT binary_quantize('[1,0,-1]'::vector), binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::vector), binary_quantize('[-0,1e-45]'::vector);
SELECT binary_quantize('[1,0,-1]'::vector)::bit(3) <~> '010', length(binary_quantize(array_fill(1, ARRAY[16000])::vector));
SELECT hamming_distance(B'111', B'111'), hamming_distance(B'111', B'110'), B'111' <~> B'000', hamming_distance(B'', B'');
SELECT jaccard_distance(B'1111', B'1111'), jaccard_distance(B'1111', B'1110'), B'1100' <%> B'0011', jaccard_distance(B'', B''), B'0000' <%> B'0000';
SELECT hamming_distance('101'::varbit, '010'::varbit), repeat('1', 1000)::bit(1000) <~> repeat('10', 500)::bit(1000), repeat('1', 1003)::bit(1003) <%> repeat('10', 502)::bit(1003);
SELECT B'111' <~> B'00';
SELECT B'111' <%> B'00';

-- NULL in, NULL out.
SELECT l2_distance(NULL::vector, '[1]'), NULL::vector + '[1]', vector_dims(NULL::vector), subvector('[1]'::vector, NULL, 1), B'1' <~> NULL;

-- Functions are what the planner and parallel workers expect.
SELECT proname, pg_get_function_arguments(p.oid) AS arguments, provolatile, proisstrict, proparallel, procost
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'annex') AND prokind = 'f' AND (proname LIKE '%vector%' OR proname LIKE '%\_distance' OR proname IN ('inner_product', 'l2_normalize', 'binary_quantize'))
    AND (provolatile <> 'i' OR NOT proisstrict OR proparallel <> 's' OR procost <> 1 OR proargnames IS NOT NULL);
SELECT o.oid::regoperator, oprresult::regtype, oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash
FROM pg_operator o JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'annex') AND oprleft IN ('vector'::regtype, 'bit'::regtype)
ORDER BY oprleft::regtype::text, oprname COLLATE "C";
