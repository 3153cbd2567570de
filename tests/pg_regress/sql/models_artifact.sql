-- Proves: the bytes of a model are stored in parts whose hash is checked; a sentinel tells when another model makes the vectors, and
-- old or missing checks keep a version from serving; maintain measures what the caller may read.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE SCHEMA team;
SET search_path = team, public;
CREATE TABLE docs (id int PRIMARY KEY, body text);
INSERT INTO docs VALUES (1, 'one'), (2, 'two');
SELECT annex.register_model('docs', 'docs', 'id', 'body');
-- Five parts of 1 MiB; the hash is that of their concatenation.
CREATE TABLE weights AS SELECT part, decode(repeat(md5(part::text), 65536), 'hex') AS data FROM generate_series(0, 4) part;
SELECT annex.register_version('docs', 2, artifact_sha256 => sha256(string_agg(data, '' ORDER BY part))) FROM weights;
SELECT item, ok, detail FROM annex.readiness('docs', 1) WHERE item = 'artifact';
INSERT INTO annex.artifact SELECT 'docs', 1, part, data FROM weights;
SELECT item, ok, detail FROM annex.readiness('docs', 1) WHERE item = 'artifact';
SELECT sha256(string_agg(a.data, '' ORDER BY part)) = v.artifact_sha256 AS equal
    FROM annex.artifact a JOIN annex.version v USING (model, version) GROUP BY v.artifact_sha256;
-- One byte changed, one part gone, one part too large.
UPDATE annex.artifact SET data = set_byte(data, 77, get_byte(data, 77) # 1) WHERE part = 3;
SELECT item, ok, detail FROM annex.readiness('docs', 1) WHERE item = 'artifact';
DELETE FROM annex.artifact WHERE part = 3;
SELECT item, ok, detail FROM annex.readiness('docs', 1) WHERE item = 'artifact';
INSERT INTO annex.artifact VALUES ('docs', 1, 3, decode(repeat('00', 1048577), 'hex'));
-- Bytes without a promised hash prove nothing.
SELECT annex.register_version('docs', 2);
INSERT INTO annex.artifact VALUES ('docs', 2, 0, 'x');
SELECT item, ok, detail FROM annex.readiness('docs', 2) WHERE item = 'artifact';
DELETE FROM annex.artifact;

-- Sentinels: by cosine, whatever the metric.
SELECT annex.register_version('docs', 3, 'l2', params => '{"sentinel_min": 0.99}');
SELECT item, ok, detail FROM annex.readiness('docs', 3) WHERE item = 'sentinel';
INSERT INTO annex.sentinel (model, version, content, embedding) VALUES ('docs', 3, 'hello', '[1,2,3]');
SELECT item, ok, detail FROM annex.readiness('docs', 3) WHERE item = 'sentinel';
SELECT round(annex.check_sentinel('docs', 3, 'hello', '[2,4,6]')::numeric, 6);
SELECT item, ok FROM annex.readiness('docs', 3) WHERE item = 'sentinel';
SELECT annex.check_sentinel('docs', 3, 'hello', '[3,2,1]');
SELECT annex.check_sentinel('docs', 3, 'hello', '[0,0,0]');
SELECT annex.check_sentinel('docs', 3, 'hello', '[1,2]');
SELECT annex.check_sentinel('docs', 3, 'bye', '[1,2,3]');
SELECT annex.check_sentinel('docs', 3, NULL, '[1,2,3]');
SELECT annex.check_sentinel('none', 3, 'hello', '[1,2,3]');
SELECT kind, round(value::numeric, 6) AS value FROM annex.measurement;
-- A check in a read-only transaction is a check all the same.
BEGIN READ ONLY;
SELECT round(annex.check_sentinel('docs', 3, 'hello', '[1,2,3]')::numeric, 6);
COMMIT;
-- Old measurements count no more, and bad ones count at once.
UPDATE annex.measurement SET at = at - interval '8 days';
SELECT ok, detail LIKE 'similarity 1.000000 at %, more than 7 days ago' AS says_why FROM annex.readiness('docs', 3) WHERE item = 'sentinel';
SELECT item, ok, detail FROM annex.readiness('docs', 3) WHERE item = 'recall';
INSERT INTO annex.measurement (model, version, kind, value) VALUES ('docs', 3, 'recall', .5);
SELECT ok, detail LIKE '0.5000 measured at %, at least 0.9 required' AS says_why FROM annex.readiness('docs', 3) WHERE item = 'recall';
INSERT INTO annex.measurement (model, version, kind, value) VALUES ('docs', 3, 'recall', .95);
SELECT ok FROM annex.readiness('docs', 3) WHERE item = 'recall';

SELECT annex.put('docs', 3, '1', '[1,2,3]', annex.content_hash('one'));
TRUNCATE annex.measurement;
SELECT annex.maintain();
SELECT annex.maintain();
SELECT version, kind, value, n, detail, count(*) FROM annex.measurement GROUP BY 1, 2, 3, 4, 5 ORDER BY 1;
SELECT version, coverage, coverage_at IS NOT NULL AS dated FROM annex.status ORDER BY 1;
-- Of a model whose source lost a column nothing can be measured; the others are.
CREATE TABLE broken (id int PRIMARY KEY, body text);
SELECT annex.register_model('broken', 'broken', 'id', 'body'), annex.register_version('broken', 2);
ALTER TABLE broken DROP COLUMN body;
SELECT annex.maintain();
SELECT model, version, count(*) FROM annex.measurement WHERE kind = 'coverage' GROUP BY 1, 2 ORDER BY 1, 2;
-- The source is gone: maintain goes on, status tells.
SET client_min_messages = warning;
DROP TABLE docs CASCADE;
SELECT annex.maintain();
SELECT annex.check_sentinel('docs', 3, 'hello', '[1,2,3]') > .99 AS checked;
SELECT * FROM annex.progress('docs');
SELECT version, problem FROM annex.status ORDER BY 1;
DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
