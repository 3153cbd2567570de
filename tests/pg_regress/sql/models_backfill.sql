-- Proves: pending hands out missing rows, then edited ones, in slices that are disjoint and complete; put is idempotent and takes
-- only what fits the version; progress counts exactly; an edit while the model ran stays visible.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE SCHEMA team;
SET search_path = team, public;
CREATE TABLE docs (id bigint PRIMARY KEY, body text);
INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(1, 2000) i;
-- A model for tests: the vector follows from the text.
CREATE FUNCTION fake_model(t text, d int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg(get_byte(sha256(convert_to(t, 'UTF8')), i) - 127.5)::real[]::vector FROM generate_series(0, d - 1) i $$;
SELECT annex.register_model('docs', 'docs', 'id', 'body');
SELECT annex.register_version('docs', 8);
SELECT * FROM annex.progress('docs');
SELECT key, content, content_hash = sha256(content::bytea) AS hash FROM annex.pending('docs', 1, 3);
SELECT key FROM annex.pending('docs', 1, 2, after => '1998');
SELECT count(*) FROM annex.pending('docs', 1);
SELECT count(*) FILTER (WHERE annex.put('docs', 1, key, fake_model(content, 8), content_hash)) FROM annex.pending('docs', 1, 5000);
SELECT * FROM annex.progress('docs');
SELECT count(*) FROM annex.pending('docs', 1, 5000);

SELECT annex.index_ddl('docs', 1) \gexec
SET enable_seqscan = off;
CREATE FUNCTION top10() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(id::text, ' ' ORDER BY n)) FROM (
        SELECT id, row_number() OVER () AS n FROM (
            SELECT id FROM docs_embeddings WHERE version = 1 ORDER BY embedding <=> fake_model('doc 7', 8) LIMIT 10) nearest) numbered $$;
SELECT top10() AS before \gset
-- The next version fills while this one serves; edits, deletions and new rows come in between.
SELECT annex.register_version('docs', 16);
SELECT count(*) FILTER (WHERE annex.put('docs', 2, key, fake_model(content, 16), content_hash)) FROM annex.pending('docs', 2, 1000);
-- What version 1 answers has not changed.
SELECT top10() = :'before' AS same;
UPDATE docs SET body = body || ' (edited)' WHERE id IN (10, 20, 30);
DELETE FROM docs WHERE id = 40;
INSERT INTO docs VALUES (9001, 'new doc'), (9002, NULL);
SELECT * FROM annex.progress('docs');
-- Missing rows come first, then the edited ones, each in the order of the key.
SELECT string_agg(key, ' ' ORDER BY n) FILTER (WHERE n > 999) AS last, count(*) FROM annex.pending('docs', 2, 5000) WITH ORDINALITY p (key, content, hash, n);
-- Two workers: disjoint slices that are all of it.
SELECT count(*) AS rows, count(DISTINCT key) AS keys, count(DISTINCT worker) AS workers, min(share) > 400 AS even
    FROM (SELECT p.key, w AS worker, count(*) OVER (PARTITION BY w) AS share
          FROM generate_series(0, 1) w, annex.pending('docs', 2, 5000, w, 2) p) slices;
SELECT count(*) FILTER (WHERE annex.put('docs', 2, key, fake_model(content, 16), content_hash)) FROM annex.pending('docs', 2, 5000, 0, 2);
SELECT count(*) FILTER (WHERE annex.put('docs', 2, key, fake_model(content, 16), content_hash)) FROM annex.pending('docs', 2, 5000, 1, 2);
SELECT count(*) FILTER (WHERE annex.put('docs', 1, key, fake_model(content, 8), content_hash)) FROM annex.pending('docs', 1, 5000);
SELECT * FROM annex.progress('docs');

-- How alike the versions answer: the vectors of the second begin with those of the first.
SELECT annex.overlap('docs', 1, 1), annex.overlap('docs', 1, 1, 1, 1), annex.overlap('docs', 1, 2) = annex.overlap('docs', 2, 1) AS symmetric,
    annex.overlap('docs', 1, 2) BETWEEN .01 AND .99 AS alike;
-- More neighbours than an index scan returns by itself.
SELECT k, annex.overlap('docs', 1, 1, k, 20) FROM (VALUES (40), (100), (500)) v (k);
SELECT annex.overlap('docs', 1, 2, 0);
SELECT annex.overlap('docs', 1, 2, n => 0);
SELECT annex.overlap('docs', 1, 9);
-- Deleted rows are in no search any more, without a DELETE on the tables of versions.
DELETE FROM docs WHERE id BETWEEN 101 AND 200;
SELECT version, count(*), count(*) FILTER (WHERE id BETWEEN 101 AND 200) AS deleted FROM docs_embeddings GROUP BY version ORDER BY version;
SET hnsw.ef_search = 1000;
SELECT count(*) FILTER (WHERE id BETWEEN 101 AND 200) AS deleted, count(*) FROM (
    SELECT id FROM docs_embeddings WHERE version = 1 ORDER BY embedding <=> fake_model('doc 150', 8) LIMIT 500) nearest;
SELECT total, current, missing FROM annex.progress('docs');

-- Same call twice, same state; a row edited while the model ran stays pending; a row that is gone is no error.
SELECT annex.put('docs', 1, '1', fake_model('doc 1', 8), annex.content_hash('doc 1')) FROM generate_series(1, 2);
SELECT count(*) FROM docs_v1 WHERE id = 1;
UPDATE docs SET body = 'newer' WHERE id = 1;
SELECT annex.put('docs', 1, '1', fake_model('doc 1', 8), annex.content_hash('doc 1'));
SELECT key, content FROM annex.pending('docs', 1);
SELECT annex.put('docs', 1, '40', fake_model('doc 40', 8), annex.content_hash('doc 40'));
-- A text that became NULL needs no embedding.
UPDATE docs SET body = NULL WHERE id = 1;
SELECT * FROM annex.pending('docs', 1);
SELECT total, current, missing FROM annex.progress('docs') WHERE version = 1;

-- An empty source is complete.
CREATE TABLE empty (id uuid PRIMARY KEY, body text);
SELECT annex.register_model('empty', 'empty', 'id', 'body');
SELECT annex.register_version('empty', 3, 'ip');
SELECT * FROM annex.progress('empty');
SELECT annex.overlap('empty', 1, 1);
INSERT INTO empty VALUES ('00000000-0000-0000-0000-000000000001', 'x');
SELECT annex.put('empty', 1, key, '[0,0,0]', content_hash) FROM annex.pending('empty', 1, 10, 0, 1, '00000000-0000-0000-0000-000000000000');
SELECT * FROM annex.pending('empty', 1, 10, 0, 1, 'no uuid');

-- Keys and hashes follow from the row, not from how a session writes values: one pulls, another one puts, a third one counts.
CREATE TABLE days (day timestamptz PRIMARY KEY, picture bytea);
INSERT INTO days VALUES ('2026-02-01 12:00+00', '\x00ff'), ('2026-01-02 12:00+00', '\x0102');
SELECT annex.register_model('days', 'days', 'day', 'picture'), annex.register_version('days', 1, 'l2');
SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Tokyo'; SET bytea_output = 'escape';
CREATE TABLE pulled AS SELECT * FROM annex.pending('days', 1);
SET DateStyle = 'SQL, MDY'; SET TimeZone = 'America/Lima';
SELECT key, content, annex.put('days', 1, key, '[1]', content_hash) FROM pulled ORDER BY key;
RESET DateStyle; RESET TimeZone; RESET bytea_output;
SELECT * FROM annex.progress('days');
CREATE TABLE ratios (ratio float8 PRIMARY KEY, body text);
INSERT INTO ratios VALUES (0.1234567890123456, 'x');
SELECT annex.register_model('ratios', 'ratios', 'ratio', 'body'), annex.register_version('ratios', 1, 'l2');
SET extra_float_digits = -3;
SELECT key, annex.put('ratios', 1, key, '[1]', content_hash) FROM annex.pending('ratios', 1);
RESET extra_float_digits;

-- Refused.
SELECT annex.put('docs', 1, '1', '[1,2,3]', annex.content_hash('x'));
SELECT annex.put('docs', 1, '1', '[0,0,0,0,0,0,0,0]', annex.content_hash('x'));
SELECT annex.put('docs', 1, '1', '[0,0,0,0,0,0,0,1]', 'abc');
SELECT annex.put('docs', 1, NULL, '[0,0,0,0,0,0,0,1]', 'abc');
SELECT annex.put('docs', 1, '1', NULL, 'abc');
SELECT annex.put('docs', 7, '1', '[1]', 'abc');
SELECT annex.put('none', 1, '1', '[1]', 'abc');
SELECT annex.put('docs', 1, 'one', '[0,0,0,0,0,0,0,1]', annex.content_hash('x'));
SELECT * FROM annex.pending('docs', 1, worker => 2, workers => 2);
SELECT * FROM annex.pending('docs', 1, worker => 0, workers => 0);
SELECT * FROM annex.pending('docs', 1, -1);
SELECT * FROM annex.pending('docs', 1, NULL);
SELECT * FROM annex.progress('none');

SET client_min_messages = warning;
DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
