-- What the user management service says of its users, sealed; and the deletions that it told of, under the keyed hash
-- of an id, so that an older change brings nobody back.
CREATE TABLE user_accounts (
    subject_id        uuid PRIMARY KEY,
    tenant_id         text NOT NULL,
    revision          bigint NOT NULL,
    attributes_sealed bytea NOT NULL,
    synced_at         timestamptz NOT NULL
);
CREATE TABLE account_tombstones (
    tenant_id     text NOT NULL REFERENCES tenants,
    identity_hash bytea NOT NULL,
    revision      bigint NOT NULL,
    deleted_at    timestamptz NOT NULL,
    unfinished    uuid[] NOT NULL DEFAULT '{}',
    finished_at   timestamptz,
    PRIMARY KEY (tenant_id, identity_hash)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON user_accounts, account_tombstones
    TO personalization_service, personalization_worker;
ALTER TABLE user_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_context ON user_accounts TO personalization_service, personalization_worker
    USING (tenant_id = (SELECT app_tenant()) AND subject_id = ANY ((SELECT app_subjects())::uuid[]));
ALTER TABLE account_tombstones ENABLE ROW LEVEL SECURITY;
ALTER TABLE account_tombstones FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_context ON account_tombstones TO personalization_service, personalization_worker
    USING (tenant_id = (SELECT app_tenant()));
-- What a person added to the live counts is taken out by whoever deletes them.
GRANT UPDATE ON item_interest, item_pairs TO personalization_service;
