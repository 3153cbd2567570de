-- Proves: which conversions of halfvec exist, in which contexts they apply, and what they refuse.
\set VERBOSITY default
SET client_min_messages = notice;

-- From arrays.
SELECT ARRAY[1,2,3]::halfvec, ARRAY[1.5,2,3]::real[]::halfvec, ARRAY[1.5,2,3]::float8[]::halfvec, ARRAY[1.5,2,3]::numeric[]::halfvec;
SELECT ARRAY[65504,2049]::halfvec, ARRAY[0.1]::float8[]::halfvec, ARRAY[0.1,65519.99]::numeric[]::halfvec, '[3:4]={7,8}'::integer[]::halfvec AS lower_bound_is_ignored;
SELECT ARRAY[1e-8,-1e-8]::float8[]::halfvec AS underflow_is_silent;
SELECT '{1,2,3}'::real[]::halfvec(3), '{1,2,3}'::integer[]::halfvec(3);
SELECT '{1,2,3}'::real[]::halfvec(2);
SELECT '{1,2,3}'::numeric[]::halfvec(2);
SELECT '{}'::real[]::halfvec;
SELECT '{{1,2},{3,4}}'::real[]::halfvec;
SELECT '{1,NULL}'::numeric[]::halfvec;
SELECT '{1,NaN}'::real[]::halfvec;
SELECT '{1,2,Infinity}'::real[]::halfvec;
SELECT '{65520}'::integer[]::halfvec;
SELECT '{1,-65520}'::real[]::halfvec;
SELECT '{1e9}'::float8[]::halfvec;
SELECT '{4e38}'::float8[]::halfvec;
SELECT '{NaN}'::numeric[]::halfvec;
SELECT '{4e38}'::numeric[]::halfvec;
SELECT vector_dims(array_fill(0, ARRAY[16000])::halfvec);
SELECT array_fill(0, ARRAY[16001])::halfvec;
SELECT array_to_halfvec(ARRAY[1,2]::integer[], 2, false), array_to_halfvec(ARRAY[1,2]::real[], -1, true);
SELECT array_to_halfvec(ARRAY[1,2]::integer[], 3, false);

-- To real[].
SELECT '[1,2,3]'::halfvec::real[], '[0.1]'::halfvec::real[], array_dims('[1,2,3]'::halfvec::real[]), '[1,2,3]'::halfvec(3)::real[];

-- From and to vector.
SELECT '[1,0.1,65519,-1e-8]'::vector::halfvec, '[1,0.1,65504]'::halfvec::vector;
SELECT '[1,2]'::vector::halfvec(2), '[1,2]'::halfvec::vector(2);
SELECT '[1,2]'::vector::halfvec(3);
SELECT '[1,2]'::halfvec::vector(3);
SELECT '[1,65520]'::vector::halfvec;
SELECT '[-1e30]'::vector::halfvec;
-- There and back at every length, so that every way through a conversion is taken; halves are kept, others rounded as one by one.
SELECT count(*) AS lengths, count(*) FILTER (WHERE v::halfvec::vector <> v) AS changed,
    count(*) FILTER (WHERE third::halfvec::real[] <> one_by_one) AS rounded_otherwise
FROM generate_series(1, 70) n,
    LATERAL (SELECT array_agg(i * 8 - 40 ORDER BY i)::integer[]::vector AS v, array_agg(i / 3.0 ORDER BY i)::real[]::vector AS third,
                    array_agg((ARRAY[i / 3.0]::real[]::halfvec::real[])[1] ORDER BY i) AS one_by_one FROM generate_series(1, n) i) l;

-- There is no other.
SELECT '[1]'::halfvec::float8[];
SELECT '[1]'::halfvec::integer[];
SELECT ARRAY[1]::bigint[]::halfvec;
SELECT ARRAY['1']::text[]::halfvec;
SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod
FROM pg_cast WHERE 'halfvec'::regtype IN (castsource, casttarget) ORDER BY castsource::regtype::text COLLATE "C", casttarget::regtype::text COLLATE "C";

-- Text goes through input and output.
SELECT '[1,2]'::text::halfvec(2), '[1,2]'::varchar::halfvec, '[1,2]'::halfvec::text || '!', CAST('[1, 2]' AS halfvec);
SELECT '[1,2]'::text::halfvec(3);

-- Assignment takes arrays and vectors, also into a domain, and gives them.
CREATE DOMAIN unit AS halfvec(2) CHECK (abs(l2_norm(VALUE) - 1) < 1e-3);
CREATE TABLE assigned (v halfvec(2), u unit, w vector(2));
INSERT INTO assigned VALUES (ARRAY[1,2], '[0,1]', '[1,2]'::halfvec), ('[1.5,2.5]'::vector, '[1,0]', ARRAY[3,4]);
INSERT INTO assigned (u) VALUES ('[1,1]');
INSERT INTO assigned (v) VALUES (ARRAY[1,2,3]);
INSERT INTO assigned (v) VALUES ('[1,2,3]'::vector);
INSERT INTO assigned (v) VALUES ('[1,1e5]'::vector);
SELECT *, u <-> '[0,0]' AS norm FROM assigned ORDER BY v;
ALTER TABLE assigned ALTER COLUMN v TYPE real[];
ALTER TABLE assigned ALTER COLUMN v TYPE halfvec(2);
ALTER TABLE assigned ALTER COLUMN w TYPE halfvec(2);
ALTER TABLE assigned ALTER COLUMN v TYPE vector(2);
SELECT v, w, pg_typeof(v), pg_typeof(w) FROM assigned ORDER BY v;
DROP TABLE assigned;
DROP DOMAIN unit;
