-- Proves: a compact index has one-bit codes of neighbors on upper levels, which is format version 2, from 128 dimensions on, stays
-- sound and finds what exact search finds through all that changes one; all other indexes are of version 1.
\set VERBOSITY default
SET client_min_messages = notice;

-- Which have them: those on dense vectors, not by L1, of enough dimensions, with neighbors enough that upper items take little
-- space, in the compact form.
CREATE TABLE cu_kinds (a vector(64), b vector(127), c vector(128), d vector(384), e vector(1536), h halfvec(384), s sparsevec(384), bits bit(384));
CREATE TABLE cu_indexes (number serial, of text);
INSERT INTO cu_indexes (of) VALUES
    ('d vector_cosine_ops) WITH (storage = compact)'), ('d vector_l2_ops) WITH (storage = compact)'), ('d vector_ip_ops) WITH (storage = compact)'),
    ('h halfvec_l2_ops) WITH (storage = compact)'), ('c vector_l2_ops) WITH (m = 12, storage = compact)'), ('b vector_l2_ops) WITH (storage = compact)'),
    ('a vector_l2_ops) WITH (storage = compact)'), ('d vector_l2_ops) WITH (m = 8, storage = compact)'), ('e vector_l2_ops) WITH (storage = compact)'),
    ('d vector_l2_ops) WITH (storage = inline)'), ('d vector_l1_ops)'), ('h halfvec_l1_ops)'), ('s sparsevec_l2_ops)'), ('bits bit_hamming_ops)');
SELECT format('CREATE INDEX cu_kinds_%s ON cu_kinds USING hnsw (%s', number, of) FROM cu_indexes ORDER BY number \gexec
SELECT of, format_version, form, dimensions FROM cu_indexes, annex.index_info(('cu_kinds_' || number)::regclass) ORDER BY number;
DROP TABLE cu_kinds, cu_indexes;

-- Vectors in groups, as embeddings are, whose numbers follow from their row: a sum of a group's and of a row's own.
CREATE FUNCTION cu_vec(id int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg((hashint8((id % 30)::bigint * 4096 + j % 32)::float8 / 2147483648
        + hashint8(id::bigint * 4096 + 2048 + j % 24)::float8 / 4294967296 + j / 1000.0)::real ORDER BY j)::vector
    FROM generate_series(1, dims) j $$;
CREATE TABLE cu (id int PRIMARY KEY, v vector(384), h halfvec(384) GENERATED ALWAYS AS (v::halfvec) STORED);
INSERT INTO cu (id, v) SELECT i, cu_vec(i, 384) FROM generate_series(1, 700) i;
-- At m = 16 lists of upper levels have 14 places, at m = 12 all.
SELECT $$CREATE INDEX cu_cosine ON cu USING hnsw (v vector_cosine_ops) WITH (storage = compact);
CREATE INDEX cu_l2 ON cu USING hnsw (v vector_l2_ops) WITH (m = 12, storage = compact);
CREATE INDEX cu_ip ON cu USING hnsw (v vector_ip_ops) WITH (storage = compact, builder = hnsw_rs);
CREATE INDEX cu_half ON cu USING hnsw (h halfvec_l2_ops) WITH (m = 12, storage = compact);$$ AS cu_build \gset
:cu_build
-- Whether a search goes through the nodes of upper levels, and computes the distances of those only whose lists it reads.
CREATE FUNCTION cu_walk(index regclass, of text, operator text, query vector) RETURNS bool LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_sort = off AS $$
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM cu ORDER BY %s %s $1 LIMIT 10) s', of, operator) USING query;
    RETURN (SELECT upper_expanded >= least(20, upper_nodes / 2) AND upper_distances < 2 * upper_expanded
            FROM annex.last_scan(), annex.index_info(index));
END $$;
-- What each index and its operator find for five queries, three of which are rows: recall@10 at the usual width; whether the 50
-- nearest rows come in exact order when a wider search is asked for; what verify says.
CREATE VIEW cu_check AS
SELECT index, (SELECT format_version FROM annex.index_info(index::regclass)) AS version,
       (CASE of WHEN 'v' THEN (SELECT avg(recall) FROM annex.recall(index::regclass, queries, 10, 40))
        ELSE (SELECT avg(recall) FROM annex.recall(index::regclass, queries::halfvec[], 10, 40)) END) >= .95 AS is_good, agree, walks, findings
FROM (VALUES (1, 'cu_cosine', 'v', '<=>'), (2, 'cu_l2', 'v', '<->'), (3, 'cu_ip', 'v', '<#>'), (4, 'cu_half', 'h', '<->')) AS i (number, index, of, operator),
     (SELECT array_agg(cu_vec(q * 200, 384)) AS queries FROM generate_series(1, 5) q) AS q,
     LATERAL (SELECT bool_and(rows = 50 AND same) AS agree
              FROM unnest(queries) query, index_agrees(format('SELECT %s %s $1 FROM cu ORDER BY %1$s %2$s $1 LIMIT 50', of, operator), query)) AS exact,
     LATERAL (SELECT bool_and(cu_walk(index::regclass, of, operator, query)) AS walks FROM unnest(queries) query) AS walk,
     LATERAL (SELECT string_agg(finding, ', ') AS findings FROM annex.verify(index::regclass, true) WHERE severity <> 'info') AS verify
ORDER BY number;
SET hnsw.ef_search = 400;
SELECT * FROM cu_check;
SELECT index, upper_nodes > 20 AS has_upper_nodes, entry_level > 0 AS is_tall
FROM unnest(ARRAY['cu_cosine', 'cu_l2', 'cu_ip', 'cu_half']) index, annex.index_info(index::regclass);

-- Inserts, equal rows among them; deletes, before and after a vacuum, and slots used again.
INSERT INTO cu (id, v) SELECT i, cu_vec(i, 384) FROM generate_series(2001, 2300) i;
INSERT INTO cu (id, v) SELECT 3000 + i, cu_vec(2001 + i % 2, 384) FROM generate_series(1, 100) i;
SELECT heap_rows - nodes AS shared FROM annex.index_info('cu_l2');
SELECT * FROM cu_check;
DELETE FROM cu WHERE id % 7 = 0;
SELECT * FROM cu_check;
VACUUM cu;
SELECT tombstones FROM annex.index_info('cu_l2');
SELECT * FROM cu_check;
INSERT INTO cu (id, v) SELECT i, cu_vec(i, 384) FROM generate_series(4001, 4400) i;
SELECT * FROM cu_check;

-- From empty: one row after the other finds its neighbors, and once more when all are gone.
TRUNCATE cu;
INSERT INTO cu (id, v) SELECT i, cu_vec(i, 384) FROM generate_series(1, 500) i;
SELECT * FROM cu_check;
DELETE FROM cu;
VACUUM cu;
SELECT index, nodes, tombstones FROM unnest(ARRAY['cu_cosine', 'cu_l2', 'cu_ip', 'cu_half']) index, annex.index_info(index::regclass);
INSERT INTO cu (id, v) SELECT i, cu_vec(i, 384) FROM generate_series(5001, 5500) i;
SELECT * FROM cu_check;

-- Built in parts, as there is no memory for all at once; hnsw_rs inserts the rows for which it has none.
DROP INDEX cu_cosine, cu_l2, cu_ip, cu_half;
INSERT INTO cu (id, v) SELECT i, cu_vec(i, 384) FROM generate_series(1, 1500) i;
SET maintenance_work_mem = '1MB';
:cu_build
RESET maintenance_work_mem;
SELECT * FROM cu_check;
INSERT INTO cu (id, v) SELECT i, cu_vec(i, 384) FROM generate_series(6001, 6200) i;
DELETE FROM cu WHERE id % 4 = 0;
VACUUM cu;
SELECT * FROM cu_check;

-- An index that gets another form, or fewer neighbors, goes without them, until it is built as before.
ALTER INDEX cu_l2 SET (storage = inline);
REINDEX INDEX cu_l2;
ALTER INDEX cu_ip SET (m = 4);
REINDEX INDEX cu_ip;
-- Lists of 4 neighbors are walked with as few distances by chance.
SELECT index, version, CASE index WHEN 'cu_l2' THEN walks END AS walks, findings FROM cu_check WHERE index IN ('cu_l2', 'cu_ip');
ALTER INDEX cu_l2 SET (storage = compact);
REINDEX INDEX cu_l2;
ALTER INDEX cu_ip RESET (m);
REINDEX INDEX cu_ip;
SELECT * FROM cu_check WHERE index IN ('cu_l2', 'cu_ip');
DROP VIEW cu_check;
DROP TABLE cu;
DROP FUNCTION cu_walk;
DROP FUNCTION cu_vec;
