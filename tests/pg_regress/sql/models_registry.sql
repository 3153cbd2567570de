-- Proves: a model gets a view, each version a table of its own; the view serves versions of different dimensions side by side; grants
-- follow the source; names, columns and tables that cannot work are refused.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE SCHEMA team;
SET search_path = team, public;
CREATE ROLE regress_models_web;
GRANT USAGE ON SCHEMA team TO regress_models_web;

-- The routing hash and the content hash have reference values that no release may change.
SELECT unit, annex.bucket('salt', unit) FROM (VALUES ('user-42'), ('user-1'), (''), ('usuário-7')) units (unit);
SELECT count(*) FILTER (WHERE b < .1) AS tenth, count(*) FILTER (WHERE b < .2) AS fifth, bool_and(b >= 0 AND b < 1) AS in_range
    FROM generate_series(1, 50000) i, annex.bucket('s1', 'u' || i) b;
SELECT annex.content_hash('é') = sha256(convert_to('é', 'UTF8')) AS is_sha256_of_utf8;

CREATE TABLE docs (id bigint PRIMARY KEY, body text, note varchar(10), version int);
INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(1, 20) i;
GRANT SELECT ON docs TO regress_models_web;
SELECT annex.register_model('docs', 'docs', 'id', 'body', 'product search');
SELECT model, source, key_column, content_column, serving_view, description, created_by = current_user AS by_me FROM annex.model;
SELECT annex.register_version('docs', 2);
SELECT annex.register_version('docs', 3, 'l2', 's3://m/2', sha256('w'), '{"min_coverage": 50}', 'data', 'code');
SELECT model, version, dim, metric, embeddings, artifact_uri, length(artifact_sha256) AS hash, params, data_ref, code_ref FROM annex.version ORDER BY version;
\d docs_v2
\d docs_embeddings
SELECT reloptions FROM pg_class WHERE relname = 'docs_embeddings';
-- Versions of other dimensions answer side by side; a constant version reads its own table alone.
INSERT INTO docs_v1 (id, embedding, content_hash) SELECT id, ARRAY[id, 1]::real[]::vector, annex.content_hash(body) FROM docs;
INSERT INTO docs_v2 (id, embedding, content_hash) SELECT id, ARRAY[id, 1, 1]::real[]::vector, annex.content_hash(body) FROM docs;
SELECT id FROM docs_embeddings WHERE version = 1 ORDER BY embedding <=> '[1,0]', id LIMIT 2;
SELECT id FROM docs_embeddings WHERE version = 2 ORDER BY embedding <-> '[7,1,1]' LIMIT 1;
SELECT annex.index_ddl('docs', 1) \gexec
SELECT annex.index_ddl('docs', 2) \gexec
ANALYZE docs, docs_v1, docs_v2;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM docs_embeddings WHERE version = 2 ORDER BY embedding <-> '[7,1,1]' LIMIT 1;
PREPARE search(int, vector) AS SELECT id FROM docs_embeddings WHERE version = $1 ORDER BY embedding <-> $2 LIMIT 1;
SET plan_cache_mode = force_generic_plan;
-- Nor does a parameter: comparing vectors of other dimensions would be an error.
EXECUTE search(1, '[7,1]');
EXECUTE search(2, '[7,1,1]');
EXECUTE search(2, '[7,1]');
DEALLOCATE search;
RESET plan_cache_mode;
RESET enable_seqscan;
-- What the source grants, its versions and the view grant; a table's own grants go to the next version.
SET ROLE regress_models_web;
SELECT count(*) FROM docs_embeddings;
RESET ROLE;
GRANT INSERT, UPDATE ON docs_v2 TO regress_models_web;
SELECT annex.register_version('docs', 2);
SELECT relname, string_agg(a.privilege_type, ' ' ORDER BY a.privilege_type) AS granted
    FROM pg_class, aclexplode(relacl) a
    WHERE relname IN ('docs_v1', 'docs_v3', 'docs_embeddings') AND a.grantee = 'regress_models_web'::regrole GROUP BY 1 ORDER BY 1;
-- Rows go with those of the source, and follow their keys.
DELETE FROM docs WHERE id = 20;
UPDATE docs SET id = 21 WHERE id = 19;
SELECT version, count(*), max(id) FROM docs_embeddings GROUP BY version ORDER BY version;

-- A table that holds embeddings already.
CREATE TABLE ready (id bigint PRIMARY KEY REFERENCES docs ON UPDATE CASCADE ON DELETE CASCADE, embedding vector(2) NOT NULL,
    content_hash bytea NOT NULL, embedded_at timestamptz NOT NULL DEFAULT now(), more text);
SELECT annex.register_version('docs', 2, embeddings => 'ready');
SELECT annex.register_version('docs', 2, embeddings => 'ready');
SELECT annex.register_version('docs', 3, embeddings => 'docs_v2');
CREATE TABLE misfit (id bigint, embedding vector(3), content_hash bytea NOT NULL);
SELECT annex.register_version('docs', 2, embeddings => 'misfit');
ALTER TABLE misfit ALTER id SET NOT NULL;
SELECT annex.register_version('docs', 2, embeddings => 'misfit');
ALTER TABLE misfit ADD PRIMARY KEY (id);
SELECT annex.register_version('docs', 2, embeddings => 'misfit');
SELECT annex.register_version('docs', 3, embeddings => 'misfit');
ALTER TABLE misfit ALTER embedding SET NOT NULL;
SELECT annex.register_version('docs', 3, embeddings => 'misfit');
ALTER TABLE misfit ADD embedded_at timestamptz NOT NULL DEFAULT now(), ADD FOREIGN KEY (id) REFERENCES docs;
SELECT annex.register_version('docs', 3, embeddings => 'misfit');
SELECT annex.register_version('docs', 3, embeddings => 'docs_embeddings');

-- The index of a version.
DROP INDEX docs_v1_embedding_idx, docs_v2_embedding_idx;
SELECT annex.index_ddl('docs', 2);
SELECT annex.index_ddl('docs', 1, 8, 40);
SELECT annex.index_ddl('docs', 1, ef_construction => 100) \gexec
\d docs_v1
SELECT annex.register_version('docs', 16000);
SELECT annex.index_ddl('docs', 5);
-- A table whose name leaves no room for an ending.
CREATE TABLE a23456789012345678901234567890123456789012345678901234567890123 (id bigint PRIMARY KEY REFERENCES docs ON UPDATE CASCADE ON DELETE CASCADE,
    embedding vector(2) NOT NULL, content_hash bytea NOT NULL, embedded_at timestamptz NOT NULL DEFAULT now());
SELECT annex.register_version('docs', 2, embeddings => 'a23456789012345678901234567890123456789012345678901234567890123');
SELECT annex.index_ddl('docs', 6) \gexec
SELECT item, ok, detail FROM annex.readiness('docs', 6) WHERE item = 'index';

-- Refused: models.
SELECT annex.register_model('Docs', 'docs', 'id', 'body');
SELECT annex.register_model('docs', 'docs', 'id', 'body');
SELECT annex.register_model('d2', 'docs_embeddings', 'id', 'body');
CREATE TEMP TABLE temporary_docs (id int PRIMARY KEY, body text);
SELECT annex.register_model('d2', 'temporary_docs', 'id', 'body');
SELECT annex.register_model('d2', 'docs', 'nokey', 'body');
SELECT annex.register_model('d2', 'docs', 'id', 'nobody');
SELECT annex.register_model('d2', 'docs', 'note', 'body');
SELECT annex.register_model('d2', 'docs', 'version', 'body');
SELECT annex.register_model(NULL, 'docs', 'id', 'body');
SELECT annex.register_model('d2', 'docs', 'id', NULL);
CREATE VIEW d2_embeddings AS SELECT 1;
SELECT annex.register_model('d2', 'docs', 'id', 'body');
-- Refused: versions.
SELECT annex.register_version('none', 3);
SELECT annex.register_version('docs', 0);
SELECT annex.register_version('docs', 3, 'hamming');
SELECT annex.register_version('docs', 3, artifact_sha256 => 'abc');
SELECT annex.register_version('docs', 3, params => '{"min_recall": 1.5}');
SELECT annex.register_version('docs', 3, params => '{"min_coverage": "all"}');
SELECT annex.register_version('docs', 3, params => NULL);
SELECT annex.register_version('docs', 3, params => '[]');
SELECT annex.index_ddl('docs', 9);

-- Names that need quotes, a key with a collation of its own, a partitioned source.
CREATE TABLE "Odd ""Docs" ("The Key" text COLLATE "C" PRIMARY KEY, "select" text) PARTITION BY HASH ("The Key");
CREATE TABLE odd_part PARTITION OF "Odd ""Docs" FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO "Odd ""Docs" VALUES ('a''b', 'text');
SELECT annex.register_model('odd', '"Odd ""Docs"', 'The Key', 'select');
SELECT annex.register_version('odd', 1, 'l2');
SELECT annex.put('odd', 1, key, '[1]', content_hash) FROM annex.pending('odd', 1);
SELECT * FROM odd_embeddings;

-- Operators and functions of others on the search path are not met.
CREATE FUNCTION no_equal(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1';
CREATE OPERATOR = (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = no_equal);
CREATE FUNCTION no_text(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1';
CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = no_text);
CREATE FUNCTION count() RETURNS bigint LANGUAGE sql AS 'SELECT 1/0::bigint';
SET search_path = team, pg_catalog, public;
SELECT annex.put('docs', 1, '5', '[1,2]', annex.content_hash('x'));
SELECT key, content FROM annex.pending('docs', 1);
SELECT total, current, stale, missing FROM annex.progress('docs');
SELECT annex.promote('docs', 1, 'stale', true);
SELECT annex.champion('docs');
SET search_path = team, public;
DROP OPERATOR team.= (bigint, bigint);
DROP OPERATOR team.= (text, text);

-- Nor are types of others.
CREATE TABLE typed (id uuid PRIMARY KEY, body text);
CREATE DOMAIN uuid AS text;
CREATE DOMAIN int4 AS text;
SET search_path = team, pg_catalog, public;
SELECT annex.register_model('typed', 'typed', 'id', 'body'), annex.register_version('typed', 2);
SELECT attrelid::regclass, attname, atttypid::regtype FROM pg_attribute
    WHERE attrelid IN ('typed_v1'::regclass, 'typed_embeddings'::regclass) AND attname IN ('id', 'version') ORDER BY 1, 2;
SET search_path = team, public;
-- The longest name a model can have.
SELECT annex.register_model(repeat('m', 40), 'docs', 'id', 'body'), annex.register_version(repeat('m', 40), 2);

-- A model whose tables are gone says so.
DROP TABLE "Odd ""Docs" CASCADE;
SELECT annex.register_version('odd', 1);
SELECT model, version, problem FROM annex.status WHERE problem IS NOT NULL ORDER BY 1, 2;
SET client_min_messages = warning;
DROP TABLE docs_v2 CASCADE;
SELECT annex.register_version('docs', 2);
SELECT annex.put('docs', 2, '1', '[1,2,3]', sha256('x'));
SELECT item, ok, detail FROM annex.readiness('docs', 2);
SELECT annex.promote('docs', 2);
SELECT annex.promote('docs', 2, force => true);
DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
DROP ROLE regress_models_web;
