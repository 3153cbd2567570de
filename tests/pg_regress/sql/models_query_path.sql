-- Proves: champion, route and expose read their rows past the executor and say what the statements say that they stand for; rights,
-- row security, other indexes, rolled back changes and a new extension between two calls of one session are all noticed.
\set VERBOSITY default
SET client_min_messages = warning;
CREATE ROLE regress_path_app;
CREATE ROLE regress_path_team;
CREATE DATABASE annex_path TEMPLATE template0;
SELECT current_database() AS home \gset

\c annex_path
SET client_min_messages = warning;
CREATE EXTENSION annex;
SELECT annex.grant_to('regress_path_app', 'app');
CREATE TABLE docs (id int PRIMARY KEY, body text);
INSERT INTO docs VALUES (1, 'one');
SELECT annex.champion('docs');
SELECT annex.route('docs');
SELECT annex.register_model('docs', 'docs', 'id', 'body'), annex.register_version('docs', 1, 'l2', 's3://m/v1', params => '{"a": 1}'), annex.register_version('docs', 2, 'ip');
SELECT annex.put('docs', 1, '1', '[1]', h), annex.put('docs', 2, '1', '[1,2]', h) FROM annex.content_hash('one') h;
SELECT annex.champion('docs');
SELECT annex.route('docs');
SELECT annex.expose('docs', 'u');
SELECT annex.promote('docs', 1) > 0 AS promoted;
SELECT annex.champion('docs'), annex.champion('none'), annex.champion(NULL), annex.expose('docs', 'u');
SELECT * FROM annex.route('docs');
SELECT * FROM annex.route('docs', 'u');
SELECT annex.challenge('docs', 2, 0.5, 'click') AS challenge;
UPDATE annex.experiment SET salt = 's1';
SELECT * FROM annex.route('docs', 'user-1');
SELECT * FROM annex.route('docs', 'user-2');

-- Both ways answer alike: with row security, which no superuser is under, statements are run. They call annex.bucket, so it is counted.
CREATE FUNCTION answers() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(r::text || annex.champion('docs'), ';' ORDER BY i)) FROM generate_series(1, 200) i, annex.route('docs', 'u' || i) r
$$;
CREATE FUNCTION statements(what text, OUT answer text, OUT statements bigint) LANGUAGE plpgsql AS $$
DECLARE
    before bigint := coalesce((SELECT sum(calls) FROM pg_stat_xact_user_functions WHERE funcname = 'bucket'), 0);
BEGIN
    EXECUTE 'SELECT ' || what INTO answer;
    statements := coalesce((SELECT sum(calls) FROM pg_stat_xact_user_functions WHERE funcname = 'bucket'), 0) - before;
END $$;
SET track_functions = 'all';
SELECT answer AS direct, statements FROM statements('answers()') \gset
SELECT :statements > 0 AS statements;
ALTER TABLE annex.experiment ENABLE ROW LEVEL SECURITY;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
ALTER TABLE annex.experiment DISABLE ROW LEVEL SECURITY;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');

-- Other indexes of the same names. Each is used only if it is what it must be; all answer alike.
BEGIN;
ALTER INDEX annex.experiment_running RENAME TO elsewhere;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
CREATE INDEX experiment_running ON annex.experiment (model) WHERE ended_at IS NOT NULL;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
DROP INDEX annex.experiment_running;
CREATE INDEX experiment_running ON annex.experiment (model);
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
DROP INDEX annex.experiment_running;
CREATE INDEX experiment_running ON annex.experiment (model COLLATE "C") WHERE ended_at IS NULL;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
DROP INDEX annex.experiment_running;
CREATE INDEX experiment_running ON annex.experiment (model text_pattern_ops) WHERE ended_at IS NULL;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
DROP INDEX annex.experiment_running;
CREATE INDEX experiment_running ON annex.experiment USING hash (model) WHERE ended_at IS NULL;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
DROP INDEX annex.experiment_running;
CREATE INDEX experiment_running ON annex.experiment (lower(model)) WHERE ended_at IS NULL;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
DROP INDEX annex.experiment_running;
CREATE INDEX experiment_running ON annex.deployment (model);
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
DROP INDEX annex.experiment_running;
CREATE TABLE annex.experiment_running (model text);
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
ROLLBACK;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
-- The newest deployment, by an index that has the oldest first.
BEGIN;
INSERT INTO annex.deployment (model, version, action, prev) SELECT model, 2, action, id FROM annex.deployment;
SELECT annex.champion('docs');
DROP INDEX annex.deployment_newest;
SELECT annex.champion('docs');
CREATE INDEX deployment_newest ON annex.deployment (model, alias, id);
SELECT annex.champion('docs');
ROLLBACK;
SELECT annex.champion('docs');
-- A table that inherits has rows of its own.
BEGIN;
CREATE TABLE more () INHERITS (annex.deployment);
INSERT INTO more (id, model, version, action) VALUES (1000, 'docs', 2, 'promote');
SELECT annex.champion('docs');
ROLLBACK;
-- A rewritten table, a column that has gone and come back.
BEGIN;
CLUSTER annex.experiment USING experiment_newest;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');
ALTER TABLE annex.experiment RENAME salt TO pepper;
SELECT annex.route('docs', 'u');
ROLLBACK;
SELECT answer = :'direct' AS same, statements > 0 AS statements FROM statements('answers()');

-- Changes that are taken back.
SELECT version, arm, experiment FROM annex.route('docs', 'user-1');
BEGIN;
SAVEPOINT before;
SELECT annex.conclude('docs', true, 'cheaper');
SELECT version, arm, experiment, annex.champion('docs') FROM annex.route('docs', 'user-1');
ROLLBACK TO before;
SELECT version, arm, experiment, annex.champion('docs') FROM annex.route('docs', 'user-1');
COMMIT;

-- Rights, asked at each call: of a role, by membership, on columns only.
SET ROLE regress_path_app;
SELECT annex.expose('docs', 'user-1'), annex.champion('docs'), (annex.route('docs', 'user-1')).version;
RESET ROLE;
REVOKE SELECT ON annex.experiment FROM regress_path_app;
SET ROLE regress_path_app;
SELECT annex.champion('docs');
SELECT annex.route('docs', 'user-1');
SELECT annex.expose('docs', 'user-1');
RESET ROLE;
GRANT SELECT (id, model, champion, challenger, fraction, salt, ended_at) ON annex.experiment TO regress_path_app;
SET ROLE regress_path_app;
SELECT version, arm, experiment FROM annex.route('docs', 'user-1');
RESET ROLE;
REVOKE SELECT (salt) ON annex.experiment FROM regress_path_app;
SET ROLE regress_path_app;
SELECT annex.route('docs', 'user-1');
RESET ROLE;
GRANT SELECT ON annex.experiment TO regress_path_team;
GRANT regress_path_team TO regress_path_app;
SET ROLE regress_path_app;
SELECT version, arm, experiment FROM annex.route('docs', 'user-1');
RESET ROLE;
REVOKE regress_path_team FROM regress_path_app;
SET ROLE regress_path_app;
SELECT annex.route('docs', 'user-1');
RESET ROLE;
REVOKE ALL ON annex.experiment FROM regress_path_team;
GRANT SELECT ON annex.experiment TO regress_path_app;
-- Without the right to name what is in the schema: a view was parsed when it was made.
CREATE VIEW serving AS SELECT annex.champion('docs') AS version;
GRANT SELECT ON serving TO regress_path_app;
BEGIN;
SET LOCAL ROLE regress_path_app;
SELECT version FROM serving;
RESET ROLE;
REVOKE USAGE ON SCHEMA annex FROM PUBLIC;
SET LOCAL ROLE regress_path_app;
SELECT version FROM serving;
ROLLBACK;
DROP VIEW serving;
-- A function with its owner's rights.
CREATE FUNCTION lent(unit text) RETURNS integer LANGUAGE sql SECURITY DEFINER AS $$ SELECT annex.expose('docs', unit) $$;
REVOKE SELECT ON annex.exposure FROM regress_path_app;
SET ROLE regress_path_app;
SELECT annex.expose('docs', 'user-1');
SELECT lent('user-1');
SELECT annex.expose('docs', 'user-1');
RESET ROLE;
GRANT SELECT ON annex.exposure TO regress_path_app;
-- Row security hides the experiment, so none runs for this role.
SET ROLE regress_path_app;
SELECT version, arm, experiment FROM annex.route('docs', 'user-1');
RESET ROLE;
ALTER TABLE annex.experiment ENABLE ROW LEVEL SECURITY;
SET ROLE regress_path_app;
SELECT version, arm, experiment FROM annex.route('docs', 'user-1');
RESET ROLE;
ALTER TABLE annex.experiment DISABLE ROW LEVEL SECURITY;

-- One exposure a unit, and another one where the first is gone.
SELECT annex.expose('docs', 'user-' || i % 2) FROM generate_series(1, 4) i;
SELECT unit, version FROM annex.exposure ORDER BY unit;
TRUNCATE annex.exposure, annex.outcome;
SELECT annex.expose('docs', 'user-1');
SELECT unit, version FROM annex.exposure ORDER BY unit;

-- Rows that were read are kept for the next call, and read again where another tuple is at their place, or the snapshot sees it no more.
SELECT annex.expose('docs', 'user-' || i) FROM generate_series(1, 2) i;
DELETE FROM annex.exposure WHERE unit = 'user-1';
SELECT annex.expose('docs', 'user-' || i) FROM generate_series(1, 2) i;
SELECT unit, version, count(*) FROM annex.exposure GROUP BY unit, version ORDER BY unit;
-- What is deleted, then taken back.
BEGIN;
DELETE FROM annex.exposure;
SAVEPOINT before;
SELECT annex.expose('docs', 'user-1');
SELECT annex.expose('docs', 'user-1');
SELECT count(*) FROM annex.exposure;
ROLLBACK TO before;
SELECT count(*) FROM annex.exposure;
SELECT annex.expose('docs', 'user-1');
SELECT count(*) FROM annex.exposure;
ROLLBACK;
SELECT annex.expose('docs', 'user-1');
SELECT unit, version, count(*) FROM annex.exposure GROUP BY unit, version ORDER BY unit;
-- Another tuple of this transaction; a cursor still sees the one before it.
BEGIN;
DECLARE before CURSOR FOR SELECT annex.expose('docs', 'user-1') FROM generate_series(1, 3);
FETCH before;
UPDATE annex.experiment SET champion = challenger, challenger = champion WHERE model = 'docs';
SELECT annex.expose('docs', 'user-1'), (annex.route('docs', 'user-1')).version;
FETCH before;
SELECT annex.expose('docs', 'user-1');
FETCH before;
ROLLBACK;
SELECT annex.expose('docs', 'user-1');
-- More units than are kept, twice.
SELECT count(annex.expose('docs', 'many-' || i)), count(annex.expose('docs', 'many-' || i)) FROM generate_series(1, 3000) i;
SELECT count(DISTINCT annex.expose('docs', 'many-' || i)) FROM generate_series(1, 3000) i;
SELECT count(*), count(DISTINCT unit) FROM annex.exposure WHERE unit LIKE 'many-%';
-- A role that is no superuser any more, though nothing of the tables has changed.
ALTER ROLE regress_path_team SUPERUSER;
SET ROLE regress_path_team;
SELECT annex.expose('docs', 'user-1');
SELECT annex.expose('docs', 'user-1');
RESET ROLE;
ALTER ROLE regress_path_team NOSUPERUSER;
SET ROLE regress_path_team;
SELECT annex.expose('docs', 'user-1');
RESET ROLE;

-- A new exposure is inserted past the executor where the table is as it was made; a unit that is known takes no transaction ID,
-- and no number is taken in vain.
TRUNCATE annex.exposure, annex.outcome RESTART IDENTITY;
SELECT count(annex.expose('docs', 'new-' || i % 2)) FROM generate_series(1, 6) i;
SELECT id, unit, version, at BETWEEN now() - interval '1 hour' AND clock_timestamp() AS at FROM annex.exposure ORDER BY id;
BEGIN;
SELECT annex.expose('docs', 'new-0'), annex.expose('docs', 'new-1');
SELECT pg_current_xact_id_if_assigned() IS NULL AS only_read;
SELECT annex.expose('docs', 'new-2');
SELECT annex.expose('docs', 'new-2'), count(*) FROM annex.exposure WHERE unit = 'new-2';
SAVEPOINT before;
SELECT annex.expose('docs', 'new-3');
ROLLBACK TO before;
SELECT count(*) FROM annex.exposure;
SELECT annex.expose('docs', 'new-3'), annex.expose('docs', 'new-3');
SELECT count(*) FROM annex.exposure;
COMMIT;
SELECT annex.feedback('docs', 'new-3', 1), lastval() AS outcome;
SELECT x.unit, o.value FROM annex.outcome o JOIN annex.exposure x ON x.id = o.exposure;
-- The indexes have what the table has.
SET enable_seqscan = off;
SELECT unit FROM annex.exposure WHERE id = 3;
SELECT id FROM annex.exposure WHERE experiment = 1 AND unit = 'new-2';
RESET enable_seqscan;
-- A long unit is compressed; one that no index takes is refused as by a statement.
SELECT annex.expose('docs', repeat('x', 2000)), annex.expose('docs', repeat('x', 2000));
SELECT annex.expose('docs', string_agg(md5(i::text), '')) FROM generate_series(1, 200) i;
-- What only a statement does.
CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'new unit %', NEW.unit; RETURN NEW; END $$;
CREATE TRIGGER told BEFORE INSERT ON annex.exposure FOR EACH ROW EXECUTE FUNCTION told();
SELECT annex.expose('docs', 'told'), annex.expose('docs', 'told');
DROP TRIGGER told ON annex.exposure;
SELECT annex.expose('docs', 'untold');
BEGIN;
ALTER TABLE annex.exposure ADD CONSTRAINT no_bots CHECK (unit <> 'bot');
\set VERBOSITY terse
SELECT annex.expose('docs', 'bot');
\set VERBOSITY default
ROLLBACK;
BEGIN;
ALTER TABLE annex.exposure ADD COLUMN seen_by name DEFAULT current_user;
SELECT annex.expose('docs', 'seen');
SELECT unit, seen_by = current_user AS seen FROM annex.exposure WHERE unit = 'seen';
ROLLBACK;
BEGIN;
ALTER TABLE annex.exposure ALTER COLUMN at SET DEFAULT '2001-01-01';
SELECT annex.expose('docs', 'early');
SELECT unit, at::date FROM annex.exposure WHERE unit = 'early';
ROLLBACK;
BEGIN;
CREATE UNIQUE INDEX ON annex.exposure (lower(unit)) WHERE unit LIKE 'On%';
SELECT annex.expose('docs', 'only'), annex.expose('docs', 'Only');
SELECT annex.expose('docs', 'oNLY'), annex.expose('docs', 'OnlY');
ROLLBACK;
BEGIN;
CREATE INDEX by_version ON annex.exposure (version, unit);
SELECT annex.expose('docs', 'indexed');
SET LOCAL enable_seqscan = off;
SELECT unit FROM annex.exposure WHERE version = 2 AND unit = 'indexed';
ROLLBACK;
BEGIN;
CREATE RULE more AS ON INSERT TO annex.exposure DO ALSO SELECT 1;
SELECT annex.expose('docs', 'ruled');
ROLLBACK;
BEGIN READ ONLY;
SELECT annex.expose('docs', 'new-0');
SELECT annex.expose('docs', 'new-4');
ROLLBACK;
-- The right to insert, of the table or of the three columns, asked before each row.
SET ROLE regress_path_app;
SELECT annex.expose('docs', 'app-1');
RESET ROLE;
REVOKE INSERT (version) ON annex.exposure FROM regress_path_app;
SET ROLE regress_path_app;
SELECT annex.expose('docs', 'app-1');
SELECT annex.expose('docs', 'app-2');
RESET ROLE;
GRANT INSERT ON annex.exposure TO regress_path_team;
GRANT regress_path_team TO regress_path_app;
SET ROLE regress_path_app;
SELECT annex.expose('docs', 'app-2');
RESET ROLE;
REVOKE regress_path_team FROM regress_path_app;
SET ROLE regress_path_app;
SELECT annex.expose('docs', 'app-3');
RESET ROLE;
REVOKE INSERT ON annex.exposure FROM regress_path_team;
GRANT INSERT (version) ON annex.exposure TO regress_path_app;
SELECT unit, count(*) FROM annex.exposure WHERE length(unit) < 100 GROUP BY unit ORDER BY unit;

-- Places of rows: two models in turns, a row that moved, one that is gone, its page with it, another one there.
CREATE TABLE images (id int PRIMARY KEY, body text);
INSERT INTO images VALUES (1, 'one');
SELECT annex.register_model('images', 'images', 'id', 'body'), annex.register_version('images', 1, 'l2'), annex.register_version('images', 1, 'l2');
SELECT annex.put('images', v, '1', '[1]', h) FROM annex.content_hash('one') h, generate_series(1, 2) v;
SELECT annex.promote('images', 1) > 0 AS promoted;
SELECT annex.challenge('images', 2, 0.5, 'click') AS challenge;
UPDATE annex.experiment SET salt = 's2' WHERE model = 'images';
SELECT i, d.version AS docs, d.experiment, m.version AS images, m.experiment FROM generate_series(1, 6) i, annex.route('docs', 'u' || i) d, annex.route('images', 'u' || i) m;
UPDATE annex.experiment SET salt = 's3';
SELECT answer AS moved, statements FROM statements('answers()') \gset
SELECT :'moved' <> :'direct' AS changed, :statements > 0 AS statements;
ALTER TABLE annex.experiment ENABLE ROW LEVEL SECURITY;
SELECT answer = :'moved' AS same, statements > 0 AS statements FROM statements('answers()');
ALTER TABLE annex.experiment DISABLE ROW LEVEL SECURITY;
SELECT version, arm, experiment FROM annex.route('docs', 'user-1');
DELETE FROM annex.experiment;
SELECT version, arm, experiment FROM annex.route('docs', 'user-1');
VACUUM annex.experiment;
SELECT version, arm, experiment FROM annex.route('docs', 'user-1');
SELECT annex.challenge('images', 2, 0.5, 'click') > 0 AS challenged;
SELECT version, arm, experiment FROM annex.route('docs', 'user-1');
SELECT annex.challenge('docs', 2, 0.999999, 'click') AS challenge;
SELECT version, arm, experiment FROM annex.route('docs', 'user-1');

-- A new extension in the same session.
DROP EXTENSION annex CASCADE;
DROP TABLE docs_v1, docs_v2, images_v1, images_v2;
SELECT annex.champion('docs');
CREATE EXTENSION annex;
SELECT annex.champion('docs');
SELECT annex.route('docs', 'user-1');
SELECT annex.register_model('docs', 'docs', 'id', 'body'), annex.register_version('docs', 1, 'l2');
SELECT annex.put('docs', 1, '1', '[1]', h) FROM annex.content_hash('one') h;
SELECT annex.promote('docs', 1);
SELECT annex.champion('docs'), annex.expose('docs', 'user-1');
SELECT * FROM annex.route('docs', 'user-1');

\c :home
SET client_min_messages = warning;
DROP DATABASE annex_path;
DROP ROLE regress_path_app, regress_path_team;
