-- Proves: annex.measure_recall measures a version's index by rows or samples, with a filter too, appends what annex.recall
-- says as a row of annex.measurement, and returns it; readiness goes by it; who may, and every error.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE FUNCTION embed(t text) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(get_byte(sha256(convert_to(t, 'UTF8')), i) - 127.5)::real[]::vector FROM generate_series(0, 15) i $$;
CREATE SCHEMA regress_measure;
SET search_path = regress_measure, public;
CREATE TABLE docs (id bigint PRIMARY KEY, body text NOT NULL);
INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(1, 1500) i;
SELECT annex.register_model('measured', 'docs', 'id', 'body'), annex.register_version('measured', 16, 'l2'), annex.register_version('measured', 16);
SELECT count(*) FILTER (WHERE annex.put('measured', 1, key, embed(content), content_hash)) FROM annex.pending('measured', 1, 5000);

SELECT annex.measure_recall('measured', 1);
\echo :SQLSTATE
CREATE INDEX ON measured_v1 USING hnsw (embedding vector_l2_ops) WITH (m = 4, ef_construction = 10, ef_search = 12);
SELECT model, version, kind, value BETWEEN lo AND hi AS within, lo < hi AS has_width, n, detail - '{p50_ms,p95_ms}'::text[] AS detail,
    (detail ->> 'p50_ms')::float8 > 0 AND (detail ->> 'p50_ms')::float8 <= (detail ->> 'p95_ms')::float8 AS times, actor = current_user AS mine
FROM annex.measure_recall('measured', 1);
SELECT item, ok FROM annex.readiness('measured', 1) WHERE item = 'recall';
-- Twice the same queries: the same result but for the times. The row is in the table.
SELECT a.value = b.value AND a.lo = b.lo AND b.id > a.id AS same
FROM (SELECT * FROM annex.measurement WHERE kind = 'recall' ORDER BY id DESC LIMIT 1) a, annex.measure_recall('measured', 1) b;
SELECT count(*) FROM annex.measurement WHERE model = 'measured' AND kind = 'recall';
-- More candidates, more recall; whose they are is said.
SELECT low.value < high.value AS more_with_more, high.detail ->> 'ef_search' AS ef_search, high.detail ->> 'origin' AS origin
FROM (SELECT * FROM annex.measurement WHERE kind = 'recall' ORDER BY id DESC LIMIT 1) low,
    LATERAL (SELECT set_config('hnsw.ef_search', '400', true)) s, LATERAL (SELECT m.* FROM annex.measure_recall('measured', 1) m OFFSET 0) high;
-- With a filter a scan that does not go on misses rows; one that does finds them.
SELECT value < 0.5 AS misses, detail ->> 'filter_fraction' AS fraction, detail ->> 'filter' AS filter FROM annex.measure_recall('measured', 1, 10, 50, 0.05);
SET hnsw.iterative_scan = relaxed_order;
SELECT value > 0.8 AS finds FROM annex.measure_recall('measured', 1, 10, 50, 0.05);
RESET hnsw.iterative_scan;
-- All rows qualify: as without a filter. Rows updated in place are found under their new place.
UPDATE measured_v1 SET embedded_at = embedded_at + interval '1 s' WHERE id % 2 = 0;
SELECT bool_and(f.value = a.value) AS same FROM annex.measure_recall('measured', 1) a, annex.measure_recall('measured', 1, 10, 100, 1) f;

-- tune records too.
SELECT count(*) FILTER (WHERE chosen) AS chosen FROM annex.tune('measured_v1_embedding_idx', 0.8);
SELECT kind, value >= 0.8 AS reaches, lo >= 0.8 AS surely, hi, n, detail - 'ef_search' AS detail, (detail ->> 'ef_search')::int > 0 AS has_ef
FROM annex.measurement WHERE model = 'measured' AND kind = 'tune';

-- With 30 samples of what users ask, these are asked; one of other dimensions, written by hand, is passed over.
INSERT INTO annex.query_sample (model, version, query) SELECT 'measured', 1, embed('asked ' || i) FROM generate_series(1, 29) i;
INSERT INTO annex.query_sample (model, version, query) VALUES ('measured', 1, '[1,2]'), ('measured', 2, embed('asked 30'));
SELECT n, detail ->> 'source' AS source FROM annex.measure_recall('measured', 1);
INSERT INTO annex.query_sample (model, version, query) VALUES ('measured', 1, embed('asked 30'));
SELECT n, detail ->> 'source' AS source, abs(m.value - r.recall) < 1e-12 AS as_recall_says
FROM annex.measure_recall('measured', 1) m,
    (SELECT avg(recall) AS recall FROM annex.recall('measured_v1_embedding_idx', (SELECT array_agg(embed('asked ' || i)) FROM generate_series(1, 30) i), 10)) r;
SELECT DISTINCT query_source FROM annex.tune('measured_v1_embedding_idx', 0.8);
TRUNCATE annex.query_sample;

-- Every error.
SELECT annex.measure_recall(NULL, 1);
\echo :SQLSTATE
SELECT annex.measure_recall('measured', NULL);
\echo :SQLSTATE
SELECT annex.measure_recall('measured', 1, NULL);
\echo :SQLSTATE
SELECT annex.measure_recall('measured', 1, 10, NULL);
\echo :SQLSTATE
SELECT annex.measure_recall('no_such', 1);
\echo :SQLSTATE
SELECT annex.measure_recall('measured', 9);
\echo :SQLSTATE
SELECT annex.measure_recall('measured', 1, 0);
\echo :SQLSTATE
SELECT annex.measure_recall('measured', 1, 10, 0);
\echo :SQLSTATE
SELECT annex.measure_recall('measured', 1, 10, 10, 0);
\echo :SQLSTATE
SELECT annex.measure_recall('measured', 1, 10, 10, 1.5);
\echo :SQLSTATE
CREATE INDEX ON measured_v2 USING hnsw (embedding vector_cosine_ops);
SELECT annex.measure_recall('measured', 2);
\echo :SQLSTATE
BEGIN READ ONLY;
SELECT annex.measure_recall('measured', 1);
\echo :SQLSTATE
ROLLBACK;

-- The right to append a measurement comes before all work; a reader sees measurements and statistics.
CREATE ROLE regress_measure_reader;
SELECT annex.grant_to('regress_measure_reader', 'reader');
GRANT USAGE ON SCHEMA regress_measure TO regress_measure_reader;
GRANT SELECT ON docs, measured_v1 TO regress_measure_reader;
SET ROLE regress_measure_reader;
SELECT annex.measure_recall('measured', 1);
\echo :SQLSTATE
SELECT count(*) FILTER (WHERE chosen) AS chosen FROM annex.tune('measured_v1_embedding_idx', 0.8);
SELECT count(*) FROM annex.stat_hnsw WHERE index::text LIKE '%measured_v%';
SELECT count(*) FROM annex.measurement WHERE model = 'measured' AND kind = 'tune';
RESET ROLE;

-- Scans of the index are counted as PostgreSQL counts them: by measurements, and by searches.
SELECT pg_stat_force_next_flush();
SELECT scans AS before FROM annex.stat_hnsw WHERE index = 'measured_v1_embedding_idx'::regclass \gset
SET enable_seqscan = off;
SELECT count(*) FROM generate_series(1, 25) i, LATERAL (SELECT FROM measured_v1 ORDER BY embedding <-> embed('q' || i) LIMIT 1) s;
SELECT pg_stat_force_next_flush();
SELECT scans - :before AS scans FROM annex.stat_hnsw WHERE index = 'measured_v1_embedding_idx'::regclass;

SET client_min_messages = warning;
DROP SCHEMA regress_measure CASCADE;
TRUNCATE annex.model, annex.version, annex.retirement, annex.artifact, annex.deployment, annex.experiment, annex.exposure, annex.outcome, annex.sentinel, annex.query_sample, annex.measurement RESTART IDENTITY;
DROP OWNED BY regress_measure_reader;
DROP FUNCTION embed;
DROP ROLE regress_measure_reader;
