-- Proves: the worked session, pasted line by line by roles that are no superusers, needs nothing but its results: messages below
-- ERROR are off. Two lines are added, each with its reason: the salt of the challenge and the digits of its result. What recall
-- measures depends on how two threads built the index: only that it is near 1 is shown.
\set VERBOSITY default
SET client_min_messages = warning;
CREATE ROLE regress_dbo LOGIN;
CREATE ROLE regress_docs_team LOGIN;
CREATE ROLE regress_web LOGIN;
CREATE ROLE regress_analyst LOGIN;
GRANT regress_docs_team TO regress_dbo;
CREATE DATABASE annex_session OWNER regress_dbo TEMPLATE template0;
SELECT current_database() AS home, current_user AS superuser \gset

\c annex_session regress_dbo
SET client_min_messages = error;
CREATE EXTENSION annex;
CREATE SCHEMA team AUTHORIZATION regress_docs_team;
GRANT USAGE ON SCHEMA team TO regress_web, regress_analyst;
SELECT annex.grant_to('regress_docs_team', 'operator'), annex.grant_to('regress_web', 'app'), annex.grant_to('regress_analyst', 'reader');
\c annex_session regress_docs_team
SET client_min_messages = error;
SET search_path = team, public;
CREATE TABLE docs (id bigint PRIMARY KEY, title text, body text NOT NULL);
INSERT INTO docs SELECT i, 'title ' || i, 'doc ' || i FROM generate_series(1, 2000) i;
GRANT SELECT ON docs TO regress_web;
CREATE FUNCTION fake_model(t text, d int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg(get_byte(sha256(convert_to(t, 'UTF8')), i) - 127.5)::real[]::vector FROM generate_series(0, d - 1) i $$;
SELECT annex.register_model('docs', 'docs', 'id', 'body', 'product search');
SELECT annex.register_version('docs', 8, 'cosine', 's3://m/minilm-v1', sha256('weights-1'), '{"normalize": true}');
SELECT count(*) FILTER (WHERE annex.put('docs', 1, key, fake_model(content, 8), content_hash)) FROM annex.pending('docs', 1, 5000);
SELECT annex.index_ddl('docs', 1) \gexec
SELECT value > .95 AS value, lo > .9 AS lo FROM annex.measure_recall('docs', 1);
SELECT annex.promote('docs', 1, 'first release');
-- A new model of another dimension, while version 1 serves.
SELECT annex.register_version('docs', 16, 'cosine', 's3://m/bge-v2', sha256('weights-2'));
SELECT annex.promote('docs', 2);
SELECT count(*) FILTER (WHERE annex.put('docs', 2, key, fake_model(content, 16), content_hash)) FROM annex.pending('docs', 2, 1000);
UPDATE docs SET body = body || ' (edited)' WHERE id IN (10, 20, 30);
DELETE FROM docs WHERE id = 40;
INSERT INTO docs VALUES (9001, 'new', 'new doc');
SELECT * FROM annex.progress('docs');
SELECT count(*) FILTER (WHERE annex.put('docs', 2, key, fake_model(content, 16), content_hash)) FROM annex.pending('docs', 2, 5000);
SELECT count(*) FILTER (WHERE annex.put('docs', 1, key, fake_model(content, 8), content_hash)) FROM annex.pending('docs', 1, 5000);
SELECT annex.index_ddl('docs', 2) \gexec
SELECT annex.challenge('docs', 2, 0.10, 'click', planned_units => 20000);
SELECT annex.challenge('docs', 2, 0.20, 'click');

-- Not in the session: its salt is random and would draw other units each time. Only the owner of the extension may write one.
\c annex_session regress_dbo
SET client_min_messages = error;
UPDATE annex.experiment SET salt = 's1';

\c annex_session regress_web
SET client_min_messages = error;
SET search_path = team, public;
SELECT version, arm, experiment FROM annex.route('docs', 'user-42');
SELECT d.id, d.title FROM docs_embeddings e JOIN docs d USING (id)
    WHERE e.version = 1 ORDER BY e.embedding <=> '[1,2,3,4,5,6,7,8]' LIMIT 3;
SELECT annex.promote('docs', 2);
SELECT count(annex.expose('docs', 'user-' || i)) FROM generate_series(1, 50000) i;
-- The champion's units click at 10 %, the challenger's at 14 %.
SELECT count(*) FILTER (WHERE annex.feedback('docs', x.unit, 1)) FROM annex.exposure x
    WHERE (('x' || left(md5(x.unit), 8))::bit(32)::bigint & 1023) / 1024.0 < CASE WHEN version = 2 THEN .14 ELSE .10 END;

\c annex_session regress_analyst
SET client_min_messages = error;
-- Four digits, as the session shows them: the last ones of a variance follow the order in which a plan adds up.
SET extra_float_digits = -11;
SELECT n_champion, n_challenger, mean_champion, mean_challenger, diff, lo, hi, srm_p, verdict FROM annex.compare('docs');

\c annex_session regress_docs_team
SET client_min_messages = error;
SELECT annex.conclude('docs', promote => true);
SELECT annex.register_version('docs', 16, 'cosine', 's3://m/bge-v3');
SELECT annex.promote('docs', 3, 'hot fix', force => true);
SELECT annex.rollback('docs', 'v3 is empty');
SELECT annex.rollback('docs', 'v2 is slow');
SELECT annex.rollback('docs');
SELECT id, action, from_version, to_version, forced, reason, actor FROM annex.history ORDER BY id;
-- What an analyst sees of it.
\c annex_session regress_analyst
SET client_min_messages = error;
SELECT version, champion, index, index_valid, coverage, problem FROM annex.status ORDER BY version;
SELECT model, alias, version FROM annex.alias;
SELECT count(*) FROM team.docs_embeddings;

\c :home :superuser
SET client_min_messages = warning;
DROP DATABASE annex_session;
DROP ROLE regress_dbo, regress_docs_team, regress_web, regress_analyst;
