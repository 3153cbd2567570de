-- Everything of annex that outlasts a server, made by roles that are no superusers: dbo owns the database, docs_team operates.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET ROLE docs_team;
SET search_path = team, public;
CREATE FUNCTION fake_model(t text, d int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg((get_byte(sha256(convert_to(t || i / 32, 'UTF8')), i % 32) - 127.5)::real ORDER BY i)::vector FROM generate_series(0, d - 1) i $$;
CREATE TABLE docs (id bigint PRIMARY KEY, body text NOT NULL);
INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(1, 1500) i;
GRANT SELECT ON docs TO web;
SELECT annex.register_model('docs', 'docs', 'id', 'body', 'search');
-- Version 1 is indexed in the compact form, version 2 in the inline one, which has its codes from the dimensions.
SELECT annex.register_version('docs', 8, 'cosine', 's3://m/1', sha256(decode(repeat('ab', 1500000), 'hex')), '{"min_recall": 0.8}');
SELECT annex.register_version('docs', 300, 'l2');
INSERT INTO annex.artifact (model, version, part, data)
    SELECT 'docs', 1, part, decode(repeat('ab', CASE part WHEN 1 THEN 500000 ELSE 1000000 END), 'hex') FROM generate_series(0, 1) part;
INSERT INTO annex.sentinel (model, version, content, embedding) VALUES ('docs', 1, 'hello', fake_model('hello', 8));
SELECT annex.check_sentinel('docs', 1, 'hello', fake_model('hello', 8));
SELECT count(*) FROM annex.pending('docs', 1, 5000) WHERE annex.put('docs', 1, key, fake_model(content, 8), content_hash);
SELECT count(*) FROM annex.pending('docs', 2, 5000) WHERE annex.put('docs', 2, key, fake_model(content, 300), content_hash);
SELECT annex.index_ddl('docs', 1) \gexec
SELECT annex.index_ddl('docs', 2) \gexec
-- An index has been through deletions, a vacuum and insertions when it is upgraded.
DELETE FROM docs WHERE id <= 100;
VACUUM docs_v1, docs_v2;
INSERT INTO docs SELECT i, 'doc ' || i FROM generate_series(1501, 1600) i;
SELECT count(*) FROM annex.pending('docs', 1, 5000) WHERE annex.put('docs', 1, key, fake_model(content, 8), content_hash);
SELECT count(*) FROM annex.pending('docs', 2, 5000) WHERE annex.put('docs', 2, key, fake_model(content, 300), content_hash);
SELECT annex.promote('docs', 1, 'first'), annex.promote('docs', 2, 'second'), annex.rollback('docs', 'slow'), annex.set_alias('docs', 'canary', 2);
-- A challenge that runs, after one that was concluded.
SELECT annex.challenge('docs', 2, 0.5, 'click'), annex.conclude('docs', false), annex.challenge('docs', 2, 0.2, 'click');
SELECT count(annex.expose('docs', 'u' || i)) FROM generate_series(1, 300) i;
SELECT annex.feedback('docs', 'u7', 1), annex.sample_query('docs', 1, fake_model('a query', 8), 1, 5);
-- Other types and options, outside the models.
CREATE TABLE items (id int PRIMARY KEY, half halfvec(12), sparse sparsevec(1000), array_of vector(2)[]);
INSERT INTO items SELECT i, fake_model('item ' || i, 12)::halfvec, ('{' || i || ':1.5,1000:' || i || '}/1000')::sparsevec, ARRAY['[1,2]', '[3,4]']::vector[]
    FROM generate_series(1, 500) i;
CREATE INDEX items_half_idx ON items USING hnsw (half halfvec_cosine_ops) WITH (m = 8, ef_construction = 40);
