-- Proves: annex.last_scan counts what the session's last index scan did, in both forms, whether it was read to its end
-- or not, and tells nothing before the first one.
\set VERBOSITY default
SET client_min_messages = notice;
SELECT * FROM annex.last_scan();

CREATE TABLE ls (id int PRIMARY KEY, v vector(8));
INSERT INTO ls SELECT i, ARRAY[i % 17, i % 13, i % 11, i % 7, i % 5, i % 3, i % 2, i]::vector FROM generate_series(1, 3000) i;
CREATE INDEX ls_v ON ls USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 20, storage = compact);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) FROM (SELECT id FROM ls ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 3) s;
-- A node is expanded once; its neighbours' distances are computed.
SELECT expanded >= 40 AS expanded, distances > expanded AS distances, upper_expanded > 0 AS upper_expanded,
       upper_distances > upper_expanded AS upper_distances, returned BETWEEN 3 AND 40 AS returned
    FROM annex.last_scan();
-- A list as long as the table expands all of it; a scan without rows found is a scan.
CREATE TEMP TABLE before AS SELECT * FROM annex.last_scan();
SET hnsw.ef_search = 1000;
SELECT count(*) FROM (SELECT id FROM ls ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 1000) s;
SELECT l.expanded > b.expanded AS expanded, l.distances > b.distances AS distances, l.returned FROM annex.last_scan() l, before b;
SELECT count(*) FROM (SELECT id FROM ls WHERE id < 0 ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 1) s;
SELECT returned FROM annex.last_scan();
-- Exact order reads every node.
SET hnsw.iterative_scan = strict_order;
SET hnsw.max_scan_tuples = 2147483647;
SELECT count(*) FROM (SELECT id FROM ls ORDER BY v <-> '[1,2,3,4,5,6,7,8]') s;
SELECT expanded, distances, returned FROM annex.last_scan();
RESET hnsw.iterative_scan;
RESET hnsw.max_scan_tuples;
RESET hnsw.ef_search;

-- With codes beside the pointers only what is expanded costs a distance, and the starting points.
ALTER INDEX ls_v SET (m = 16, ef_construction = 40, storage = inline);
REINDEX INDEX ls_v;
SELECT count(*) FROM (SELECT id FROM ls ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 3) s;
SELECT expanded >= 40 AS expanded, distances - expanded BETWEEN 1 AND 5 AS distances, upper_expanded > 0 AS upper_expanded,
       upper_distances > 0 AS upper_distances
    FROM annex.last_scan();
-- Each inner scan of a join is a scan of its own.
SELECT count(*) FROM (SELECT v FROM ls WHERE id IN (1, 2)) q CROSS JOIN LATERAL (SELECT id FROM ls ORDER BY ls.v <-> q.v LIMIT 1) n;
SELECT expanded < 200 AS one_scan FROM annex.last_scan();
DROP TABLE ls;
