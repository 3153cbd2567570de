-- A database as users of pgvector have them: every type, every way to store a vector, every kind of index; rows follow from their id.
CREATE EXTENSION IF NOT EXISTS vector;
SET client_min_messages = warning;

-- The k-th element of the vector of a row: a number of eight binary digits, so that every type holds it as it is.
CREATE FUNCTION element(id int, k int) RETURNS real LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (get_byte(decode(md5(id || ':' || k), 'hex'), 0) - 128) / 64.0::real;
CREATE FUNCTION dense(id int, n int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT array_agg(element(id, k) ORDER BY k) FROM generate_series(1, n) k)::vector;
CREATE FUNCTION sparse(id int, n int) RETURNS sparsevec LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT array_agg(CASE WHEN k % 8 IN (id % 8, id / 8 % 8) THEN element(id, k) ELSE 0 END ORDER BY k) FROM generate_series(1, n) k)::vector::sparsevec;

CREATE TABLE items (
    id int PRIMARY KEY,
    tenant int NOT NULL,
    v vector(32),
    h halfvec(32),
    s sparsevec(64),
    b bit(64) NOT NULL,
    anything vector,
    parts vector(2)[] NOT NULL DEFAULT '{}',
    norm double precision GENERATED ALWAYS AS (vector_norm(v)) STORED,
    CHECK (vector_dims(v) = 32)
);
INSERT INTO items (id, tenant, v, h, s, b, anything, parts)
    SELECT id, id % 7, CASE WHEN id % 100 <> 0 THEN dense(id, 32) END, dense(id + 10000, 32)::halfvec, sparse(id + 20000, 64),
        binary_quantize(dense(id + 30000, 64))::bit(64), dense(id + 40000, id % 3 + 1), ARRAY[dense(id, 2), dense(id + 1, 2)]
    FROM generate_series(1, 1200) id;

CREATE INDEX items_v_l2 ON items USING hnsw (v vector_l2_ops);
CREATE INDEX items_v_ip ON items USING hnsw (v vector_ip_ops) WITH (m = 8);
CREATE INDEX items_v_cosine ON items USING hnsw (v vector_cosine_ops) WITH (m = 16, ef_construction = 100);
CREATE INDEX items_v_l1 ON items USING hnsw (v vector_l1_ops);
CREATE INDEX items_h_l2 ON items USING hnsw (h halfvec_l2_ops);
CREATE INDEX items_h_ip ON items USING hnsw (h halfvec_ip_ops);
CREATE INDEX items_h_cosine ON items USING hnsw (h halfvec_cosine_ops);
CREATE INDEX items_h_l1 ON items USING hnsw (h halfvec_l1_ops);
CREATE INDEX items_s_l2 ON items USING hnsw (s sparsevec_l2_ops);
CREATE INDEX items_s_ip ON items USING hnsw (s sparsevec_ip_ops);
CREATE INDEX items_s_cosine ON items USING hnsw (s sparsevec_cosine_ops) WITH (m = 8);
CREATE INDEX items_s_l1 ON items USING hnsw (s sparsevec_l1_ops);
CREATE INDEX items_b_hamming ON items USING hnsw (b bit_hamming_ops);
CREATE INDEX items_b_jaccard ON items USING hnsw (b bit_jaccard_ops) WITH (ef_construction = 100);
CREATE INDEX items_signs ON items USING hnsw ((binary_quantize(v)::bit(32)) bit_hamming_ops);
CREATE INDEX items_tenant_3 ON items USING hnsw (v vector_cosine_ops) WHERE tenant = 3;
CREATE INDEX items_as_half ON items USING hnsw ((v::halfvec(32)) halfvec_l2_ops);
CREATE INDEX items_sub ON items USING hnsw ((subvector(v, 1, 8)::vector(8)) vector_l2_ops);
CREATE INDEX items_any ON items USING hnsw ((anything::vector(3)) vector_l2_ops) WHERE (vector_dims(anything) = 3);
CREATE UNIQUE INDEX items_order ON items (h, id);
ALTER INDEX items_v_l2 RENAME TO items_nearest;

-- TOASTed values, and the storage of people who want none.
CREATE TABLE wide (id int PRIMARY KEY, v vector(1024), h halfvec(1024));
ALTER TABLE wide ALTER v SET STORAGE PLAIN;
INSERT INTO wide SELECT id, dense(id, 1024), dense(-id, 1024)::halfvec FROM generate_series(1, 100) id;
CREATE INDEX ON wide USING hnsw (v vector_cosine_ops);

CREATE TABLE events (id int, region text, v vector(8)) PARTITION BY LIST (region);
CREATE TABLE events_north PARTITION OF events FOR VALUES IN ('north');
CREATE TABLE events_south PARTITION OF events FOR VALUES IN ('south');
INSERT INTO events SELECT id, (ARRAY['north', 'south'])[id % 2 + 1], dense(id, 8) FROM generate_series(1, 1000) id;
CREATE INDEX ON events USING hnsw (v vector_l2_ops);

CREATE VIEW near_one AS SELECT id, v <=> (SELECT v FROM items WHERE id = 1) AS distance FROM items WHERE v IS NOT NULL ORDER BY distance LIMIT 10;
CREATE MATERIALIZED VIEW centers AS SELECT tenant, avg(v) AS center, sum(h) AS total FROM items GROUP BY tenant;
CREATE FUNCTION nearest(query vector, n int) RETURNS SETOF int LANGUAGE sql STABLE SET hnsw.ef_search = 200
    BEGIN ATOMIC SELECT id FROM items ORDER BY v <-> query LIMIT n; END;
CREATE FUNCTION similarity(a halfvec, b halfvec) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 1 - (a <=> b); END $$;
ANALYZE;
