-- What an upgrade must leave as it is. Everything is printed, so that a difference shows what it is.
\set ON_ERROR_STOP on
SET search_path = team, public;
SET enable_seqscan = off;
SELECT 'history', md5(string_agg(h::text, ';' ORDER BY id)), count(*) FROM annex.history h;
SELECT 'deployment', md5(string_agg(d::text, ';' ORDER BY id)) FROM annex.deployment d;
SELECT 'model', m FROM annex.model m ORDER BY model;
SELECT 'version', v FROM annex.version v ORDER BY model, version;
SELECT 'measurement', md5(string_agg(m::text, ';' ORDER BY id)) FROM annex.measurement m;
SELECT 'experiment', e FROM annex.experiment e ORDER BY id;
SELECT 'exposure', count(*), md5(string_agg(x::text, ';' ORDER BY id)) FROM annex.exposure x;
SELECT 'outcome', o FROM annex.outcome o ORDER BY id;
SELECT 'sample', s FROM annex.query_sample s ORDER BY id;
SELECT 'compare', c FROM generate_series(1, 2) i, annex.compare('docs', i) c;
SELECT 'route', md5(string_agg(r::text, ';' ORDER BY i)) FROM generate_series(1, 300) i, annex.route('docs', 'u' || i) r;
SELECT 'sentinel', s FROM annex.sentinel s ORDER BY content;
SELECT 'artifact', count(*), sum(length(data)), sha256(string_agg(data, '' ORDER BY part)) FROM annex.artifact;
SELECT 'sequences', d.last_value, m.last_value, e.last_value, x.last_value, o.last_value, s.last_value
    FROM annex.deployment_id_seq d, annex.measurement_id_seq m, annex.experiment_id_seq e, annex.exposure_id_seq x, annex.outcome_id_seq o, annex.query_sample_id_seq s;
SELECT 'extension', extversion, (SELECT string_agg(c::regclass::text, ' ' ORDER BY c::regclass::text) FROM unnest(extconfig) c)
    FROM pg_extension WHERE extname = 'annex';
-- MAINTAIN, which owners have from PostgreSQL 17 on, is left out.
SELECT 'owner and grants', relname, pg_get_userbyid(relowner), (SELECT string_agg(concat_ws(' ', privilege_type, 'to', pg_get_userbyid(grantee), 'by', pg_get_userbyid(grantor)), ', '
        ORDER BY grantee::regrole::text, privilege_type) FROM aclexplode(relacl) WHERE privilege_type <> 'MAINTAIN')
    FROM pg_class WHERE relnamespace IN ('annex'::regnamespace, 'team'::regnamespace) AND relkind IN ('r', 'v', 'S') ORDER BY relname;
SELECT 'column grants', attrelid::regclass, attname, attacl FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid::regclass::text LIKE 'annex.%' ORDER BY 2, 3;
SELECT 'view', pg_get_viewdef('docs_embeddings');
SELECT 'ready', annex.readiness('docs', v) FROM generate_series(1, 2) v;
SELECT 'progress', p FROM annex.progress('docs') p;
SELECT 'items', md5(string_agg(i::text, ';' ORDER BY id)) FROM items i;
-- Answers of the indexes, and that they are theirs.
SELECT 'nearest 1', i, (SELECT array_agg(id) FROM (SELECT id FROM docs_embeddings WHERE version = 1 ORDER BY embedding <=> fake_model('query ' || i, 8) LIMIT 10) n) FROM generate_series(1, 10) i;
SELECT 'nearest 2', i, (SELECT array_agg(id) FROM (SELECT id FROM docs_embeddings WHERE version = 2 ORDER BY embedding <-> fake_model('query ' || i, 300) LIMIT 10) n) FROM generate_series(1, 10) i;
SELECT 'nearest half', i, (SELECT array_agg(id) FROM (SELECT id FROM items ORDER BY half <=> fake_model('query ' || i, 12)::halfvec LIMIT 10) n) FROM generate_series(1, 10) i;
SELECT 'flushed', pg_stat_force_next_flush();
SELECT 'scans', indexrelid::regclass, idx_scan > 0 FROM pg_stat_user_indexes WHERE indexrelid IN
    (SELECT indexrelid FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam WHERE amname = 'hnsw') ORDER BY 2;
SELECT 'index', indexrelid::regclass, (annex.index_info(indexrelid::regclass)).*, (SELECT count(*) FROM annex.verify(indexrelid::regclass, true) WHERE severity = 'error')
    FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam WHERE amname = 'hnsw' ORDER BY 2;
