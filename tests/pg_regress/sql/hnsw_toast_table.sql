-- Proves: a scan that holds the TOAST table of its rows open reads from it what PostgreSQL itself would, of every length and in each
-- storage, and leaves to PostgreSQL what is not as usual, errors too; nothing stays open behind it, however it ends.
\set VERBOSITY default
SET client_min_messages = notice;
SET enable_seqscan = off;

CREATE FUNCTION tt_vec(id int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg((hashint8(id::bigint * 16384 + j)::float8 / 2147483648)::real ORDER BY j)::vector
    FROM generate_series(1, dims) j $$;
-- Half of it compresses well.
CREATE FUNCTION tt_half(id int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(CASE WHEN j % 16 < 8 THEN 1 ELSE (hashint8(id::bigint * 16384 + j)::float8 / 2147483648)::real END ORDER BY j)::vector
    FROM generate_series(1, dims) j $$;
-- The table that has the values of a table out of line, how often a value was looked for in it in this transaction, and how many
-- chunks PostgreSQL's own function has read.
CREATE FUNCTION tt_toast(of regclass) RETURNS regclass LANGUAGE sql STABLE AS $$ SELECT reltoastrelid::regclass FROM pg_class WHERE oid = of $$;
CREATE FUNCTION tt_fetched(of regclass, OUT looked bigint, OUT plainly bigint) LANGUAGE sql VOLATILE AS $$
    SELECT pg_stat_get_xact_numscans(indexrelid), pg_stat_get_xact_tuples_returned(indexrelid) FROM pg_index WHERE indrelid = tt_toast(of) $$;
-- How many chunks the values of a new table have, whether a scan of it agrees with a sort of all its rows, and whether PostgreSQL fetched.
CREATE FUNCTION tt_try(dims int, storage text, maker text, OUT chunks text, OUT rows int, OUT same bool, OUT plainly bool) LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    EXECUTE format('CREATE TABLE tt (id int, v vector(%s)); ALTER TABLE tt ALTER v SET STORAGE %s', dims, storage);
    EXECUTE format('INSERT INTO tt SELECT i, %I(i, $1) FROM generate_series(1, 60) i', maker) USING dims;
    CREATE INDEX tt_v ON tt USING hnsw (v vector_l2_ops);
    EXECUTE format('SELECT string_agg(DISTINCT n::text, '','') FROM (SELECT count(*) n FROM %s GROUP BY chunk_id) s', tt_toast('tt')) INTO chunks;
    SELECT a.rows, a.same INTO rows, same FROM index_agrees('SELECT v <-> $1 FROM tt ORDER BY 1 LIMIT 10', tt_vec(0, dims)) a;
    SELECT * INTO before FROM tt_fetched('tt');
    PERFORM v <-> tt_vec(0, dims) FROM tt ORDER BY v <-> tt_vec(0, dims) LIMIT 10;
    plainly := (tt_fetched('tt')).plainly > before.plainly;
    DROP TABLE tt;
END $$;

-- In the row; in two chunks and more, the last of them full, or as short as it can be.
SET hnsw.ef_search = 100;
SELECT dims, t.* FROM unnest(ARRAY[499, 784, 997, 998, 999, 1536, 2000]) dims CROSS JOIN LATERAL tt_try(dims, 'EXTERNAL', 'tt_vec') t;
-- Compressed ones are PostgreSQL's to fetch.
SELECT storage, maker, t.* FROM (VALUES ('EXTENDED', 'tt_vec'), ('EXTENDED', 'tt_half'), ('MAIN', 'tt_half'), ('EXTERNAL', 'tt_half')) f (storage, maker)
CROSS JOIN LATERAL tt_try(1600, storage, maker) t;

CREATE TABLE tl (id int, v vector(784));
INSERT INTO tl SELECT i, tt_vec(i, 784) FROM generate_series(1, 200) i;
CREATE INDEX tl_v ON tl USING hnsw (v vector_l2_ops);
SELECT tt_vec(1000, 784) AS q \gset

-- A scan searches the index once for each value, whatever its transaction has written.
BEGIN;
INSERT INTO tl SELECT i, tt_vec(i, 784) FROM generate_series(201, 220) i;
SELECT looked, plainly FROM tt_fetched('tl') \gset
SELECT count(*) FROM (SELECT id FROM tl ORDER BY v <-> :'q' LIMIT 30) s;
SELECT looked - :looked BETWEEN 30 AND 219 AS once_each, plainly - :plainly AS plainly FROM tt_fetched('tl');
ROLLBACK;
-- A row that was deleted, and is not any more, is PostgreSQL's to fetch.
BEGIN;
SAVEPOINT s;
DELETE FROM tl;
ROLLBACK TO s;
SELECT looked, plainly FROM tt_fetched('tl') \gset
SELECT * FROM index_agrees('SELECT v <-> $1 FROM tl ORDER BY 1 LIMIT 10', :'q'::vector);
SELECT plainly > :plainly AS plainly FROM tt_fetched('tl');
COMMIT;
VACUUM tl;

CREATE TEMP TABLE tm AS TABLE tl;
CREATE INDEX ON tm USING hnsw (v vector_l2_ops);
SELECT * FROM index_agrees('SELECT v <-> $1 FROM tm ORDER BY 1 LIMIT 20', :'q'::vector);

-- Several tables at once: partitions, a join, a scan for each row of another.
CREATE TABLE tp (id int, v vector(784)) PARTITION BY HASH (id);
CREATE TABLE tp0 PARTITION OF tp FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE tp1 PARTITION OF tp FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE tp2 PARTITION OF tp FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO tp SELECT * FROM tl;
CREATE INDEX ON tp USING hnsw (v vector_l2_ops);
SELECT * FROM index_agrees('SELECT v <-> $1 FROM tp ORDER BY 1 LIMIT 20', :'q'::vector);
SELECT a.id = b.id AS same, a.v <-> b.v AS distance FROM (SELECT * FROM tp ORDER BY v <-> :'q' LIMIT 3) a JOIN tl b USING (id) ORDER BY 2;
SELECT a.id, b.id = a.id AS same, b.distance, c.id = a.id AS same FROM (SELECT * FROM tl WHERE id <= 3) a
CROSS JOIN LATERAL (SELECT id, v <-> a.v AS distance FROM tp ORDER BY v <-> a.v LIMIT 1) b
CROSS JOIN LATERAL (SELECT id FROM tl ORDER BY v <-> a.v LIMIT 1) c ORDER BY 1;

-- Under a cursor, while subtransactions come and go.
BEGIN;
DECLARE c CURSOR FOR SELECT id, v = tt_vec(id, 784) AS same FROM tl ORDER BY v <-> tt_vec(7, 784);
SAVEPOINT a;
FETCH 1 FROM c;
ROLLBACK TO a;
MOVE 5 IN c;
SAVEPOINT b;
DECLARE d CURSOR FOR SELECT id, v = tt_vec(id, 784) AS same FROM tl ORDER BY v <-> tt_vec(8, 784);
FETCH 1 FROM d;
MOVE 1 IN c;
SELECT id FROM tp ORDER BY v <-> tt_vec(9, 784) LIMIT 1;
ROLLBACK TO b;
SAVEPOINT b;
DECLARE e CURSOR FOR SELECT id, v = tt_vec(id, 784) AS same FROM tl ORDER BY v <-> tt_vec(10, 784);
FETCH 1 FROM e;
SELECT 1 / (id - id) FROM tl ORDER BY v <-> :'q' LIMIT 1;
ROLLBACK TO a;
RELEASE a;
MOVE 5 IN c;
SELECT id FROM tl ORDER BY v <-> tt_vec(11, 784) LIMIT 1;
DROP TABLE tl;
ROLLBACK;
BEGIN;
DECLARE h CURSOR WITH HOLD FOR SELECT id, v = tt_vec(id, 784) AS same FROM tl ORDER BY v <-> tt_vec(7, 784) LIMIT 12;
FETCH 1 FROM h;
COMMIT;
SELECT id FROM tl ORDER BY v <-> tt_vec(12, 784) LIMIT 1;
FETCH 1 FROM h;
CLOSE h;
-- Closed by the end of the transaction; opened in a subtransaction that is over; the rows of a function, not all of them asked for.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM tl ORDER BY v <-> tt_vec(7, 784);
FETCH 1 FROM c;
SAVEPOINT s;
DECLARE d CURSOR FOR SELECT id FROM tl ORDER BY v <-> tt_vec(8, 784);
FETCH 1 FROM d;
RELEASE s;
MOVE 5 IN d;
CLOSE d;
SAVEPOINT s;
DECLARE d CURSOR FOR SELECT id FROM tl ORDER BY v <-> tt_vec(8, 784);
FETCH 1 FROM d;
RELEASE s;
MOVE 1 IN c;
COMMIT;
CREATE FUNCTION tt_near(q vector) RETURNS SETOF int LANGUAGE sql VOLATILE AS $$ SELECT id FROM tl ORDER BY v <-> q $$;
SELECT tt_near(v), tt_near(tt_vec(10, 784)) FROM tl WHERE id = 9 LIMIT 1;
SELECT id FROM tl WHERE id IN (SELECT tt_near(tt_vec(10, 784)) LIMIT 2) ORDER BY v <-> tt_vec(10, 784) LIMIT 1;
-- In loops of a function that catches errors.
DO $$
DECLARE
    r record;
    n int := 0;
BEGIN
    FOR r IN SELECT id, v FROM tl ORDER BY v <-> tt_vec(7, 784) LIMIT 12 LOOP
        BEGIN
            IF (SELECT t.id FROM tp t ORDER BY t.v <-> r.v LIMIT 1) = r.id THEN n := n + 1; END IF;
            PERFORM 1 / (t.id - t.id) FROM tl t ORDER BY t.v <-> r.v LIMIT 1;
        EXCEPTION WHEN division_by_zero THEN n := n + 100;
        END;
    END LOOP;
    RAISE NOTICE '%', n;
END $$;
DO $$
DECLARE
    r record;
    n int := 0;
BEGIN
    FOR r IN SELECT id, v FROM tl ORDER BY v <-> tt_vec(7, 784) LIMIT 5 LOOP
        n := n + 1;
        COMMIT;
    END LOOP;
    RAISE NOTICE '%', n;
END $$;

-- Between two executions of a prepared statement the table gets another file, another TOAST table, another form.
PREPARE p AS SELECT id, v = tt_vec(id, 784) AS same FROM tl ORDER BY v <-> tt_vec(13, 784) LIMIT 1;
SET plan_cache_mode = force_generic_plan;
EXECUTE p;
VACUUM FULL tl;
EXECUTE p;
SELECT tt_toast('tl') AS toast \gset
REINDEX TABLE :toast;
EXECUTE p;
REINDEX TABLE CONCURRENTLY :toast;
EXECUTE p;
VACUUM FULL :toast;
EXECUTE p;
ALTER TABLE tl ALTER v SET STORAGE PLAIN;
UPDATE tl SET v = tt_vec(id, 784);
EXECUTE p;
ALTER TABLE tl ALTER v SET STORAGE EXTERNAL;
UPDATE tl SET v = tt_vec(id, 784);
EXECUTE p;
TRUNCATE tl;
INSERT INTO tl SELECT i, tt_vec(i, 784) FROM generate_series(1, 20) i;
EXECUTE p;
DEALLOCATE p;

-- What is lost is missed in PostgreSQL's own words.
CREATE FUNCTION tt_error() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM id FROM tl ORDER BY v <-> tt_vec(13, 784) LIMIT 1;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || regexp_replace(SQLERRM, '\d{3,}', 'N', 'g');
END $$;
BEGIN;
SET LOCAL allow_system_table_mods = on;
SELECT tt_toast('tl') AS toast \gset
UPDATE pg_class SET relkind = 'r' WHERE oid = :'toast'::regclass;
DELETE FROM :toast WHERE chunk_seq = 1;
UPDATE pg_class SET relkind = 't' WHERE oid = :'toast'::regclass;
COMMIT;
SELECT tt_error();
VACUUM :toast;
SELECT tt_error();
DROP TABLE tl, tp, tm;
DROP FUNCTION tt_vec, tt_half, tt_fetched, tt_toast, tt_try, tt_error, tt_near;
