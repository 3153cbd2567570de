-- Proves: wrong dimensions, missing and too many dimensions are refused with pgvector's SQLSTATE and words, and leave the index usable.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE er (id int, v vector(3), open vector);
CREATE INDEX er_v ON er USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;

-- Rows and queries of other dimensions.
INSERT INTO er VALUES (1, '[1,2]');
\echo :SQLSTATE
SELECT id FROM er ORDER BY v <-> '[1,2]' LIMIT 1;
INSERT INTO er VALUES (1, '[1,2,3]'), (2, '[4,5,6]');
SELECT id FROM er ORDER BY v <-> '[1,2]' LIMIT 1;
\echo :SQLSTATE
SELECT id FROM er ORDER BY v <-> '[1,2,3,4]' LIMIT 1;
\echo :SQLSTATE
SELECT q.i, (SELECT id FROM er ORDER BY er.v <-> q.v LIMIT 1) FROM (VALUES (1, '[1,2,3]'::vector), (2, '[1,2]')) q(i, v);
\echo :SQLSTATE
SELECT id FROM er ORDER BY v <-> '[4,5,6]' LIMIT 1;

-- A column without dimensions; with a cast it can be indexed, and then admits only rows of them.
CREATE INDEX ON er USING hnsw (open vector_l2_ops);
\echo :SQLSTATE
CREATE INDEX er_open ON er USING hnsw ((open::vector(2)) vector_l2_ops);
INSERT INTO er (id, open) VALUES (3, '[1,1]');
INSERT INTO er (id, open) VALUES (4, '[1,1,1]');
\echo :SQLSTATE
SELECT id FROM er ORDER BY open::vector(2) <-> '[1,1]' LIMIT 1;
DROP INDEX er_open;
INSERT INTO er (id, open) VALUES (4, '[1,1,1]');
CREATE INDEX er_open ON er USING hnsw ((open::vector(2)) vector_l2_ops);
\echo :SQLSTATE
-- A domain carries no dimensions.
CREATE DOMAIN er_embedding AS vector(3);
CREATE TABLE er_domain (v er_embedding);
CREATE INDEX ON er_domain USING hnsw (v vector_l2_ops);
\echo :SQLSTATE
CREATE INDEX er_domain_v ON er_domain USING hnsw ((v::vector(3)) vector_l2_ops);
INSERT INTO er_domain VALUES ('[1,2,3]');
SELECT v FROM er_domain ORDER BY v::vector(3) <-> '[1,2,3]' LIMIT 1;
DROP TABLE er_domain;
DROP DOMAIN er_embedding;

-- The limit on dimensions is at least pgvector's 2,000, and a smaller m raises it.
CREATE TABLE er_wide (id int, v2000 vector(2000), v16000 vector(16000));
INSERT INTO er_wide
SELECT i, ARRAY(SELECT (i * k) % 43 FROM generate_series(1, 2000) k)::real[]
FROM generate_series(1, 40) i;
CREATE INDEX er_wide_2000 ON er_wide USING hnsw (v2000 vector_l2_ops);
CREATE INDEX er_wide_100 ON er_wide USING hnsw (v2000 vector_l2_ops) WITH (m = 100, ef_construction = 200);
SELECT id FROM er_wide ORDER BY v2000 <-> (SELECT v2000 FROM er_wide WHERE id = 13) LIMIT 1;
INSERT INTO er_wide VALUES (100, array_fill(5, ARRAY[2000]));
SELECT id FROM er_wide ORDER BY v2000 <-> array_fill(5, ARRAY[2000])::vector LIMIT 1;
DROP INDEX er_wide_2000, er_wide_100;
CREATE INDEX ON er_wide USING hnsw (v16000 vector_l2_ops);
\echo :SQLSTATE
CREATE INDEX ON er_wide USING hnsw (v16000 vector_l2_ops) WITH (m = 100, ef_construction = 200);
\echo :SQLSTATE
CREATE INDEX ON er_wide USING hnsw ((subvector(v16000, 1, 5000)::vector(5000)) vector_l2_ops);
INSERT INTO er_wide (id, v16000) VALUES (101, array_fill(1, ARRAY[16000]));
SELECT id FROM er_wide ORDER BY subvector(v16000, 1, 5000)::vector(5000) <-> array_fill(1, ARRAY[5000])::vector(5000) LIMIT 1;
DROP TABLE er_wide;

-- A failed statement takes none of its rows into answers.
BEGIN;
SAVEPOINT before;
INSERT INTO er VALUES (10, '[7,7,7]'), (11, '[1,2]');
ROLLBACK TO before;
SELECT id FROM er ORDER BY v <-> '[7,7,7]' LIMIT 1;
COMMIT;
DROP TABLE er;
