-- Proves: what each level may do with every table, column, sequence and function of the models; a new one shows up here by itself.
\set VERBOSITY default
SET client_min_messages = warning;
CREATE ROLE regress_rights_operator;
CREATE ROLE regress_rights_app;
CREATE ROLE regress_rights_reader;
CREATE ROLE regress_rights_worker;
CREATE ROLE regress_rights_nobody;
SELECT annex.grant_to('regress_rights_operator', 'operator'), annex.grant_to('regress_rights_app', 'app'),
    annex.grant_to('regress_rights_reader', 'reader'), annex.grant_to('regress_rights_worker', 'reader');

-- Relations. An asterisk: the right is on some columns, which follow.
CREATE FUNCTION pg_temp.rights(who text, relation oid) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(privilege || CASE WHEN has_table_privilege(who, relation, privilege) THEN '' ELSE '*' END, ' ' ORDER BY n), '-')
    FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) WITH ORDINALITY p (privilege, n)
    WHERE CASE WHEN privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') THEN has_any_column_privilege(who, relation, privilege)
        ELSE has_table_privilege(who, relation, privilege) END $$;
SELECT relname, pg_temp.rights('regress_rights_operator', oid) AS operator, pg_temp.rights('regress_rights_app', oid) AS app,
        pg_temp.rights('regress_rights_reader', oid) AS reader, pg_temp.rights('regress_rights_nobody', oid) AS nobody
    FROM pg_class WHERE relnamespace = 'annex'::regnamespace AND relkind IN ('r', 'v', 'm', 'p', 'f') ORDER BY relkind, relname;
SELECT relname, bool_or(has_sequence_privilege(r.who, oid, 'USAGE, SELECT, UPDATE')) AS anybody
    FROM pg_class, unnest(ARRAY['regress_rights_operator', 'regress_rights_app', 'regress_rights_reader', 'regress_rights_nobody']) r (who)
    WHERE relnamespace = 'annex'::regnamespace AND relkind = 'S' GROUP BY relname ORDER BY relname;
-- Columns that an operator does not write: who, when, and numbers that are drawn.
SELECT attrelid::regclass, string_agg(attname, ' ' ORDER BY attnum) FILTER (WHERE NOT has_column_privilege('regress_rights_operator', attrelid, attnum, 'INSERT')) AS drawn,
        string_agg(attname, ' ' ORDER BY attnum) FILTER (WHERE has_column_privilege('regress_rights_operator', attrelid, attnum, 'UPDATE')) AS updated
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE c.relnamespace = 'annex'::regnamespace AND c.relkind = 'r' AND attnum > 0 AND NOT attisdropped GROUP BY attrelid ORDER BY attrelid::regclass::text;
-- Functions: everybody may call, none runs with rights other than the caller's, none is a way around them.
SELECT count(*) > 0 AS some, bool_and(has_function_privilege('regress_rights_nobody', oid, 'EXECUTE')) AS callable,
        bool_or(prosecdef) AS raises_rights, bool_or(proconfig IS NOT NULL) AS has_settings
    FROM pg_proc WHERE pronamespace = 'annex'::regnamespace;
SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'annex'::regnamespace AND relkind = 'v' ORDER BY 1;

-- Every function, called by every role, on a model whose tables belong to the operator. The worker reads the source and writes the
-- tables of versions. What a call would have done is undone.
CREATE SCHEMA team AUTHORIZATION regress_rights_operator;
GRANT USAGE ON SCHEMA team TO PUBLIC;
SET search_path = team, public;
SET ROLE regress_rights_operator;
CREATE TABLE docs (id int PRIMARY KEY, body text);
INSERT INTO docs VALUES (1, 'one'), (2, 'two');
GRANT SELECT ON docs TO regress_rights_app, regress_rights_worker;
SELECT annex.register_model('docs', 'docs', 'id', 'body'), annex.register_version('docs', 2), annex.register_version('docs', 2), annex.register_version('docs', 2);
GRANT INSERT, UPDATE ON docs_v1, docs_v2 TO regress_rights_worker;
SELECT annex.put('docs', 1, key, '[1,2]', content_hash), annex.put('docs', 2, key, '[1,2]', content_hash) FROM annex.pending('docs', 1);
SELECT annex.promote('docs', 1), annex.promote('docs', 3, force => true);
INSERT INTO annex.sentinel (model, version, content, embedding) VALUES ('docs', 1, 'x', '[1,2]');
RESET ROLE;
CREATE FUNCTION try(who text, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE format('SET LOCAL ROLE %I', who);
        EXECUTE 'SELECT * FROM ' || what;
        RAISE SQLSTATE 'ZZ000';
    EXCEPTION
        WHEN SQLSTATE 'ZZ000' THEN RETURN 'yes';
        WHEN insufficient_privilege THEN RETURN regexp_replace(SQLERRM, '^permission denied for |^must be owner of (?!ext)', '');
        WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
    END;
END $$;
CREATE TABLE calls (n serial, what text);
INSERT INTO calls (what) VALUES
    ($$annex.bucket('a', 'b')$$), ($$annex.content_hash('c')$$), ($$annex.champion('docs')$$),
    ($$annex.register_model('other', 'team.docs', 'id', 'body')$$), ($$annex.register_version('docs', 3)$$),
    ($$annex.retire_version('docs', 2)$$), ($$annex.retire_version('docs', 2, true)$$), ($$annex.index_ddl('docs', 1)$$),
    ($$annex.set_alias('docs', 'canary', 2)$$), ($$annex.pending('docs', 1)$$),
    ($$annex.put('docs', 1, '1', '[3,4]', sha256('one'))$$), ($$annex.progress('docs')$$), ($$annex.readiness('docs', 1)$$),
    ($$annex.promote('docs', 2, force => true)$$), ($$annex.rollback('docs')$$), ($$annex.check_sentinel('docs', 1, 'x', '[1,2]')$$),
    ($$annex.overlap('docs', 1, 2)$$), ($$annex.measure_recall('docs', 1)$$), ($$annex.challenge('docs', 2, 0.5, 'click')$$), ($$annex.route('docs', 'u')$$), ($$annex.expose('docs', 'u')$$),
    ($$annex.feedback('docs', 'u', 1)$$), ($$annex.compare('docs')$$), ($$annex.conclude('docs', false)$$),
    ($$annex.sample_query('docs', 1, '[1,2]', 1)$$), ($$annex.drift('docs', 1, '(,)', '(,)')$$), ($$annex.maintain()$$), ($$annex.grant_to('regress_rights_nobody', 'reader')$$),
    ($$annex.alias$$), ($$annex.history$$), ($$annex.status$$), ($$annex.stat_hnsw$$), ($$team.docs_embeddings$$);
SELECT what, try('regress_rights_operator', what) AS operator, try('regress_rights_worker', what) AS worker, try('regress_rights_app', what) AS app,
        try('regress_rights_reader', what) AS reader, try('regress_rights_nobody', what) AS nobody
    FROM calls ORDER BY n;
-- A function that is in no call above is none of the models'.
SELECT proname FROM pg_proc WHERE pronamespace = 'annex'::regnamespace AND NOT EXISTS (SELECT FROM calls WHERE what LIKE 'annex.' || proname || '(%') ORDER BY 1;
-- Nothing was left behind.
SELECT count(*) AS moves, annex.champion('docs') FROM annex.history;

DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
DROP OWNED BY regress_rights_operator, regress_rights_app, regress_rights_reader, regress_rights_worker, regress_rights_nobody;
DROP ROLE regress_rights_operator, regress_rights_app, regress_rights_reader, regress_rights_worker, regress_rights_nobody;
