-- Proves: every refusal of the model functions has its SQLSTATE.
\set VERBOSITY default
SET client_min_messages = warning;
CREATE SCHEMA team;
SET search_path = team, public;
CREATE TABLE docs (id int PRIMARY KEY, body text, more int);
INSERT INTO docs VALUES (1, 'one');
CREATE TABLE versioned (version int PRIMARY KEY, body text);
CREATE TABLE taken (id int PRIMARY KEY, body text);
CREATE TABLE taken_v1 ();
CREATE VIEW free_embeddings AS SELECT 1;
CREATE TABLE gone (id int PRIMARY KEY, body text);
CREATE TABLE bare (id int PRIMARY KEY, embedding vector(2) NOT NULL, content_hash bytea NOT NULL, embedded_at timestamptz NOT NULL);
CREATE ROLE regress_models_plain;
GRANT USAGE, CREATE ON SCHEMA team TO regress_models_plain;
SELECT annex.grant_to('regress_models_plain', 'operator');
GRANT SELECT, REFERENCES ON docs TO regress_models_plain;
SELECT annex.register_model('docs', 'docs', 'id', 'body'), annex.register_version('docs', 2), annex.register_version('docs', 9000),
    annex.register_version('docs', 2), annex.register_model('taken', 'taken', 'id', 'body'), annex.register_model('gone', 'gone', 'id', 'body');
SELECT annex.retire_version('docs', 3), annex.register_version('gone', 2);
INSERT INTO annex.sentinel (model, version, content, embedding) VALUES ('docs', 1, 'a', '[1,0]');
DROP TABLE gone CASCADE;

CREATE FUNCTION refusal(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
    EXECUTE what;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ': ' || SQLERRM || CASE WHEN detail <> '' THEN '. ' || detail ELSE '' END;
END $$;

CREATE TABLE calls (n serial, what text);
INSERT INTO calls (what) VALUES
    -- everywhere
    ($$annex.promote(NULL, 1)$$), ($$annex.promote('docs', NULL)$$), ($$annex.promote('docs', 1, force => NULL)$$),
    ($$annex.rollback(NULL)$$), ($$annex.set_alias('docs', NULL, 1)$$), ($$annex.index_ddl(NULL, 1)$$), ($$annex.progress(NULL)$$),
    ($$annex.readiness('docs', NULL)$$), ($$annex.retire_version('docs', 1, NULL)$$), ($$annex.register_version('docs', NULL)$$),
    ($$annex.promote('none', 1)$$), ($$annex.rollback('none')$$), ($$annex.retire_version('none', 1)$$), ($$annex.set_alias('none', 'a', 1)$$),
    ($$annex.promote('docs', 8)$$), ($$annex.readiness('docs', 8)$$), ($$annex.pending('docs', 8)$$),
    ($$annex.promote('docs', 3)$$), ($$annex.readiness('docs', 3)$$), ($$annex.pending('docs', 3)$$), ($$annex.set_alias('docs', 'a', 3)$$),
    ($$annex.progress('gone')$$), ($$annex.pending('gone', 1)$$),
    -- register_model
    ($$annex.register_model('No', 'docs', 'id', 'body')$$), ($$annex.register_model('docs', 'docs', 'id', 'body')$$),
    ($$annex.register_model('x', 'docs_embeddings', 'id', 'body')$$), ($$annex.register_model('x', 'docs', 'nokey', 'body')$$),
    ($$annex.register_model('x', 'docs', 'more', 'body')$$), ($$annex.register_model('x', 'versioned', 'version', 'body')$$),
    ($$annex.register_model('x', 0::oid::regclass, 'id', 'body')$$), ($$annex.register_model('free', 'docs', 'id', 'body')$$),
    -- register_version
    ($$annex.register_version('docs', 16001)$$), ($$annex.register_version('docs', 2, 'l1')$$),
    ($$annex.register_version('docs', 2, artifact_sha256 => '\x00')$$), ($$annex.register_version('docs', 2, params => '{"sentinel_min": 2}')$$),
    ($$annex.register_version('docs', 3, embeddings => 'bare')$$), ($$annex.register_version('docs', 2, embeddings => 'bare')$$),
    ($$annex.register_version('docs', 2, embeddings => 'docs_v1')$$), ($$annex.register_version('taken', 2)$$),
    ($$annex.register_version('docs', 2, embeddings => 'docs_embeddings')$$),
    -- others
    ($$annex.retire_version('docs', 3)$$), ($$annex.index_ddl('docs', 2)$$),
    ($$annex.set_alias('docs', 'champion', 1)$$), ($$annex.set_alias('docs', 'a-b', 1)$$), ($$annex.set_alias('docs', 'a', NULL)$$),
    ($$annex.check_sentinel('docs', 1, 'b', '[1,0]')$$), ($$annex.check_sentinel('docs', 1, 'a', '[0,1]')$$), ($$annex.check_sentinel('docs', 1, 'a', '[0,1,1]')$$),
    ($$annex.pending('docs', 1, worker => 1)$$), ($$annex.put('docs', 1, '1', '[1]', sha256(''))$$), ($$annex.put('docs', 1, '1', '[0,0]', sha256(''))$$),
    ($$annex.put('docs', 1, '1', '[1,1]', '')$$), ($$annex.promote('docs', 1)$$), ($$annex.rollback('docs')$$), ($$annex.grant_to('regress_models_plain', 'x')$$),
    -- experiments and samples
    ($$annex.challenge(NULL, 2, 0.1, 'm')$$), ($$annex.challenge('docs', NULL, 0.1, 'm')$$), ($$annex.challenge('docs', 2, NULL, 'm')$$), ($$annex.challenge('docs', 2, 0.1, NULL)$$),
    ($$annex.challenge('docs', 2, 0.1, 'm', NULL)$$), ($$annex.challenge('docs', 2, 0.1, 'm', aggregate => NULL)$$),
    ($$annex.challenge('docs', 2, 0.1, 'm', alpha => NULL)$$), ($$annex.challenge('docs', 2, 0.1, 'm', planned_units => NULL)$$),
    ($$annex.challenge('docs', 2, 0, 'm')$$), ($$annex.challenge('docs', 2, 1, 'm')$$), ($$annex.challenge('docs', 2, 'NaN', 'm')$$),
    ($$annex.challenge('docs', 2, 0.1, 'm', alpha => 0.5)$$), ($$annex.challenge('docs', 2, 0.1, 'm', planned_units => 0)$$),
    ($$annex.challenge('docs', 2, 0.1, 'm', aggregate => 'median')$$), ($$annex.challenge('docs', 2, 0.1, 'm', horizon => '-1 day')$$),
    ($$annex.challenge('none', 2, 0.1, 'm')$$), ($$annex.challenge('docs', 8, 0.1, 'm')$$), ($$annex.challenge('docs', 3, 0.1, 'm')$$), ($$annex.challenge('docs', 2, 0.1, 'm')$$),
    ($$annex.route(NULL)$$), ($$annex.route('none')$$), ($$annex.route('docs', 'u')$$),
    ($$annex.expose(NULL, 'u')$$), ($$annex.expose('docs', NULL)$$), ($$annex.expose('none', 'u')$$), ($$annex.expose('docs', 'u')$$),
    ($$annex.feedback(NULL, 'u', 1)$$), ($$annex.feedback('docs', NULL, 1)$$), ($$annex.feedback('docs', 'u', NULL)$$), ($$annex.feedback('none', 'u', 1)$$),
    ($$annex.feedback('docs', 'u', 'NaN')$$), ($$annex.feedback('docs', 'u', '-Infinity')$$),
    ($$annex.compare(NULL)$$), ($$annex.compare('none')$$), ($$annex.compare('docs')$$), ($$annex.compare('docs', 7)$$),
    ($$annex.conclude(NULL, true)$$), ($$annex.conclude('docs', NULL)$$), ($$annex.conclude('none', true)$$), ($$annex.conclude('docs', true)$$),
    ($$annex.sample_query('docs', 3, '[1,2]', 0)$$), ($$annex.sample_query('docs', 1, '[1,2,3]', 0)$$), ($$annex.sample_query('docs', 1, '[1,2]', -0.1)$$),
    ($$annex.sample_query('docs', 1, '[1,2]', k => 0)$$), ($$annex.sample_query('docs', NULL, '[1,2]')$$), ($$annex.sample_query('docs', 1, '[1,2]', NULL)$$),
    ($$annex.drift('none', 1, '(,)', '(,)')$$), ($$annex.drift('docs', 3, '(,)', '(,)')$$), ($$annex.drift('docs', 1, '(,)', '(,)')$$), ($$annex.drift('docs', 1, NULL, '(,)')$$);
SELECT what, refusal('SELECT * FROM ' || what) FROM calls ORDER BY n;

-- In use, and no way back.
SELECT annex.promote('docs', 1, force => true) > 0 AS promoted;
SELECT refusal($$SELECT annex.retire_version('docs', 1)$$), refusal($$SELECT annex.rollback('docs')$$);
-- A challenge that runs, one that cannot be, and one against the verdict.
SELECT refusal($$SELECT annex.challenge('docs', 1, 0.1, 'm')$$), refusal($$SELECT annex.challenge('docs', 2, 0.1, 'm')$$);
INSERT INTO annex.experiment (model, champion, challenger, fraction, metric) VALUES ('docs', 1, 2, 0.1, 'm');
SELECT refusal($$SELECT annex.promote('docs', 2, force => true)$$), refusal($$SELECT annex.retire_version('docs', 2)$$),
    refusal($$SELECT annex.conclude('docs', true)$$), refusal($$SELECT annex.compare('docs', 7)$$);
INSERT INTO annex.experiment (model, champion, challenger, fraction, metric) VALUES ('docs', 1, 2, 0.1, 'm');
-- Rights.
SET ROLE regress_models_plain;
SELECT refusal($$SELECT annex.grant_to('regress_models_plain', 'reader')$$);
SELECT refusal($$SELECT annex.register_version('docs', 2, embeddings => 'bare')$$);
SELECT refusal($$SELECT annex.register_version('docs', 2)$$);
RESET ROLE;
REVOKE ALL ON annex.deployment FROM regress_models_plain;
SET ROLE regress_models_plain;
SELECT refusal($$SELECT annex.promote('docs', 1)$$), refusal($$SELECT annex.rollback('docs')$$), refusal($$SELECT annex.set_alias('docs', 'a', 1)$$);
RESET ROLE;
-- A read-only transaction.
BEGIN READ ONLY;
SELECT refusal($$SELECT annex.promote('docs', 2, force => true)$$), refusal($$SELECT annex.expose('docs', 'u')$$);
COMMIT;

DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
DROP OWNED BY regress_models_plain;
DROP ROLE regress_models_plain;
