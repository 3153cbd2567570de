-- Proves: which queries an hnsw index serves and which it must not, at the sizes where pgvector's own tests want the index.
\set VERBOSITY default
SET client_min_messages = notice;

-- The scans, sorts and appends of a plan, without its other lines.
CREATE FUNCTION plan_nodes(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        IF line ~ '(Scan|Sort|Append|Join|Nested Loop|Aggregate)\y' AND line !~ '(Sort|Presorted) Key' THEN
            RETURN NEXT regexp_replace(line, '^[ >-]*', '');
        END IF;
    END LOOP;
END $$;
CREATE FUNCTION pl_q(dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$ SELECT array_fill(0.5::real, ARRAY[dims])::vector $$;

CREATE TABLE pl (id int PRIMARY KEY, c int, rare int, v vector(384));
SELECT setseed(0.125);
INSERT INTO pl
SELECT i, i % 10, i % 1000, ARRAY(SELECT random() + i * 0 FROM generate_series(1, 384))::real[]
FROM generate_series(1, 2000) i;
CREATE INDEX pl_rare ON pl (rare);
CREATE INDEX pl_l2 ON pl USING hnsw (v vector_l2_ops);
CREATE INDEX pl_cosine ON pl USING hnsw (v vector_cosine_ops);
VACUUM ANALYZE pl;

-- Served: with the default settings.
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(384) LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <=> pl_q(384) LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl ORDER BY pl_q(384) <-> v LIMIT 10');
SELECT plan_nodes('SELECT id, v <-> pl_q(384) AS distance FROM pl ORDER BY distance LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl ORDER BY 2 * 1 + 1, v <-> pl_q(384) LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl WHERE v IS NOT NULL ORDER BY v <-> pl_q(384) LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl WHERE c = 1 ORDER BY v <-> pl_q(384) LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl WHERE v <-> pl_q(384) < 5 ORDER BY v <-> pl_q(384) LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(384) OFFSET 10 LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(384) FETCH FIRST 10 ROWS WITH TIES');
SELECT plan_nodes('SELECT count(*) FROM (SELECT id FROM pl ORDER BY v <-> pl_q(384) LIMIT 10) s');
SELECT plan_nodes('WITH near AS MATERIALIZED (SELECT id FROM pl ORDER BY v <-> pl_q(384) LIMIT 10) SELECT count(*) FROM near');
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY v <-> (SELECT v FROM pl WHERE id = 7) LIMIT 10') node WHERE node LIKE '%hnsw%' OR node LIKE '%pl_l2%';
-- A LATERAL column, a join above the ordered side.
SELECT plan_nodes('SELECT q.id, n.id FROM pl q CROSS JOIN LATERAL (SELECT id FROM pl ORDER BY pl.v <-> q.v LIMIT 3) n WHERE q.id = 5');
CREATE TABLE pl_category (c int PRIMARY KEY, name text);
INSERT INTO pl_category SELECT i, 'category ' || i FROM generate_series(0, 9) i;
VACUUM ANALYZE pl_category;
SELECT node FROM plan_nodes('SELECT id, name FROM pl JOIN pl_category USING (c) ORDER BY v <-> pl_q(384) LIMIT 10') node WHERE node LIKE '%pl_l2%' OR node LIKE '%Sort%';
-- Prepared: custom and generic plans.
PREPARE pl_nearest (vector) AS SELECT id FROM pl ORDER BY v <-> $1 LIMIT 10;
SELECT plan_nodes('EXECUTE pl_nearest (pl_q(384))');
SET plan_cache_mode = force_generic_plan;
SELECT plan_nodes('EXECUTE pl_nearest (pl_q(384))');
RESET plan_cache_mode;
DEALLOCATE pl_nearest;

-- A selective filter goes to the btree, and its answer is exact.
SELECT plan_nodes('SELECT id FROM pl WHERE id = 5 ORDER BY v <-> pl_q(384) LIMIT 10');
SELECT node FROM plan_nodes('SELECT id FROM pl WHERE rare = 5 ORDER BY v <-> pl_q(384) LIMIT 10') node WHERE node !~ '^Bitmap Heap';
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM pl WHERE rare = 5 ORDER BY v <-> pl_q(384) LIMIT 10) s;
SELECT node FROM plan_nodes('SELECT id FROM pl WHERE id BETWEEN 100 AND 119 ORDER BY v <-> pl_q(384) LIMIT 10') node WHERE node !~ '^Bitmap Heap';

-- Without LIMIT: a sequential scan and a sort.
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(384)');

-- Never, even where every other way is discouraged.
SET enable_seqscan = off;
SELECT plan_nodes('SELECT v FROM pl LIMIT 10');
SELECT node FROM plan_nodes('SELECT count(*) FROM pl') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl WHERE v <-> pl_q(384) < 5') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl WHERE v = pl_q(384)') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl WHERE v IS NULL') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY v LIMIT 10') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(384) DESC LIMIT 10') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(384) NULLS FIRST LIMIT 10') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY (v <-> pl_q(384)) + 0 LIMIT 10') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY l2_distance(v, pl_q(384)) LIMIT 10') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY 1 - (v <=> pl_q(384)) LIMIT 10') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY v <#> pl_q(384) LIMIT 10') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY v <+> pl_q(384) LIMIT 10') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY v <-> v LIMIT 10') node WHERE node ~ 'pl_(l2|cosine)';
SELECT node FROM plan_nodes('SELECT DISTINCT v FROM pl') node WHERE node ~ 'pl_(l2|cosine)';
-- Discouraged sequential scans make it serve a query without LIMIT.
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(384)');
RESET enable_seqscan;

-- enable_indexscan = off gives exact search.
SET enable_indexscan = off;
SELECT node FROM plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(384) LIMIT 10') node;
RESET enable_indexscan;

-- The estimate follows ef_search and never makes a plan fail.
SET hnsw.ef_search = 1000;
SELECT count(*) > 0 AS has_plan FROM plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(384) LIMIT 10');
SET hnsw.ef_search = 1;
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(384) LIMIT 10');
RESET hnsw.ef_search;

-- A second sort key: whatever the plan, the answer is that of a full sort.
SELECT (SELECT array_agg(id) FROM (SELECT id FROM pl ORDER BY v <-> pl_q(384), id LIMIT 5) s)
     = (SELECT array_agg(id) FROM (SELECT id FROM pl ORDER BY (v <-> pl_q(384)) + 0, id LIMIT 5) s) AS same;
DROP TABLE pl, pl_category;

-- 1,536 dimensions: the vectors lie in the TOAST table.
CREATE TABLE pl (id int PRIMARY KEY, v vector(1536));
INSERT INTO pl
SELECT i, ARRAY(SELECT random() + i * 0 FROM generate_series(1, 1536))::real[]
FROM generate_series(1, 2000) i;
CREATE INDEX pl_l2 ON pl USING hnsw (v vector_l2_ops);
CREATE INDEX pl_ip ON pl USING hnsw (v vector_ip_ops);
CREATE INDEX pl_l1 ON pl USING hnsw (v vector_l1_ops) WITH (m = 8, ef_construction = 16);
VACUUM ANALYZE pl;
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(1536) LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <#> pl_q(1536) LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <+> pl_q(1536) LIMIT 10');
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(1536)');
SELECT plan_nodes('SELECT id FROM pl WHERE id = 5 ORDER BY v <-> pl_q(1536) LIMIT 10');
DROP TABLE pl;

-- 3 dimensions and 10,000 rows, never analyzed and analyzed.
CREATE TABLE pl (id int, v vector(3));
INSERT INTO pl SELECT i, ARRAY[i % 100, i / 100, 1] FROM generate_series(1, 10000) i;
CREATE INDEX pl_l2 ON pl USING hnsw (v vector_l2_ops);
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(3) LIMIT 10');
VACUUM ANALYZE pl;
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(3) LIMIT 10');
-- A tiny table is read and sorted.
TRUNCATE pl;
INSERT INTO pl SELECT i, ARRAY[i, 0, 1] FROM generate_series(1, 5) i;
VACUUM ANALYZE pl;
SELECT plan_nodes('SELECT id FROM pl ORDER BY v <-> pl_q(3) LIMIT 3');
DROP TABLE pl;
DROP FUNCTION plan_nodes, pl_q;
