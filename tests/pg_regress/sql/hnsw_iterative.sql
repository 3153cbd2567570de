-- Proves: what hnsw.iterative_scan, hnsw.max_scan_tuples and hnsw.scan_mem_multiplier promise about the rows of a filtered scan.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE it (id int PRIMARY KEY, c int, v vector(4));
SELECT setseed(0.5);
INSERT INTO it
SELECT i, i % 100, ARRAY(SELECT floor(random() * 100 + i * 0) FROM generate_series(1, 4))::real[]
FROM generate_series(1, 5000) i;
CREATE INDEX it_v ON it USING hnsw (v vector_l2_ops);
ANALYZE it;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SET enable_indexonlyscan = off;

-- Off: the scan ends after the first ef_search candidates.
SELECT count(*) BETWEEN 40 AND 100 AS ends_early FROM (SELECT id FROM it ORDER BY v <-> '[50,50,50,50]') s;
SELECT count(*) < 10 AS too_few FROM (SELECT id FROM it WHERE c = 7 ORDER BY v <-> '[50,50,50,50]' LIMIT 10) s;

-- Both other modes return exactly as many rows as were asked for whenever they exist.
SET hnsw.iterative_scan = strict_order;
SELECT count(*) FROM (SELECT id FROM it WHERE c = 7 ORDER BY v <-> '[50,50,50,50]' LIMIT 10) s;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT id FROM it WHERE c = 7 ORDER BY v <-> '[50,50,50,50]' LIMIT 10) s;
CREATE FUNCTION it_rows(mode text, wanted int) RETURNS TABLE (fewest bigint, is_sorted bool) LANGUAGE plpgsql AS $$
DECLARE
    answer float8[];
BEGIN
    PERFORM set_config('hnsw.iterative_scan', mode, true);
    fewest := wanted;
    is_sorted := true;
    FOR label IN 0..99 LOOP
        answer := ARRAY(SELECT near.v <-> q.v FROM (SELECT v FROM it WHERE id = label + 1 OFFSET 0) q,
                        LATERAL (SELECT v FROM it WHERE c = label ORDER BY it.v <-> q.v LIMIT wanted) near);
        fewest := least(fewest, cardinality(answer));
        is_sorted := is_sorted AND answer = ARRAY(SELECT unnest(answer) ORDER BY 1);
    END LOOP;
    RETURN NEXT;
END $$;
SELECT fewest, is_sorted FROM it_rows('strict_order', 10);
SELECT fewest FROM it_rows('relaxed_order', 10);
SET hnsw.max_scan_tuples = 2147483647;
SELECT fewest, is_sorted FROM it_rows('strict_order', 40);
SELECT fewest FROM it_rows('relaxed_order', 50);
RESET hnsw.max_scan_tuples;
DROP FUNCTION it_rows;

-- Without any bound, every row once; strict order also in order.
SET hnsw.max_scan_tuples = 2147483647;
SET hnsw.iterative_scan = strict_order;
SELECT count(*), count(DISTINCT id), bool_and(distance >= previous) AS is_sorted
FROM (SELECT id, distance, lag(distance, 1, 0) OVER (ROWS UNBOUNDED PRECEDING) AS previous
      FROM (SELECT id, v <-> '[50,50,50,50]' AS distance FROM it ORDER BY v <-> '[50,50,50,50]') s) t;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM it ORDER BY v <-> '[50,50,50,50]') s;
-- Also with a filter that only the farthest rows pass, and with one that no row passes.
SELECT id FROM it WHERE id = (SELECT id FROM it ORDER BY (v <-> '[50,50,50,50]') + 0 DESC, id LIMIT 1) AND c + 0 >= 0 ORDER BY v <-> '[50,50,50,50]' LIMIT 1 \gset far_
SET enable_indexscan = off;
SET enable_seqscan = on;
SET enable_sort = on;
SELECT :far_id = (SELECT id FROM it ORDER BY v <-> '[50,50,50,50]' DESC, id LIMIT 1) AS found_the_farthest;
RESET enable_indexscan;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) FROM (SELECT id FROM it WHERE c + 0 = 1000 ORDER BY v <-> '[50,50,50,50]' LIMIT 1) s;
SET hnsw.iterative_scan = strict_order;
SELECT count(*) FROM (SELECT id FROM it WHERE c + 0 = 1000 ORDER BY v <-> '[50,50,50,50]' LIMIT 1) s;
RESET hnsw.max_scan_tuples;

-- The bound on visited rows ends a scan early; it does not bound the first batch.
CREATE FUNCTION it_count() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM (SELECT id FROM it ORDER BY v <-> '[50,50,50,50]') s $$;
SET hnsw.max_scan_tuples = 1;
SELECT it_count() >= 40 AS first_batch_is_whole, it_count() < 2500 AS ends_early;
SET hnsw.max_scan_tuples = 1000;
SELECT it_count() BETWEEN 800 AND 2500 AS about_a_thousand;
SET hnsw.iterative_scan = relaxed_order;
SELECT it_count() BETWEEN 950 AND 2500 AS about_a_thousand;
SET hnsw.max_scan_tuples = 2000;
SELECT it_count() BETWEEN 1950 AND 4000 AS about_two_thousand;
RESET hnsw.max_scan_tuples;

-- So does the bound on memory, which the multiplier raises.
SET hnsw.max_scan_tuples = 2147483647;
SET work_mem = '64kB';
SELECT it_count() < 5000 AS ends_early;
SET hnsw.scan_mem_multiplier = 100;
SELECT it_count();
RESET hnsw.scan_mem_multiplier;
RESET work_mem;
DROP FUNCTION it_count;

-- Relaxed order is put right by a sort above a materialized query.
SET enable_sort = on;
SET hnsw.iterative_scan = relaxed_order;
WITH nearest AS MATERIALIZED (SELECT id, v <-> '[50,50,50,50]' AS distance FROM it WHERE c < 50 ORDER BY distance LIMIT 200)
SELECT count(*), bool_and(distance >= previous) AS is_sorted
FROM (SELECT distance, lag(distance, 1, 0) OVER (ORDER BY distance + 0) AS previous FROM nearest) s;

-- A filter on the distance does not end a scan: rows within a radius are all found.
SET hnsw.iterative_scan = strict_order;
SET enable_indexscan = off;
SET enable_seqscan = on;
SELECT count(*) AS exact FROM it WHERE v <-> '[50,50,50,50]' < 30 \gset
RESET enable_indexscan;
SET enable_seqscan = off;
SELECT count(*) = :exact AS all_within FROM (SELECT id FROM it WHERE v <-> '[50,50,50,50]' < 30 ORDER BY v <-> '[50,50,50,50]') s;
DROP TABLE it;
