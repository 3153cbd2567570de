-- Proves: any number of equal vectors are all found, deleted, vacuumed and inserted again without loss or repetition.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE du (id int PRIMARY KEY, v vector(3));
INSERT INTO du SELECT i, CASE WHEN i <= 1000 THEN '[1,2,3]' ELSE '[' || i || ',0,0]' END::vector FROM generate_series(1, 1200) i;
CREATE INDEX du_v ON du USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SET hnsw.iterative_scan = strict_order;
SET hnsw.max_scan_tuples = 2147483647;
SELECT $$SELECT count(*) AS rows, count(DISTINCT id) AS different, count(*) FILTER (WHERE distance = 0) AS equal, bool_and(distance >= previous) AS is_sorted
FROM (SELECT id, distance, lag(distance, 1, 0) OVER (ROWS UNBOUNDED PRECEDING) AS previous
      FROM (SELECT id, v <-> '[1,2,3]' AS distance FROM du ORDER BY v <-> '[1,2,3]') s) t$$ AS du_check \gset
:du_check;
-- A LIMIT within the group, and one beyond it, with the smallest candidate list.
SET hnsw.ef_search = 1;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM du ORDER BY v <-> '[1,2,3]' LIMIT 500) s WHERE id <= 1000;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM du ORDER BY v <-> '[1,2,3]' LIMIT 1100) s;
RESET hnsw.ef_search;
SET hnsw.iterative_scan = off;
SELECT count(*) >= 10 AS has_ten FROM (SELECT id FROM du ORDER BY v <-> '[1,2,3]') s;
SET hnsw.iterative_scan = strict_order;

-- Half of them deleted; VACUUM; the other half; VACUUM; again from nothing.
DELETE FROM du WHERE id <= 1000 AND id % 2 = 0;
:du_check;
VACUUM du;
:du_check;
INSERT INTO du SELECT i, '[1,2,3]' FROM generate_series(2001, 2300) i;
:du_check;
DELETE FROM du WHERE id <= 1000;
VACUUM du;
:du_check;
DELETE FROM du WHERE id BETWEEN 2001 AND 2300;
VACUUM du;
:du_check;
INSERT INTO du SELECT i, '[1,2,3]' FROM generate_series(3001, 3500) i;
:du_check;
VACUUM du;
REINDEX INDEX du_v;
:du_check;
-- One after the other, each its own statement and transaction.
DO $$
BEGIN
    FOR i IN 4001..4150 LOOP
        INSERT INTO du VALUES (i, '[1,2,3]');
        COMMIT;
    END LOOP;
END $$;
:du_check;
-- Those of a failed transaction are not seen, and VACUUM removes them.
BEGIN;
INSERT INTO du SELECT i, '[1,2,3]' FROM generate_series(5001, 5200) i;
:du_check;
ROLLBACK;
:du_check;
VACUUM du;
:du_check;
-- A row that is updated to the value it has, and away and back.
UPDATE du SET v = '[1,2,3]' WHERE id = 3001;
UPDATE du SET v = '[9,9,9]' WHERE id = 3002;
UPDATE du SET v = '[1,2,3]' WHERE id = 3002;
:du_check;
SELECT * FROM annex.verify('du_v', true);

-- Nothing but equal rows, built and inserted; the size of the index stays that of one node and its row pointers.
TRUNCATE du;
INSERT INTO du SELECT i, '[5,5,5]' FROM generate_series(1, 5000) i;
:du_check;
SELECT pg_relation_size('du_v') < 200000 AS is_small;
REINDEX INDEX du_v;
:du_check;
SELECT pg_relation_size('du_v') < 200000 AS is_small;
DELETE FROM du WHERE id > 1;
VACUUM du;
:du_check;
-- Row pointers that were freed are used again.
SELECT pg_relation_size('du_v') AS size \gset
INSERT INTO du SELECT i, '[5,5,5]' FROM generate_series(2, 5000) i;
:du_check;
SELECT pg_relation_size('du_v') <= :size AS reused;
SELECT * FROM annex.verify('du_v', true);

-- Equal for the operator but not equal in bytes: 0 and -0. For cosine, multiples are equally near but stay different.
TRUNCATE du;
INSERT INTO du VALUES (1, '[0,1,0]'), (2, '[-0,1,0]'), (3, '[0,1,-0]'), (4, '[0,2,0]'), (5, '[0,3,0]');
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM du ORDER BY v <-> '[0,1,0]' LIMIT 3) s;
CREATE INDEX du_cosine ON du USING hnsw (v vector_cosine_ops);
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM du ORDER BY v <=> '[0,7,0]' LIMIT 5) s;
INSERT INTO du SELECT i, ARRAY[0, i, 0] FROM generate_series(6, 300) i;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM du ORDER BY v <=> '[0,7,0]') s;
SELECT * FROM annex.verify('du_v', true);
SELECT * FROM annex.verify('du_cosine', true);
DROP TABLE du;
