-- Proves: avg and sum of halfvec are right, alone and in parallel, and refuse what is no state of theirs.
\set VERBOSITY default
SET client_min_messages = notice;

SELECT avg(v), sum(v), count(v) FROM unnest(ARRAY['[1,2,3]'::halfvec, '[3,5,7]', NULL]) v;
SELECT avg(v) IS NULL AS avg, sum(v) IS NULL AS sum FROM unnest(ARRAY[NULL]::halfvec[]) v;
SELECT avg(v) IS NULL AS avg, sum(v) IS NULL AS sum FROM unnest(ARRAY[]::halfvec[]) v;
-- The average is rounded once, the sum at every step.
SELECT avg(v) AS in_binary64 FROM unnest(ARRAY['[65504]'::halfvec, '[65504]']) v;
SELECT sum(v) FROM unnest(ARRAY['[65504]'::halfvec, '[65504]']) v;
SELECT sum(v), avg(v) * '[5]' AS rounded_once FROM unnest(ARRAY['[2048]'::halfvec, '[1]', '[1]', '[1]', '[1]']) v;
SELECT avg(v) FROM unnest(ARRAY['[1,2]'::halfvec, '[3]']) v;
SELECT sum(v) FROM unnest(ARRAY['[1,2]'::halfvec, '[3]']) v;
SELECT avg(DISTINCT v), sum(DISTINCT v), avg(v) FILTER (WHERE l2_norm(v) > 2) FROM unnest(ARRAY['[1]'::halfvec, '[1]', '[4]']) v;
SELECT i, avg(v) OVER w, sum(v) OVER w FROM (SELECT i, ARRAY[i, -i]::halfvec AS v FROM generate_series(1, 4) i) t
WINDOW w AS (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY i;
SELECT i % 2 AS odd, avg(ARRAY[i]::halfvec), sum(ARRAY[i]::halfvec) FROM generate_series(1, 5) i GROUP BY ROLLUP (i % 2) ORDER BY 1;

-- The functions by themselves.
SELECT halfvec_accum('{0}', '[1,2]'), halfvec_accum('{2,4,6}', '[1,2]'), halfvec_accum(NULL, '[1]');
SELECT halfvec_accum('{1,2}', '[1,2]');
SELECT halfvec_accum('{}', '[1]');
SELECT halfvec_accum('{{1,2}}', '[1]');
SELECT halfvec_accum('{1,NULL}', '[1]');
SELECT halfvec_combine('{0}', '{0}') AS of_no_rows, halfvec_combine('{0}', '{1,2}'), halfvec_combine('{1,2}', '{0}'), halfvec_combine('{1,2,3}', '{4,5,6}');
SELECT halfvec_combine('{1,2}', '{1,2,3}');
SELECT halfvec_combine('{0}', '{1}');
SELECT halfvec_combine('{1,1e308}', '{1,1e308}');
SELECT halfvec_combine('{}', '{0}');
SELECT halfvec_combine('{0}', array_fill(1.0::float8, ARRAY[16002]));
SELECT halfvec_avg('{0}') IS NULL AS of_no_rows, halfvec_avg('{2,3,-4}');
SELECT halfvec_avg('{1}');
SELECT halfvec_avg('{}');
SELECT halfvec_avg('{1,NULL}');
SELECT halfvec_avg('{1,65520}');
SELECT halfvec_avg('{1,1e39}');
SELECT halfvec_avg('{1,NaN}');
SELECT halfvec_avg(array_fill(1.0::float8, ARRAY[16002]));
-- Calls outside of an aggregate leave their argument as it was.
CREATE TABLE states (state float8[]);
INSERT INTO states VALUES ('{1,2,3}');
SELECT halfvec_accum(state, '[1,1]'), halfvec_combine(state, state), state FROM states;
DROP TABLE states;

-- In parallel, with rows and without; small integers, so that sums are exact in any order.
CREATE TABLE parallel_rows (i integer, v halfvec(3));
INSERT INTO parallel_rows SELECT i, ARRAY[i % 2, 0, -(i % 50 / 49)] FROM generate_series(1, 4000) i;
ANALYZE parallel_rows;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT avg(v), sum(v) FROM parallel_rows;
SELECT avg(v), sum(v) FROM parallel_rows;
SELECT avg(v), sum(v) FROM parallel_rows WHERE i < 0;
SELECT avg(v), sum(v) FROM parallel_rows WHERE i = 7;
DROP TABLE parallel_rows;

SELECT p.proname, aggtransfn, aggcombinefn, aggfinalfn, aggserialfn, aggmtransfn, aggtranstype::regtype, agginitval, aggfinalmodify, proparallel
FROM pg_aggregate a JOIN pg_proc p ON p.oid = aggfnoid WHERE proargtypes[0] = 'halfvec'::regtype ORDER BY proname;
