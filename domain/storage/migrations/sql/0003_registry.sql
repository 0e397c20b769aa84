-- The registry: signatures, what a version saw and how it was judged, who was champion when, and the stage of a job.
ALTER TABLE ml_models
    ALTER COLUMN artifact DROP NOT NULL,
    ADD COLUMN signature    bytea,
    ADD COLUMN crowned_at   timestamptz,
    ADD COLUMN trained_from jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN verdict      jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN baseline     jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN drift        jsonb NOT NULL DEFAULT '{}',
    DROP CONSTRAINT ml_models_status_check,
    ADD CONSTRAINT ml_models_status_check CHECK (status IN ('champion', 'challenger', 'retired', 'rejected'));
UPDATE ml_models SET crowned_at = trained_at WHERE status IN ('champion', 'retired');

CREATE TABLE model_changes (
    tenant_id  text NOT NULL REFERENCES tenants,
    change_id  bigint GENERATED ALWAYS AS IDENTITY,
    name       text NOT NULL,
    version    text NOT NULL,
    replaced   text,
    action     text NOT NULL CHECK (action IN ('published', 'promoted', 'rolled_back')),
    actor      text NOT NULL,
    reason     text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, change_id)
);

ALTER TABLE jobs ADD COLUMN stage text;

-- Whoever serves may say which version serves, and can neither add one nor touch its bytes or its signature.
GRANT UPDATE (status, crowned_at) ON ml_models TO personalization_service;
GRANT SELECT, INSERT ON model_changes TO personalization_service, personalization_worker;

-- What was served and what came of it, for those who agreed to training.
GRANT SELECT (subject_id, tenant_id, recommendation_id, model_version, policy_version, item_ids, propensities, served_at)
    ON recommendations TO personalization_trainer;
GRANT SELECT (subject_id, tenant_id, recommendation_id, item_id, action, occurred_at)
    ON recommendation_interactions TO personalization_trainer;
CREATE POLICY consented_rows ON recommendations FOR SELECT TO personalization_trainer
    USING (tenant_id = (SELECT app_tenant())
           AND subject_id IN (SELECT s.subject_id FROM subjects s WHERE s.tenant_id = (SELECT app_tenant()) AND s.trains));
CREATE POLICY consented_rows ON recommendation_interactions FOR SELECT TO personalization_trainer
    USING (tenant_id = (SELECT app_tenant())
           AND subject_id IN (SELECT s.subject_id FROM subjects s WHERE s.tenant_id = (SELECT app_tenant()) AND s.trains));
CREATE INDEX recommendations_by_model ON recommendations (tenant_id, model_version, served_at);
