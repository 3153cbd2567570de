-- Proves: every function and operator of halfvec returns what it promises, at its edges too.
\set VERBOSITY default
SET client_min_messages = notice;

-- Arithmetic, each element rounded to a half.
SELECT '[1,2,3]'::halfvec + '[4,5,6]', '[1,2,3]'::halfvec - '[4,5,6]', '[1,2,3]'::halfvec * '[4,5,6]', '[1,2,3]'::halfvec || '[4,5]';
SELECT '[2048,2050]'::halfvec + '[1,1]' AS ties_to_even, '[65504]'::halfvec + '[15]' AS largest, '[0.1]'::halfvec * '[0.1]' AS rounded;
SELECT '[65504]'::halfvec + '[65504]';
SELECT '[1,-65504]'::halfvec - '[1,65504]';
SELECT '[256]'::halfvec * '[256]';
SELECT '[1,1e-7]'::halfvec * '[1,1e-7]';
SELECT '[0,-1]'::halfvec * '[1e-7,0]';
SELECT '[1,2]'::halfvec + '[3]';
SELECT '[1,2]'::halfvec - '[3]';
SELECT '[1,2]'::halfvec * '[3]';
SELECT vector_dims(big || big), vector_dims(big || big || '[1]')
FROM (SELECT array_fill(0, ARRAY[8000])::halfvec AS big) b;

-- Dimensions, norm, normalization.
SELECT vector_dims('[1,2,3]'::halfvec), vector_dims(array_fill(0, ARRAY[16000])::halfvec);
SELECT l2_norm('[3,4]'::halfvec), l2_norm('[0,0]'::halfvec), l2_norm('[65504,0]'::halfvec), l2_norm('[6e-8,0]'::halfvec);
SELECT l2_normalize('[3,4]'::halfvec), l2_normalize('[3,0]'::halfvec), l2_normalize('[0,0.1]'::halfvec), l2_normalize('[0,-0]'::halfvec);
SELECT l2_normalize('[65504]'::halfvec), l2_normalize('[6e-8,0]'::halfvec);

-- Distances.
SELECT l2_distance('[0,0]'::halfvec, '[3,4]'), '[0,0]'::halfvec <-> '[3,4]', halfvec_l2_squared_distance('[0,0]', '[3,4]');
SELECT inner_product('[1,2]'::halfvec, '[3,4]'), '[1,2]'::halfvec <#> '[3,4]', halfvec_negative_inner_product('[1,2]', '[0,0]');
SELECT cosine_distance('[1,2]'::halfvec, '[2,4]'), cosine_distance('[1,1]'::halfvec, '[-1,-1]'), '[1,0]'::halfvec <=> '[0,2]';
SELECT l1_distance('[0,0]'::halfvec, '[3,-4]'), '[0,0]'::halfvec <+> '[3,4]';
SELECT halfvec_spherical_distance('[1,0]', '[1,0]'), halfvec_spherical_distance('[1,0]', '[0,1]'), halfvec_spherical_distance('[1,0]', '[-2,0]');
-- Sums are not halves: they leave the range of the elements.
SELECT '[65504]'::halfvec <-> '[-65504]' AS l2, '[65504]'::halfvec <#> '[65504]' AS inner_product, '[65504]'::halfvec <+> '[-65504]' AS l1;
SELECT '[1,2]'::halfvec <=> '[0,0]' AS zero, '[6e-8]'::halfvec <=> '[6e-8]' AS small, '[65504]'::halfvec <=> '[65504]' AS large;
SELECT '[1.1,2.2]'::halfvec <=> '[11,22]' BETWEEN 0 AND 1e-6 AS near_parallel, '[3,1]'::halfvec <=> '[3,1]' >= 0 AS never_negative;
-- Small integers are exact in every order of summation, and the same as with vector.
SELECT h.a <-> h.b AS l2, h.a <#> h.b AS inner_product, h.a <+> h.b AS l1,
    (h.a <-> h.b, h.a <#> h.b, h.a <=> h.b, h.a <+> h.b) = (v.a <-> v.b, v.a <#> v.b, v.a <=> v.b, v.a <+> v.b) AS as_vector
FROM (SELECT array_agg(i % 7)::integer[]::vector AS a, array_agg(i % 5 - 2)::integer[]::vector AS b FROM generate_series(1, 1000) i) v,
    LATERAL (SELECT v.a::halfvec AS a, v.b::halfvec AS b) h;
-- At every length, so that every way through a kernel is taken.
SELECT count(*) AS lengths,
    count(*) FILTER (WHERE (h.a <-> h.b, h.a <#> h.b, h.a <+> h.b) <> (v.a <-> v.b, v.a <#> v.b, v.a <+> v.b)) AS otherwise
FROM generate_series(1, 140) n,
    LATERAL (SELECT array_agg(i % 9 - 4 + n % 2)::integer[]::vector AS a, array_agg(i % 5 - 2)::integer[]::vector AS b FROM generate_series(1, n) i) v,
    LATERAL (SELECT v.a::halfvec AS a, v.b::halfvec AS b) h;
SELECT l2_distance('[1,2]'::halfvec, '[3]');
SELECT '[1,2]'::halfvec <#> '[3]';
SELECT '[1,2]'::halfvec <=> '[3]';
SELECT '[1,2]'::halfvec <+> '[3]';
SELECT halfvec_spherical_distance('[1,2]', '[3]');

-- Resolution of operators: what is unique, and what is not.
SELECT '[0,0]' <-> '[3,4]'::halfvec, '[3,4]'::halfvec <-> '[0,0]', cosine_distance('[1,2]'::halfvec, '[2,4]');
PREPARE nearest AS SELECT '[1,2]'::halfvec <-> $1;
EXECUTE nearest('[4,6]');
-- A vector beside a halfvec becomes one.
SELECT '[0.6,0]'::halfvec <-> '[0.6,0]'::vector AS l2, '[0.6]'::vector = '[0.6]'::halfvec AS eq, pg_typeof('[1]'::vector + '[1]'::halfvec) AS sum;
SELECT l2_distance('[1]', '[2]');
SELECT vector_dims('[1]');
SELECT binary_quantize('[1]');
SELECT vector_norm('[3,4]'::halfvec);
SELECT '[1,2]'::halfvec <-> ARRAY[1,2]::real[];
SELECT '[1,2]'::halfvec = ARRAY[1,2]::real[];
SELECT 2 * '[1,2]'::halfvec;
SELECT array_length('[1,2]'::halfvec, 1);
SELECT max(v) FROM (SELECT '[1,2]'::halfvec AS v) t;
SELECT ARRAY[1,2,3] = ARRAY[1,2,3] AS arrays_stay_unambiguous;

-- Parts.
SELECT subvector('[1,2,3,4,5]'::halfvec, 1, 3), subvector('[1,2,3,4,5]'::halfvec, 3, 2), subvector('[1,2,3,4,5]'::halfvec, -1, 3);
SELECT subvector('[1,2,3,4,5]'::halfvec, 3, 9), subvector('[1,2,3,4,5]'::halfvec, 3, 2147483647), subvector('[1,2,3,4,5]'::halfvec, -2147483644, 2147483647);
SELECT subvector('[1,2,3,4,5]'::halfvec, 1, 0);
SELECT subvector('[1,2,3,4,5]'::halfvec, 1, -1);
SELECT subvector('[1,2,3,4,5]'::halfvec, 6, 1);
SELECT subvector('[1,2,3,4,5]'::halfvec, -1, 2);
SELECT subvector('[1,2,3,4,5]'::halfvec, 2147483647, 2147483647);

-- Bits.
SELECT binary_quantize('[1,0,-1]'::halfvec), binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::halfvec), binary_quantize('[-0,6e-8]'::halfvec);
SELECT binary_quantize('[1,0,-1]'::halfvec)::bit(3) <~> '010', length(binary_quantize(array_fill(1, ARRAY[16000])::halfvec));

-- NULL in, NULL out.
SELECT l2_distance(NULL::halfvec, '[1]'), NULL::halfvec + '[1]', vector_dims(NULL::halfvec), subvector('[1]'::halfvec, NULL, 1), NULL::halfvec::vector;

-- Functions are what the planner and parallel workers expect.
SELECT p.oid::regprocedure, pg_get_function_result(p.oid) AS result, prosrc
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'annex') AND prokind = 'f' AND ('halfvec'::regtype = ANY (proargtypes) OR prorettype = 'halfvec'::regtype OR proname LIKE '%halfvec%')
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure AS declared_otherwise
FROM pg_proc p
WHERE prokind = 'f' AND 'halfvec'::regtype = ANY (proargtypes) AND (provolatile <> 'i' OR NOT proisstrict OR proparallel <> 's' OR procost <> 1 OR proargnames IS NOT NULL);
SELECT o.oid::regoperator, oprresult::regtype, oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash
FROM pg_operator o WHERE oprleft = 'halfvec'::regtype ORDER BY oprname COLLATE "C";
