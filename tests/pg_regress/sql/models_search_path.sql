-- Proves: whatever the caller's search_path finds before pg_catalog, no statement of the extension picks it. Every function and
-- operator of pg_catalog has a twin that raises, and every function of the models, and those that measure, is called.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA trap;
-- What cannot have a twin in PL/pgSQL is left out.
DO $$
DECLARE
    twin record;
BEGIN
    FOR twin IN SELECT proname AS name, pg_get_function_identity_arguments(oid) AS arguments, pg_get_function_result(oid) AS result
        FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND provariadic = 0 AND proargmodes IS NULL
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION trap.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE SQLSTATE ''ZZ001'' USING MESSAGE = ''trapped''; END $f$',
                twin.name, twin.arguments, twin.result);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    FOR twin IN SELECT oprname AS name, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result,
            format('operator_%s', oprresult) AS function
        FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b' AND oprresult <> 0
    LOOP
        BEGIN
            EXECUTE format('CREATE OR REPLACE FUNCTION trap.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE SQLSTATE ''ZZ001'' USING MESSAGE = ''trapped''; END $f$',
                twin.function, twin.l, twin.r, twin.result);
            EXECUTE format('CREATE OPERATOR trap.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = trap.%I)', twin.name, twin.l, twin.r, twin.function);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $$;
SELECT count(*) > 2000 AS functions, count(*) FILTER (WHERE proname = 'now') AS now FROM pg_proc WHERE pronamespace = 'trap'::regnamespace;
SELECT count(*) > 700 AS operators, count(*) FILTER (WHERE oprname = '=' AND oprleft = 'text'::regtype) AS equal
    FROM pg_operator WHERE oprnamespace = 'trap'::regnamespace;
CREATE DOMAIN trap.text AS pg_catalog.text CHECK (false);
CREATE DOMAIN trap.regclass AS pg_catalog.regclass CHECK (false);
CREATE DOMAIN trap.jsonb AS pg_catalog.jsonb CHECK (false);
CREATE DOMAIN trap.float8 AS pg_catalog.float8 CHECK (false);
CREATE TABLE trap.pg_class ();
CREATE TABLE trap.pg_attribute ();

CREATE SCHEMA team;
CREATE TABLE team.docs (id int PRIMARY KEY, body text);
INSERT INTO team.docs SELECT i, 'text ' || i FROM generate_series(1, 60) i;
CREATE FUNCTION team.vector_of(key text) RETURNS vector LANGUAGE sql SET search_path = public AS $$
    SELECT ARRAY[key::int, key::int % 7, key::int % 5]::real[]::vector $$;
CREATE TABLE team.queries AS SELECT array_agg(ARRAY[i, 2, 3]::vector) AS queries FROM generate_series(1, 60) i;
SET search_path = trap, pg_catalog, team, public;
SELECT 1 + 1;
\echo :SQLSTATE
SELECT now();
\echo :SQLSTATE

SELECT annex.register_model('docs', 'team.docs', 'id', 'body') IS NULL AS failed;
SELECT annex.register_version('docs', 3), annex.register_version('docs', 3);
SELECT bool_and(annex.put('docs', 1, key, team.vector_of(key), content_hash)) AND bool_and(annex.put('docs', 2, key, '[3,2,1]', content_hash)) AS all
    FROM annex.pending('docs', 1);
SELECT FROM annex.pending('docs', 1, 10, 0, 2, '5');
SELECT version, percent FROM annex.progress('docs');
SELECT annex.index_ddl('docs', 1);
CREATE INDEX docs_idx ON docs_v1 USING hnsw (embedding public.vector_cosine_ops);
SELECT item, ok FROM annex.readiness('docs', 1);
SELECT annex.promote('docs', 1) IS NULL AS failed;
SELECT annex.promote('docs', 2) IS NULL AS failed;
SELECT annex.rollback('docs');
SELECT annex.set_alias('docs', 'canary', 2) IS NULL AS failed;
SELECT annex.set_alias('docs', 'canary', NULL) IS NULL AS failed;
SELECT annex.challenge('docs', 2, 0.5, 'click') IS NULL AS failed;
SELECT FROM annex.route('docs', 'u');
SELECT annex.expose('docs', 'u') IS NULL AS failed;
SELECT annex.feedback('docs', 'u', 1);
SELECT verdict FROM annex.compare('docs');
SELECT annex.conclude('docs', false);
SELECT bool_and(annex.sample_query('docs', 1, q, 1)) AS kept FROM team.queries, pg_catalog.unnest(queries) q;
SELECT statistic FROM annex.drift('docs', 1, '(,)', '(,)');
INSERT INTO annex.sentinel (model, version, content, embedding) VALUES ('docs', 1, 'x', '[1,2,3]');
SELECT annex.check_sentinel('docs', 1, 'x', '[1,2,3]');
SELECT annex.overlap('docs', 1, 2, 5) IS NULL AS failed;
SELECT annex.measure_recall('docs', 1) IS NULL AS failed;
SELECT annex.measure_recall('docs', 1, filter_fraction => 0.5) IS NULL AS failed;
SELECT annex.maintain();
SELECT annex.champion('docs');
SELECT FROM annex.status;
SELECT FROM annex.history LIMIT 1;
SELECT FROM annex.alias;
SELECT DISTINCT query_source FROM annex.tune('docs_idx', 0.5);
SELECT DISTINCT query_source FROM annex.tune('docs_idx', 0.5, queries => (SELECT queries FROM team.queries));
SELECT FROM annex.calibrate('docs_idx', budget => '1 us');
SELECT FROM annex.recall('docs_idx', ARRAY['[1,2,3]'::public.vector]);
SELECT FROM annex.stat_hnsw LIMIT 1;
SELECT FROM annex.index_info('docs_idx');
SELECT FROM annex.verify('docs_idx', true);
TRUNCATE annex.query_sample;
-- Rows of the table as queries.
SELECT DISTINCT query_source FROM annex.tune('docs_idx', 0.5);
SELECT annex.measure_recall('docs', 1) IS NULL AS failed;
SELECT annex.retire_version('docs', 2, true);
CREATE ROLE regress_trap;
SELECT annex.grant_to('regress_trap', 'operator');

RESET search_path;
DROP OWNED BY regress_trap;
DROP ROLE regress_trap;
DROP SCHEMA trap, team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
