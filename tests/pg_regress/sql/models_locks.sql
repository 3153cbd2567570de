-- Proves: what changes the view waits for the view's readers no longer than annex.ddl_lock_timeout, or lock_timeout where that is
-- set, and leaves nothing behind when it gives up; promote and rollback wait for no reader.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE SCHEMA team;
SET search_path = team, public;
CREATE TABLE docs (id int PRIMARY KEY, body text);
SELECT annex.register_model('docs', 'docs', 'id', 'body'), annex.register_version('docs', 2), annex.register_version('docs', 2);
SELECT annex.promote('docs', 1) > 0 AS promoted;
SHOW annex.ddl_lock_timeout;
-- A reader whose transaction stays open: a prepared one.
BEGIN;
SELECT count(*) FROM docs_embeddings WHERE version = annex.champion('docs');
PREPARE TRANSACTION 'models_reader';

SET annex.ddl_lock_timeout = '10ms';
SELECT annex.register_version('docs', 2);
\echo :LAST_ERROR_SQLSTATE
SELECT annex.retire_version('docs', 2);
\echo :LAST_ERROR_SQLSTATE
SHOW lock_timeout;
SET annex.ddl_lock_timeout = 0;
SET lock_timeout = '11ms';
SELECT annex.register_version('docs', 2);
SHOW lock_timeout;
SELECT count(*), to_regclass('docs_v3') FROM annex.version;
SELECT count(*) FROM annex.retirement;
-- The switch and its way back, under the same reader and the same timeout; others read too.
SELECT annex.promote('docs', 2) > 0 AS promoted, annex.rollback('docs'), annex.set_alias('docs', 'canary', 2) > 0 AS set;
SELECT count(*) FROM docs_embeddings;
COMMIT PREPARED 'models_reader';
SELECT annex.register_version('docs', 2);

RESET lock_timeout;
SET client_min_messages = warning;
DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
