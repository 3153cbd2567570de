-- The registry of embedding models: what was registered, deployed and measured. One row is one fact; nothing but
-- model.description and experiment.ended_at is ever updated. Which version serves is the newest row of deployment.
--
-- No row security and no triggers: either would change what pg_dump writes. Who and when are column defaults that nobody is
-- granted to insert (ownership.sql, annex.grant_to), so they cannot be forged.

CREATE TABLE annex.model (
    model text PRIMARY KEY CHECK (model ~ '^[a-z_][a-z0-9_]{0,39}$'),
    source regclass NOT NULL,
    key_column name NOT NULL,
    content_column name NOT NULL,
    serving_view regclass NOT NULL,
    description text,
    created_by name NOT NULL DEFAULT current_user,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE annex.model IS 'a model: what is embedded, and the view that serves its versions';

CREATE TABLE annex.version (
    model text NOT NULL REFERENCES annex.model,
    version integer NOT NULL CHECK (version > 0),
    dim integer NOT NULL CHECK (dim BETWEEN 1 AND 16000),
    metric text NOT NULL CHECK (metric IN ('l2', 'cosine', 'ip')),
    embeddings regclass NOT NULL UNIQUE,
    artifact_uri text,
    artifact_sha256 bytea CHECK (length(artifact_sha256) = 32),
    params jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(params) = 'object'),
    data_ref text,
    code_ref text,
    created_by name NOT NULL DEFAULT current_user,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, version)
);
COMMENT ON TABLE annex.version IS 'a version of a model, with the table of its embeddings';

CREATE TABLE annex.retirement (
    model text NOT NULL,
    version integer NOT NULL,
    reason text,
    actor name NOT NULL DEFAULT current_user,
    login name NOT NULL DEFAULT session_user,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (model, version),
    FOREIGN KEY (model, version) REFERENCES annex.version
);
COMMENT ON TABLE annex.retirement IS 'versions that serve no more';

CREATE TABLE annex.artifact (
    model text NOT NULL,
    version integer NOT NULL,
    part integer NOT NULL CHECK (part >= 0),
    data bytea NOT NULL CHECK (length(data) BETWEEN 1 AND 1048576),
    PRIMARY KEY (model, version, part),
    FOREIGN KEY (model, version) REFERENCES annex.version
);
COMMENT ON TABLE annex.artifact IS 'the bytes of a version''s model, in parts counted from 0';

CREATE TABLE annex.deployment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL REFERENCES annex.model,
    alias text NOT NULL DEFAULT 'champion',
    version integer,
    action text NOT NULL CHECK (action IN ('promote', 'rollback', 'alias')),
    -- Neither has a foreign key: pg_dump warns of one that refers to its own table.
    prev bigint,
    undo bigint,
    forced boolean NOT NULL DEFAULT false,
    checks jsonb,
    reason text,
    actor name NOT NULL DEFAULT current_user,
    login name NOT NULL DEFAULT session_user,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (model, version) REFERENCES annex.version,
    CONSTRAINT deployment_champion CHECK (alias <> 'champion' OR version IS NOT NULL),
    -- Of two sessions that replace the same row one wins, and the other one is told.
    CONSTRAINT deployment_one_successor UNIQUE (model, alias, prev)
);
CREATE UNIQUE INDEX deployment_first ON annex.deployment (model, alias) WHERE prev IS NULL;
CREATE INDEX deployment_newest ON annex.deployment (model, alias, id DESC);
COMMENT ON TABLE annex.deployment IS 'log of what each alias points to; its newest row is the state';
COMMENT ON COLUMN annex.deployment.prev IS 'the row in force before';
COMMENT ON COLUMN annex.deployment.undo IS 'the row that a rollback returns to';
COMMENT ON COLUMN annex.deployment.version IS 'null: the alias was removed';

CREATE TABLE annex.experiment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    champion integer NOT NULL,
    challenger integer NOT NULL,
    fraction double precision NOT NULL CHECK (fraction > '0' AND fraction < '1'),
    metric text NOT NULL,
    aggregate text NOT NULL DEFAULT 'max' CHECK (aggregate IN ('max', 'sum', 'avg')),
    horizon interval NOT NULL DEFAULT '0' CHECK (horizon >= interval '0'),
    alpha double precision NOT NULL DEFAULT 0.05 CHECK (alpha > '0' AND alpha < '0.5'),
    planned_units integer NOT NULL DEFAULT 10000 CHECK (planned_units > 0),
    -- Of its own for each experiment: who was in one arm of the last one says nothing of this one.
    salt text NOT NULL DEFAULT gen_random_uuid()::text CHECK (strpos(salt, text ':') = 0),
    started_by name NOT NULL DEFAULT current_user,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    CHECK (champion <> challenger),
    FOREIGN KEY (model, champion) REFERENCES annex.version (model, version),
    FOREIGN KEY (model, challenger) REFERENCES annex.version (model, version)
);
CREATE UNIQUE INDEX experiment_running ON annex.experiment (model) WHERE ended_at IS NULL;
CREATE INDEX experiment_newest ON annex.experiment (model, id DESC);
COMMENT ON TABLE annex.experiment IS 'a challenger against the champion on a part of the users';
COMMENT ON COLUMN annex.experiment.ended_at IS 'null: it is running; one a model can';

-- No foreign key to the experiment: each new unit of every session would lock its one row. With eight connections that made a
-- multixact of every sixth exposure, and 12 to 23 percent fewer of them a second.
CREATE TABLE annex.exposure (
    id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    experiment bigint NOT NULL,
    unit text NOT NULL,
    version integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (experiment, unit)
);
COMMENT ON TABLE annex.exposure IS 'which units took part in an experiment, and which version served them: the denominator';

-- Refers to the exposure's number, not to the unit: whoever compares need not see units.
CREATE TABLE annex.outcome (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exposure bigint NOT NULL REFERENCES annex.exposure (id) ON DELETE CASCADE,
    value double precision NOT NULL CHECK (value > '-Infinity' AND value < 'Infinity'),
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX outcome_exposure ON annex.outcome (exposure);
COMMENT ON TABLE annex.outcome IS 'what came of an exposure';

CREATE TABLE annex.sentinel (
    model text NOT NULL,
    version integer NOT NULL,
    content text NOT NULL CHECK (octet_length(content) <= 2000),
    embedding @extschema@.vector NOT NULL,
    actor name NOT NULL DEFAULT current_user,
    login name NOT NULL DEFAULT session_user,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (model, version, content),
    FOREIGN KEY (model, version) REFERENCES annex.version
);
COMMENT ON TABLE annex.sentinel IS 'texts that must keep giving the same vector';

-- No foreign key to the version, as searches of every session would lock its one row for their samples. annex.sample_query looks for it.
CREATE TABLE annex.query_sample (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    version integer NOT NULL,
    query @extschema@.vector NOT NULL,
    k integer,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX query_sample_newest ON annex.query_sample (model, version, at);
COMMENT ON TABLE annex.query_sample IS 'queries as users ask them: personal data, capped and expired by annex.maintain';

CREATE TABLE annex.measurement (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('coverage', 'recall', 'sentinel', 'drift', 'latency', 'tune', 'experiment')),
    value double precision NOT NULL,
    lo double precision,
    hi double precision,
    n bigint,
    detail jsonb NOT NULL DEFAULT '{}',
    actor name NOT NULL DEFAULT current_user,
    login name NOT NULL DEFAULT session_user,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (model, version) REFERENCES annex.version
);
CREATE INDEX measurement_newest ON annex.measurement (model, version, kind, id DESC);
COMMENT ON TABLE annex.measurement IS 'what was measured of a version, newest last';
