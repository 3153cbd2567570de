-- Proves: in a database of another encoding than UTF-8 names and texts come back as they went in.
\set VERBOSITY default
SET client_min_messages = notice;
\set db :DBNAME
CREATE DATABASE annex_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c annex_latin1
\encoding UTF8
CREATE EXTENSION annex;
CREATE TABLE "Wörter" (schlüssel text PRIMARY KEY, text text, v vector(2));
INSERT INTO "Wörter" SELECT 'ß' || i, 'café ' || i, ARRAY[i, i % 7]::vector FROM generate_series(1, 100) i;
CREATE INDEX "Wörter_ähnlich" ON "Wörter" USING hnsw (v vector_l2_ops);
-- The command that annex.tune gives can be run.
SELECT ddl FROM annex.tune('"Wörter_ähnlich"', 0.5, 1) WHERE chosen \gset
\echo :ddl
:ddl;
-- A text has the hash that it has everywhere.
SELECT annex.content_hash('café') = sha256(convert_to('café', 'UTF8')) AS same;
SELECT annex.register_model('words', '"Wörter"', 'schlüssel', 'text') IS NOT NULL AS registered, annex.register_version('words', 2) AS version;
SELECT key, content FROM annex.pending('words', 1, 2);
SELECT annex.put('words', 1, key, '[1,2]', content_hash) FROM annex.pending('words', 1, 2);
SELECT schlüssel FROM words_v1 ORDER BY 1;
\c :db
DROP DATABASE annex_latin1;
