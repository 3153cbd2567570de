-- Proves: each operator class answers in its own distance's order, the same as a sort, and amvalidate tells a whole class from a broken one.
\set VERBOSITY default
SET client_min_messages = notice;

SELECT c.opcname, c.opcintype::regtype, c.opcdefault, f.opfname, o.amopopr::regoperator, o.amoppurpose, o.amopstrategy,
       o.amopsortfamily::regclass IS NULL AS has_sort_family, amvalidate(c.oid)
FROM pg_opclass c
JOIN pg_opfamily f ON f.oid = c.opcfamily
JOIN pg_amop o ON o.amopfamily = f.oid
WHERE c.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'hnsw')
ORDER BY c.opcname;

SELECT f.opfname, p.amprocnum, p.amproc::regproc
FROM pg_amproc p
JOIN pg_opfamily f ON f.oid = p.amprocfamily
WHERE f.opfmethod = (SELECT oid FROM pg_am WHERE amname = 'hnsw')
ORDER BY f.opfname, p.amprocnum;

SELECT property, pg_indexam_has_property(oid, property)
FROM pg_am, unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) AS property
WHERE amname = 'hnsw'
ORDER BY property;

CREATE TABLE oc (id int PRIMARY KEY, v vector(3));
INSERT INTO oc VALUES
    (1, '[1,1,1]'), (2, '[2,0,0]'), (3, '[0,6,1]'), (4, '[9,1,2]'),
    (5, '[-3,2,7]'), (6, '[4,4,5]'), (7, '[-1,-1,-1]'), (8, '[20,0,30]');
CREATE INDEX oc_l2 ON oc USING hnsw (v vector_l2_ops);
CREATE INDEX oc_ip ON oc USING hnsw (v vector_ip_ops);
CREATE INDEX oc_cosine ON oc USING hnsw (v vector_cosine_ops);
CREATE INDEX oc_l1 ON oc USING hnsw (v vector_l1_ops);

SELECT property, pg_index_has_property('oc_l2', property) FROM unnest(ARRAY['clusterable', 'index_scan', 'bitmap_scan', 'backward_scan']) AS property ORDER BY property;
SELECT property, pg_index_column_has_property('oc_l2', 1, property) FROM unnest(ARRAY['asc', 'orderable', 'distance_orderable', 'returnable', 'search_array', 'search_nulls']) AS property ORDER BY property;

SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT id FROM oc ORDER BY v <-> '[3,3,3]' LIMIT 8;
SELECT id, v <-> '[3,3,3]' AS distance FROM oc ORDER BY v <-> '[3,3,3]' LIMIT 8;
EXPLAIN (COSTS off) SELECT id FROM oc ORDER BY v <#> '[3,3,3]' LIMIT 8;
SELECT id, v <#> '[3,3,3]' AS distance FROM oc ORDER BY v <#> '[3,3,3]' LIMIT 8;
EXPLAIN (COSTS off) SELECT id FROM oc ORDER BY v <=> '[3,3,4]' LIMIT 8;
SELECT id, round((v <=> '[3,3,4]')::numeric, 6) AS distance FROM oc ORDER BY v <=> '[3,3,4]' LIMIT 8;
EXPLAIN (COSTS off) SELECT id FROM oc ORDER BY v <+> '[3,3,3]' LIMIT 8;
SELECT id, v <+> '[3,3,3]' AS distance FROM oc ORDER BY v <+> '[3,3,3]' LIMIT 8;
-- The operator commutes.
EXPLAIN (COSTS off) SELECT id FROM oc ORDER BY '[3,3,3]' <+> v LIMIT 8;
SELECT id FROM oc ORDER BY '[3,3,3]' <+> v LIMIT 8;
DROP TABLE oc;

-- With ef_search as large as the table, the index and a sort give the same distances.
CREATE TABLE oc_many (id int PRIMARY KEY, v vector(8));
SELECT setseed(0.25);
INSERT INTO oc_many
SELECT i, ARRAY(SELECT floor(random() * 201 - 100 + i * 0) FROM generate_series(1, 8))::real[]
FROM generate_series(1, 900) i;
CREATE INDEX oc_many_l2 ON oc_many USING hnsw (v vector_l2_ops);
CREATE INDEX oc_many_ip ON oc_many USING hnsw (v vector_ip_ops);
CREATE INDEX oc_many_cosine ON oc_many USING hnsw (v vector_cosine_ops);
CREATE INDEX oc_many_l1 ON oc_many USING hnsw (v vector_l1_ops);
SET hnsw.ef_search = 1000;
SELECT operator, q AS query, a.*
FROM unnest(ARRAY['<->', '<#>', '<=>', '<+>']) WITH ORDINALITY AS o(operator, number),
     (SELECT id AS q, v FROM oc_many WHERE id IN (1, 450, 900)) AS queries,
     index_agrees(format('SELECT v %1$s $1 FROM oc_many ORDER BY v %1$s $1 LIMIT 700', operator), v) a
ORDER BY number, q;
-- Far outside the data.
SELECT operator, a.*
FROM unnest(ARRAY['<->', '<#>', '<=>', '<+>']) WITH ORDINALITY AS o(operator, number),
     index_agrees(format('SELECT v %1$s $1 FROM oc_many ORDER BY v %1$s $1 LIMIT 700', operator), '[4000,-4000,1,0,0,0,0,3000]'::vector) a
ORDER BY number;
DROP TABLE oc_many;
RESET enable_seqscan;

-- A class without a distance function, one with a wrong strategy, one whose distance hnsw does not know.
CREATE OPERATOR CLASS oc_no_function FOR TYPE vector USING hnsw AS OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops;
CREATE OPERATOR CLASS oc_other_strategy FOR TYPE vector USING hnsw AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, OPERATOR 2 = (vector, vector),
    FUNCTION 1 vector_l2_squared_distance(vector, vector);
CREATE OPERATOR CLASS oc_other_distance FOR TYPE vector USING hnsw AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 l2_distance(vector, vector);
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname LIKE 'oc\_%' ORDER BY opcname;
CREATE TABLE oc (v vector(3));
CREATE INDEX ON oc USING hnsw (v oc_other_distance);
\echo :SQLSTATE
CREATE INDEX ON oc USING hnsw (v oc_no_function);
\echo :SQLSTATE
DROP TABLE oc;
DROP OPERATOR FAMILY oc_no_function USING hnsw;
DROP OPERATOR FAMILY oc_other_strategy USING hnsw;
DROP OPERATOR FAMILY oc_other_distance USING hnsw;
