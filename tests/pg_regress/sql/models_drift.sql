-- Proves: samples are taken at the rate asked for, capped and expired, and a wrong call is refused whether it would be kept or not;
-- queries that moved are noticed, those that did not are not; a sentinel catches another model; recall makes a version ready.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE SCHEMA team;
SET search_path = team, public;
-- Numbers that look random, the same on every platform.
CREATE FUNCTION vector_of(seed text, shift real DEFAULT 0) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(get_byte(sha256(convert_to(seed, 'UTF8')), i) / 255.0 - 0.5 + CASE i WHEN 0 THEN shift ELSE 0 END ORDER BY i)::real[]::vector FROM generate_series(0, 7) i $$;
CREATE TABLE docs (id int PRIMARY KEY, body text);
INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(1, 1200) i;
SELECT annex.register_model('docs', 'docs', 'id', 'body'), annex.register_version('docs', 8), annex.register_version('docs', 8, 'l2');
SELECT count(*) FILTER (WHERE annex.put('docs', 1, key, vector_of(content), content_hash)) FROM annex.pending('docs', 1, 5000);
SELECT annex.index_ddl('docs', 1) \gexec

-- The rate.
SELECT count(*) FILTER (WHERE annex.sample_query('docs', 1, vector_of('q'), rate => 0)) AS none, count(*) FILTER (WHERE annex.sample_query('docs', 1, vector_of('q'), rate => 1, k => 7)) AS every
    FROM generate_series(1, 100);
SELECT count(*) FILTER (WHERE annex.sample_query('docs', 1, vector_of('q'))) BETWEEN 50 AND 150 AS about_one_percent FROM generate_series(1, 10000);
SELECT version, query = vector_of('q') AS query, k, count(*) >= 50 AS enough, max(at) > now() - interval '1 minute' AS recent FROM annex.query_sample GROUP BY 1, 2, 3 ORDER BY k;
-- Nothing is written where nothing can be: a search on a standby may call it.
BEGIN READ ONLY;
SELECT annex.sample_query('docs', 1, vector_of('q'), 1);
COMMIT;
-- Errors do not wait for the draw.
SELECT annex.sample_query('docs', 1, '[1,2]', 0);
SELECT annex.sample_query('none', 1, '[1,2]', 0);
SELECT annex.sample_query('docs', 9, '[1,2]', 0);
SELECT annex.sample_query('docs', 1, vector_of('q'), 1.5);
SELECT annex.sample_query('docs', 1, vector_of('q'), 'NaN');
SELECT annex.sample_query('docs', 1, vector_of('q'), k => 0);
SELECT annex.sample_query('docs', 1, NULL);
-- A call that was right once is refused when it would be kept, and keeps nothing.
BEGIN;
SELECT annex.sample_query('docs', 2, vector_of('q'), 0), annex.sample_query('docs', 2, vector_of('q'), 1);
INSERT INTO annex.retirement (model, version) VALUES ('docs', 2);
SELECT annex.sample_query('docs', 2, vector_of('q'), 0);
SELECT annex.sample_query('docs', 2, vector_of('q'), 1);
ROLLBACK;

-- Caps and expiry; versions each for themselves.
TRUNCATE annex.query_sample;
INSERT INTO annex.query_sample (model, version, query, at) SELECT 'docs', v, vector_of('q' || i), now() - i * interval '1 day' FROM generate_series(1, 40) i, generate_series(1, 2) v;
SELECT annex.maintain();
SELECT version, count(*), max(now() - at) <= interval '30 days' AS young FROM annex.query_sample GROUP BY version ORDER BY version;
SET annex.sample_max_rows = 5;
SELECT annex.maintain();
SELECT version, count(*), round(extract(epoch FROM max(now() - at)) / 86400) AS oldest_days FROM annex.query_sample GROUP BY version ORDER BY version;
SET annex.sample_max_days = 3;
SELECT annex.maintain(), annex.maintain();
SELECT version, count(*) FROM annex.query_sample GROUP BY version ORDER BY version;
SET annex.sample_max_days = 40000;
RESET annex.sample_max_days;
RESET annex.sample_max_rows;

-- 300 samples, then 300 that are shifted.
TRUNCATE annex.query_sample;
INSERT INTO annex.query_sample (model, version, query, at) SELECT 'docs', 1, vector_of('q' || i), '2026-01-01'::timestamptz + i * interval '1 minute' FROM generate_series(1, 300) i;
INSERT INTO annex.query_sample (model, version, query, at) SELECT 'docs', 1, vector_of('q' || i, 0.5), '2026-01-02'::timestamptz + i * interval '1 minute' FROM generate_series(301, 600) i;
INSERT INTO annex.query_sample (model, version, query, at) SELECT 'docs', 1, vector_of('q' || i), '2026-01-03'::timestamptz + i * interval '1 minute' FROM generate_series(601, 900) i;
-- A row of other dimensions, which only a hand can have written, is left out.
INSERT INTO annex.query_sample (model, version, query, at) VALUES ('docs', 1, '[1,2]', '2026-01-01 12:00');
SELECT statistic, round(value::numeric, 6) AS value, p FROM annex.drift('docs', 1, '[2026-01-01,2026-01-02)', '[2026-01-02,2026-01-03)');
SELECT statistic, p FROM annex.drift('docs', 1, '[2026-01-01,2026-01-02)', '[2026-01-01,2026-01-02)');
SELECT statistic, p > 0.01 AS none FROM annex.drift('docs', 1, '[2026-01-01,2026-01-02)', '[2026-01-03,2026-01-04)');
SELECT kind, n, round(value::numeric, 6) AS value, detail FROM annex.measurement WHERE kind = 'drift' ORDER BY id LIMIT 3;
-- The newest is what status shows.
SELECT version, drift_p = (SELECT (detail ->> 'p')::float8 FROM annex.measurement WHERE kind = 'drift' ORDER BY id DESC LIMIT 1) AS drift, drift_at IS NOT NULL AS at FROM annex.status ORDER BY version;
-- Values by an independent computation, nearest rows without the index.
SET enable_indexscan = off;
WITH s AS (
    SELECT at < '2026-01-02' AS reference, query, (SELECT min(e.embedding <=> q.query) FROM docs_v1 e) AS top1 FROM annex.query_sample q WHERE vector_dims(query) = 8 AND at < '2026-01-03'
), ks AS (
    SELECT max(abs((SELECT count(*) FROM s r WHERE r.reference AND r.top1 <= x.top1) - (SELECT count(*) FROM s c WHERE NOT c.reference AND c.top1 <= x.top1)) / 300.0) AS top1_ks FROM s x
)
SELECT round((avg(query) FILTER (WHERE reference) <=> avg(query) FILTER (WHERE NOT reference))::numeric, 6) AS centroid_cosine,
    round((avg(vector_norm(query)) FILTER (WHERE NOT reference) / avg(vector_norm(query)) FILTER (WHERE reference))::numeric, 6) AS norm_ratio,
    (SELECT round(top1_ks, 6) FROM ks) AS top1_ks FROM s;
RESET enable_indexscan;
-- Too few, and none; no embeddings.
SELECT * FROM annex.drift('docs', 1, '[2026-01-01,2026-01-02)', '[2026-01-02,2026-01-02 05:29:30)');
SELECT * FROM annex.drift('docs', 1, 'empty', '[2026-01-02,)');
INSERT INTO annex.query_sample (model, version, query, at) SELECT 'docs', 2, query, at FROM annex.query_sample WHERE vector_dims(query) = 8;
SELECT * FROM annex.drift('docs', 2, '[2026-01-01,2026-01-02)', '[2026-01-02,)');
SELECT * FROM annex.drift('docs', 1, NULL, '[2026-01-02,)');
SELECT * FROM annex.drift('docs', 1, '(,)', NULL);

-- Readiness: recall never measured, below the minimum, at it, too old; a sentinel never checked, then by the right and by another model.
SELECT item, ok, detail FROM annex.readiness('docs', 1) WHERE item IN ('recall', 'sentinel');
INSERT INTO annex.measurement (model, version, kind, value) VALUES ('docs', 1, 'recall', 0.89);
\set VERBOSITY terse
SELECT annex.promote('docs', 1);
\set VERBOSITY default
INSERT INTO annex.measurement (model, version, kind, value) VALUES ('docs', 1, 'recall', 0.9);
SELECT item, ok FROM annex.readiness('docs', 1) WHERE item = 'recall';
INSERT INTO annex.measurement (model, version, kind, value, at) VALUES ('docs', 1, 'recall', 1, now() - interval '8 days');
SELECT item, ok, detail LIKE '%more than 7 days ago' AS old FROM annex.readiness('docs', 1) WHERE item = 'recall';
INSERT INTO annex.measurement (model, version, kind, value) VALUES ('docs', 1, 'recall', 0.95);
INSERT INTO annex.sentinel (model, version, content, embedding) VALUES ('docs', 1, 'a text', vector_of('a text'));
SELECT annex.promote('docs', 1);
SELECT abs(annex.check_sentinel('docs', 1, 'a text', vector_of('a text')) - 1) < 1e-6 AS right_model;
SELECT annex.check_sentinel('docs', 1, 'a text', vector_of('another text'));
\echo :LAST_ERROR_SQLSTATE
SELECT annex.promote('docs', 1) > 0 AS promoted;

-- What annex.recall says of the index is what a search without it says.
CREATE FUNCTION recall_of(query vector) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE nearest float8; found float8[];
BEGIN
    PERFORM set_config('enable_indexscan', 'off', true);
    SELECT max(d) INTO nearest FROM (SELECT embedding <=> query AS d FROM docs_v1 ORDER BY d LIMIT 10) e;
    PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
    SELECT array_agg(d) INTO found FROM (SELECT embedding <=> query AS d FROM docs_v1 ORDER BY embedding <=> query LIMIT 10) a;
    PERFORM set_config('enable_seqscan', 'on', true);
    RETURN (SELECT count(*) / 10.0 FROM unnest(found) d WHERE d <= nearest + 1e-6 * abs(nearest));
END $$;
SET hnsw.ef_search = 10;
WITH q AS (SELECT array_agg(vector_of('query ' || i) ORDER BY i) AS queries FROM generate_series(1, 100) i)
SELECT count(*) AS queries, count(*) FILTER (WHERE r.recall = recall_of(queries[r.query])) AS agreed, avg(r.recall) > 0.5 AS found FROM q, annex.recall('docs_v1_embedding_idx', queries) r;
RESET hnsw.ef_search;

SET client_min_messages = warning;
DROP SCHEMA team CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
