-- Proves: which conversions of sparsevec exist, in which contexts they apply, and what they refuse.
\set VERBOSITY default
SET client_min_messages = notice;

-- From and to vector.
SELECT '[0,1.5,0,-2,-0]'::vector::sparsevec, '[0,0]'::vector::sparsevec, '[1,2,3]'::vector::sparsevec(3);
SELECT '[1,2,3]'::vector::sparsevec(2);
SELECT '{2:1.5,4:-2}/5'::sparsevec::vector, '{}/2'::sparsevec::vector, '{1:1e-45}/1'::sparsevec::vector(1);
SELECT '{2:1.5}/3'::sparsevec::vector(2);
SELECT vector_dims('{16000:1}/16000'::sparsevec::vector);
SELECT '{1:1}/16001'::sparsevec::vector;
SELECT '{}/1000000000'::sparsevec::vector(3);
SELECT v = v::sparsevec::vector AS nothing_lost FROM (SELECT array_agg(i % 100)::integer[]::vector AS v FROM generate_series(1, 16000) i) w;
-- vector becomes sparsevec by itself, sparsevec becomes vector where it is assigned.
SELECT '[1,0]'::vector <-> '{2:1}/2'::sparsevec, '{2:1}/2'::sparsevec = '[0,1]'::vector, l1_distance('[1,2]'::vector, '{}/2'::sparsevec);
SELECT vector_norm('{1:3}/2'::sparsevec);
SELECT '{1:3}/2'::sparsevec + '[1,2]'::vector;

-- From and to halfvec, rounding to binary16 on the way back.
SELECT '[0,1.5,0,-2,-0]'::halfvec::sparsevec, '[6e-8,65504]'::halfvec::sparsevec, '[1,2,3]'::halfvec::sparsevec(3);
SELECT '[1,2,3]'::halfvec::sparsevec(2);
SELECT '{2:0.1,3:65519,4:-2}/5'::sparsevec::halfvec, '{}/2'::sparsevec::halfvec(2), '{1:1e-8,2:-1e-8}/2'::sparsevec::halfvec AS underflow_is_silent;
SELECT '{2:65520}/2'::sparsevec::halfvec;
SELECT '{1:1,3:-3e38}/3'::sparsevec::halfvec;
SELECT '{2:1.5}/3'::sparsevec::halfvec(2);
SELECT '{1:1}/16001'::sparsevec::halfvec;
SELECT v = v::sparsevec::halfvec AS nothing_lost FROM (SELECT array_agg(i % 100)::integer[]::halfvec AS v FROM generate_series(1, 16000) i) w;
SELECT '[1,0]'::halfvec <-> '{2:1}/2'::sparsevec, '{2:1}/2'::sparsevec = '[0,1]'::halfvec, pg_typeof('[1,0]'::vector || '[0]'::halfvec), l1_distance('[1,2]'::halfvec, '{}/2'::sparsevec);
SELECT l2_norm('[3,4]'::vector);
SELECT binary_quantize('[1]');

-- From arrays.
SELECT ARRAY[0,1,2]::sparsevec, ARRAY[1.5,0,3]::real[]::sparsevec, ARRAY[1.5,0,3]::float8[]::sparsevec, ARRAY[1.5,0,3]::numeric[]::sparsevec;
SELECT ARRAY[2147483647,16777217]::sparsevec, ARRAY[0.1,-0]::float8[]::sparsevec, '[3:4]={7,8}'::integer[]::sparsevec AS lower_bound_is_ignored;
SELECT ARRAY[1e-46,-1e-46,1]::float8[]::sparsevec AS underflow_is_silent;
SELECT '{1,2,3}'::real[]::sparsevec(3), '{0,0,0}'::integer[]::sparsevec(3);
SELECT '{1,2,3}'::real[]::sparsevec(2);
SELECT '{1,2,3}'::numeric[]::sparsevec(2);
SELECT '{}'::real[]::sparsevec;
SELECT '{}'::real[]::sparsevec(3);
SELECT '{{1,2},{3,4}}'::real[]::sparsevec;
SELECT '{NULL}'::real[]::sparsevec;
SELECT '{1,NULL}'::numeric[]::sparsevec;
SELECT '{0,NaN}'::real[]::sparsevec;
SELECT '{0,2,Infinity}'::real[]::sparsevec;
SELECT '{-Infinity}'::float8[]::sparsevec;
SELECT '{4e38}'::float8[]::sparsevec;
SELECT '{NaN}'::numeric[]::sparsevec;
SELECT '{4e38}'::numeric[]::sparsevec;
-- The limit is that of elements that are not zero.
SELECT array_fill(0, ARRAY[100000])::sparsevec, l1_distance(array_fill(1, ARRAY[16000])::sparsevec, '{}/16000');
SELECT array_fill(1, ARRAY[16001])::sparsevec;
SELECT array_fill(0.5::real, ARRAY[16001])::sparsevec;
SELECT array_fill(0.5::float8, ARRAY[16001])::sparsevec;
SELECT array_fill(0.5, ARRAY[16001])::sparsevec;
SELECT array_to_sparsevec(ARRAY[1,2]::integer[], 2, false), array_to_sparsevec(ARRAY[1,2]::real[], -1, true);
SELECT array_to_sparsevec(ARRAY[1,2]::integer[], 3, false);
SELECT array_remove(ARRAY[1,NULL,2], NULL)::sparsevec AS bitmap_without_null;

-- There is no other.
SELECT '{}/1'::sparsevec::real[];
SELECT '{}/1'::sparsevec::float8[];
SELECT ARRAY[1]::bigint[]::sparsevec;
SELECT ARRAY['1']::text[]::sparsevec;
SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod
FROM pg_cast WHERE 'sparsevec'::regtype IN (castsource, casttarget)
ORDER BY castsource::regtype::text COLLATE "C", casttarget::regtype::text COLLATE "C";

-- Text goes through input and output.
SELECT '{1:1}/2'::text::sparsevec(2), '{1:1}/2'::varchar::sparsevec, '{1:1}/2'::sparsevec::text || '!', CAST('{ 1:1 } / 2' AS sparsevec);
SELECT '{1:1}/2'::text::sparsevec(3);

-- Assignment takes arrays and vectors, also into a domain, and a vector column takes sparse vectors.
CREATE DOMAIN weights AS sparsevec(3) CHECK (l2_norm(VALUE) <= 5);
CREATE TABLE assigned (s sparsevec(2), w weights, v vector(2));
INSERT INTO assigned VALUES (ARRAY[1,0], '{2:5}/3', '{2:1}/2'::sparsevec), ('[0,2.5]'::vector, '{}/3', ARRAY[1,2]);
INSERT INTO assigned (w) VALUES ('{2:6}/3');
INSERT INTO assigned (w) VALUES ('{2:1}/2');
INSERT INTO assigned (s) VALUES (ARRAY[1,2,3]);
INSERT INTO assigned (s) VALUES ('[1,2,3]'::vector);
INSERT INTO assigned (v) VALUES ('{}/3'::sparsevec);
INSERT INTO assigned (s) VALUES ('[1,2]'::halfvec);
SELECT *, w <-> '{}/3' AS norm FROM assigned ORDER BY s;
ALTER TABLE assigned ALTER COLUMN s TYPE vector(2);
ALTER TABLE assigned ALTER COLUMN v TYPE sparsevec(2);
SELECT s, v FROM assigned ORDER BY s;
DROP TABLE assigned;
DROP DOMAIN weights;
