-- Proves: annex.tune finds the smallest ef_search that reaches a recall, by queries that no half of them contradicts, changes
-- nothing and says what would hide its advice; every error and right.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE FUNCTION vector_of(seed text, dims integer) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(get_byte(decode(md5(seed || '/' || i / 16), 'hex'), i % 16) - 127.5 ORDER BY i)::real[]::vector
    FROM generate_series(0, dims - 1) i $$;
CREATE TABLE tune_rows (id integer PRIMARY KEY, part integer, embedding vector(16));
INSERT INTO tune_rows SELECT i, i % 3, vector_of('row ' || i, 16) FROM generate_series(1, 3000) i;
CREATE INDEX tune_idx ON tune_rows USING hnsw (embedding vector_l2_ops) WITH (m = 5, ef_construction = 12);
CREATE VIEW asked AS SELECT array_agg(vector_of('query ' || i, 16)) AS queries FROM generate_series(1, 200) i;

-- The polymorphic default resolves to vector[].
SELECT pg_get_function_arguments(oid) FROM pg_proc WHERE oid = 'annex.tune'::regproc;
SELECT pg_get_function_arguments(oid) FROM pg_proc WHERE oid = 'annex.calibrate'::regproc;

-- One row chosen, the smallest that passes; every tried value below it fails; the command names it.
CREATE TABLE tuned AS SELECT * FROM annex.tune('tune_idx', 0.9, queries => (SELECT queries FROM asked));
SELECT count(*) FILTER (WHERE chosen) AS chosen, bool_and(query_source = 'given') AS given, bool_and(overridden_by IS NULL) AS in_force,
    bool_and((recall_lo >= 0.9) = (ef_search >= (SELECT ef_search FROM tuned WHERE chosen))) AS smallest,
    bool_and(recall_lo < recall AND p50_ms > 0 AND p50_ms <= p95_ms) AS sound,
    bool_and(ddl IS NOT DISTINCT FROM CASE WHEN chosen THEN format('ALTER INDEX public.tune_idx SET (ef_search = %s)', ef_search) END) AS command
FROM tuned;
SELECT array_agg(ef_search) = array_agg(ef_search ORDER BY ef_search) AS ordered FROM tuned;
-- Its numbers are those of annex.recall, and the bound is the formula's for the worse half.
SELECT bool_and(abs(t.recall - r.mean) < 1e-12 AND abs(t.recall_lo - r.bound) < 1e-12) AS agrees
FROM tuned t, LATERAL (
    SELECT avg(h.mean) AS mean, min(h.mean - 1.645 * greatest(h.s, 0.05) / sqrt(h.n)) AS bound
    FROM (SELECT avg(recall) AS mean, stddev_samp(recall) AS s, count(*) AS n
        FROM asked, annex.recall('tune_idx', asked.queries, 10, t.ef_search) GROUP BY query % 2) h) r;
-- It changes nothing; the command does.
SELECT reloptions FROM pg_class WHERE relname = 'tune_idx';
SHOW hnsw.ef_search;
SELECT ddl AS command FROM tuned WHERE chosen \gset
:command;
SELECT ef_search = (SELECT ef_search FROM tuned WHERE chosen) AS applied, origin FROM annex.calibration('tune_idx');
ALTER INDEX tune_idx RESET (ef_search);

-- Without queries: rows of the table, asked as if they were not in it, the same ones each time.
CREATE TABLE by_rows AS SELECT * FROM annex.tune('tune_idx', 0.9);
SELECT bool_and(query_source = 'rows') AS rows, count(*) FILTER (WHERE chosen) AS chosen FROM by_rows;
SELECT count(*) AS differences FROM (SELECT ef_search, recall, recall_lo FROM by_rows EXCEPT SELECT ef_search, recall, recall_lo FROM annex.tune('tune_idx', 0.9)) d;
-- They say of fresh queries what fresh queries say: the bound that rows choose serves those too.
SELECT (SELECT ef_search FROM by_rows WHERE chosen)::float / (SELECT ef_search FROM tuned WHERE chosen) BETWEEN 0.6 AND 1.7 AS alike;
-- Rows equal to the query do not count either: of twenty-one at one place none finds the others.
CREATE TABLE twins (embedding vector(2));
INSERT INTO twins SELECT '[1,1]' FROM generate_series(1, 21);
INSERT INTO twins VALUES ('[2,2]'), ('[3,3]'), ('[5,5]');
CREATE INDEX twins_idx ON twins USING hnsw (embedding vector_l2_ops);
SELECT min(recall) AS recall FROM annex.tune('twins_idx', 0.5, k => 3);

-- A partial index, one on an expression, halves; what hides the option.
CREATE INDEX tune_part_idx ON tune_rows USING hnsw (embedding vector_cosine_ops) WHERE part = 1;
CREATE INDEX tune_half_idx ON tune_rows USING hnsw ((embedding::halfvec(16)) halfvec_l2_ops);
SELECT count(*) FILTER (WHERE chosen) AS chosen, bool_and(query_source = 'rows') AS rows FROM annex.tune('tune_part_idx', 0.8);
SELECT count(*) FILTER (WHERE chosen) AS chosen, bool_and(query_source = 'rows') AS rows FROM annex.tune('tune_half_idx', 0.8);
SELECT count(*) FILTER (WHERE chosen) AS chosen
FROM annex.tune('tune_half_idx', 0.8, queries => (SELECT array_agg(vector_of('query ' || i, 16)::halfvec) FROM generate_series(1, 100) i));
SET hnsw.ef_search = 40;
SELECT DISTINCT overridden_by FROM annex.tune('tune_idx', 0.8, queries => (SELECT queries FROM asked));
RESET hnsw.ef_search;
-- No value is enough: every rung is tried, none chosen.
SELECT count(*) FILTER (WHERE chosen) AS chosen, max(ef_search) AS tried FROM annex.tune('tune_idx', 0.9999, queries => (SELECT queries FROM asked));
-- k is the smallest width.
SELECT min(ef_search) >= 100 AS at_least_k FROM annex.tune('tune_idx', 0.5, k => 100, queries => (SELECT queries FROM asked));
-- Little time: what was measured by then, and no more.
SELECT count(*) <= 1 AS cut_short FROM annex.tune('tune_idx', 0.9, budget => '1 us', queries => (SELECT queries FROM asked));

-- Bit strings and sparse vectors: by queries and by rows, whose own nodes are left out too; the curve serves their scans.
CREATE TABLE tune_other (b bit(128), s sparsevec(1000));
INSERT INTO tune_other
SELECT binary_quantize(vector_of('row ' || i, 128))::bit(128), ('{' || string_agg(format('%s:%s', 1 + j * 100 + i * j % 100, j + i % 7), ',') || '}/1000')::sparsevec
FROM generate_series(1, 1000) i, generate_series(0, 9) j GROUP BY i ORDER BY i;
INSERT INTO tune_other SELECT ~0::bit(128), '{1:1000,500:1000}/1000' FROM generate_series(1, 21);
CREATE INDEX tune_hamming_idx ON tune_other USING hnsw (b bit_hamming_ops) WITH (m = 5, ef_construction = 12);
CREATE INDEX tune_sparse_idx ON tune_other USING hnsw (s sparsevec_l2_ops) WITH (m = 5, ef_construction = 12);
SELECT index, count(*) FILTER (WHERE chosen) AS chosen, bool_and(query_source = 'rows') AS rows, bool_and(recall_lo < recall) AS sound
FROM unnest(ARRAY['tune_hamming_idx', 'tune_sparse_idx']) index, annex.tune(index::regclass, 0.8, budget => '1 min') GROUP BY index ORDER BY index;
SELECT count(*) FILTER (WHERE chosen) AS chosen, bool_and(query_source = 'given') AS given
FROM annex.tune('tune_hamming_idx', 0.8, queries => (SELECT array_agg(binary_quantize(vector_of('query ' || i, 128))::bit(128)) FROM generate_series(1, 100) i));
SELECT count(*) FILTER (WHERE chosen) AS chosen, bool_and(query_source = 'given') AS given
FROM annex.tune('tune_sparse_idx', 0.8, queries => (SELECT array_agg(s) FROM (SELECT s FROM tune_other LIMIT 100) t));
SELECT index, count(*) > 0 AS curve, bool_and(recall >= recall_lo) AS sound
FROM unnest(ARRAY['tune_hamming_idx', 'tune_sparse_idx']) index, annex.calibrate(index::regclass, budget => '1 s') GROUP BY index ORDER BY index;
SET annex.target_recall = 0.8;
SELECT index, origin FROM unnest(ARRAY['tune_hamming_idx', 'tune_sparse_idx']) index, annex.calibration(index::regclass);
RESET annex.target_recall;
SELECT count(*) AS findings FROM unnest(ARRAY['tune_hamming_idx', 'tune_sparse_idx']) index, annex.verify(index::regclass, true);

-- Every error.
CREATE FUNCTION error_of(expression text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || expression;
    message := 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;
CREATE TABLE nothing (embedding vector(2));
CREATE INDEX nothing_idx ON nothing USING hnsw (embedding vector_l2_ops);
SELECT expression, e.* FROM unnest(ARRAY[
    $$ annex.tune(NULL) $$,
    $$ annex.tune('tune_idx', NULL) $$,
    $$ annex.tune('tune_idx', k => NULL) $$,
    $$ annex.tune('tune_idx', budget => NULL) $$,
    $$ annex.tune('tune_idx', 0) $$,
    $$ annex.tune('tune_idx', 1) $$,
    $$ annex.tune('tune_idx', 'NaN') $$,
    $$ annex.tune('tune_idx', k => 0) $$,
    $$ annex.tune('tune_idx', k => 1001) $$,
    $$ annex.tune('tune_idx', budget => '0') $$,
    $$ annex.tune('tune_idx', budget => '-1 s') $$,
    $$ annex.tune('tune_rows') $$,
    $$ annex.tune('tune_rows_pkey') $$,
    $$ annex.tune('tune_idx', queries => ARRAY['[1,2]']::vector[]) $$,
    $$ annex.tune('tune_idx', queries => ARRAY[vector_of('q', 16), NULL]) $$,
    $$ annex.tune('tune_idx', queries => ARRAY[vector_of('q', 16)]) $$,
    $$ annex.tune('tune_idx', queries => ARRAY[1.5]::float8[]) $$,
    $$ annex.tune('tune_half_idx', queries => ARRAY[vector_of('q', 16)]) $$,
    $$ annex.tune('nothing_idx') $$]) expression,
    error_of(expression) e;

-- SELECT on the table is all it takes.
CREATE ROLE regress_tune;
SET ROLE regress_tune;
SELECT e.* FROM error_of($$ annex.tune('tune_idx') $$) e;
RESET ROLE;
GRANT SELECT ON tune_rows TO regress_tune;
SET ROLE regress_tune;
SELECT count(*) <= 1 AS cut_short FROM annex.tune('tune_idx', 0.8, budget => '1 us');
BEGIN READ ONLY;
SELECT count(*) <= 1 AS cut_short FROM annex.tune('tune_idx', 0.8, budget => '1 us');
COMMIT;
RESET ROLE;

SET client_min_messages = warning;
DROP TABLE tune_rows, tune_other, tuned, by_rows, twins, nothing;
DROP VIEW asked;
DROP FUNCTION error_of, vector_of;
DROP ROLE regress_tune;
