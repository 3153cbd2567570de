-- Proves: annex.calibrate keeps a measured curve in the index; annex.target_recall chooses from it, below hnsw.ef_search and
-- above the index's option, while it is fresh; annex.stat_hnsw tells; REINDEX drops it; who may.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE FUNCTION vector_of(seed text, dims integer) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(get_byte(decode(md5(seed || '/' || i / 16), 'hex'), i % 16) - 127.5 ORDER BY i)::real[]::vector
    FROM generate_series(0, dims - 1) i $$;
CREATE TABLE cal (id integer PRIMARY KEY, embedding vector(16)) WITH (autovacuum_enabled = off);
INSERT INTO cal SELECT i, vector_of('row ' || i, 16) FROM generate_series(1, 2000) i;
CREATE INDEX cal_idx ON cal USING hnsw (embedding vector_l2_ops) WITH (m = 5, ef_construction = 12, ef_search = 23);
CREATE VIEW few AS SELECT array_agg(vector_of('query ' || i, 16)) AS queries FROM generate_series(1, 60) i;
CREATE VIEW stat AS SELECT index, ef_search, origin, calibrated_at IS NOT NULL AS calibrated, age >= '0' AS aged, k, queries, rows, changed, stale
    FROM annex.stat_hnsw WHERE index = 'cal_idx'::regclass;

-- The setting: off, or from .5 to .999.
SHOW annex.target_recall;
SET annex.target_recall = 0.49;
\echo :SQLSTATE
SET annex.target_recall = -1;
\echo :SQLSTATE
SET annex.target_recall = 0.9991;
\echo :SQLSTATE
SET annex.target_recall = 0.999;
SET annex.target_recall = 0.5;
SET annex.target_recall = 0;

-- Not calibrated: a target changes nothing, and the view says so.
SET annex.target_recall = 0.9;
TABLE stat;
RESET annex.target_recall;

-- The curve: by growing ef_search, from k on, up to what serves every target.
CREATE TABLE curve AS SELECT * FROM annex.calibrate('cal_idx', queries => (SELECT array_agg(vector_of('query ' || i, 16)) FROM generate_series(1, 400) i));
SELECT min(ef_search) AS first, count(*) > 5 AS has_points, count(DISTINCT measured_at) AS times, bool_and(recall_lo <= recall) AS bounded,
    array_agg(ef_search) = array_agg(ef_search ORDER BY ef_search) AS ordered FROM curve;
TABLE stat;
SELECT * FROM annex.verify('cal_idx', true);
-- The smallest value that reaches the target, whatever it is; the largest where none does.
CREATE FUNCTION chosen_for(target double precision) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('annex.target_recall', target::text, true);
    RETURN (SELECT ef_search FROM stat WHERE origin = 'target');
END $$;
SELECT bool_and(chosen_for(target / 1000.0) = coalesce((SELECT min(ef_search) FROM curve WHERE recall_lo >= target / 1000.0),
    (SELECT max(ef_search) FROM curve))) AS smallest FROM generate_series(500, 999) target;

-- Precedence: hnsw.ef_search > annex.target_recall > the option > the default.
SET annex.target_recall = 0.9;
SELECT ef_search = (SELECT min(ef_search) FROM curve WHERE recall_lo >= 0.9) AS by_curve, origin FROM stat;
SET hnsw.ef_search = 40;
SELECT ef_search, origin FROM stat;
BEGIN;
RESET hnsw.ef_search;
SELECT origin FROM stat;
SET LOCAL hnsw.ef_search = 41;
SELECT ef_search, origin FROM stat;
ROLLBACK;
SELECT ef_search, origin FROM stat;
RESET hnsw.ef_search;
BEGIN;
SET LOCAL annex.target_recall = 0;
SELECT ef_search, origin FROM stat;
SAVEPOINT s;
ALTER INDEX cal_idx RESET (ef_search);
SELECT ef_search, origin FROM stat;
ROLLBACK;
SELECT origin FROM stat;
-- As database and role say.
SELECT current_database() AS db \gset
ALTER DATABASE :"db" SET annex.target_recall = 0.9;
\c -
SELECT origin FROM stat;
ALTER DATABASE :"db" SET hnsw.ef_search = 40;
\c -
SELECT ef_search, origin FROM stat;
ALTER DATABASE :"db" RESET hnsw.ef_search;
ALTER DATABASE :"db" RESET annex.target_recall;
\c -
-- It is what a scan goes by, and annex.tune says that it hides the option.
SET annex.target_recall = 0.9;
SET enable_seqscan = off;
SELECT count(*) = (SELECT ef_search FROM stat) AS as_wide FROM (SELECT FROM cal ORDER BY embedding <-> vector_of('x', 16) LIMIT 2000) s;
SELECT DISTINCT overridden_by FROM annex.tune('cal_idx', 0.8, queries => (SELECT queries FROM few));
-- The target holds for queries that the calibration never saw.
SELECT avg(recall) >= 0.9 AS holds FROM annex.recall('cal_idx', (SELECT array_agg(vector_of('fresh ' || i, 16)) FROM generate_series(1, 400) i));

-- Rows change: up to a fifth the curve holds, above it the option applies.
SELECT pg_stat_force_next_flush();
INSERT INTO cal SELECT i, vector_of('new ' || i, 16) FROM generate_series(10001, 10200) i;
UPDATE cal SET embedding = vector_of('changed ' || id, 16) WHERE id <= 100;
DELETE FROM cal WHERE id > 1900 AND id <= 2000;
SELECT pg_stat_force_next_flush();
SELECT ef_search > 23 AS by_curve, origin, rows, changed, stale FROM stat;
DELETE FROM cal WHERE id = 101;
SELECT pg_stat_force_next_flush();
SELECT ef_search, origin, rows, changed, stale FROM stat;
-- Calibrated again it is fresh, also where this session's changes are not counted yet.
UPDATE cal SET embedding = vector_of('again ' || id, 16) WHERE id <= 150;
SELECT count(*) > 5 AS has_points FROM annex.calibrate('cal_idx', queries => (SELECT queries FROM few));
SELECT origin, rows, changed, stale FROM stat;
SELECT pg_stat_force_next_flush();
SELECT origin, rows, changed, stale FROM stat;
-- What PostgreSQL has forgotten to count, a vacuum finds.
SELECT pg_stat_reset();
DELETE FROM cal WHERE id % 3 = 0;
SELECT pg_stat_force_next_flush();
SELECT pg_stat_reset();
SELECT changed, stale FROM stat;
VACUUM cal;
SELECT changed > 400 AS found, stale FROM stat;

-- k is part of what was measured. Rows of the table serve as queries. A rebuilt index has no curve.
SELECT min(ef_search) AS first FROM annex.calibrate('cal_idx', 20);
SELECT k, queries, stale FROM stat;
SELECT count(*) AS no_damage FROM annex.verify('cal_idx');
REINDEX INDEX cal_idx;
TABLE stat;
SELECT count(*) > 5 AS has_points FROM annex.calibrate('cal_idx', queries => (SELECT queries FROM few));
TRUNCATE cal;
SELECT calibrated FROM stat;
INSERT INTO cal SELECT i, vector_of('row ' || i, 16) FROM generate_series(1, 2000) i;
-- ROLLBACK leaves it: it describes what is there.
BEGIN;
SELECT count(*) > 5 AS has_points FROM annex.calibrate('cal_idx', queries => (SELECT queries FROM few));
ROLLBACK;
SELECT calibrated FROM stat;
-- Vectors of zeros, which an index by cosine does not hold, are no changes for a vacuum to find.
CREATE TABLE zeros (id integer PRIMARY KEY, embedding vector(16)) WITH (autovacuum_enabled = off);
INSERT INTO zeros SELECT i, CASE WHEN i % 3 = 0 THEN array_fill(0::real, ARRAY[16])::vector ELSE vector_of('row ' || i, 16) END
    FROM generate_series(1, 900) i;
CREATE INDEX zeros_idx ON zeros USING hnsw (embedding vector_cosine_ops);
SELECT count(*) > 1 AS has_points FROM annex.calibrate('zeros_idx', queries => (SELECT queries FROM few));
DELETE FROM zeros WHERE id = 1;
SELECT pg_stat_force_next_flush();
VACUUM zeros;
SELECT rows, changed, stale FROM annex.stat_hnsw WHERE index = 'zeros_idx'::regclass;
-- Halves, temporary and unlogged tables, inline nodes.
CREATE TEMP TABLE cal_temp AS TABLE cal;
CREATE INDEX cal_temp_idx ON cal_temp USING hnsw (embedding vector_cosine_ops) WITH (storage = inline);
CREATE INDEX cal_half_idx ON cal USING hnsw ((embedding::halfvec(16)) halfvec_ip_ops);
CREATE UNLOGGED TABLE cal_unlogged AS TABLE cal;
CREATE INDEX cal_unlogged_idx ON cal_unlogged USING hnsw (embedding vector_l1_ops);
SELECT count(*) > 1 AS has_points FROM annex.calibrate('cal_temp_idx', queries => (SELECT queries FROM few));
SELECT count(*) > 1 AS has_points FROM annex.calibrate('cal_unlogged_idx', queries => (SELECT queries FROM few));
SELECT count(*) > 1 AS has_points FROM annex.calibrate('cal_half_idx', queries => (SELECT queries::halfvec[] FROM few));
SELECT i, v.* FROM unnest('{cal_temp_idx,cal_half_idx,cal_unlogged_idx}'::regclass[]) i, annex.verify(i, true) v;
SELECT index, stale FROM annex.stat_hnsw WHERE index::text LIKE 'cal_%' ORDER BY index::text;

-- The owner alone; not where nothing may be written; the other errors are those of annex.tune.
CREATE ROLE regress_cal;
GRANT SELECT ON cal TO regress_cal;
SET ROLE regress_cal;
SELECT annex.calibrate('cal_idx');
\echo :SQLSTATE
-- The counts are nobody's secret.
SELECT stale FROM annex.calibration('cal_idx');
RESET ROLE;
BEGIN READ ONLY;
SELECT annex.calibrate('cal_idx');
\echo :SQLSTATE
ROLLBACK;
SELECT annex.calibrate(NULL);
\echo :SQLSTATE
SELECT annex.calibrate('cal_idx', NULL);
\echo :SQLSTATE
SELECT annex.calibrate('cal_idx', 1001);
\echo :SQLSTATE
SELECT annex.calibrate('cal_idx', budget => NULL);
\echo :SQLSTATE
SELECT annex.calibrate('cal_pkey');
\echo :SQLSTATE
SELECT annex.calibrate('cal_idx', queries => ARRAY[vector_of('q', 16)]);
\echo :SQLSTATE
SELECT count(*) AS none FROM annex.calibration('cal_pkey');
SELECT count(*) AS none FROM annex.calibration('cal');
SELECT count(*) AS none FROM annex.calibration(0::oid::regclass);
-- Little time: one point at least.
SELECT count(*) FROM annex.calibrate('cal_idx', budget => '1 us');

SET client_min_messages = warning;
DROP VIEW few;
DROP TABLE cal, cal_temp, cal_unlogged, zeros, curve CASCADE;
DROP FUNCTION vector_of, chosen_for;
DROP ROLE regress_cal;
