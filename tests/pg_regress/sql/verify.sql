-- Proves: annex.verify finds nothing in an index that went through all that changes one, and tells who may not ask;
-- annex.index_info counts what is there. Findings themselves: tests/corruption.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE checked (id int, v vector(3));
CREATE INDEX checked_v ON checked USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 20);

-- An empty index.
SELECT * FROM annex.verify('checked_v');
SELECT * FROM annex.verify('checked_v', deep => true);
SELECT form, metric, dimensions, m, ef_construction, nodes, tombstones, heap_rows, upper_nodes, entry_level, format_version, last_repair
    FROM annex.index_info('checked_v');

-- Rows inserted one by one, equal ones among them, and NULLs, which are not indexed.
INSERT INTO checked SELECT i, ARRAY[i % 50, i % 7, i % 3]::vector FROM generate_series(1, 500) i;
INSERT INTO checked SELECT 1000 + i, '[1,2,3]' FROM generate_series(1, 200) i;
INSERT INTO checked SELECT 2000 + i, NULL FROM generate_series(1, 10) i;
SELECT * FROM annex.verify('checked_v', true);
SELECT metric, tombstones, heap_rows, heap_rows > nodes AS has_equal_rows, upper_nodes > 0 AS has_upper_nodes, entry_level > 0 AS is_tall,
       size_bytes = pg_relation_size('checked_v') AS has_size
    FROM annex.index_info('checked_v');

-- Updates, deletes and vacuum; an index that was rebuilt.
UPDATE checked SET v = '[4,5,6]' WHERE id % 5 = 0;
DELETE FROM checked WHERE id % 3 = 0;
SELECT severity, finding FROM annex.verify('checked_v', true) WHERE severity <> 'info';
VACUUM checked;
SELECT severity, finding FROM annex.verify('checked_v', true) WHERE severity <> 'info';
SELECT heap_rows = (SELECT count(v) FROM checked) AS counts_all_rows, tombstones, last_repair > now() - interval '1 hour' AS was_repaired
    FROM annex.index_info('checked_v');
REINDEX INDEX checked_v;
SELECT * FROM annex.verify('checked_v', true);

-- Vectors of norm zero do not belong into an index for cosine distance.
INSERT INTO checked VALUES (3000, '[0,0,0]');
CREATE INDEX checked_cosine ON checked USING hnsw (v vector_cosine_ops);
SELECT * FROM annex.verify('checked_cosine', true);
SELECT i.metric, i.heap_rows = (SELECT count(v) - 1 FROM checked) AS counts_all_rows FROM annex.index_info('checked_cosine') i;

-- Expressions and predicates are evaluated.
CREATE FUNCTION doubled(v vector) RETURNS vector IMMUTABLE LANGUAGE plpgsql SET search_path FROM CURRENT AS 'BEGIN RETURN v + v; END';
CREATE INDEX checked_doubled ON checked USING hnsw ((doubled(v)::vector(3)) vector_l1_ops) WHERE id < 400;
SELECT * FROM annex.verify('checked_doubled', true);
-- A function that lied is found out.
CREATE OR REPLACE FUNCTION doubled(v vector) RETURNS vector IMMUTABLE LANGUAGE plpgsql SET search_path FROM CURRENT AS 'BEGIN RETURN v; END';
SELECT severity, count(*) > 100 AS many FROM annex.verify('checked_doubled', true) WHERE finding LIKE '% differ% from the row' GROUP BY 1;

-- A snapshot older than the index does not make rows look missing.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM checked WHERE id < 0;
SELECT * FROM annex.verify('checked_cosine', true);
ROLLBACK;

-- Rows that only this transaction sees belong into the index too.
BEGIN;
INSERT INTO checked VALUES (4000, '[7,8,9]');
SELECT * FROM annex.verify('checked_v', true);
ROLLBACK;
SELECT severity, finding FROM annex.verify('checked_v', true) WHERE severity <> 'info';

-- Unlogged and temporary tables.
CREATE UNLOGGED TABLE checked_unlogged AS TABLE checked;
ALTER TABLE checked_unlogged ALTER v TYPE vector(3);
CREATE INDEX checked_unlogged_v ON checked_unlogged USING hnsw (v vector_ip_ops);
SELECT * FROM annex.verify('checked_unlogged_v', true);
CREATE TEMPORARY TABLE checked_temporary (v vector(2));
CREATE INDEX checked_temporary_v ON checked_temporary USING hnsw (v vector_l2_ops);
INSERT INTO checked_temporary SELECT ARRAY[i, 1]::vector FROM generate_series(1, 30) i;
SELECT * FROM annex.verify('checked_temporary_v', true);

-- What cannot be checked.
SELECT * FROM annex.verify('checked');
CREATE INDEX checked_id ON checked (id);
SELECT * FROM annex.verify('checked_id');
SELECT * FROM annex.index_info('checked_id');
CREATE TABLE checked_parted (id int, v vector(3)) PARTITION BY RANGE (id);
CREATE TABLE checked_part PARTITION OF checked_parted FOR VALUES FROM (0) TO (10);
CREATE INDEX checked_parted_v ON checked_parted USING hnsw (v vector_l2_ops);
SELECT * FROM annex.verify('checked_parted_v');
SELECT * FROM annex.verify('checked_part_v_idx', true);
SELECT * FROM annex.verify(NULL);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'checked_cosine'::regclass;
SELECT * FROM annex.verify('checked_cosine');
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'checked_cosine'::regclass;

-- Who neither owns the table nor is a superuser may not ask.
CREATE ROLE regress_annex_owner;
CREATE ROLE regress_annex_other;
ALTER TABLE checked OWNER TO regress_annex_owner;
SET ROLE regress_annex_owner;
SELECT * FROM annex.verify('checked_v', true) WHERE severity <> 'info';
SET ROLE regress_annex_other;
SELECT * FROM annex.verify('checked_v');
SELECT * FROM annex.index_info('checked_v');
RESET ROLE;

-- What a superuser checks runs with the rights of the owner.
CREATE OR REPLACE FUNCTION doubled(v vector) RETURNS vector IMMUTABLE LANGUAGE plpgsql SET search_path FROM CURRENT AS
    'BEGIN IF current_user <> ''regress_annex_owner'' THEN RAISE ''called by %'', current_user; END IF; RETURN v + v; END';
SELECT * FROM annex.verify('checked_doubled', true) WHERE severity <> 'info';
SELECT current_user = session_user AS is_myself_again;

DROP TABLE checked, checked_unlogged, checked_temporary, checked_parted;
DROP FUNCTION doubled;
DROP ROLE regress_annex_owner, regress_annex_other;
