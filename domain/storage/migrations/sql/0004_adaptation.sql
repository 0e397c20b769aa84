-- What people said about their interface, and what many people of a tenant do alike.

ALTER TABLE user_sessions ADD COLUMN context_sealed bytea;

CREATE TABLE user_adaptations (
    subject_id     uuid PRIMARY KEY,
    tenant_id      text NOT NULL,
    choices_sealed bytea NOT NULL,
    updated_at     timestamptz NOT NULL
);

-- Nothing is told of fewer than five people.
CREATE TABLE common_workflows (
    tenant_id    text NOT NULL REFERENCES tenants,
    workflow_id  text NOT NULL,
    steps        text[] NOT NULL,
    people       integer NOT NULL CHECK (people >= 5),
    of_people    integer NOT NULL,
    sessions     integer NOT NULL,
    support      double precision NOT NULL,
    confidence   double precision NOT NULL,
    lift         double precision NOT NULL,
    last_seen_at timestamptz NOT NULL,
    mined_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, workflow_id)
);

CREATE TABLE feature_companions (
    tenant_id    text NOT NULL REFERENCES tenants,
    step         text NOT NULL,
    feature      text NOT NULL,
    people       integer NOT NULL CHECK (people >= 5),
    of_people    integer NOT NULL,
    confidence   double precision NOT NULL,
    share        double precision NOT NULL,
    kept         double precision NOT NULL,
    last_seen_at timestamptz NOT NULL,
    mined_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, step, feature)
);

ALTER TABLE user_adaptations ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_adaptations FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_context ON user_adaptations TO personalization_service, personalization_worker
    USING (tenant_id = (SELECT app_tenant()) AND subject_id = ANY ((SELECT app_subjects())::uuid[]));

GRANT SELECT, INSERT, UPDATE, DELETE ON user_adaptations TO personalization_service, personalization_worker;
GRANT SELECT ON common_workflows, feature_companions TO personalization_service;
GRANT SELECT, INSERT, DELETE ON common_workflows, feature_companions TO personalization_worker;

-- Events of the same moment stand in the order of the log.
GRANT SELECT (seq) ON user_behavior_events TO personalization_trainer;
