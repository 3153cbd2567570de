-- Proves: who may do what around experiments and samples, by role; readers compare without seeing who, and never read samples; who,
-- when and which arm cannot be forged; routed searches use each version's index as the split says.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE ROLE regress_models_operator;
CREATE ROLE regress_models_app;
CREATE ROLE regress_models_reader;
CREATE ROLE regress_models_nobody;
CREATE SCHEMA team AUTHORIZATION regress_models_operator;
GRANT USAGE ON SCHEMA team TO regress_models_app, regress_models_reader;
SET search_path = team, public;
SELECT annex.grant_to('regress_models_operator', 'operator'), annex.grant_to('regress_models_app', 'app'), annex.grant_to('regress_models_reader', 'reader');
SET ROLE regress_models_operator;
CREATE TABLE docs (id int PRIMARY KEY, body text);
INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(1, 300) i;
GRANT SELECT ON docs TO regress_models_app;
SELECT annex.register_model('docs', 'docs', 'id', 'body'), annex.register_version('docs', 2, 'l2'), annex.register_version('docs', 2, 'l2');
SELECT count(annex.put('docs', v, key, ARRAY[key::int, v]::vector, content_hash)) FROM annex.pending('docs', 1, 500), generate_series(1, 2) v;
SELECT annex.index_ddl('docs', 1) \gexec
SELECT annex.index_ddl('docs', 2) \gexec
SELECT annex.promote('docs', 1) > 0 AS promoted, annex.challenge('docs', 2, 0.1, 'click') > 0 AS challenged;
RESET ROLE;
UPDATE annex.experiment SET salt = 's1';

-- What every role holds on the tables: on whole tables, then on columns.
SELECT c.relname, r.who, string_agg(p.privilege, ' ' ORDER BY p.i) AS privileges
    FROM pg_class c, unnest(ARRAY['operator', 'app', 'reader', 'nobody']) WITH ORDINALITY r (who, i),
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) WITH ORDINALITY p (privilege, i)
    WHERE c.oid IN ('annex.experiment'::regclass, 'annex.exposure'::regclass, 'annex.outcome'::regclass, 'annex.query_sample'::regclass)
        AND has_table_privilege('regress_models_' || r.who, c.oid, p.privilege)
    GROUP BY c.relname, r.who, r.i ORDER BY c.relname, r.i;
SELECT c.relname, r.who, p.privilege, string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0,
        unnest(ARRAY['operator', 'app', 'reader', 'nobody']) WITH ORDINALITY r (who, i), unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) WITH ORDINALITY p (privilege, i)
    WHERE c.oid IN ('annex.experiment'::regclass, 'annex.exposure'::regclass, 'annex.outcome'::regclass, 'annex.query_sample'::regclass)
        AND has_column_privilege('regress_models_' || r.who, c.oid, a.attnum, p.privilege) AND NOT has_table_privilege('regress_models_' || r.who, c.oid, p.privilege)
    GROUP BY c.relname, r.who, r.i, p.privilege, p.i ORDER BY c.relname, r.i, p.i;

-- Which call is refused, and by what.
CREATE FUNCTION try(who name, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', who);
    EXECUTE what;
    RESET ROLE;
    RETURN 'yes';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TABLE matrix (n serial, what text);
INSERT INTO matrix (what) VALUES
    ($$SELECT * FROM annex.route('docs', 'u1')$$),
    ($$SELECT annex.expose('docs', 'u-' || current_user)$$),
    ($$SELECT annex.feedback('docs', 'u1', 1)$$),
    ($$SELECT annex.sample_query('docs', 1, '[1,2]', 1)$$),
    ($$SELECT annex.sample_query('docs', 1, '[1,2]', 0)$$),
    ($$SELECT annex.expose('docs', 'q-' || current_user, '[1,2]', 0)$$),
    ($$SELECT * FROM annex.compare('docs')$$),
    ($$SELECT count(*) FROM annex.status, annex.history, annex.alias$$),
    ($$SELECT id, experiment, version, at FROM annex.exposure$$),
    ($$SELECT unit FROM annex.exposure$$),
    ($$SELECT count(*) FROM annex.query_sample$$),
    ($$SELECT query FROM annex.query_sample$$),
    ($$SELECT value FROM annex.outcome$$),
    ($$SELECT salt FROM annex.experiment$$),
    ($$SELECT annex.drift('docs', 1, '(,)', '(,)')$$),
    ($$SELECT annex.challenge('docs', 2, 0.1, 'click')$$),
    ($$SELECT annex.challenge('none', 2, 0.1, 'click')$$),
    ($$SELECT annex.conclude('docs', false)$$),
    ($$SELECT annex.conclude('none', false)$$),
    ($$SELECT annex.maintain()$$),
    ($$INSERT INTO annex.exposure (experiment, unit, version) VALUES (1, 'mine ' || current_user, 2)$$),
    ($$INSERT INTO annex.exposure (experiment, unit, version, at) VALUES (1, 'x', 2, now())$$),
    ($$INSERT INTO annex.outcome (exposure, value, at) SELECT id, 1, now() FROM annex.exposure$$),
    ($$INSERT INTO annex.query_sample (model, version, query, at) VALUES ('docs', 1, '[1,2]', now())$$),
    ($$INSERT INTO annex.experiment (model, champion, challenger, fraction, metric, salt) VALUES ('docs', 1, 2, 0.1, 'click', 'mine')$$),
    ($$INSERT INTO annex.experiment (model, champion, challenger, fraction, metric, started_by) VALUES ('docs', 1, 2, 0.1, 'click', 'dbo')$$),
    ($$UPDATE annex.exposure SET version = 1$$),
    ($$UPDATE annex.outcome SET value = 1$$),
    ($$UPDATE annex.experiment SET fraction = 0.5$$),
    ($$UPDATE annex.query_sample SET version = 1$$),
    ($$DELETE FROM annex.exposure WHERE id = 0$$),
    ($$DELETE FROM annex.outcome$$),
    ($$DELETE FROM annex.experiment$$),
    ($$DELETE FROM annex.query_sample WHERE id = 0$$);
BEGIN;
SELECT n, substr(what, 1, 70) AS what, r.who, team.try('regress_models_' || r.who, what)
    FROM matrix, unnest(ARRAY['app', 'reader', 'nobody', 'operator']) WITH ORDINALITY r (who, i) ORDER BY n, r.i;
ROLLBACK;

-- An app's searches, each routed and each in the index of its version: about nine to one.
SELECT pg_stat_force_next_flush();
CREATE TEMPORARY TABLE scans AS SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE indexrelname LIKE 'docs_v_\_embedding_idx';
GRANT SELECT ON docs_v1, docs_v2 TO regress_models_app;
SET ROLE regress_models_app;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(found.id) FROM generate_series(1, 10000) i, annex.route('docs', 'u' || i) r,
    LATERAL (SELECT e.id FROM docs_embeddings e WHERE e.version = r.version ORDER BY e.embedding <-> ARRAY[i % 300, r.version]::vector LIMIT 1) found;
RESET enable_seqscan;
RESET enable_sort;
RESET ROLE;
SELECT pg_stat_force_next_flush();
SELECT indexrelname, now.idx_scan - scans.idx_scan AS scans FROM scans JOIN pg_stat_user_indexes now USING (indexrelname) ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
DROP OWNED BY regress_models_operator, regress_models_app, regress_models_reader, regress_models_nobody;
DROP ROLE regress_models_operator, regress_models_app, regress_models_reader, regress_models_nobody;
