-- Which ids turned out to be one person, so that a merge that was cut short after its commit is finished by the next call.
CREATE TABLE identity_merges (
    subject_id        uuid NOT NULL,
    merged_subject_id uuid NOT NULL,
    tenant_id         text NOT NULL,
    merged_at         timestamptz NOT NULL,
    key_destroyed_at  timestamptz,
    PRIMARY KEY (subject_id, merged_subject_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON identity_merges TO personalization_service, personalization_worker;
ALTER TABLE identity_merges ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity_merges FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_context ON identity_merges TO personalization_service, personalization_worker
    USING (tenant_id = (SELECT app_tenant()) AND subject_id = ANY ((SELECT app_subjects())::uuid[]));
