-- Proves: a build gives complete results with each builder, in parallel or not, and beyond its memory with exactly one NOTICE that names the setting.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE bu (id int PRIMARY KEY, v vector(8));
SELECT setseed(0.75);
INSERT INTO bu
SELECT i, CASE WHEN i % 100 = 0 THEN NULL ELSE ARRAY(SELECT floor(random() * 1000 + i * 0) FROM generate_series(1, 8))::real[] END
FROM generate_series(1, 6000) i;
SET enable_seqscan = off;
SET hnsw.max_scan_tuples = 2147483647;
-- How many rows a scan returns, and how many of a sample find themselves first.
SELECT $$SELECT count(*) AS indexed, count(DISTINCT id) AS different FROM (SELECT id FROM bu ORDER BY v <-> '[1,1,1,1,1,1,1,1]') s$$ AS bu_rows,
$$SELECT count(*) AS asked, count(*) FILTER (WHERE near.distance = 0) AS found
FROM (SELECT v FROM bu WHERE id % 60 = 1) q, LATERAL (SELECT bu.v <-> q.v AS distance FROM bu ORDER BY bu.v <-> q.v LIMIT 1) near$$ AS bu_self \gset
SET hnsw.iterative_scan = strict_order;

-- All in memory: nothing is said.
CREATE INDEX bu_v ON bu USING hnsw (v vector_l2_ops);
:bu_rows;
:bu_self;
SELECT reltuples FROM pg_class WHERE relname = 'bu_v';
SELECT pg_relation_size('bu_v') AS size \gset
DROP INDEX bu_v;
SET max_parallel_maintenance_workers = 0;
CREATE INDEX bu_v ON bu USING hnsw (v vector_l2_ops);
:bu_rows;
:bu_self;
DROP INDEX bu_v;
RESET max_parallel_maintenance_workers;
ALTER TABLE bu SET (parallel_workers = 4);
CREATE INDEX bu_v ON bu USING hnsw (v vector_l2_ops) WITH (builder = hnsw_rs);
:bu_rows;
:bu_self;
DROP INDEX bu_v;
ALTER TABLE bu RESET (parallel_workers);

-- Memory for a part of the rows only: one NOTICE, a build in parts, complete results, pages as full as those of a build.
SET maintenance_work_mem = '1MB';
CREATE INDEX bu_v ON bu USING hnsw (v vector_l2_ops);
:bu_rows;
:bu_self;
SELECT reltuples FROM pg_class WHERE relname = 'bu_v';
SELECT * FROM annex.verify('bu_v', true);
SELECT pg_relation_size('bu_v') <= 1.3 * :size AS is_compact;
DROP INDEX bu_v;
-- The memory it names suffices.
SET maintenance_work_mem = '2MB';
CREATE INDEX bu_v ON bu USING hnsw (v vector_l2_ops);
DROP INDEX bu_v;
-- A partial index is not told to ask for memory for the whole table.
SET maintenance_work_mem = '1MB';
UPDATE pg_class SET reltuples = 60000 WHERE relname = 'bu';
CREATE INDEX bu_v ON bu USING hnsw (v vector_l2_ops) WHERE id <= 3400;
DROP INDEX bu_v;
RESET maintenance_work_mem;

-- Phases of progress, pgvector's names first.
SELECT phase, pg_indexam_progress_phasename(oid, phase) FROM pg_am, generate_series(0, 6) AS phase WHERE amname = 'hnsw';

-- An empty table, one row, two equal rows, only NULLs.
TRUNCATE bu;
CREATE INDEX bu_v ON bu USING hnsw (v vector_l2_ops);
:bu_rows;
INSERT INTO bu VALUES (1, '[1,1,1,1,1,1,1,1]');
REINDEX INDEX bu_v;
:bu_rows;
:bu_self;
INSERT INTO bu VALUES (2, '[1,1,1,1,1,1,1,1]');
REINDEX INDEX bu_v;
:bu_rows;
:bu_self;
UPDATE bu SET v = NULL;
REINDEX INDEX bu_v;
:bu_rows;
DROP INDEX bu_v;

-- Rows that are dead, being deleted or not yet committed while the index is built.
TRUNCATE bu;
INSERT INTO bu SELECT i, array_fill(i, ARRAY[8]) FROM generate_series(1, 100) i;
DELETE FROM bu WHERE id <= 20;
BEGIN;
DELETE FROM bu WHERE id BETWEEN 21 AND 40;
INSERT INTO bu SELECT i, array_fill(i, ARRAY[8]) FROM generate_series(101, 110) i;
CREATE INDEX bu_v ON bu USING hnsw (v vector_l2_ops);
:bu_rows;
ROLLBACK;
BEGIN;
SAVEPOINT before;
DELETE FROM bu WHERE id BETWEEN 21 AND 40;
ROLLBACK TO before;
INSERT INTO bu SELECT i, array_fill(i, ARRAY[8]) FROM generate_series(101, 110) i;
UPDATE bu SET v = v WHERE id = 50;
CREATE INDEX bu_v ON bu USING hnsw (v vector_l2_ops);
COMMIT;
:bu_rows;
DROP TABLE bu;

-- Dimensions from 1 on, each length a different tail for the kernels.
CREATE FUNCTION bu_dims(dims int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer int[];
BEGIN
    EXECUTE format('CREATE TABLE bu_dims (id int, v vector(%s))', dims);
    EXECUTE format('INSERT INTO bu_dims SELECT i, array_fill(i, ARRAY[%s]) FROM generate_series(1, 30) i', dims);
    CREATE INDEX ON bu_dims USING hnsw (v vector_l2_ops);
    EXECUTE format('INSERT INTO bu_dims SELECT i, array_fill(i, ARRAY[%s]) FROM generate_series(31, 40) i', dims);
    EXECUTE 'SELECT array_agg(id) FROM (SELECT id FROM bu_dims ORDER BY v <-> $1 LIMIT 3) s' INTO answer
    USING array_fill(33.2::real, ARRAY[dims])::vector;
    DROP TABLE bu_dims;
    RETURN answer;
END $$;
SELECT bu_dims(dims), count(*), min(dims), max(dims) FROM generate_series(1, 36) dims GROUP BY 1;
SELECT bu_dims(dims), count(*) FROM unnest(ARRAY[63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 767, 768, 1023, 1024, 1025, 1999, 2000]) dims GROUP BY 1;
DROP FUNCTION bu_dims;
