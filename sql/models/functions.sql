-- The life of a model. None but champion is STRICT: what must not be NULL is refused by name. All run with the caller's rights.

CREATE FUNCTION annex.bucket(salt text, unit text) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_bucket';
COMMENT ON FUNCTION annex.bucket(text, text) IS 'a number from 0 to below 1 that follows from both texts: the first 52 bits of SHA-256 of salt:unit';

CREATE FUNCTION annex.content_hash(content text) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_content_hash';
COMMENT ON FUNCTION annex.content_hash(text) IS 'SHA-256 of the text in UTF-8';

CREATE FUNCTION annex.champion(model text) RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'annex_champion';
COMMENT ON FUNCTION annex.champion(text) IS 'the version that serves; NULL before the first promotion';

-- Registry.

CREATE FUNCTION annex.register_model(model text, source regclass, key_column name, content_column name, description text DEFAULT NULL)
    RETURNS regclass LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_register_model';
COMMENT ON FUNCTION annex.register_model(text, regclass, name, name, text) IS 'makes the view that will serve a model of the texts in one column; returns the view';

CREATE FUNCTION annex.register_version(model text, dim integer, metric text DEFAULT 'cosine', artifact_uri text DEFAULT NULL,
        artifact_sha256 bytea DEFAULT NULL, params jsonb DEFAULT '{}', data_ref text DEFAULT NULL, code_ref text DEFAULT NULL,
        embeddings regclass DEFAULT NULL)
    RETURNS integer LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_register_version';
COMMENT ON FUNCTION annex.register_version(text, integer, text, text, bytea, jsonb, text, text, regclass) IS 'makes the table of a new version, or takes the given one; returns the version''s number';

CREATE FUNCTION annex.retire_version(model text, version integer, drop_table boolean DEFAULT false, reason text DEFAULT NULL)
    RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_retire_version';
COMMENT ON FUNCTION annex.retire_version(text, integer, boolean, text) IS 'takes a version that is not in use out of the view, and drops its table if asked';

CREATE FUNCTION annex.index_ddl(model text, version integer, m integer DEFAULT NULL, ef_construction integer DEFAULT NULL)
    RETURNS text LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_index_ddl';
COMMENT ON FUNCTION annex.index_ddl(text, integer, integer, integer) IS 'the command that makes a version''s index, for \gexec';

CREATE FUNCTION annex.set_alias(model text, alias text, version integer, reason text DEFAULT NULL)
    RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_set_alias';
COMMENT ON FUNCTION annex.set_alias(text, text, integer, text) IS 'points an alias to a version, NULL removes it; returns the row of annex.deployment';

-- Backfill.

CREATE FUNCTION annex.pending(model text, version integer, n integer DEFAULT 100, worker integer DEFAULT 0, workers integer DEFAULT 1,
        after text DEFAULT NULL)
    RETURNS TABLE (key text, content text, content_hash bytea)
    LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'annex_pending';
COMMENT ON FUNCTION annex.pending(text, integer, integer, integer, integer, text) IS 'texts to embed: first those without an embedding, then those edited since';

CREATE FUNCTION annex.put(model text, version integer, key text, embedding vector, content_hash bytea)
    RETURNS boolean LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_put';
COMMENT ON FUNCTION annex.put(text, integer, text, vector, bytea) IS 'stores one embedding with the hash of the text it was made of; false if that row is gone';

CREATE FUNCTION annex.progress(model text)
    RETURNS TABLE (version integer, total bigint, current bigint, stale bigint, missing bigint, percent numeric)
    LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'annex_progress';
COMMENT ON FUNCTION annex.progress(text) IS 'how many texts each version has embedded, exactly';

-- Deploy and roll back.

CREATE FUNCTION annex.readiness(model text, version integer)
    RETURNS TABLE (item text, ok boolean, detail text)
    LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 ROWS 8 AS 'MODULE_PATHNAME', 'annex_readiness';
COMMENT ON FUNCTION annex.readiness(text, integer) IS 'what promote asks of a version; ok is NULL where there is nothing to judge yet';

CREATE FUNCTION annex.promote(model text, version integer, reason text DEFAULT NULL, force boolean DEFAULT false)
    RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_promote';
COMMENT ON FUNCTION annex.promote(text, integer, text, boolean) IS 'makes a ready version the champion; returns the row of annex.deployment';

CREATE FUNCTION annex.rollback(model text, reason text DEFAULT NULL)
    RETURNS integer LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_rollback';
COMMENT ON FUNCTION annex.rollback(text, text) IS 'returns to the champion before, and further with each call; returns its version';

-- Champion and challenger. Those that run for each query keep their plans for the connection.

CREATE FUNCTION annex.challenge(model text, challenger integer, fraction double precision, metric text, horizon interval DEFAULT '0',
        aggregate text DEFAULT 'max', alpha double precision DEFAULT 0.05, planned_units integer DEFAULT 10000)
    RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_challenge';
COMMENT ON FUNCTION annex.challenge(text, integer, double precision, text, interval, text, double precision, integer) IS 'tries a version on a part of the users; returns the experiment';

CREATE FUNCTION annex.route(model text, unit text DEFAULT NULL)
    RETURNS TABLE (version integer, arm text, experiment bigint, dim integer, metric text, artifact_uri text, params jsonb)
    LANGUAGE c STABLE PARALLEL SAFE COST 100 ROWS 1 AS 'MODULE_PATHNAME', 'annex_route';
COMMENT ON FUNCTION annex.route(text, text) IS 'the version that serves a unit, and what its model is; the same on every node';

CREATE FUNCTION annex.expose(model text, unit text) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_expose';
COMMENT ON FUNCTION annex.expose(text, text) IS 'the version that serves a unit; records, once, that the unit takes part in the experiment';

CREATE FUNCTION annex.expose(model text, unit text, query vector, rate double precision DEFAULT 0.01, k integer DEFAULT NULL)
    RETURNS integer LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_expose_query';
COMMENT ON FUNCTION annex.expose(text, text, vector, double precision, integer) IS 'the same; keeps the query with the chance rate, as sample_query of that version does';

CREATE FUNCTION annex.feedback(model text, unit text, value double precision) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_feedback';
COMMENT ON FUNCTION annex.feedback(text, text, double precision) IS 'adds an outcome to a unit''s exposure; false if the unit takes part in no running experiment';

CREATE FUNCTION annex.compare(model text, experiment bigint DEFAULT NULL)
    RETURNS TABLE (experiment bigint, metric text, champion integer, challenger integer, n_champion bigint, n_challenger bigint,
        mean_champion double precision, mean_challenger double precision, diff double precision, lo double precision,
        hi double precision, srm_p double precision, verdict text)
    LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 ROWS 1 AS 'MODULE_PATHNAME', 'annex_compare';
COMMENT ON FUNCTION annex.compare(text, bigint) IS 'how champion and challenger did; may be looked at as often as one likes';

CREATE FUNCTION annex.conclude(model text, promote boolean, reason text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_conclude';
COMMENT ON FUNCTION annex.conclude(text, boolean, text) IS 'ends the running experiment, records its result, promotes the challenger if asked; returns the verdict';

-- Monitoring and rights.

CREATE FUNCTION annex.sample_query(model text, version integer, query vector, rate double precision DEFAULT 0.01, k integer DEFAULT NULL)
    RETURNS boolean LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_sample_query';
COMMENT ON FUNCTION annex.sample_query(text, integer, vector, double precision, integer) IS 'keeps a query with the chance rate; whether it did';

CREATE FUNCTION annex.drift(model text, version integer, reference tstzrange, current tstzrange)
    RETURNS TABLE (statistic text, value double precision, p double precision)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 3 AS 'MODULE_PATHNAME', 'annex_drift';
COMMENT ON FUNCTION annex.drift(text, integer, tstzrange, tstzrange) IS 'whether the queries of two windows of time differ, by three statistics, which are also recorded';

CREATE FUNCTION annex.check_sentinel(model text, version integer, content text, embedding vector)
    RETURNS double precision LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_check_sentinel';
COMMENT ON FUNCTION annex.check_sentinel(text, integer, text, vector) IS 'cosine similarity to the vector that this text must keep giving; an error if it is too low';

CREATE FUNCTION annex.overlap(model text, v1 integer, v2 integer, k integer DEFAULT 10, n integer DEFAULT 100)
    RETURNS double precision LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'annex_overlap';
COMMENT ON FUNCTION annex.overlap(text, integer, integer, integer, integer) IS 'how alike two versions answer: mean share of the k nearest rows on which they agree';

CREATE FUNCTION annex.maintain() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_maintain';
COMMENT ON FUNCTION annex.maintain() IS 'deletes expired samples and exposures, measures the coverage of every version that the caller may read';

CREATE FUNCTION annex.grant_to(grantee regrole, level text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'annex_grant_to';
COMMENT ON FUNCTION annex.grant_to(regrole, text) IS 'grants what a reader, an app or an operator needs';
