-- Proves: a scan sees its own transaction's rows and no others', and what rolls back, by savepoint or whole, is gone.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE tx (id int PRIMARY KEY, v vector(2));
INSERT INTO tx SELECT i, ARRAY[i, 0] FROM generate_series(1, 100) i;
CREATE INDEX tx_v ON tx USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;

-- Own rows, before and after the commit.
BEGIN;
INSERT INTO tx VALUES (200, '[50.1,0]');
UPDATE tx SET v = '[50.2,0]' WHERE id = 1;
DELETE FROM tx WHERE id = 50;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[50.1,0]' LIMIT 3) s;
ROLLBACK;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[50.1,0]' LIMIT 3) s;
BEGIN;
INSERT INTO tx VALUES (200, '[50.1,0]');
COMMIT;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[50.1,0]' LIMIT 3) s;

-- Savepoints.
BEGIN;
INSERT INTO tx VALUES (201, '[60.1,0]');
SAVEPOINT a;
INSERT INTO tx VALUES (202, '[60.2,0]');
SAVEPOINT b;
INSERT INTO tx VALUES (203, '[60.3,0]');
DELETE FROM tx WHERE id = 201;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[60.2,0]' LIMIT 3) s;
ROLLBACK TO b;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[60.2,0]' LIMIT 3) s;
RELEASE a;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[60.2,0]' LIMIT 3) s;
COMMIT;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[60.2,0]' LIMIT 3) s;
-- Many subtransactions, half of them failing.
DO $$
BEGIN
    FOR i IN 300..399 LOOP
        BEGIN
            INSERT INTO tx VALUES (i, ARRAY[i, 0]);
            IF i % 2 = 0 THEN
                RAISE division_by_zero;
            END IF;
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
    END LOOP;
END $$;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[350.1,0]' LIMIT 3) s;
-- An error inside a scan, then further scans in the same transaction.
BEGIN;
SAVEPOINT a;
SELECT 1 / (id - 353) FROM (SELECT id FROM tx ORDER BY v <-> '[350.1,0]' LIMIT 3) s;
\echo :SQLSTATE
ROLLBACK TO a;
SELECT id FROM tx ORDER BY v <-> '[1,2,3]' LIMIT 1;
\echo :SQLSTATE
ROLLBACK TO a;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[350.1,0]' LIMIT 3) s;
INSERT INTO tx VALUES (500, '[500,0]');
COMMIT;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[500,0]' LIMIT 1) s;

-- A cursor keeps the snapshot it was opened with.
BEGIN ISOLATION LEVEL REPEATABLE READ;
DECLARE old CURSOR FOR SELECT id FROM tx ORDER BY v <-> '[10.1,0]';
DELETE FROM tx WHERE id = 10;
INSERT INTO tx VALUES (600, '[10.1,0]');
FETCH 2 FROM old;
SELECT array_agg(id) FROM (SELECT id FROM tx ORDER BY v <-> '[10.1,0]' LIMIT 2) s;
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT id FROM tx ORDER BY v <-> '[10.1,0]' LIMIT 1;
INSERT INTO tx VALUES (601, '[10.1,0]');
SELECT id FROM tx ORDER BY v <-> '[10.1,0]' LIMIT 1;
ROLLBACK;

-- Two-phase commit.
BEGIN;
INSERT INTO tx VALUES (700, '[700,0]');
PREPARE TRANSACTION 'tx_first';
SELECT id FROM tx ORDER BY v <-> '[700,0]' LIMIT 1;
COMMIT PREPARED 'tx_first';
SELECT id FROM tx ORDER BY v <-> '[700,0]' LIMIT 1;
BEGIN;
INSERT INTO tx VALUES (800, '[800,0]');
DELETE FROM tx WHERE id = 700;
PREPARE TRANSACTION 'tx_second';
ROLLBACK PREPARED 'tx_second';
SELECT id FROM tx ORDER BY v <-> '[800,0]' LIMIT 1;

-- Rows locked through the index: FOR UPDATE, SHARE, SKIP LOCKED, and one that changed within the statement's own transaction.
BEGIN;
SELECT id FROM tx ORDER BY v <-> '[20.1,0]' LIMIT 2 FOR UPDATE;
UPDATE tx SET v = v + '[0,1]' WHERE id = 20;
SELECT id FROM tx ORDER BY v <-> '[20.1,0]' LIMIT 2 FOR NO KEY UPDATE;
SELECT id FROM tx ORDER BY v <-> '[20.1,0]' LIMIT 2 FOR SHARE SKIP LOCKED;
ROLLBACK;
WITH near AS (SELECT id FROM tx ORDER BY v <-> '[20.1,0]' LIMIT 1 FOR UPDATE)
UPDATE tx SET v = '[-5,0]' FROM near WHERE tx.id = near.id RETURNING tx.id;
SELECT id FROM tx ORDER BY v <-> '[-5,0]' LIMIT 1;

-- The row pointers that an ordered scan gives are those of the rows.
SELECT count(*) FROM tx, (SELECT ctid, id FROM tx ORDER BY v <-> '[20.1,0]' LIMIT 3) near WHERE tx.ctid = near.ctid AND tx.id = near.id;
SELECT id FROM tx WHERE ctid <> '(0,0)' ORDER BY v <-> '[30.1,0]' LIMIT 2;

-- The index is created, used and dropped within a transaction that rolls back.
BEGIN;
DROP INDEX tx_v;
CREATE INDEX tx_other ON tx USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 32);
INSERT INTO tx VALUES (900, '[900,0]');
SELECT id FROM tx ORDER BY v <-> '[900,0]' LIMIT 1;
ROLLBACK;
SELECT id FROM tx ORDER BY v <-> '[900,0]' LIMIT 1;
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'tx'::regclass ORDER BY 1;
VACUUM tx;
SELECT * FROM annex.verify('tx_v', true);
SELECT id FROM tx ORDER BY v <-> '[900,0]' LIMIT 1;
DROP TABLE tx;
