-- Proves: the index option ef_search ranks below hnsw.ef_search set at any level and above its default; what was set for a
-- transaction, a function or a role ends with it.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE TABLE ef (id int PRIMARY KEY, v vector(2));
INSERT INTO ef SELECT i, ARRAY[cos(i), sin(i)]::vector FROM generate_series(1, 300) i;
CREATE INDEX ef_idx ON ef USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 16);
CREATE VIEW width AS SELECT ef_search, origin FROM annex.calibration('ef_idx');
TABLE width;

-- The option: CREATE, SET, RESET; its range; ALTER INDEX does not wait for writers.
ALTER INDEX ef_idx SET (ef_search = 17);
TABLE width;
SELECT pg_get_indexdef('ef_idx'::regclass);
ALTER INDEX ef_idx RESET (ef_search);
TABLE width;
ALTER INDEX ef_idx SET (ef_search = 0);
\echo :SQLSTATE
ALTER INDEX ef_idx SET (ef_search = 1001);
\echo :SQLSTATE
ALTER INDEX ef_idx SET (ef_search = 'wide');
\echo :SQLSTATE
ALTER INDEX ef_idx SET (ef_search = 1000);
CREATE INDEX ef_smallest_idx ON ef USING hnsw (v vector_l2_ops) WITH (ef_search = 1);
SELECT ef_search, origin FROM annex.calibration('ef_smallest_idx');
DROP INDEX ef_smallest_idx;
BEGIN;
ALTER INDEX ef_idx SET (ef_search = 17);
SELECT mode FROM pg_locks WHERE relation = 'ef_idx'::regclass AND mode LIKE '%Exclusive%';
COMMIT;

-- It is what a scan goes by: so many nodes are returned.
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT FROM ef ORDER BY v <-> '[1,0]' LIMIT 300) s;
SET hnsw.ef_search = 33;
SELECT count(*) FROM (SELECT FROM ef ORDER BY v <-> '[1,0]' LIMIT 300) s;
RESET hnsw.ef_search;
SELECT count(*) FROM (SELECT FROM ef ORDER BY v <-> '[1,0]' LIMIT 300) s;
ALTER INDEX ef_idx RESET (ef_search);
SELECT count(*) FROM (SELECT FROM ef ORDER BY v <-> '[1,0]' LIMIT 300) s;
ALTER INDEX ef_idx SET (ef_search = 17);

-- SET, also to the default's own value; RESET and SET TO DEFAULT.
SET hnsw.ef_search = 40;
TABLE width;
RESET hnsw.ef_search;
TABLE width;
SET hnsw.ef_search = 50;
TABLE width;
SET hnsw.ef_search TO DEFAULT;
TABLE width;
-- SET LOCAL ends with the transaction, SET with a rollback; both with a savepoint.
BEGIN;
SET LOCAL hnsw.ef_search = 51;
TABLE width;
COMMIT;
TABLE width;
BEGIN;
SET hnsw.ef_search = 52;
SAVEPOINT s;
SET hnsw.ef_search = 53;
TABLE width;
ROLLBACK TO s;
TABLE width;
ROLLBACK;
TABLE width;
BEGIN;
SAVEPOINT s;
SET LOCAL hnsw.ef_search = 54;
ROLLBACK TO s;
TABLE width;
COMMIT;
-- set_config, for the transaction and for the session.
BEGIN;
SELECT set_config('hnsw.ef_search', '55', true);
TABLE width;
COMMIT;
TABLE width;
SELECT set_config('hnsw.ef_search', '56', false);
TABLE width;
RESET ALL;
SET enable_seqscan = off;
TABLE width;
-- A function with a SET clause, and one that fails inside.
CREATE FUNCTION width_inside() RETURNS SETOF width LANGUAGE sql SET hnsw.ef_search = 57 AS 'TABLE width';
SELECT * FROM width_inside();
TABLE width;
DO $$ BEGIN SET LOCAL hnsw.ef_search = 58; RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END $$;
TABLE width;
-- DISCARD ALL, as pools do between clients.
SET hnsw.ef_search = 59;
DISCARD ALL;
TABLE width;
-- A value that is refused changes nothing.
SET hnsw.ef_search = 0;
TABLE width;

-- ALTER DATABASE, ALTER ROLE, ALTER ROLE IN DATABASE, and what RESET goes back to then.
SELECT current_database() AS db, current_user AS me \gset
ALTER DATABASE :"db" SET hnsw.ef_search = 61;
\c -
TABLE width;
SET hnsw.ef_search = 62;
TABLE width;
RESET hnsw.ef_search;
TABLE width;
ALTER DATABASE :"db" RESET hnsw.ef_search;
CREATE ROLE regress_ef LOGIN SUPERUSER;
ALTER ROLE regress_ef SET hnsw.ef_search = 40;
\c - regress_ef
TABLE width;
ALTER ROLE regress_ef RESET hnsw.ef_search;
ALTER ROLE regress_ef IN DATABASE :"db" SET hnsw.ef_search = 64;
\c -
TABLE width;
SELECT source FROM pg_settings WHERE name = 'hnsw.ef_search';
ALTER ROLE regress_ef IN DATABASE :"db" RESET hnsw.ef_search;
\c - :me
TABLE width;

-- The planner prices the width that the scan will have.
SET enable_seqscan = off;
CREATE FUNCTION price() RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) SELECT id FROM ef ORDER BY v <-> ''[1,0]'' LIMIT 1' INTO plan;
    RETURN (plan #>> '{0,Plan,Total Cost}')::double precision;
END $$;
SELECT price() AS narrow \gset
ALTER INDEX ef_idx SET (ef_search = 100);
SELECT price() > :narrow AS wide_costs_more;

SET client_min_messages = warning;
DROP ROLE regress_ef;
DROP FUNCTION width_inside, price;
DROP TABLE ef CASCADE;
