-- What the documentation of pgvector shows its users, feature by feature; run on pgvector and on annex, whose answers must be equal.
-- Of an error the SQLSTATE and the message: annex adds details and hints.
\set VERBOSITY verbose
\set SHOW_CONTEXT never
SET client_min_messages = warning;

\echo == getting started
CREATE EXTENSION IF NOT EXISTS vector;
SELECT extname FROM pg_extension WHERE extname = 'vector';
CREATE TABLE items (id bigserial PRIMARY KEY, embedding vector(3));
INSERT INTO items (embedding) VALUES ('[1,2,3]'), ('[4,5,6]');
SELECT * FROM items ORDER BY embedding <-> '[3,1,2]' LIMIT 5;

\echo == storing
ALTER TABLE items ADD COLUMN title text;
CREATE TABLE notes (id bigserial PRIMARY KEY);
ALTER TABLE notes ADD COLUMN embedding vector(3);
INSERT INTO items (id, embedding) VALUES (1, '[1,2,3.5]'), (2, '[4,5,6.5]')
    ON CONFLICT (id) DO UPDATE SET embedding = EXCLUDED.embedding;
UPDATE items SET embedding = '[1,2,3]' WHERE id = 1;
DELETE FROM items WHERE id = 2;
COPY items (embedding) FROM STDIN;
[7,8,9]
[0.5,0.25,-1]
\.
COPY items (embedding) TO STDOUT;
TABLE items ORDER BY id;
-- In binary, out and in again; the file lies where the server may write.
SELECT current_setting('data_directory') || '/embeddings.copy' AS file \gset
COPY items (embedding) TO :'file' WITH (FORMAT BINARY);
CREATE TABLE copied (id bigserial PRIMARY KEY, embedding vector(3));
COPY copied (embedding) FROM :'file' WITH (FORMAT BINARY);
TABLE copied ORDER BY id;
ALTER TABLE copied ALTER COLUMN embedding SET STORAGE PLAIN;
SELECT attstorage FROM pg_attribute WHERE attrelid = 'copied'::regclass AND attname = 'embedding';

\echo == querying
SELECT id FROM items ORDER BY embedding <-> '[3,1,2]' LIMIT 2;
SELECT id FROM items WHERE id <> 1 ORDER BY embedding <-> (SELECT embedding FROM items WHERE id = 1) LIMIT 5;
SELECT id FROM items WHERE embedding <-> '[3,1,2]' < 5 ORDER BY id;
SELECT id, embedding <-> '[3,1,2]' AS l2, (embedding <#> '[3,1,2]') * -1 AS inner_product, 1 - (embedding <=> '[3,1,2]') AS cosine_similarity,
    embedding <+> '[3,1,2]' AS l1 FROM items ORDER BY id;

\echo == aggregates
ALTER TABLE items ADD COLUMN category_id int;
UPDATE items SET category_id = id % 2;
SELECT avg(embedding) FROM items;
SELECT category_id, avg(embedding), sum(embedding) FROM items GROUP BY category_id ORDER BY category_id;

\echo == hnsw
CREATE INDEX ON items USING hnsw (embedding vector_l2_ops);
CREATE INDEX ON items USING hnsw (embedding vector_ip_ops);
CREATE INDEX ON items USING hnsw (embedding vector_cosine_ops);
CREATE INDEX ON items USING hnsw (embedding vector_l1_ops);
CREATE INDEX items_options ON items USING hnsw (embedding vector_l2_ops) WITH (m = 16, ef_construction = 64);
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'items'::regclass ORDER BY 1;
SET hnsw.ef_search = 100;
BEGIN;
SET LOCAL hnsw.ef_search = 200;
SET LOCAL enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY embedding <=> '[3,1,2]' LIMIT 5;
SELECT id FROM items ORDER BY embedding <=> '[3,1,2]' LIMIT 5;
COMMIT;
SHOW hnsw.ef_search;
SELECT phase, round(100.0 * blocks_done / nullif(blocks_total, 0), 1) AS "%" FROM pg_stat_progress_create_index;
-- More memory and workers for a build.
SET maintenance_work_mem = '128MB';
SET max_parallel_maintenance_workers = 2;
CREATE INDEX items_ip ON items USING hnsw (embedding vector_ip_ops);
RESET maintenance_work_mem;
RESET max_parallel_maintenance_workers;
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT id FROM items ORDER BY embedding <#> '[3,1,2]' LIMIT 5;
-- An expression of the distance goes past the index.
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY 1 - (embedding <=> '[3,1,2]') DESC LIMIT 5;
SELECT id FROM items ORDER BY 1 - (embedding <=> '[3,1,2]') DESC LIMIT 5;
COMMIT;
SELECT pg_size_pretty(pg_relation_size('items_ip')) ~ '^[0-9]+ kB$';
DROP INDEX items_ip;

\echo == index commands
CREATE INDEX CONCURRENTLY items_later ON items USING hnsw (embedding vector_l2_ops);
REINDEX INDEX CONCURRENTLY items_later;
VACUUM items;
SELECT pg_relation_size('items_later') > 0;
DROP INDEX items_later;

\echo == filtering
CREATE INDEX items_filter ON items (category_id);
CREATE INDEX items_partial ON items USING hnsw (embedding vector_l2_ops) WHERE (category_id = 1);
SELECT id FROM items WHERE category_id = 1 ORDER BY embedding <-> '[3,1,2]' LIMIT 5;
ALTER TABLE items ADD COLUMN location_id int;
CREATE INDEX ON items (location_id, category_id);
SELECT id FROM items WHERE location_id IS NULL AND category_id = 1 ORDER BY embedding <-> '[3,1,2]' LIMIT 5;
ALTER TABLE items DROP COLUMN location_id;
CREATE TABLE shelves (embedding vector(3), category_id int) PARTITION BY LIST (category_id);
CREATE TABLE shelves_1 PARTITION OF shelves FOR VALUES IN (1);
CREATE TABLE shelves_rest PARTITION OF shelves DEFAULT;
INSERT INTO shelves SELECT embedding, category_id FROM items;
CREATE INDEX ON shelves USING hnsw (embedding vector_l2_ops);
SELECT tableoid::regclass, embedding FROM shelves ORDER BY embedding <-> '[3,1,2]';

\echo == iterative scans
CREATE TABLE many AS SELECT i AS id, i % 50 AS category_id, ARRAY[i % 37, i % 41, i % 43]::vector(3) AS embedding FROM generate_series(1, 5000) i;
CREATE INDEX ON many USING hnsw (embedding vector_l2_ops);
SET enable_seqscan = off;
SET hnsw.iterative_scan = strict_order;
SELECT count(*), min(d), max(d) FROM (SELECT embedding <-> '[3,1,2]' AS d FROM many WHERE category_id = 7 ORDER BY d LIMIT 10) t;
SET hnsw.iterative_scan = relaxed_order;
WITH relaxed_results AS MATERIALIZED (
    SELECT id, embedding <-> '[3,1,2]' AS distance FROM many WHERE category_id = 7 ORDER BY distance LIMIT 5
) SELECT count(*) FROM (SELECT * FROM relaxed_results ORDER BY distance + 0) t;
WITH nearest_results AS MATERIALIZED (
    SELECT id, embedding <-> '[3,1,2]' AS distance FROM many ORDER BY distance LIMIT 5
) SELECT count(*) FROM nearest_results WHERE distance < 5;
SET hnsw.max_scan_tuples = 20000;
SET hnsw.scan_mem_multiplier = 2;
-- Settings of the other method are accepted before its indexes are.
SET ivfflat.probes = 10;
SET ivfflat.iterative_scan = relaxed_order;
SET ivfflat.max_probes = 100;
BEGIN;
SET LOCAL ivfflat.probes = 20;
SHOW ivfflat.probes;
COMMIT;
SHOW ivfflat.probes;
SELECT name, setting FROM pg_settings WHERE name LIKE 'hnsw.%' ORDER BY name;
RESET ALL;
SET client_min_messages = warning;

\echo == half precision
CREATE TABLE halves (id bigserial PRIMARY KEY, embedding halfvec(3));
INSERT INTO halves (embedding) VALUES ('[1,2,3]'), ('[4,5,6.1]'), ('[7,8,9]');
CREATE INDEX ON halves USING hnsw (embedding halfvec_l2_ops);
SELECT * FROM halves ORDER BY embedding <-> '[3,1,2]' LIMIT 5;
CREATE INDEX items_half ON items USING hnsw ((embedding::halfvec(3)) halfvec_l2_ops);
SELECT id FROM items ORDER BY embedding::halfvec(3) <-> '[3,1,2]' LIMIT 5;

\echo == binary vectors
CREATE TABLE flags (id bigserial PRIMARY KEY, embedding bit(3));
INSERT INTO flags (embedding) VALUES ('000'), ('111'), ('110');
SELECT * FROM flags ORDER BY embedding <~> '101', id LIMIT 5;
SELECT *, round((embedding <%> '101')::numeric, 4) FROM flags ORDER BY embedding <%> '101', id;
CREATE INDEX ON flags USING hnsw (embedding bit_hamming_ops);
CREATE INDEX ON flags USING hnsw (embedding bit_jaccard_ops);
CREATE INDEX items_signs ON items USING hnsw ((binary_quantize(embedding)::bit(3)) bit_hamming_ops);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM flags ORDER BY embedding <~> '101' LIMIT 1;
SELECT id FROM flags ORDER BY embedding <~> '111' LIMIT 1;
SELECT id FROM flags ORDER BY embedding <%> '110' LIMIT 1;
RESET enable_seqscan;
SELECT binary_quantize(embedding)::bit(3) FROM items ORDER BY id;
SELECT id FROM (SELECT * FROM items ORDER BY binary_quantize(embedding)::bit(3) <~> binary_quantize('[1,-2,3]'::vector), id LIMIT 20) t
    ORDER BY embedding <=> '[1,-2,3]' LIMIT 5;

\echo == sparse vectors
CREATE TABLE words (id bigserial PRIMARY KEY, embedding sparsevec(5));
INSERT INTO words (embedding) VALUES ('{1:1,3:2,5:3}/5'), ('{1:4,3:5,5:6}/5');
SELECT *, embedding <-> '{1:3,3:1,5:2}/5' AS distance FROM words ORDER BY embedding <-> '{1:3,3:1,5:2}/5' LIMIT 5;
CREATE INDEX ON words USING hnsw (embedding sparsevec_l2_ops);
CREATE INDEX ON words USING hnsw (embedding sparsevec_ip_ops);
CREATE INDEX ON words USING hnsw (embedding sparsevec_cosine_ops);
CREATE INDEX ON words USING hnsw (embedding sparsevec_l1_ops);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM words ORDER BY embedding <-> '{1:3,3:1,5:2}/5' LIMIT 1;
SELECT id FROM words ORDER BY embedding <-> '{1:3,3:1,5:2}/5' LIMIT 1;
SELECT id FROM words ORDER BY embedding <=> '{1:3,3:1,5:2}/5' LIMIT 1;
RESET enable_seqscan;
SELECT embedding <#> '{1:3,3:1,5:2}/5', embedding <=> '{1:3,3:1,5:2}/5', embedding <+> '{1:3,3:1,5:2}/5', l2_norm(embedding) FROM words ORDER BY id;

\echo == hybrid search
CREATE TABLE documents (id bigserial PRIMARY KEY, content text, embedding vector(3));
INSERT INTO documents (content, embedding) VALUES ('hello world', '[1,2,3]'), ('hello moon', '[3,2,1]'), ('farewell', '[1,2,3]');
SELECT id, content FROM documents, plainto_tsquery('english', 'hello') query
    WHERE to_tsvector('english', content) @@ query ORDER BY ts_rank_cd(to_tsvector('english', content), query) DESC, embedding <-> '[1,2,3]' LIMIT 5;

\echo == subvectors
CREATE INDEX items_sub ON items USING hnsw ((subvector(embedding, 1, 2)::vector(2)) vector_cosine_ops);
SELECT id FROM items ORDER BY subvector(embedding, 1, 2)::vector(2) <=> subvector('[1,2,3]'::vector, 1, 2) LIMIT 5;
SELECT id FROM (SELECT * FROM items ORDER BY subvector(embedding, 1, 2)::vector(2) <=> subvector('[1,2,3]'::vector, 1, 2) LIMIT 20) t
    ORDER BY embedding <=> '[1,2,3]' LIMIT 5;

\echo == several dimensions in one column
CREATE TABLE embeddings (model_id bigint, item_id bigint, embedding vector, PRIMARY KEY (model_id, item_id));
INSERT INTO embeddings VALUES (123, 1, '[1,2,3]'), (123, 2, '[3,1,2]'), (7, 1, '[1,2]');
CREATE INDEX ON embeddings USING hnsw ((embedding::vector(3)) vector_l2_ops) WHERE (model_id = 123);
SELECT item_id FROM embeddings WHERE model_id = 123 ORDER BY embedding::vector(3) <-> '[3,1,2]' LIMIT 5;
CREATE INDEX ON embeddings USING hnsw (embedding vector_l2_ops);

\echo == more precision in the table than in the index
CREATE TABLE precise (id bigserial PRIMARY KEY, embedding double precision[], CHECK (vector_dims(embedding::vector) = 3));
INSERT INTO precise (embedding) VALUES ('{1,2,3}'), ('{4.5,5,6}');
CREATE INDEX ON precise USING hnsw ((embedding::vector(3)) vector_l2_ops);
SELECT * FROM precise ORDER BY embedding::vector(3) <-> '[3,1,2]' LIMIT 5;
INSERT INTO precise (embedding) VALUES ('{1,2}');
CREATE TABLE checked (id bigserial PRIMARY KEY, embedding double precision[]);
ALTER TABLE checked ADD CHECK (vector_dims(embedding::vector) = 3);
INSERT INTO checked (embedding) VALUES ('{1,2,3,4}');
CREATE TABLE numerics (embedding numeric[]);
INSERT INTO numerics VALUES ('{1,2.5,3}');
SELECT embedding::vector(3) <-> '[3,1,2]' FROM numerics;

\echo == functions
SELECT binary_quantize('[1,-2,3]'::vector), cosine_distance('[1,2]'::vector, '[3,4]'), inner_product('[1,2]'::vector, '[3,4]'),
    l1_distance('[1,2]'::vector, '[3,4]'), l2_distance('[0,0]'::vector, '[3,4]'), l2_normalize('[3,4]'::vector), subvector('[1,2,3,4]'::vector, 2, 2),
    vector_dims('[1,2]'::vector), vector_norm('[3,4]'::vector);
SELECT '[1,2]'::vector + '[3,4]', '[1,2]'::vector - '[3,4]', '[1,2]'::vector * '[3,4]', '[1,2]'::vector || '[3,4]';
SELECT l2_norm('[3,4]'::halfvec), l2_normalize('[3,4]'::halfvec), l2_norm('{1:3,2:4}/5'::sparsevec), l2_normalize('{1:3,2:4}/5'::sparsevec),
    hamming_distance('101'::bit(3), '110'::bit(3)), jaccard_distance('101'::bit(3), '110'::bit(3));
SELECT binary_quantize('[1,-2,3]');

\echo == diagnosis
-- The plan and its pages; counts and times differ from server to server.
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, COSTS OFF, SUMMARY OFF) ' || query LOOP
        IF line !~ '^ *(Planning|Buffers)' THEN
            RETURN NEXT line;
        END IF;
    END LOOP;
END $$;
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT * FROM plan_of($$SELECT id FROM many ORDER BY embedding <-> '[3,1,2]' LIMIT 5$$);
COMMIT;
-- Without an index, by several processes.
BEGIN;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL min_parallel_table_scan_size = 1;
SET LOCAL parallel_setup_cost = 1;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL enable_indexscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM many ORDER BY embedding <-> '[3,1,2]' LIMIT 5;
SELECT count(*) FROM (SELECT id FROM many ORDER BY embedding <-> '[3,1,2]' LIMIT 5) t;
COMMIT;

\echo == exact search for comparison
BEGIN;
SET LOCAL enable_indexscan = off;
SELECT id FROM items ORDER BY embedding <-> '[3,1,2]' LIMIT 2;
COMMIT;

\echo == errors
INSERT INTO items (embedding) VALUES ('[1,2]');
INSERT INTO items (embedding) VALUES ('[1,NaN,2]');
INSERT INTO items (embedding) VALUES ('{1,2,3}');
SELECT '[1,2]'::vector <-> '[1,2,3]';
SET hnsw.ef_search = 1001;
CREATE INDEX ON items USING hnsw (embedding vector_l2_ops) WITH (m = 101);
CREATE INDEX ON items USING hnsw (embedding vector_l2_ops) WITH (m = 40, ef_construction = 64);

\echo == upgrading
ALTER EXTENSION vector UPDATE;
SELECT count(*) FROM pg_extension WHERE extname = 'vector' AND extversion LIKE '0.8.%';
