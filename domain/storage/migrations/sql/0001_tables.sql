-- Tables of the service. Every table has a tenant; every table about a person starts its primary key with the
-- subject id, so that a distributed Postgres can shard it as it stands.

CREATE TABLE tenants (
    tenant_id       text PRIMARY KEY CHECK (tenant_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name            text NOT NULL,
    catalog_version bigint NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL
);

CREATE TABLE catalog_items (
    tenant_id       text NOT NULL REFERENCES tenants,
    item_id         text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('TEMPLATE', 'STYLE', 'FEATURE', 'CONTENT')),
    title           text NOT NULL,
    description     text NOT NULL DEFAULT '',
    tags            text[] NOT NULL DEFAULT '{}',
    category        text NOT NULL DEFAULT '',
    attributes      jsonb NOT NULL DEFAULT '{}',
    available_from  timestamptz,
    available_until timestamptz,
    sensitive       boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
);

CREATE TABLE ml_models (
    tenant_id  text NOT NULL REFERENCES tenants,
    name       text NOT NULL,
    version    text NOT NULL,
    algorithm  text NOT NULL,
    status     text NOT NULL CHECK (status IN ('champion', 'challenger', 'retired')),
    sha256     text NOT NULL,
    size_bytes bigint NOT NULL,
    metrics    jsonb NOT NULL DEFAULT '{}',
    artifact   bytea NOT NULL,
    trained_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name, version)
);
CREATE UNIQUE INDEX ml_models_one_champion ON ml_models (tenant_id, name) WHERE status = 'champion';

CREATE TABLE jobs (
    job_id       uuid PRIMARY KEY,
    tenant_id    text NOT NULL REFERENCES tenants,
    kind         text NOT NULL,
    state        text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    arguments    jsonb NOT NULL DEFAULT '{}',
    correlation  text,
    progress     real NOT NULL DEFAULT 0,
    attempts     smallint NOT NULL DEFAULT 0,
    heartbeat_at timestamptz,
    result       jsonb,
    error        text,
    created_at   timestamptz NOT NULL,
    started_at   timestamptz,
    finished_at  timestamptz
);
CREATE INDEX jobs_unfinished ON jobs (created_at) WHERE state IN ('queued', 'running');

-- The directory is the one table about people that is keyed by the hash of their external id: it is how the
-- subject id is found.
CREATE TABLE subject_identities (
    tenant_id     text NOT NULL REFERENCES tenants,
    identity_hash bytea NOT NULL,
    subject_id    uuid NOT NULL,
    PRIMARY KEY (tenant_id, identity_hash)
);

CREATE TABLE subjects (
    subject_id         uuid PRIMARY KEY,
    tenant_id          text NOT NULL REFERENCES tenants,
    external_id_sealed bytea NOT NULL,
    privacy_level      text NOT NULL CHECK (privacy_level IN ('strict', 'standard', 'permissive')),
    collects           boolean NOT NULL,
    trains             boolean NOT NULL,
    gpc                boolean NOT NULL DEFAULT false,
    version            bigint NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL,
    erased_at          timestamptz
);

CREATE TABLE consents (
    subject_id     uuid NOT NULL,
    consent_id     uuid NOT NULL,
    tenant_id      text NOT NULL,
    purpose        text NOT NULL,
    granted        boolean NOT NULL,
    policy_version text NOT NULL,
    source         text NOT NULL,
    jurisdiction   text NOT NULL DEFAULT '',
    legal_basis    text NOT NULL,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (subject_id, consent_id)
);

CREATE TABLE user_sessions (
    subject_id            uuid NOT NULL,
    session_id            uuid NOT NULL,
    tenant_id             text NOT NULL,
    client_session_sealed bytea NOT NULL,
    device                text,
    started_at            timestamptz NOT NULL,
    last_seen_at          timestamptz NOT NULL,
    event_count           integer NOT NULL DEFAULT 0,
    PRIMARY KEY (subject_id, session_id)
);

CREATE TABLE user_behavior_events (
    subject_id        uuid NOT NULL,
    event_id          uuid NOT NULL,
    tenant_id         text NOT NULL,
    seq               bigint GENERATED ALWAYS AS IDENTITY,
    type              text NOT NULL,
    item_id           text,
    value             real,
    session_id        uuid,
    payload_sealed    bytea,
    occurred_at       timestamptz NOT NULL,
    received_at       timestamptz NOT NULL,
    attempts          smallint NOT NULL DEFAULT 0,
    processed_at      timestamptz,
    quarantined_at    timestamptz,
    quarantine_reason text,
    PRIMARY KEY (subject_id, event_id)
);
CREATE INDEX user_behavior_events_history ON user_behavior_events (subject_id, occurred_at DESC, event_id);
CREATE INDEX user_behavior_events_waiting ON user_behavior_events (seq)
    WHERE processed_at IS NULL AND quarantined_at IS NULL;
CREATE INDEX user_behavior_events_quarantined ON user_behavior_events (seq) WHERE quarantined_at IS NOT NULL;

CREATE TABLE user_profiles (
    subject_id     uuid PRIMARY KEY,
    tenant_id      text NOT NULL,
    learned_sealed bytea,
    stated_sealed  bytea,
    event_count    bigint NOT NULL DEFAULT 0,
    updated_at     timestamptz NOT NULL
);

CREATE TABLE user_segments (
    subject_id    uuid NOT NULL,
    model_version text NOT NULL,
    tenant_id     text NOT NULL,
    segment       integer NOT NULL,
    confidence    real NOT NULL,
    assigned_at   timestamptz NOT NULL,
    PRIMARY KEY (subject_id, model_version)
);

CREATE TABLE recommendations (
    subject_id        uuid NOT NULL,
    recommendation_id uuid NOT NULL,
    tenant_id         text NOT NULL,
    kind              text,
    surface           text,
    model_version     text,
    policy_version    text NOT NULL,
    item_ids          text[] NOT NULL,
    scores            real[] NOT NULL,
    propensities      real[] NOT NULL,
    served_at         timestamptz NOT NULL,
    PRIMARY KEY (subject_id, recommendation_id)
);

CREATE TABLE recommendation_interactions (
    subject_id        uuid NOT NULL,
    interaction_id    uuid NOT NULL,
    tenant_id         text NOT NULL,
    recommendation_id uuid,
    item_id           text NOT NULL,
    action            text NOT NULL,
    position          integer,
    occurred_at       timestamptz NOT NULL,
    PRIMARY KEY (subject_id, interaction_id)
);

CREATE TABLE user_feedback (
    subject_id     uuid NOT NULL,
    feedback_id    uuid NOT NULL,
    tenant_id      text NOT NULL,
    sentiment      text NOT NULL,
    item_id        text,
    payload_sealed bytea,
    occurred_at    timestamptz NOT NULL,
    PRIMARY KEY (subject_id, feedback_id)
);

CREATE TABLE video_generation_tracking (
    subject_id        uuid NOT NULL,
    generation_id     uuid NOT NULL,
    tenant_id         text NOT NULL,
    purpose           text,
    device            text,
    outcome           text NOT NULL,
    parameters_sealed bytea,
    created_at        timestamptz NOT NULL,
    PRIMARY KEY (subject_id, generation_id)
);

CREATE TABLE ab_tests (
    tenant_id  text NOT NULL REFERENCES tenants,
    test_id    uuid NOT NULL,
    key        text NOT NULL,
    status     text NOT NULL CHECK (status IN ('draft', 'running', 'paused', 'stopped')),
    definition jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    stopped_at timestamptz,
    PRIMARY KEY (tenant_id, test_id),
    UNIQUE (tenant_id, key)
);

CREATE TABLE user_ab_tests (
    subject_id     uuid NOT NULL,
    test_id        uuid NOT NULL,
    phase          integer NOT NULL,
    tenant_id      text NOT NULL,
    variation      integer NOT NULL,
    policy_version text NOT NULL,
    propensity     double precision NOT NULL CHECK (propensity > 0 AND propensity <= 1),
    exposed_at     timestamptz NOT NULL,
    PRIMARY KEY (subject_id, test_id, phase)
);

CREATE TABLE ab_test_results (
    tenant_id      text NOT NULL REFERENCES tenants,
    test_id        uuid NOT NULL,
    evaluated_at   timestamptz NOT NULL,
    engine_version text NOT NULL,
    inputs         jsonb NOT NULL,
    outputs        jsonb NOT NULL,
    PRIMARY KEY (tenant_id, test_id, evaluated_at)
);

CREATE TABLE outbox (
    subject_id  uuid NOT NULL,
    version     bigint NOT NULL,
    tenant_id   text NOT NULL,
    kind        text NOT NULL,
    body_sealed bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (subject_id, version)
);

-- Wrapped data keys live apart from the data, so that destroying one shreds that person's fields wherever they lie.
CREATE SCHEMA vault;
CREATE TABLE vault.data_keys (
    subject_id uuid PRIMARY KEY,
    tenant_id  text NOT NULL,
    wrapped    bytea NOT NULL,
    kek_id     text NOT NULL,
    created_at timestamptz NOT NULL
);
