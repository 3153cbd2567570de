-- Proves: a scan that asks for rows before they are fetched returns what one that does not returns, whatever the table, its rows and
-- effective_io_concurrency are.
\set VERBOSITY default
SET client_min_messages = notice;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SET hnsw.iterative_scan = strict_order;

-- How many rows a statement returns with effective_io_concurrency 0, without looking ahead, and whether 1 and 100 return the same ids.
CREATE FUNCTION prefetch_agrees(statement text, OUT rows int, OUT same bool) LANGUAGE plpgsql AS $$
DECLARE
    answers int[][] := '{}';
    answer int[];
    reads text;
BEGIN
    FOREACH reads IN ARRAY ARRAY['0', '1', '100'] LOOP
        PERFORM set_config('effective_io_concurrency', reads, true);
        EXECUTE 'SELECT array_agg(id) FROM (' || statement || ') s (id)' INTO answer;
        answers := answers || ARRAY[answer];
    END LOOP;
    rows := array_length(answers, 2);
    same := answers[1:1] = answers[2:2] AND answers[1:1] = answers[3:3];
END $$;

CREATE TABLE la (id int, c int, pad text, v vector(8)) WITH (fillfactor = 70);
SELECT setseed(0.25);
INSERT INTO la SELECT i, i % 50, repeat('x', 300), ARRAY(SELECT random() + i * 0 FROM generate_series(1, 8))::real[]
FROM generate_series(1, 4000) i;
CREATE INDEX la_v ON la USING hnsw (v vector_l2_ops);
ANALYZE la;

-- Short, long, filtered, without a LIMIT.
SELECT * FROM prefetch_agrees($$SELECT id FROM la ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 1$$);
SELECT * FROM prefetch_agrees($$SELECT id FROM la ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 100$$);
SELECT * FROM prefetch_agrees($$SELECT id FROM la WHERE c = 7 ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 20$$);
SELECT * FROM prefetch_agrees($$SELECT id FROM la WHERE c = 7 ORDER BY v <-> '[0,0,0,0,0,0,0,0]'$$);
SELECT * FROM prefetch_agrees($$SELECT id FROM la ORDER BY v <-> NULL LIMIT 300$$);
SET hnsw.max_scan_tuples = 2147483647;
SELECT * FROM prefetch_agrees($$SELECT id FROM la ORDER BY v <-> '[1,0,1,0,1,0,1,0]'$$);
SET hnsw.iterative_scan = relaxed_order;
SELECT * FROM prefetch_agrees($$SELECT id FROM la ORDER BY v <-> '[1,0,1,0,1,0,1,0]'$$);
SET hnsw.iterative_scan = strict_order;
-- All rows in exact order.
SELECT array_agg(id) = (SELECT array_agg(id ORDER BY v <-> '[1,0,1,0,1,0,1,0]') FROM la) AS exact
FROM (SELECT id FROM la ORDER BY v <-> '[1,0,1,0,1,0,1,0]') s;

-- Rows moved within their pages, whose line pointers lead to others; dead ones; many rows of one node.
UPDATE la SET c = c + 50 WHERE id % 3 = 0;
DELETE FROM la WHERE id % 7 = 0;
SELECT * FROM prefetch_agrees($$SELECT id FROM la WHERE c >= 50 ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 200$$);
VACUUM la;
SELECT * FROM prefetch_agrees($$SELECT id FROM la WHERE c >= 50 ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 200$$);
INSERT INTO la SELECT 10000 + i, 7, '', '[0,0,0,0,0,0,0,0]' FROM generate_series(1, 500) i;
SELECT * FROM prefetch_agrees($$SELECT id FROM la WHERE c = 7 ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 520$$);

-- A cursor that goes on after its rows were deleted.
SET effective_io_concurrency = 100;
BEGIN;
DECLARE lac CURSOR FOR SELECT id > 10000 AS added FROM la ORDER BY v <-> '[0,0,0,0,0,0,0,0]';
MOVE 490 lac;
DELETE FROM la WHERE id > 10000;
FETCH 3 lac;
MOVE 100 lac;
COMMIT;

-- Pages in no shared buffer, in a tablespace with a setting of its own; then a table that ends earlier than it did.
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_row_prefetch LOCATION '' WITH (effective_io_concurrency = 10);
ALTER TABLE la SET TABLESPACE regress_row_prefetch;
SELECT * FROM prefetch_agrees($$SELECT id FROM la WHERE c >= 50 ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 200$$);
ALTER TABLESPACE regress_row_prefetch SET (effective_io_concurrency = 0);
SELECT * FROM prefetch_agrees($$SELECT id FROM la WHERE c >= 50 ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 200$$);
ALTER TABLE la SET TABLESPACE pg_default;
DROP TABLESPACE regress_row_prefetch;
SELECT pg_relation_size('la') AS size_before \gset
DELETE FROM la WHERE id > 1000;
VACUUM la;
SELECT pg_relation_size('la') < :size_before AS is_truncated;
SELECT * FROM prefetch_agrees($$SELECT id FROM la WHERE c >= 50 ORDER BY v <-> '[0,0,0,0,0,0,0,0]'$$);
SELECT * FROM annex.verify('la_v', true);
RESET effective_io_concurrency;

-- Buffers of this session, and rows of a table without a page.
CREATE TEMP TABLE lat (id int, c int, v vector(8));
CREATE INDEX lat_v ON lat USING hnsw (v vector_l2_ops);
SELECT count(*) FROM (SELECT id FROM lat ORDER BY v <-> '[0,0,0,0,0,0,0,0]') s;
INSERT INTO lat SELECT id, c, v FROM la;
SELECT * FROM prefetch_agrees($$SELECT id FROM lat WHERE c >= 50 ORDER BY v <-> '[0,0,0,0,0,0,0,0]'$$);
DROP TABLE la, lat;
DROP FUNCTION prefetch_agrees;
