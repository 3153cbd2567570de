-- Proves: which conversions exist, in which contexts they apply, and what they refuse.
\set VERBOSITY default
SET client_min_messages = notice;

-- From arrays.
SELECT ARRAY[1,2,3]::vector, ARRAY[1.5,2,3]::real[]::vector, ARRAY[1.5,2,3]::float8[]::vector, ARRAY[1.5,2,3]::numeric[]::vector;
SELECT ARRAY[2147483647,16777217]::vector, ARRAY[0.1]::float8[]::vector, ARRAY[0.1,123456789.123]::numeric[]::vector, '[3:4]={7,8}'::integer[]::vector AS lower_bound_is_ignored;
SELECT ARRAY[1e-46,-1e-46]::float8[]::vector AS underflow_is_silent;
SELECT '{1,2,3}'::real[]::vector(3), '{1,2,3}'::integer[]::vector(3);
SELECT '{1,2,3}'::real[]::vector(2);
SELECT '{1,2,3}'::numeric[]::vector(2);
SELECT '{}'::real[]::vector;
SELECT '{}'::real[]::vector(3);
SELECT '{{1,2},{3,4}}'::real[]::vector;
SELECT '{NULL}'::real[]::vector;
SELECT '{1,NULL}'::numeric[]::vector;
SELECT '{1,NaN}'::real[]::vector;
SELECT '{1,2,Infinity}'::real[]::vector;
SELECT '{-Infinity}'::float8[]::vector;
SELECT '{4e38}'::float8[]::vector;
SELECT '{NaN}'::numeric[]::vector;
SELECT '{4e38}'::numeric[]::vector;
SELECT vector_dims(array_fill(0, ARRAY[16000])::vector);
SELECT array_fill(0, ARRAY[16001])::vector;
SELECT array_fill(0.5::real, ARRAY[16001])::vector;
SELECT array_to_vector(ARRAY[1,2]::integer[], 2, false), array_to_vector(ARRAY[1,2]::real[], -1, true);
SELECT array_to_vector(ARRAY[1,2]::integer[], 3, false);
-- An array whose only NULL was taken out keeps its bitmap.
SELECT array_remove(ARRAY[1,NULL,2], NULL)::vector, (ARRAY[1,2,NULL])[1:2]::vector;

-- To real[].
SELECT '[1,2,3]'::vector::real[], '[0.1]'::vector::real[], array_dims('[1,2,3]'::vector::real[]), '[1,2,3]'::vector(3)::real[];
SELECT array_length('[1,2,3]'::vector::real[], 1), ('[1.5,2]'::vector::real[])[1] + 1;

-- There is no other.
SELECT '[1]'::vector::float8[];
SELECT '[1]'::vector::integer[];
SELECT ARRAY[1]::bigint[]::vector;
SELECT ARRAY[1]::smallint[]::vector;
SELECT ARRAY['1']::text[]::vector;
SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod
FROM pg_cast WHERE 'vector'::regtype IN (castsource, casttarget) ORDER BY castsource::regtype::text COLLATE "C", casttarget::regtype::text COLLATE "C";

-- Text goes through input and output.
SELECT '[1,2]'::text::vector(2), '[1,2]'::varchar::vector, '[1,2]'::vector::text || '!', CAST('[1, 2]' AS vector);
SELECT '[1,2]'::text::vector(3);

-- Assignment takes arrays, also into a domain.
CREATE DOMAIN unit AS vector(2) CHECK (abs(vector_norm(VALUE) - 1) < 1e-6);
CREATE TABLE assigned (v vector(2), u unit);
INSERT INTO assigned VALUES (ARRAY[1,2], '[0,1]'), (ARRAY[1.5,2.5], '[1,0]');
INSERT INTO assigned (u) VALUES ('[1,1]');
INSERT INTO assigned (u) VALUES ('[1,0,0]');
INSERT INTO assigned (v) VALUES (ARRAY[1,2,3]);
SELECT *, u <-> '[0,0]' AS norm FROM assigned ORDER BY v;
ALTER TABLE assigned ALTER COLUMN v TYPE real[];
ALTER TABLE assigned ALTER COLUMN v TYPE vector(2);
SELECT v FROM assigned ORDER BY v;
DROP TABLE assigned;
DROP DOMAIN unit;
