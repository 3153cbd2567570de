-- Proves: who may do what by role; nobody can forge who or when; embeddings are never wider open than the source; row security
-- of the source holds for workers, and a version without it is refused.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE ROLE regress_models_operator;
CREATE ROLE regress_models_app;
CREATE ROLE regress_models_reader;
CREATE ROLE regress_models_worker;
CREATE ROLE regress_models_nobody;
CREATE SCHEMA team AUTHORIZATION regress_models_operator;
GRANT USAGE ON SCHEMA team TO regress_models_app, regress_models_reader, regress_models_worker;
SET search_path = team, public;
SELECT annex.grant_to('regress_models_operator', 'operator'), annex.grant_to('regress_models_app', 'app'),
    annex.grant_to('regress_models_reader', 'reader'), annex.grant_to('regress_models_worker', 'reader');
SELECT annex.grant_to('regress_models_reader', 'king');
SELECT annex.grant_to('regress_models_reader', NULL);
SELECT annex.grant_to(0::oid::regrole, 'reader');

SET ROLE regress_models_operator;
CREATE TABLE docs (id int PRIMARY KEY, owner name, body text);
INSERT INTO docs VALUES (1, 'regress_models_app', 'one'), (2, 'regress_models_worker', 'two');
GRANT SELECT ON docs TO regress_models_app, regress_models_worker;
SELECT annex.register_model('docs', 'docs', 'id', 'body'), annex.register_version('docs', 2), annex.register_version('docs', 3);
GRANT INSERT, UPDATE ON docs_v1, docs_v2 TO regress_models_worker;
SELECT annex.put('docs', 1, key, '[1,2]', content_hash) FROM annex.pending('docs', 1);
SELECT annex.promote('docs', 1) > 0 AS promoted;
SELECT actor, login = session_user AS login FROM annex.history;
-- The past is closed to operators too.
UPDATE annex.version SET dim = 1;
UPDATE annex.deployment SET version = 2;
DELETE FROM annex.deployment;
INSERT INTO annex.deployment (model, version, action, actor) VALUES ('docs', 1, 'promote', 'regress_models_app');
INSERT INTO annex.deployment (model, version, action, at) VALUES ('docs', 1, 'promote', '2001-01-01');
INSERT INTO annex.measurement (model, version, kind, value, login) VALUES ('docs', 1, 'recall', 1, 'regress_models_app');
UPDATE annex.model SET description = 'search';
SELECT annex.grant_to('regress_models_operator', 'reader');
RESET ROLE;

-- What each role may do: which call is refused, and by what.
CREATE FUNCTION try(who name, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', who);
    EXECUTE what;
    RESET ROLE;
    RETURN 'yes';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TABLE matrix (n int, what text);
INSERT INTO matrix VALUES
    (1, $$SELECT count(*) FROM annex.status, annex.history, annex.alias$$),
    (2, $$SELECT annex.champion('docs')$$),
    (3, $$SELECT count(*) FROM team.docs_embeddings WHERE version = 1$$),
    (4, $$SELECT * FROM annex.progress('docs')$$),
    (5, $$SELECT annex.put('docs', 2, '1', '[1,2,3]', sha256('one'))$$),
    (6, $$SELECT annex.index_ddl('docs', 2)$$),
    (7, $$SELECT annex.promote('docs', 2, force => true)$$),
    (8, $$SELECT annex.rollback('docs')$$),
    (9, $$SELECT annex.set_alias('docs', 'canary', 1)$$),
    (10, $$SELECT annex.register_version('docs', 4)$$),
    (11, $$SELECT annex.retire_version('docs', 2)$$),
    (12, $$SELECT annex.register_model('mine_' || substr(current_user, 16), 'team.docs', 'id', 'body')$$),
    (13, $$INSERT INTO annex.artifact (model, version, part, data) VALUES ('docs', 1, 0, 'x')$$),
    (14, $$SELECT annex.maintain()$$),
    (15, $$SELECT annex.promote('none', 2)$$),
    (16, $$SELECT annex.bucket('a', 'b'), annex.content_hash('c')$$);
BEGIN;
SELECT n, substr(what, 1, 60) AS what, r.who, team.try('regress_models_' || r.who, what)
    FROM matrix, unnest(ARRAY['operator', 'worker', 'app', 'reader', 'nobody']) WITH ORDINALITY r (who, i) ORDER BY n, r.i;
ROLLBACK;

-- Readers of the embeddings read the texts, in effect: wider or narrower grants keep a version back.
GRANT SELECT ON docs_v2 TO regress_models_reader;
SELECT ok, detail FROM annex.readiness('docs', 2) WHERE item = 'grants';
REVOKE ALL ON docs_v2 FROM regress_models_reader, regress_models_app;
SELECT ok, detail FROM annex.readiness('docs', 2) WHERE item = 'grants';
GRANT SELECT ON docs_v2 TO PUBLIC;
SELECT ok, detail FROM annex.readiness('docs', 2) WHERE item = 'grants';
REVOKE ALL ON docs_v2 FROM PUBLIC;
GRANT SELECT ON docs_v2 TO regress_models_app;
SELECT ok, detail FROM annex.readiness('docs', 2) WHERE item = 'grants';

-- Row security of the source: a worker is given its own rows only, and can store no others.
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON docs USING (owner = current_user);
SELECT ok, detail FROM annex.readiness('docs', 2) WHERE item = 'rls';
SELECT annex.put('docs', 2, key, '[1,2,3]', content_hash) FROM annex.pending('docs', 2);
SELECT annex.promote('docs', 2);
SET ROLE regress_models_worker;
SELECT key, content FROM annex.pending('docs', 1, 10, 0, 1, '0') UNION ALL SELECT key, content FROM annex.pending('docs', 2);
UPDATE docs_v1 SET content_hash = sha256('older');
SELECT key, content FROM annex.pending('docs', 1);
SELECT total, current, stale FROM annex.progress('docs') WHERE version = 1;
SELECT ok, detail FROM annex.readiness('docs', 1) WHERE item = 'coverage';
SELECT annex.put('docs', 1, '1', '[5,5]', sha256('one'));
SELECT annex.put('docs', 1, '2', '[5,5]', sha256('two'));
RESET ROLE;
-- What is counted through row security is no coverage: it is not recorded, by whoever may not see all rows.
GRANT INSERT (model, version, kind, value, n, detail) ON annex.measurement TO regress_models_worker;
SET ROLE regress_models_worker;
SELECT annex.maintain();
RESET ROLE;
SELECT count(*) FROM annex.measurement WHERE actor = 'regress_models_worker';
-- A version that is registered now has row security from the start: the grants of the source come with its policies.
SET ROLE regress_models_operator;
SELECT annex.register_version('docs', 2);
GRANT SELECT ON docs, docs_v3 TO regress_models_reader;
SELECT annex.put('docs', 3, key, '[1,2]', content_hash) FROM annex.pending('docs', 3);
SELECT count(*) FROM docs_embeddings WHERE version = 3;
RESET ROLE;
SELECT item, ok FROM annex.readiness('docs', 3) WHERE item = 'rls';
SET ROLE regress_models_app;
SELECT id FROM docs_embeddings WHERE version = 3;
SET ROLE regress_models_reader;
SELECT id FROM docs_v3;
-- Whose rows a worker does not see he does not store either, not even past put.
SET ROLE regress_models_worker;
SELECT id FROM docs_embeddings WHERE version = 3;
DELETE FROM docs_v3;
INSERT INTO docs_v3 (id, embedding, content_hash) VALUES (1, '[7,7]', sha256('x')) ON CONFLICT (id) DO UPDATE SET embedding = EXCLUDED.embedding;
SELECT annex.put('docs', 3, '2', '[7,7]', sha256('two')), annex.put('docs', 3, '1', '[7,7]', sha256('one'));
RESET ROLE;
SELECT id, embedding FROM docs_v3 ORDER BY id;
-- A table that is given gets it too, with the source's FORCE; one that has policies keeps them.
ALTER TABLE docs FORCE ROW LEVEL SECURITY;
CREATE TABLE given (LIKE docs_v1 INCLUDING ALL, FOREIGN KEY (id) REFERENCES docs ON UPDATE CASCADE ON DELETE CASCADE);
CREATE TABLE given_too (LIKE docs_v1 INCLUDING ALL, FOREIGN KEY (id) REFERENCES docs ON UPDATE CASCADE ON DELETE CASCADE);
CREATE POLICY mine ON given_too FOR SELECT USING (false);
SELECT annex.register_version('docs', 2, embeddings => 'given'), annex.register_version('docs', 2, embeddings => 'given_too');
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, p.polname, p.polcmd
    FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname IN ('docs_v1', 'docs_v3', 'given', 'given_too') ORDER BY 1;
SELECT annex.retire_version('docs', 4, true), annex.retire_version('docs', 5, true);
ALTER TABLE docs NO FORCE ROW LEVEL SECURITY;

-- With a policy that asks the source, the view shows to each what the source shows; OFFSET keeps it a lookup by key.
ALTER TABLE docs_v2 ENABLE ROW LEVEL SECURITY;
SELECT ok, detail FROM annex.readiness('docs', 2) WHERE item = 'rls';
CREATE POLICY as_source ON docs_v2 FOR SELECT USING (EXISTS (SELECT FROM docs d WHERE d.id = docs_v2.id OFFSET 0));
SELECT ok, detail FROM annex.readiness('docs', 2) WHERE item = 'rls';
ALTER TABLE docs FORCE ROW LEVEL SECURITY;
SELECT ok, detail FROM annex.readiness('docs', 2) WHERE item = 'rls';
ALTER TABLE docs NO FORCE ROW LEVEL SECURITY;
SET ROLE regress_models_app;
SELECT id, version FROM docs_embeddings WHERE version = 2;
RESET ROLE;
SET ROLE regress_models_operator;
SELECT count(*) FROM docs_embeddings WHERE version = 2;
RESET ROLE;

-- A type of another role's making is not cast to text: the cast may be that role's function, and would run with the rights of
-- whoever counts, a superuser's scheduler too.
SET ROLE regress_models_operator;
CREATE TYPE content AS (body text);
CREATE TABLE casts (by name);
CREATE FUNCTION content_text(content) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO team.casts VALUES (current_user);
    RETURN $1.body;
END $$;
CREATE CAST (content AS text) WITH FUNCTION content_text(content);
CREATE DOMAIN wrapped AS content;
ALTER TABLE docs ALTER body TYPE wrapped USING ROW(body)::content;
SELECT count(*) FROM annex.pending('docs', 2);
RESET ROLE;
SELECT count(*) FROM annex.pending('docs', 2);
\echo :SQLSTATE
SELECT annex.maintain();
SELECT DISTINCT by FROM casts;

SET client_min_messages = warning;
DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
DROP OWNED BY regress_models_operator, regress_models_app, regress_models_reader, regress_models_worker, regress_models_nobody;
DROP ROLE regress_models_operator, regress_models_app, regress_models_reader, regress_models_worker, regress_models_nobody;
