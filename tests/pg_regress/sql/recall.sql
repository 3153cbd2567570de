-- Proves: annex.recall is what an independent computation in SQL says, on exactly the index given; every error; no
-- setting, user or search_path is left changed.
\set VERBOSITY default
SET client_min_messages = notice;
SET search_path = public;

-- Numbers that look random, the same on every platform: elements from the bytes of a hash.
CREATE FUNCTION vector_of(seed text, dims integer) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(get_byte(decode(md5(seed || '/' || i / 16), 'hex'), i % 16) - 127.5 ORDER BY i)::real[]::vector
    FROM generate_series(0, dims - 1) i $$;
CREATE FUNCTION queries_of(first integer, last integer, dims integer) RETURNS vector[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(vector_of('query ' || i, dims) ORDER BY i) FROM generate_series(first, last) i $$;

CREATE TABLE recall_rows (id integer PRIMARY KEY, part integer, embedding vector(48));
INSERT INTO recall_rows SELECT i, i % 10, vector_of('row ' || i, 48) FROM generate_series(1, 1500) i;

-- The oracle: both legs as a user would type them, the first through the index, the second without any.
CREATE FUNCTION recall_by_sql(operator text, query vector, k integer, ef integer) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    statement text := format('SELECT coalesce(array_agg(d), ''{}'') FROM (SELECT embedding %s $1 AS d FROM recall_rows ORDER BY embedding %1$s $1 LIMIT $2) s', operator);
    plan text := '';
    line text;
    found double precision[];
    exact double precision[];
    farthest double precision;
BEGIN
    PERFORM set_config('hnsw.ef_search', ef::text, true), set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
    FOR line IN EXECUTE 'EXPLAIN ' || replace(replace(statement, '$1', quote_literal(query::text)), '$2', k::text) LOOP
        plan := plan || line;
    END LOOP;
    IF plan NOT LIKE '%Index Scan using recall_rows_idx%' THEN
        RAISE 'the index is not used: %', plan;
    END IF;
    EXECUTE statement USING query, k INTO found;
    PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true), set_config('enable_indexscan', 'off', true);
    EXECUTE statement USING query, k INTO exact;
    PERFORM set_config('enable_indexscan', 'on', true);
    SELECT max(d) INTO farthest FROM unnest(exact) d;
    RETURN (SELECT count(*) FROM unnest(found) d WHERE d <= farthest + 1e-6 * abs(farthest))::double precision / cardinality(exact);
END
$$;

-- For each metric the same numbers, and some are below 1: there is something to measure.
CREATE FUNCTION compare(operator text, class text) RETURNS TABLE (metric text, equal boolean, imperfect boolean, timed boolean) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE INDEX recall_rows_idx ON recall_rows USING hnsw (embedding %I) WITH (m = 4, ef_construction = 10)', class);
    RETURN QUERY
        WITH ours AS (SELECT * FROM annex.recall('recall_rows_idx', queries_of(1, 40, 48), 10, 12)),
             theirs AS (SELECT i, recall_by_sql(operator, vector_of('query ' || i, 48), 10, 12) AS recall FROM generate_series(1, 40) i)
        SELECT operator, bool_and(ours.recall = theirs.recall) AND count(*) = 40, bool_or(ours.recall < 1), bool_and(approx_ms > 0 AND exact_ms > 0)
        FROM ours JOIN theirs ON i = query;
    DROP INDEX recall_rows_idx;
END
$$;
SELECT compare.* FROM (VALUES ('<->', 'vector_l2_ops'), ('<#>', 'vector_ip_ops'), ('<=>', 'vector_cosine_ops'), ('<+>', 'vector_l1_ops')) m (o, c), compare(o, c);

-- The argument is the list's size; without it the setting is. Many queries in one statement are many single ones.
CREATE INDEX recall_rows_idx ON recall_rows USING hnsw (embedding vector_l2_ops) WITH (m = 4, ef_construction = 10);
SELECT array_agg(query ORDER BY query) AS positions FROM annex.recall('recall_rows_idx', queries_of(1, 3, 48));
SELECT count(*) AS rows, count(DISTINCT query) AS queries, low < high AS more_with_more, high >= 0.99 AS high
FROM (SELECT avg(recall) FROM annex.recall('recall_rows_idx', queries_of(1, 50, 48), 10, 10)) l (low),
     (SELECT avg(recall) FROM annex.recall('recall_rows_idx', queries_of(1, 50, 48), 10, 1000)) h (high),
     annex.recall('recall_rows_idx', queries_of(1, 50, 48)) GROUP BY low, high;
SELECT bool_and(together.recall = alone.recall) AS equal
FROM annex.recall('recall_rows_idx', queries_of(1, 50, 48), 10, 10) together,
     LATERAL annex.recall('recall_rows_idx', queries_of(together.query, together.query, 48), 10, 10) alone;
SET hnsw.ef_search = 10;
SELECT bool_and(a.recall = b.recall) AS setting_is_argument
FROM annex.recall('recall_rows_idx', queries_of(1, 20, 48)) a JOIN annex.recall('recall_rows_idx', queries_of(1, 20, 48), 10, 10) b USING (query);
-- With fewer candidates than k, the rest is missing; an iterative scan finds it.
SELECT max(recall) < 0.2 AS is_cut FROM annex.recall('recall_rows_idx', queries_of(1, 20, 48), 100, 10);
SET hnsw.iterative_scan = strict_order;
SELECT max(recall) > 0.5 AS goes_on FROM annex.recall('recall_rows_idx', queries_of(1, 20, 48), 100, 10);
-- Also where a scan without LIMIT would read the whole index: this one has a limit, k.
SET hnsw.max_scan_tuples = 2147483647;
SELECT min(recall) < 1 AS is_limited FROM annex.recall('recall_rows_idx', queries_of(1, 50, 48), 10, 10);
SHOW hnsw.max_scan_tuples;
RESET hnsw.max_scan_tuples;
RESET hnsw.iterative_scan;

-- No setting differs afterwards, nor after an error inside.
CREATE TEMP TABLE settings_before AS SELECT name, setting, source FROM pg_settings;
SELECT count(*) FROM annex.recall('recall_rows_idx', queries_of(1, 3, 48), 10, 77);
DO $$ BEGIN
    PERFORM annex.recall('recall_rows_idx', queries_of(1, 1, 48), 10, 1001);
EXCEPTION WHEN invalid_parameter_value THEN NULL; END $$;
SELECT name FROM (SELECT name, setting, source FROM pg_settings EXCEPT TABLE settings_before) s;
SELECT current_user = session_user AS same_user, current_schemas(false) AS schemas;
RESET hnsw.ef_search;

-- Exactly the index given, though another one serves the same operator better.
CREATE INDEX recall_rows_good_idx ON recall_rows USING hnsw (embedding vector_l2_ops) WITH (m = 16, ef_construction = 100);
BEGIN;
SELECT pg_stat_get_xact_numscans('recall_rows_idx'::regclass) AS poor, pg_stat_get_xact_numscans('recall_rows_good_idx'::regclass) AS good \gset before_
SELECT poor < good AS told_apart
FROM (SELECT avg(recall) FROM annex.recall('recall_rows_idx', queries_of(1, 50, 48), 10, 10)) p (poor),
     (SELECT avg(recall) FROM annex.recall('recall_rows_good_idx', queries_of(1, 20, 48), 10, 10)) g (good);
SELECT pg_stat_get_xact_numscans('recall_rows_idx'::regclass) - :before_poor AS poor, pg_stat_get_xact_numscans('recall_rows_good_idx'::regclass) - :before_good AS good;
COMMIT;
DROP INDEX recall_rows_good_idx;

-- A partial index is measured against the rows of its predicate, an expression index against the expression's values.
CREATE INDEX part_idx ON recall_rows USING hnsw (embedding vector_l2_ops) WHERE part = 3;
SELECT avg(recall) FROM annex.recall('part_idx', queries_of(1, 20, 48), 10, 200);
SELECT avg(recall) FROM annex.recall('part_idx', queries_of(1, 20, 48), 200, 200);
CREATE INDEX expression_idx ON recall_rows USING hnsw ((subvector(embedding, 1, 8)::vector(8)) vector_cosine_ops) WHERE id > 20;
SELECT avg(recall) > 0.99 AS found FROM annex.recall('expression_idx', queries_of(1, 20, 8), 10, 400);

-- Rows of the running transaction count, deleted ones do not; k is cut to the rows there are.
CREATE TABLE few (embedding vector(2));
CREATE INDEX few_idx ON few USING hnsw (embedding vector_cosine_ops);
CREATE VIEW few_recall AS SELECT query, recall FROM annex.recall('few_idx', ARRAY['[1,2]', '[0,0]', '[-1,0]']::vector[], 5);
TABLE few_recall;
-- No answers to a search by cosine: neither NULL, nor zero vectors, which the index leaves out.
INSERT INTO few VALUES (NULL), ('[0,0]');
TABLE few_recall;
BEGIN;
INSERT INTO few VALUES ('[1,1]'), ('[1,2]'), ('[2,-1]');
TABLE few_recall;
DELETE FROM few WHERE embedding = '[1,1]';
TABLE few_recall;
ROLLBACK;
TABLE few_recall;
-- Twenty rows at one place are as good as each other.
INSERT INTO few SELECT '[3,3]' FROM generate_series(1, 20);
TABLE few_recall;
SELECT count(*) AS no_queries FROM annex.recall('few_idx', '{}'::vector[]);
SELECT query, recall FROM annex.recall('few_idx', '{{"[1,0]","[2,0]"},{"[0,1]","[0,2]"}}'::vector[]) ORDER BY query;

-- A partition's index, a materialized view's, a temporary table's, an unlogged table's, names that need quotes.
CREATE SCHEMA "my ""schema""";
CREATE TABLE "my ""schema"""."Rows" ("Embedding" vector(2), kind text) PARTITION BY LIST (kind);
CREATE TABLE "my ""schema"""."Rows a" PARTITION OF "my ""schema"""."Rows" FOR VALUES IN ('a');
INSERT INTO "my ""schema"""."Rows" VALUES ('[1,2]', 'a'), ('[2,1]', 'a');
CREATE INDEX "Rows idx" ON "my ""schema"""."Rows" USING hnsw ("Embedding" vector_ip_ops);
SELECT query, recall FROM annex.recall('"my ""schema"""."Rows a_Embedding_idx"', ARRAY['[1,2]']::vector[]);
CREATE MATERIALIZED VIEW recall_view AS SELECT embedding FROM recall_rows WHERE id <= 50;
CREATE INDEX recall_view_idx ON recall_view USING hnsw (embedding vector_l1_ops);
SELECT avg(recall) FROM annex.recall('recall_view_idx', queries_of(1, 5, 48));
CREATE TEMP TABLE recall_temp AS TABLE recall_view;
CREATE INDEX recall_temp_idx ON recall_temp USING hnsw (embedding vector_l1_ops);
CREATE UNLOGGED TABLE recall_unlogged AS TABLE recall_view;
CREATE INDEX recall_unlogged_idx ON recall_unlogged USING hnsw (embedding vector_l1_ops);

-- Every error.
CREATE FUNCTION error_of(expression text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || expression;
    message := 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;
CREATE INDEX recall_btree_idx ON recall_rows (part);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'part_idx'::regclass;
SELECT expression, e.* FROM unnest(ARRAY[
    $$ annex.recall(NULL, '{}'::vector[]) $$,
    $$ annex.recall('few_idx', NULL::vector[]) $$,
    $$ annex.recall('few_idx', ARRAY['[1,2]']::vector[], NULL) $$,
    $$ annex.recall(4294967295::oid, ARRAY['[1,2]']::vector[]) $$,
    $$ annex.recall('few', ARRAY['[1,2]']::vector[]) $$,
    $$ annex.recall('few_recall', ARRAY['[1,2]']::vector[]) $$,
    $$ annex.recall('recall_btree_idx', ARRAY['[1,2]']::vector[]) $$,
    $$ annex.recall('"my ""schema"""."Rows idx"', ARRAY['[1,2]']::vector[]) $$,
    $$ annex.recall('no_such_idx', ARRAY['[1,2]']::vector[]) $$,
    $$ annex.recall('part_idx', queries_of(1, 1, 48)) $$,
    $$ annex.recall('few_idx', ARRAY[0.5, 2]::float8[]) $$,
    $$ annex.recall('few_idx', ARRAY['[1,2]']) $$,
    $$ annex.recall('few_idx', ARRAY['[1,2]', NULL]::vector[]) $$,
    $$ annex.recall('few_idx', ARRAY['[1,2]', '[1,2,3]']::vector[]) $$,
    $$ annex.recall('few_idx', ARRAY['[1]']::vector[]) $$,
    $$ annex.recall('few_idx', ARRAY['[1,2]']::vector[], 0) $$,
    $$ annex.recall('few_idx', ARRAY['[1,2]']::vector[], 1001) $$,
    $$ annex.recall('few_idx', ARRAY['[1,2]']::vector[], 10, 0) $$,
    $$ annex.recall('few_idx', ARRAY['[1,2]']::vector[], 10, 1001) $$]) expression,
    error_of(expression) e;
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'part_idx'::regclass;

-- The caller needs SELECT on the table, and must not be one from whom row security hides rows.
CREATE ROLE regress_recall_reader;
CREATE ROLE regress_recall_owner;
SET ROLE regress_recall_reader;
SELECT e.* FROM error_of($$ annex.recall('few_idx', ARRAY['[1,2]']::vector[]) $$) e;
RESET ROLE;
GRANT SELECT ON few TO regress_recall_reader;
SET ROLE regress_recall_reader;
SELECT query, recall FROM annex.recall('few_idx', ARRAY['[1,2]']::vector[]);
RESET ROLE;
ALTER TABLE few ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON few USING (true);
SET ROLE regress_recall_reader;
SELECT e.* FROM error_of($$ annex.recall('few_idx', ARRAY['[1,2]']::vector[]) $$) e;
SET row_security = off;
SELECT e.* FROM error_of($$ annex.recall('few_idx', ARRAY['[1,2]']::vector[]) $$) e;
RESET row_security;
RESET ROLE;
SELECT query, recall FROM annex.recall('few_idx', ARRAY['[1,2]']::vector[]);

-- An index's functions run with the rights of the table's owner and a search_path that the caller has no hand in.
CREATE SCHEMA regress_recall AUTHORIZATION regress_recall_owner;
SET ROLE regress_recall_owner;
CREATE FUNCTION regress_recall.told(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_setting('regress.is_measured', true) = 'on' AND (current_user <> 'regress_recall_owner' OR current_setting('search_path') <> 'pg_catalog, pg_temp') THEN
        RAISE 'called as %, search_path %', current_user, current_setting('search_path');
    END IF;
    RETURN v;
END
$$;
CREATE TABLE regress_recall.rows (embedding vector(2));
INSERT INTO regress_recall.rows VALUES ('[1,2]'), ('[2,3]');
CREATE INDEX told_idx ON regress_recall.rows USING hnsw ((regress_recall.told(embedding)::vector(2)) vector_l2_ops);
RESET ROLE;
SET regress.is_measured = on;
SELECT query, recall FROM annex.recall('regress_recall.told_idx', ARRAY['[1,2]']::vector[]);
SELECT current_user = session_user AS same_user, current_setting('search_path') AS search_path;
-- The function does look: any other caller is refused.
SELECT regress_recall.told('[1,2]');

-- What such a function sets by itself ends with the call, as it does with ANALYZE.
SET ROLE regress_recall_owner;
CREATE FUNCTION regress_recall.setting(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'regress_recall, pg_catalog', false);
    RETURN v;
END
$$;
CREATE INDEX setting_idx ON regress_recall.rows USING hnsw ((regress_recall.setting(embedding)::vector(2)) vector_l2_ops);
RESET ROLE;
SELECT query, recall FROM annex.recall('regress_recall.setting_idx', ARRAY['[1,2]']::vector[]);
SELECT current_setting('search_path') AS search_path;
SELECT * FROM annex.verify('regress_recall.setting_idx', true);
SELECT current_setting('search_path') AS search_path;

-- What a statement shows.
SELECT * FROM annex.recall('few', ARRAY['[1,2]']::vector[]);
\df annex.recall

SET client_min_messages = warning;
DROP SCHEMA regress_recall, "my ""schema""" CASCADE;
DROP TABLE recall_rows, few, recall_unlogged CASCADE;
DROP FUNCTION error_of, compare, recall_by_sql, queries_of, vector_of;
DROP ROLE regress_recall_reader, regress_recall_owner;
