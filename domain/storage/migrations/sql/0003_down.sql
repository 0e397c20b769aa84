-- Takes back the registry's columns; versions without bytes, and those that were never served, go with them.
DROP INDEX recommendations_by_model;
DROP POLICY consented_rows ON recommendation_interactions;
DROP POLICY consented_rows ON recommendations;
REVOKE SELECT (subject_id, tenant_id, recommendation_id, item_id, action, occurred_at)
    ON recommendation_interactions FROM personalization_trainer;
REVOKE SELECT (subject_id, tenant_id, recommendation_id, model_version, policy_version, item_ids, propensities, served_at)
    ON recommendations FROM personalization_trainer;
REVOKE UPDATE (status, crowned_at) ON ml_models FROM personalization_service;
ALTER TABLE jobs DROP COLUMN stage;
DROP TABLE model_changes;
DELETE FROM ml_models WHERE artifact IS NULL OR status = 'rejected';
ALTER TABLE ml_models
    DROP CONSTRAINT ml_models_status_check,
    ADD CONSTRAINT ml_models_status_check CHECK (status IN ('champion', 'challenger', 'retired')),
    DROP COLUMN drift,
    DROP COLUMN baseline,
    DROP COLUMN verdict,
    DROP COLUMN trained_from,
    DROP COLUMN crowned_at,
    DROP COLUMN signature,
    ALTER COLUMN artifact SET NOT NULL;
