-- Archives of what is kept of people, sealed with their keys, until they are fetched or a week has passed.
CREATE TABLE privacy_exports (
    subject_id     uuid NOT NULL,
    request_id     uuid NOT NULL,
    tenant_id      text NOT NULL,
    archive_sealed bytea NOT NULL,
    link_hash      bytea,
    link_until     timestamptz,
    made_at        timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (subject_id, request_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON privacy_exports TO personalization_service, personalization_worker;
ALTER TABLE privacy_exports ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy_exports FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_context ON privacy_exports TO personalization_service, personalization_worker
    USING (tenant_id = (SELECT app_tenant()) AND subject_id = ANY ((SELECT app_subjects())::uuid[]));
