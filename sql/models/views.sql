-- What stands, what happened, and how it is: views on the registry's tables, with the rights of whoever asks.
-- Written so that every operator and function has an exact match in pg_catalog, which comes before the extension's schema.

CREATE VIEW annex.alias WITH (security_invoker = true) AS
    SELECT newest.model, newest.alias, newest.version, newest.id AS deployment, newest.actor, newest.at
    FROM (
        SELECT DISTINCT ON (d.model, d.alias) d.model, d.alias, d.version, d.id, d.actor, d.at
        FROM annex.deployment d
        ORDER BY d.model, d.alias, d.id DESC
    ) newest
    WHERE newest.version IS NOT NULL;
COMMENT ON VIEW annex.alias IS 'what each alias points to now; the alias champion is the version that serves';

CREATE VIEW annex.history WITH (security_invoker = true) AS
    SELECT d.id, d.model, d.alias, d.action, p.version AS from_version, d.version AS to_version, d.forced, d.reason, d.actor, d.login, d.at
    FROM annex.deployment d
    LEFT JOIN annex.deployment p ON p.id = d.prev;
COMMENT ON VIEW annex.history IS 'every move of every alias';

CREATE VIEW annex.status WITH (security_invoker = true) AS
    SELECT v.model, v.version,
        v.version IS NOT DISTINCT FROM champion.version AS champion,
        aliases.aliases, r.at AS retired_at, v.embeddings, i.index, i.is_valid AS index_valid,
        coverage.value AS coverage, coverage.at AS coverage_at,
        recall.value AS recall, recall.at AS recall_at,
        drift.value AS drift_p, drift.at AS drift_at,
        CASE
            WHEN NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = m.source::oid) THEN 'source is gone'
            WHEN r.at IS NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = v.embeddings::oid) THEN 'embeddings are gone'
            WHEN v.version = champion.version AND i.is_valid IS NOT TRUE THEN 'champion has no valid index'
            WHEN recall.value < coalesce((v.params ->> 'min_recall')::double precision, 0.9) THEN 'recall below min_recall'
        END AS problem
    FROM annex.version v
    JOIN annex.model m ON m.model = v.model
    LEFT JOIN annex.retirement r ON r.model = v.model AND r.version = v.version
    LEFT JOIN annex.alias champion ON champion.model = v.model AND champion.alias = 'champion'
    LEFT JOIN LATERAL (
        SELECT pg_catalog.array_agg(a.alias ORDER BY a.alias) AS aliases
        FROM annex.alias a WHERE a.model = v.model AND a.version = v.version AND a.alias <> 'champion'
    ) aliases ON true
    LEFT JOIN LATERAL (
        SELECT x.indexrelid::regclass AS index, x.indisvalid AND x.indisready AS is_valid
        FROM pg_index x
        JOIN pg_class c ON c.oid = x.indexrelid
        JOIN pg_am am ON am.oid = c.relam AND am.amname = 'hnsw'
        WHERE x.indrelid = v.embeddings::oid AND x.indpred IS NULL
        ORDER BY x.indisvalid DESC, x.indexrelid
        LIMIT 1
    ) i ON true
    LEFT JOIN LATERAL (
        SELECT s.value, s.at FROM annex.measurement s
        WHERE s.model = v.model AND s.version = v.version AND s.kind = 'coverage' ORDER BY s.id DESC LIMIT 1
    ) coverage ON true
    LEFT JOIN LATERAL (
        SELECT s.value, s.at FROM annex.measurement s
        WHERE s.model = v.model AND s.version = v.version AND s.kind = 'recall' ORDER BY s.id DESC LIMIT 1
    ) recall ON true
    LEFT JOIN LATERAL (
        SELECT (s.detail ->> 'p')::double precision AS value, s.at FROM annex.measurement s
        WHERE s.model = v.model AND s.version = v.version AND s.kind = 'drift' AND s.detail ->> 'statistic' = 'top1_ks'
        ORDER BY s.id DESC LIMIT 1
    ) drift ON true;
COMMENT ON VIEW annex.status IS 'every version with its role, its index, the newest measurements and the first problem';
