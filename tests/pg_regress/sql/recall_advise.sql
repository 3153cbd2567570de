-- Proves: annex.advise tries fifteen pairs of options, builds the best of them, chooses one that reaches the recall when it is
-- built, leaves nothing behind, keeps to its budget and says what it did not reach; every error and right.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE FUNCTION vector_of(seed text, dims integer) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(get_byte(decode(md5(seed || '/' || i / 16), 'hex'), i % 16) - 127.5 ORDER BY i)::real[]::vector
    FROM generate_series(0, dims - 1) i $$;
CREATE TABLE "Advise rows" (id integer PRIMARY KEY, "The vector" vector(16));
INSERT INTO "Advise rows" SELECT i, CASE WHEN i % 10 > 0 THEN vector_of('row ' || i, 16) END FROM generate_series(1, 3000) i;
ANALYZE "Advise rows";
SELECT pg_get_function_arguments(oid) FROM pg_proc WHERE oid = 'annex.advise'::regproc;
-- What tells whether anything was changed, apart from the table made below.
CREATE FUNCTION catalog_state() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(c::text, ';' ORDER BY c.oid)) FROM (SELECT oid, relname, relnamespace, relfilenode, relpages, reloptions FROM pg_class
        WHERE relnamespace <> 'pg_toast'::regnamespace AND relname <> 'advised') c $$;

-- All pairs are there; of those built one is chosen, which no other beats, and its command is for this column.
SELECT catalog_state() AS before \gset
CREATE TABLE advised AS SELECT row_number() OVER () AS place, a.* FROM annex.advise('"Advise rows"', 'The vector', 0.8, sample_rows => 2000, metric => 'l2') a;
SELECT catalog_state() = :'before' AS unchanged, (SELECT count(*) FROM pg_class WHERE relpersistence = 't') AS temporary;
SELECT count(*) AS pairs, count(DISTINCT (m, ef_construction)) AS distinct_pairs, count(ef_search) AS tried, count(p95_ms) AS built,
    count(*) FILTER (WHERE chosen) AS chosen, bool_or(m = 16 AND ef_construction = 64 AND p95_ms IS NOT NULL) AS has_default,
    bool_and(ef_construction IN (2 * m, 4 * m, 8 * m)) AS multiples, bool_and(recall BETWEEN 0.8 AND 1) AS pass
FROM advised;
SELECT bool_and((p95_ms IS NULL) = (build_ms IS NULL) AND (p95_ms IS NULL) = (bytes IS NULL)) AS built_ones_have_costs,
    bool_and(pareto OR NOT chosen) AS chosen_is_pareto, bool_and(pareto = (ddl IS NOT NULL)) AS pareto_has_ddl,
    bool_and(p95_ms > 0 AND build_ms > 0 AND bytes > 8192) AS sound,
    bool_and(place <= 4) FILTER (WHERE p95_ms IS NOT NULL) AS built_come_first,
    bool_and(ddl IS NULL OR ddl = format(
        'CREATE INDEX CONCURRENTLY ON public."Advise rows" USING hnsw ("The vector" public.vector_l2_ops) WITH (m = %s, ef_construction = %s, ef_search = %s)',
        m, ef_construction, ef_search)) AS commands
FROM advised;
SELECT NOT EXISTS (SELECT FROM advised a JOIN advised b ON b.p95_ms <= a.p95_ms AND b.build_ms <= a.build_ms AND b.bytes <= a.bytes
        AND (b.p95_ms, b.build_ms, b.bytes) <> (a.p95_ms, a.build_ms, a.bytes) WHERE a.pareto) AS front,
    (SELECT p95_ms FROM advised WHERE chosen) <= 1.05 * (SELECT min(p95_ms) FROM advised) AS fast;
-- The chosen one, built, has the options and finds what was asked for.
\set ECHO none
SELECT ddl FROM advised WHERE chosen \gexec
\set ECHO all
SELECT indexrelid::regclass AS built FROM pg_index WHERE indrelid = '"Advise rows"'::regclass AND NOT indisprimary \gset
SELECT i.reloptions = ARRAY['m=' || a.m, 'ef_construction=' || a.ef_construction, 'ef_search=' || a.ef_search] AS options
FROM advised a, pg_class i WHERE a.chosen AND i.oid = :'built'::regclass;
SELECT avg(recall) >= 0.8 AS reaches FROM annex.recall(:'built', (SELECT array_agg(vector_of('query ' || i, 16)) FROM generate_series(1, 200) i));
DROP INDEX :built;

-- The transaction goes on after it, also after an error in it, which ends only the statement.
BEGIN;
CREATE TEMPORARY TABLE mine AS SELECT 1 AS one;
SELECT count(*) FROM annex.advise('"Advise rows"', 'The vector', 0.8, sample_rows => 1000, budget => '1 us', metric => 'l2');
SAVEPOINT before_error;
CREATE TABLE few AS SELECT vector_of('row ' || i, 16)::vector(16) AS v FROM generate_series(1, 1199) i;
SELECT count(*) FROM annex.advise('few', 'v');
ROLLBACK TO before_error;
SELECT count(*) FROM annex.advise('"Advise rows"', 'The vector', 0.8, sample_rows => 1000, budget => '1 us', metric => 'l2');
SELECT * FROM mine;
COMMIT;
DROP TABLE mine;
CREATE TABLE few AS SELECT vector_of('row ' || i, 16)::vector(16) AS v FROM generate_series(1, 1199) i;
SELECT count(*) FROM annex.advise('few', 'v');
SELECT 'the session is in no transaction' AS still FROM few LIMIT 1;
SET statement_timeout = '300ms';
SELECT count(*) FROM annex.advise('"Advise rows"', 'The vector', 0.8, metric => 'l2');
RESET statement_timeout;
SELECT catalog_state() IS NOT NULL AS still, (SELECT count(*) FROM pg_class WHERE relpersistence = 't') AS temporary;

-- A budget that is too small leaves everything untried, and says so by NULLs; there is no row to follow then. No row is chosen
-- either where nothing reaches the target.
SELECT count(*) AS pairs, count(ef_search) AS tried, count(p95_ms) AS built, bool_or(chosen OR pareto) AS chosen
FROM annex.advise('"Advise rows"', 'The vector', 0.8, sample_rows => 1000, budget => '1 us', metric => 'l2');
SELECT count(*) AS pairs, count(p95_ms) AS built, bool_or(chosen OR pareto) AS chosen, count(ddl) AS commands
FROM annex.advise('"Advise rows"', 'The vector', 0.999, k => 1, sample_rows => 1000, budget => '1 min', metric => 'l2');

-- Each type; cosine, and Hamming for bit, where no metric is said.
CREATE TABLE advise_types AS SELECT vector_of('row ' || i, 16)::halfvec(16) AS h, ('{' || 1 + i % 20 || ':1,' || 21 + i % 29 || ':2,' || 50 + i % 41 || ':3}/100')::sparsevec(100) AS s,
    binary_quantize(vector_of('row ' || i, 64))::bit(64) AS b FROM generate_series(1, 1500) i;
SELECT col, metric, count(*) FILTER (WHERE chosen) AS chosen, count(DISTINCT m) AS m,
    min(substring(ddl FROM '\(\w+ public\.(\w+)\)')) AS class
FROM (VALUES ('h', NULL), ('s', 'l1'), ('b', NULL)) t (col, metric),
    annex.advise('advise_types', col::name, 0.5, 5, 1000, '1 min', metric) GROUP BY col, metric ORDER BY col, metric;
-- A version's table has the metric of the version.
CREATE TABLE docs (id integer PRIMARY KEY, body text);
INSERT INTO docs SELECT i, 'text ' || i FROM generate_series(1, 1500) i;
SELECT annex.register_model('advised_docs', 'docs', 'id', 'body'), annex.register_version('advised_docs', 8, 'ip');
INSERT INTO advised_docs_v1 SELECT id, vector_of(body, 8), sha256(body::bytea) FROM docs;
SELECT count(*) FILTER (WHERE chosen) AS chosen, min(substring(ddl FROM '\(\w+ public\.(\w+)\)')) AS class
FROM annex.advise('advised_docs_v1', 'embedding', 0.5, 5, 1000, '1 min');
-- A materialized view will do.
CREATE MATERIALIZED VIEW advise_view AS SELECT h FROM advise_types;
SELECT count(*) FROM annex.advise('advise_view', 'h', budget => '1 us');

-- Every error.
CREATE FUNCTION error_of(expression text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || expression;
    message := 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;
CREATE TABLE advise_errors (t text, v vector, w vector(8000), gone vector(3)) PARTITION BY LIST (t);
ALTER TABLE advise_errors DROP gone;
CREATE TABLE advise_part PARTITION OF advise_errors DEFAULT;
CREATE VIEW advise_plain_view AS SELECT h FROM advise_types;
INSERT INTO advise_part SELECT 'x', '[1]', ('[' || repeat(i % 9 || ',', 7999) || '1]')::vector FROM generate_series(1, 1300) i;
SELECT expression, e.* FROM unnest(ARRAY[
    $$ annex.advise(NULL, 'h') $$,
    $$ annex.advise('advise_types', NULL) $$,
    $$ annex.advise('advise_types', 'h', NULL) $$,
    $$ annex.advise('advise_types', 'h', k => NULL) $$,
    $$ annex.advise('advise_types', 'h', sample_rows => NULL) $$,
    $$ annex.advise('advise_types', 'h', budget => NULL) $$,
    $$ annex.advise('advise_types', 'h', 1) $$,
    $$ annex.advise('advise_types', 'h', k => 1001) $$,
    $$ annex.advise('advise_types', 'h', sample_rows => 999) $$,
    $$ annex.advise('advise_types', 'h', sample_rows => 1000001) $$,
    $$ annex.advise('advise_types', 'h', budget => '0') $$,
    $$ annex.advise('advise_types', 'h', metric => 'hamming') $$,
    $$ annex.advise('advise_types', 'b', metric => 'l2') $$,
    $$ annex.advise('advise_types', 'h', metric => '"; DROP') $$,
    $$ annex.advise('advise_types', 'x') $$,
    $$ annex.advise('advise_types', 'ctid') $$,
    $$ annex.advise(1::oid::regclass, 'x') $$,
    $$ annex.advise('advise_errors', 'v') $$,
    $$ annex.advise('advise_part', 'gone') $$,
    $$ annex.advise('advise_part', '........pg.dropped.4........') $$,
    $$ annex.advise('advise_plain_view', 'h') $$,
    $$ annex.advise('docs_pkey', 'id') $$,
    $$ annex.advise('advise_part', 't') $$,
    $$ annex.advise('advise_part', 'v') $$,
    $$ annex.advise('advise_part', 'w') $$,
    $$ annex.advise('few', 'v') $$]) expression,
    error_of(expression) e;
BEGIN READ ONLY;
SELECT count(*) FROM annex.advise('advise_types', 'h');
ROLLBACK;

-- SELECT on the table is all it takes, beside the right to make temporary tables, which everybody has by default.
CREATE ROLE regress_advise;
SET ROLE regress_advise;
SELECT e.* FROM error_of($$ annex.advise('advise_types', 'h') $$) e;
RESET ROLE;
GRANT SELECT (h) ON advise_types TO regress_advise;
SET ROLE regress_advise;
SELECT e.* FROM error_of($$ annex.advise('advise_types', 'h') $$) e;
RESET ROLE;
GRANT SELECT ON advise_types TO regress_advise;
SET ROLE regress_advise;
SELECT count(*) FILTER (WHERE chosen) AS chosen FROM annex.advise('advise_types', 'h', 0.5, 5, 1000, '1 min');
RESET ROLE;
ALTER TABLE advise_types ENABLE ROW LEVEL SECURITY;
SET ROLE regress_advise;
SELECT e.* FROM error_of($$ annex.advise('advise_types', 'h') $$) e;
RESET ROLE;
SELECT count(*) FROM annex.advise('advise_types', 'h', budget => '1 us');
SET client_min_messages = warning;
SELECT annex.retire_version('advised_docs', 1);
DROP TABLE "Advise rows", advised, few, advise_types, advise_errors CASCADE;
DROP FUNCTION error_of, catalog_state, vector_of;
DROP ROLE regress_advise;
