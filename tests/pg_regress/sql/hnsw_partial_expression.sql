-- Proves: partial indexes serve the queries that imply their predicate, expression indexes those that repeat the expression, also after writes.
\set VERBOSITY default
SET client_min_messages = notice;

CREATE TABLE pe (id int PRIMARY KEY, c int, v vector(3), a real[]);
INSERT INTO pe SELECT i, i % 4, ARRAY[i, i % 3, 1], ARRAY[i, -i] FROM generate_series(1, 400) i;
SET enable_seqscan = off;
SET enable_sort = off;
-- Scans of a plan, without what only some versions print.
CREATE FUNCTION pe_scans(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        IF line ~ 'Scan' THEN
            RETURN NEXT regexp_replace(line, '^[ >-]*', '');
        END IF;
    END LOOP;
END $$;

-- Partial.
CREATE INDEX pe_partial ON pe USING hnsw (v vector_l2_ops) WHERE c = 1;
SELECT pg_get_indexdef('pe_partial'::regclass);
ANALYZE pe;
SELECT reltuples FROM pg_class WHERE relname = 'pe_partial';
EXPLAIN (COSTS off) SELECT id FROM pe WHERE c = 1 ORDER BY v <-> '[100,1,1]' LIMIT 3;
SELECT id FROM pe WHERE c = 1 ORDER BY v <-> '[100,1,1]' LIMIT 3;
SELECT array_agg(id) FROM (SELECT id FROM pe WHERE c = 1 AND id > 101 ORDER BY v <-> '[100,1,1]' LIMIT 3) s;
SELECT pe_scans($$SELECT id FROM pe WHERE c = 2 ORDER BY v <-> '[100,1,1]' LIMIT 3$$);
-- Rows enter and leave with the predicate.
UPDATE pe SET c = 1 WHERE id = 100;
UPDATE pe SET c = 2 WHERE id = 101;
INSERT INTO pe VALUES (500, 1, '[100,1,1.5]'), (501, 2, '[100,1,1]');
SELECT id FROM pe WHERE c = 1 ORDER BY v <-> '[100,1,1]' LIMIT 3;
VACUUM pe;
SELECT id FROM pe WHERE c = 1 ORDER BY v <-> '[100,1,1]' LIMIT 3;
-- A predicate that no row meets, then one does.
CREATE INDEX pe_none ON pe USING hnsw (v vector_ip_ops) WHERE c = 99;
SELECT id FROM pe WHERE c = 99 ORDER BY v <#> '[1,1,1]' LIMIT 3;
INSERT INTO pe VALUES (600, 99, '[1,1,1]');
SELECT id FROM pe WHERE c = 99 ORDER BY v <#> '[1,1,1]' LIMIT 3;
-- NULLs excluded by the predicate rather than by the index.
CREATE INDEX pe_not_null ON pe USING hnsw (v vector_l1_ops) WHERE v IS NOT NULL;
EXPLAIN (COSTS off) SELECT id FROM pe WHERE v IS NOT NULL ORDER BY v <+> '[100,1,1]' LIMIT 1;
DROP INDEX pe_partial, pe_none, pe_not_null;

-- Expressions: a part of the vector, an array cast, a value computed from other columns.
CREATE INDEX pe_part ON pe USING hnsw ((subvector(v, 1, 2)::vector(2)) vector_l2_ops);
CREATE INDEX pe_array ON pe USING hnsw ((a::vector(2)) vector_cosine_ops);
CREATE INDEX pe_unit ON pe USING hnsw ((l2_normalize(v)::vector(3)) vector_l2_ops) WITH (m = 6);
SELECT pg_get_indexdef('pe_part'::regclass), pg_get_indexdef('pe_array'::regclass);
EXPLAIN (COSTS off) SELECT id FROM pe ORDER BY subvector(v, 1, 2)::vector(2) <-> '[7.1,1]' LIMIT 2;
SELECT id FROM pe ORDER BY subvector(v, 1, 2)::vector(2) <-> '[7.1,1]' LIMIT 2;
EXPLAIN (COSTS off) SELECT id FROM pe ORDER BY a::vector(2) <=> '[1,-1]' LIMIT 1;
SELECT count(*) FROM (SELECT a::vector(2) <=> '[1,-1]' AS d FROM pe ORDER BY a::vector(2) <=> '[1,-1]' LIMIT 20) s WHERE abs(d) < 1e-6;
EXPLAIN (COSTS off) SELECT id FROM pe ORDER BY l2_normalize(v)::vector(3) <-> '[0,0,1]' LIMIT 1;
SELECT id FROM pe WHERE id < 500 ORDER BY l2_normalize(v)::vector(3) <-> '[0.2,0.4,0.4]' LIMIT 1;
-- Another expression is not served.
SELECT pe_scans($$SELECT id FROM pe ORDER BY subvector(v, 2, 2)::vector(2) <-> '[7.1,1]' LIMIT 2$$);
SELECT pe_scans($$SELECT id FROM pe ORDER BY v <-> '[7.1,1,1]' LIMIT 2$$);
-- Writes keep it current; a value that the expression refuses is refused.
INSERT INTO pe VALUES (700, 0, '[7.1,1,9]', '{1,-1}');
SELECT id FROM pe ORDER BY subvector(v, 1, 2)::vector(2) <-> '[7.1,1]' LIMIT 2;
INSERT INTO pe VALUES (701, 0, '[1,1,1]', '{1,2,3}');
\echo :SQLSTATE
UPDATE pe SET v = '[8,8,8]' WHERE id = 700;
SELECT id FROM pe ORDER BY subvector(v, 1, 2)::vector(2) <-> '[7.1,1]' LIMIT 1;
REINDEX INDEX pe_part;
SELECT id FROM pe ORDER BY subvector(v, 1, 2)::vector(2) <-> '[7.1,1]' LIMIT 1;
DROP INDEX pe_part, pe_array, pe_unit;

-- Partial and by expression: columns of mixed dimensions, one index for each.
CREATE TABLE pe_mixed (id int, dims int, v vector);
INSERT INTO pe_mixed SELECT i, 1 + i % 2, CASE WHEN i % 2 = 0 THEN ARRAY[i]::vector ELSE ARRAY[i, i]::vector END FROM generate_series(1, 100) i;
CREATE INDEX pe_one ON pe_mixed USING hnsw ((v::vector(1)) vector_l2_ops) WHERE dims = 1;
CREATE INDEX pe_two ON pe_mixed USING hnsw ((v::vector(2)) vector_l2_ops) WHERE dims = 2;
EXPLAIN (COSTS off) SELECT id FROM pe_mixed WHERE dims = 1 ORDER BY v::vector(1) <-> '[50.3]' LIMIT 2;
SELECT id FROM pe_mixed WHERE dims = 1 ORDER BY v::vector(1) <-> '[50.3]' LIMIT 2;
SELECT id FROM pe_mixed WHERE dims = 2 ORDER BY v::vector(2) <-> '[50.3,50.3]' LIMIT 2;
DROP TABLE pe_mixed;

-- An expression that raises an error during a build names its own problem, and no index is left.
CREATE FUNCTION pe_refuse(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF v = '[200,2,1]' THEN
        RAISE 'no value for %', v USING ERRCODE = 'P0042', DETAIL = 'Told by the function.', HINT = 'Ask it.';
    END IF;
    RETURN v;
END $$;
CREATE INDEX pe_refused ON pe USING hnsw ((pe_refuse(v)::vector(3)) vector_l2_ops);
\echo :SQLSTATE
SELECT to_regclass('pe_refused');
DROP TABLE pe;
DROP FUNCTION pe_refuse, pe_scans;
