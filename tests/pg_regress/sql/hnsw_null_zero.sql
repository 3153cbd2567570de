-- Proves: NULLs are not in an index, zero vectors not in a cosine index; NULL and zero queries return all indexed rows and no error.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE nz (id int PRIMARY KEY, v vector(3));
INSERT INTO nz VALUES (1, '[1,2,3]'), (2, NULL), (3, '[0,0,0]'), (4, '[-3,0,1]'), (5, '[-0,0,-0]'), (6, '[5,5,5]');
CREATE INDEX nz_l2 ON nz USING hnsw (v vector_l2_ops);
CREATE INDEX nz_ip ON nz USING hnsw (v vector_ip_ops);
CREATE INDEX nz_cosine ON nz USING hnsw (v vector_cosine_ops);
CREATE INDEX nz_l1 ON nz USING hnsw (v vector_l1_ops);
-- Those that are inserted later are treated alike.
INSERT INTO nz VALUES (7, NULL), (8, '[0,0,0]'), (9, '[1e-45,0,0]');

SET enable_seqscan = off;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <-> '[1,1,1]') s;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <#> '[1,1,1]') s;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <=> '[1,1,1]') s;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <+> '[1,1,1]') s;
SELECT count(*) FROM (SELECT v FROM nz WHERE v IS NULL ORDER BY v <-> '[1,1,1]') s;

-- A query that is NULL when it is planned is no order at all; one that is NULL when it runs is.
SET enable_seqscan = on;
EXPLAIN (COSTS off) SELECT id FROM nz ORDER BY v <-> NULL::vector;
SET enable_seqscan = off;
PREPARE nz_l2_query (vector) AS SELECT id FROM nz ORDER BY v <-> $1;
PREPARE nz_cosine_query (vector) AS SELECT id FROM nz ORDER BY v <=> $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS off) EXECUTE nz_l2_query (NULL);
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <-> (SELECT NULL::vector)) s;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <#> (SELECT NULL::vector)) s;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <=> (SELECT NULL::vector)) s;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <+> (SELECT NULL::vector)) s;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <-> (SELECT NULL::vector) LIMIT 2) s;
-- Rescans alternate between NULL and a value.
SELECT q.i, (SELECT count(*) FROM (SELECT id FROM nz ORDER BY nz.v <-> q.v) s)
FROM (VALUES (1, NULL::vector), (2, '[1,1,1]'), (3, NULL), (4, '[5,5,5]')) q(i, v) ORDER BY q.i;

-- A query of norm zero.
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <=> '[0,0,0]') s;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <=> '[0,0,0]' LIMIT 2) s;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <-> '[0,0,0]' LIMIT 4) s;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <#> '[0,0,0]') s;
-- One whose norm is lost in single precision: the distance is NaN for every row, which is no reason to fail.
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <=> '[1e-30,0,0]') s;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <=> '[3e38,3e38,3e38]') s;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <-> '[3e38,3e38,3e38]') s;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <#> '[3e38,3e38,3e38]') s;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <+> '[3e38,3e38,3e38]') s;

-- The same in every mode of iteration.
SET hnsw.iterative_scan = strict_order;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <=> '[0,0,0]') s;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <=> (SELECT NULL::vector)) s;
SELECT count(*) FROM (SELECT id FROM nz WHERE id + 0 < 7 ORDER BY v <=> (SELECT NULL::vector) LIMIT 10) s;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <=> '[1e-30,0,0]' LIMIT 10) s;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <=> '[0,0,0]') s;
SELECT count(*) FROM (SELECT id FROM nz ORDER BY v <=> (SELECT NULL::vector)) s;
RESET hnsw.iterative_scan;

-- A value becomes NULL or zero, and a value again.
UPDATE nz SET v = NULL WHERE id = 1;
UPDATE nz SET v = '[0,0,0]' WHERE id = 4;
UPDATE nz SET v = '[1,1,1]' WHERE id IN (2, 3);
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <=> '[1,1,1]') s;
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM nz ORDER BY v <-> '[1,1,1]') s;

-- A sequential plan returns zero vectors after all numbers, and NULLs last.
SET enable_indexscan = off;
SELECT array_agg(id) FROM (SELECT id, v <=> '[1,1,2]' AS d FROM nz ORDER BY v <=> '[1,1,2]', id) s;
RESET enable_indexscan;

-- An index built over nothing but NULLs and zero vectors.
CREATE TABLE nz_none (id int, v vector(2));
INSERT INTO nz_none SELECT i, CASE WHEN i % 2 = 0 THEN '[0,0]'::vector END FROM generate_series(1, 20) i;
CREATE INDEX ON nz_none USING hnsw (v vector_cosine_ops);
SELECT id FROM nz_none ORDER BY v <=> '[1,0]' LIMIT 1;
INSERT INTO nz_none VALUES (21, '[0,7]');
SELECT id FROM nz_none ORDER BY v <=> '[1,0]' LIMIT 5;
VACUUM nz_none;
REINDEX TABLE nz_none;
SELECT id FROM nz_none ORDER BY v <=> '[1,0]' LIMIT 5;
DROP TABLE nz_none;
DROP TABLE nz;
