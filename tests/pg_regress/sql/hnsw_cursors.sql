-- Proves: cursors over an index scan go on after other statements, forwards and backwards with SCROLL, and WITH HOLD after the commit.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE cu (id int PRIMARY KEY, v vector(2));
INSERT INTO cu SELECT i, ARRAY[i, 0] FROM generate_series(1, 100) i;
CREATE INDEX cu_v ON cu USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;

BEGIN;
DECLARE near CURSOR FOR SELECT id FROM cu ORDER BY v <-> '[10.1,0]';
FETCH 3 FROM near;
-- Other scans of the same index in between, with other settings.
SELECT id FROM cu ORDER BY v <-> '[90,0]' LIMIT 1;
SET LOCAL hnsw.ef_search = 5;
INSERT INTO cu VALUES (101, '[10.3,0]');
FETCH 3 FROM near;
MOVE 10 IN near;
FETCH 1 FROM near;
CLOSE near;
ROLLBACK;

-- Two cursors side by side; one closed early, one left open at the commit.
BEGIN;
DECLARE low CURSOR FOR SELECT id FROM cu ORDER BY v <-> '[1,0]';
DECLARE high CURSOR FOR SELECT id FROM cu ORDER BY v <-> '[100,0]';
FETCH 2 FROM low;
FETCH 2 FROM high;
FETCH 2 FROM low;
FETCH 2 FROM high;
CLOSE low;
FETCH 1 FROM high;
COMMIT;

-- SCROLL.
BEGIN;
EXPLAIN (COSTS off) DECLARE near SCROLL CURSOR FOR SELECT id FROM cu ORDER BY v <-> '[50.1,0]';
DECLARE near SCROLL CURSOR FOR SELECT id FROM cu ORDER BY v <-> '[50.1,0]';
FETCH 4 FROM near;
FETCH BACKWARD 2 FROM near;
FETCH ABSOLUTE 1 FROM near;
FETCH RELATIVE 3 FROM near;
FETCH PRIOR FROM near;
FETCH FIRST FROM near;
ROLLBACK;
-- Without it, backwards is refused.
BEGIN;
DECLARE near NO SCROLL CURSOR FOR SELECT id FROM cu ORDER BY v <-> '[50.1,0]';
FETCH 2 FROM near;
FETCH BACKWARD 1 FROM near;
\echo :SQLSTATE
ROLLBACK;

-- WITH HOLD keeps the rows of the scan as they were at the commit.
BEGIN;
DECLARE kept CURSOR WITH HOLD FOR SELECT id FROM cu ORDER BY v <-> '[30.1,0]' LIMIT 5;
FETCH 1 FROM kept;
COMMIT;
DELETE FROM cu WHERE id IN (29, 31);
VACUUM cu;
FETCH ALL FROM kept;
CLOSE kept;
SELECT array_agg(id) FROM (SELECT id FROM cu ORDER BY v <-> '[30.1,0]' LIMIT 3) s;

-- An iterative scan is continued from one FETCH to the next.
SET hnsw.iterative_scan = strict_order;
SET hnsw.ef_search = 2;
BEGIN;
DECLARE near CURSOR FOR SELECT id FROM cu WHERE id % 10 = 0 ORDER BY v <-> '[0,0]';
FETCH 2 FROM near;
FETCH 3 FROM near;
SET LOCAL hnsw.iterative_scan = off;
FETCH 10 FROM near;
FETCH 1 FROM near;
COMMIT;
RESET hnsw.ef_search;
RESET hnsw.iterative_scan;

-- A cursor in PL/pgSQL, with a parameter, opened again; UPDATE ... WHERE CURRENT OF.
DO $$
DECLARE
    near CURSOR (x real) FOR SELECT id FROM cu ORDER BY v <-> ARRAY[x, 0]::vector;
    row record;
    seen int[];
BEGIN
    FOR q IN 1..3 LOOP
        OPEN near (q * 20);
        FETCH near INTO row;
        seen := seen || row.id;
        CLOSE near;
    END LOOP;
    RAISE NOTICE 'seen: %', seen;
END $$;
BEGIN;
DECLARE near CURSOR FOR SELECT id FROM cu ORDER BY v <-> '[70.1,0]' FOR UPDATE;
FETCH 1 FROM near;
UPDATE cu SET v = '[-70,0]' WHERE CURRENT OF near;
FETCH 1 FROM near;
DELETE FROM cu WHERE CURRENT OF near;
COMMIT;
SELECT array_agg(id) FROM (SELECT id FROM cu ORDER BY v <-> '[70.1,0]' LIMIT 2) s;
SELECT id FROM cu ORDER BY v <-> '[-70,0]' LIMIT 1;
DROP TABLE cu;
