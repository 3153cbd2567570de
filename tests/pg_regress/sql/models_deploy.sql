-- Proves: an unready version is refused and the champion stays; force and what it overrode are recorded; rollback walks back and never
-- forward; the log is the state; what is in use cannot be retired; models have histories of their own.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE SCHEMA team;
SET search_path = team, public;
CREATE TABLE docs (id bigint PRIMARY KEY, body text NOT NULL);
INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(1, 1500) i;
SELECT annex.register_model('docs', 'docs', 'id', 'body');
SELECT annex.register_version('docs', 2, 'l2');
SELECT annex.champion('docs');
SELECT annex.champion('none');
SELECT annex.rollback('docs');
-- An empty table needs no index, but it is not ready.
SELECT * FROM annex.readiness('docs', 1);
SELECT annex.promote('docs', 1);
SELECT count(*) FILTER (WHERE annex.put('docs', 1, key, ARRAY[key::int, 1]::vector, content_hash)) FROM annex.pending('docs', 1, 5000);
-- Filled, but 1500 rows want an index, and of the metric's class.
SELECT item, ok, detail FROM annex.readiness('docs', 1) WHERE item IN ('coverage', 'index');
CREATE INDEX wrong_class ON docs_v1 USING hnsw (embedding vector_cosine_ops);
SELECT annex.promote('docs', 1);
DROP INDEX wrong_class;
SELECT annex.index_ddl('docs', 1) \gexec
BEGIN;
SELECT annex.promote('docs', 1);
SELECT annex.champion('docs');
ROLLBACK;
SELECT annex.champion('docs');
SELECT annex.promote('docs', 1, 'first release') > 0 AS promoted;
-- Again: nothing to do, the same row.
SELECT annex.promote('docs', 1) = max(id) AS same_row, count(*) FROM annex.deployment;
SELECT kind, value, n, detail FROM annex.measurement;

-- One text of 1500 edited is 99.93 percent: refused, while version 1 serves on.
SELECT annex.register_version('docs', 3, 'l2');
SELECT count(*) FILTER (WHERE annex.put('docs', 2, key, ARRAY[key::int, 1, 1]::vector, content_hash)) FROM annex.pending('docs', 2, 5000);
SELECT annex.index_ddl('docs', 2) \gexec
UPDATE docs SET body = 'edited' WHERE id = 7;
SELECT annex.promote('docs', 2);
SELECT annex.champion('docs');
SELECT annex.promote('docs', 2, 'hot fix', force => true) > 0 AS promoted;
SELECT forced, checks -> 'coverage' AS coverage, checks -> 'index' AS index, reason FROM annex.deployment ORDER BY id DESC LIMIT 1;
-- The version's own minimum; a forced promotion that overrides nothing is not forced.
SELECT annex.register_version('docs', 2, 'l2', params => '{"min_coverage": 0}');
SELECT annex.promote('docs', 3, force => true) > 0 AS promoted;
SELECT alias, action, from_version, to_version, forced, reason, actor = current_user AS by_me, login = session_user AS in_my_session
    FROM annex.history ORDER BY id;

-- What is in use stays.
SELECT annex.retire_version('docs', 3);
SELECT annex.retire_version('docs', 2);
SELECT annex.set_alias('docs', 'canary', 1, 'try') > 0 AS set;
SELECT annex.retire_version('docs', 1);
SELECT model, alias, version FROM annex.alias ORDER BY 1, 2;
SELECT version, champion, aliases, index, index_valid, coverage, problem FROM annex.status ORDER BY version;

-- Back, back, and no further; a rollback is a row too.
SELECT annex.rollback('docs', 'v3 is empty');
SELECT annex.rollback('docs', 'v2 is slow');
SELECT annex.rollback('docs');
SELECT annex.rollback('docs');
SELECT annex.champion('docs');
SELECT action, from_version, to_version, forced, reason FROM annex.history WHERE alias = 'champion' ORDER BY id;

-- Aliases point elsewhere and go; history keeps them.
SELECT annex.set_alias('docs', 'canary', 2) > 0 AS moved;
SELECT annex.set_alias('docs', 'canary', NULL, 'done') > 0 AS removed;
SELECT annex.set_alias('docs', 'canary', NULL);
SELECT annex.set_alias('docs', 'champion', 1);
SELECT annex.set_alias('docs', 'Canary', 1);
SELECT annex.set_alias('docs', 'canary', 9);
SELECT alias, action, from_version, to_version, reason FROM annex.history WHERE alias <> 'champion' ORDER BY id;
SELECT alias, version FROM annex.alias ORDER BY 1;

-- Retired versions serve no more and are skipped by a rollback.
SELECT annex.promote('docs', 2, force => true) > 0 AS promoted, annex.promote('docs', 3, force => true) > 0 AS promoted;
SELECT annex.set_alias('docs', 'canary', 2) > 0 AS set;
SELECT annex.retire_version('docs', 2);
SELECT annex.set_alias('docs', 'canary', NULL) > 0 AS removed;
SELECT annex.register_version('docs', 4, 'l2', params => '{"min_coverage": 0}');
SELECT annex.promote('docs', 4) > 0 AS promoted;
SELECT annex.retire_version('docs', 2, drop_table => true, reason => 'slow');
SELECT to_regclass('docs_v2') IS NULL AS dropped, (SELECT count(*) FROM docs_embeddings WHERE version = 2) AS served;
SELECT annex.promote('docs', 2);
SELECT annex.retire_version('docs', 2);
SELECT annex.put('docs', 2, '1', '[1,2,3]', sha256('x'));
SELECT version, retired_at IS NOT NULL AS retired FROM annex.status ORDER BY 1;
SELECT annex.rollback('docs'), annex.rollback('docs');
SELECT annex.retire_version('docs', 9);

-- Two models of two teams: histories independent.
CREATE TABLE images (id int PRIMARY KEY, caption text);
SELECT annex.register_model('images', 'images', 'id', 'caption'), annex.register_version('images', 2), annex.register_version('images', 3);
SELECT annex.promote('images', 1) > 0 AS promoted, annex.promote('images', 2) > 0 AS promoted;
SELECT annex.rollback('images'), annex.champion('images'), annex.champion('docs');
SELECT model, count(*) FROM annex.history GROUP BY model ORDER BY model;
-- Moves that alternate: each model walks back its own way, and an alias of one name points elsewhere in each.
SELECT annex.champion('docs') AS docs, (SELECT md5(string_agg(h::text, ';' ORDER BY id)) FROM annex.history h WHERE model = 'docs') AS log \gset
SELECT annex.promote('images', 2) > 0 AS promoted, annex.set_alias('images', 'canary', 2) > 0 AS set;
SELECT annex.champion('docs') = :docs AS same_champion, (SELECT md5(string_agg(h::text, ';' ORDER BY id)) FROM annex.history h WHERE model = 'docs') = :'log' AS same_log;
SELECT annex.promote('docs', CASE :docs WHEN 3 THEN 4 ELSE 3 END, force => true) > 0 AS promoted, annex.rollback('images') AS images, annex.rollback('docs') = :docs AS back;
SELECT annex.champion('images') AS images, annex.champion('docs') = :docs AS docs;
SELECT annex.retire_version('images', 2);
SELECT annex.set_alias('images', 'canary', NULL) > 0 AS removed, annex.champion('docs') = :docs AS docs;
SELECT action, alias, from_version, to_version FROM annex.history WHERE model = 'images' ORDER BY id;

-- The pointer cannot be moved past the log: two successors of one row, or two first rows, are refused.
INSERT INTO annex.deployment (model, version, action, prev) SELECT model, version, action, prev FROM annex.deployment WHERE model = 'images' AND alias = 'champion' AND prev IS NOT NULL ORDER BY id LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO annex.deployment (model, version, action) VALUES ('images', 1, 'promote');
\echo :LAST_ERROR_SQLSTATE
-- Nor past an open read-only transaction.
BEGIN READ ONLY;
SELECT annex.champion('images');
SELECT annex.promote('images', 2);
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
