-- Proves: an index on halfvec answers as an index on vector does: each class in its distance's order in both forms, through
-- inserts, deletes and vacuum, on a cast of a vector column, with more dimensions than pgvector's 4,000, and with its own errors.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE hh (id int PRIMARY KEY, v halfvec(8));
SELECT setseed(0.25);
INSERT INTO hh SELECT i, ARRAY(SELECT floor(random() * 201 - 100 + i * 0) / 8 FROM generate_series(1, 8))::real[]::halfvec
FROM generate_series(1, 900) i;
CREATE INDEX hh_l2 ON hh USING hnsw (v halfvec_l2_ops) WITH (storage = inline);
CREATE INDEX hh_ip ON hh USING hnsw (v halfvec_ip_ops) WITH (storage = compact);
CREATE INDEX hh_cosine ON hh USING hnsw (v halfvec_cosine_ops) WITH (storage = inline);
CREATE INDEX hh_l1 ON hh USING hnsw (v halfvec_l1_ops);
INSERT INTO hh SELECT i, ARRAY(SELECT floor(random() * 201 - 100 + i * 0) / 8 FROM generate_series(1, 8))::real[]::halfvec
FROM generate_series(901, 990) i;
INSERT INTO hh VALUES (991, NULL), (992, '[0,0,0,0,0,0,0,0]');
SET hnsw.ef_search = 1000;
SET enable_sort = off;
CREATE VIEW hh_same AS
SELECT operator, q AS query, a.*
FROM unnest(ARRAY['<->', '<#>', '<=>', '<+>']) WITH ORDINALITY AS o(operator, number),
     (SELECT id AS q, v FROM hh WHERE id IN (2, 451, 950)) AS queries,
     index_agrees(format('SELECT v %1$s $1 FROM hh WHERE l2_norm(v) > 0 ORDER BY v %1$s $1 LIMIT 700', operator), v) a
ORDER BY number, q;
SELECT * FROM hh_same;
SELECT form, metric, dimensions, heap_rows FROM unnest(ARRAY['hh_l2', 'hh_ip', 'hh_cosine', 'hh_l1']) i, annex.index_info(i::regclass);

DELETE FROM hh WHERE id % 3 = 0;
VACUUM hh;
SELECT * FROM hh_same;
SELECT i, v.* FROM unnest(ARRAY['hh_l2', 'hh_ip', 'hh_cosine', 'hh_l1']) i, annex.verify(i::regclass, true) v;
-- The four smallest distances by index and by hand.
SELECT id, v <-> '[1,2,3,4,5,6,7,8]' AS distance FROM hh ORDER BY v <-> '[1,2,3,4,5,6,7,8]', id LIMIT 4;
-- Recall against exact search.
SELECT count(*), min(recall) FROM annex.recall('hh_l2', (SELECT array_agg(v) FROM hh WHERE id < 50), 10);
SELECT count(*), min(recall) FROM annex.recall('hh_ip', (SELECT array_agg(v) FROM hh WHERE id < 50), 10, 1000);
SELECT * FROM annex.recall('hh_l2', ARRAY['[1,2,3,4,5,6,7,8]'::vector], 10);
DROP VIEW hh_same;
RESET enable_sort;
RESET hnsw.ef_search;

-- A query of other dimensions, and of another type, which converts.
SET enable_seqscan = off;
SELECT id FROM hh ORDER BY v <-> '[1,2,3]' LIMIT 1;
\echo :SQLSTATE
SELECT count(*) FROM (SELECT id FROM hh ORDER BY v <-> '[1,2,3,4,5,6,7,8]'::vector::halfvec LIMIT 5) s;
SELECT count(*) FROM (SELECT id FROM hh ORDER BY v <-> NULL LIMIT 5) s;
DROP TABLE hh;

-- Half the memory for a vector column: an index on its cast.
CREATE TABLE hc (id int PRIMARY KEY, v vector(3));
INSERT INTO hc SELECT i, ARRAY[i, i % 7, 1.0 / i]::vector FROM generate_series(1, 200) i;
CREATE INDEX hc_v ON hc USING hnsw ((v::halfvec(3)) halfvec_l2_ops);
EXPLAIN (COSTS off) SELECT id FROM hc ORDER BY v::halfvec(3) <-> '[50,3,0]' LIMIT 3;
SELECT id FROM hc ORDER BY v::halfvec(3) <-> '[50,1,0]' LIMIT 3;
INSERT INTO hc VALUES (201, '[70000,0,0]');
\echo :SQLSTATE
SELECT * FROM annex.verify('hc_v', true);
DROP TABLE hc;

-- Wide ones, and too wide ones.
CREATE TABLE hw (id int, v halfvec(4000));
INSERT INTO hw SELECT i, array_fill(i::real, ARRAY[4000])::halfvec FROM generate_series(1, 20) i;
CREATE INDEX hw_v ON hw USING hnsw (v halfvec_l2_ops);
SELECT id FROM hw ORDER BY v <-> array_fill(7.4::real, ARRAY[4000])::halfvec LIMIT 3;
DROP TABLE hw;
CREATE TABLE hw (v halfvec(7713), w halfvec);
CREATE INDEX ON hw USING hnsw (v halfvec_l2_ops);
\echo :SQLSTATE
CREATE INDEX ON hw USING hnsw (w halfvec_l2_ops);
\echo :SQLSTATE
DROP TABLE hw;
