-- Ids are ordered by their bytes, as Python orders them, whatever the locale of the database.
ALTER TABLE catalog_items ALTER COLUMN item_id TYPE text COLLATE "C";

-- The circumstances of a served list, for learning from it.
ALTER TABLE recommendations
    ADD COLUMN device     text,
    ADD COLUMN purpose    text,
    ADD COLUMN local_hour smallint CHECK (local_hour BETWEEN 0 AND 23),
    ADD COLUMN weekday    smallint CHECK (weekday BETWEEN 0 AND 6);

ALTER TABLE tenants ADD COLUMN rules_version bigint NOT NULL DEFAULT 0;
CREATE TABLE recommendation_rules (
    tenant_id  text NOT NULL REFERENCES tenants,
    rule_id    text COLLATE "C" NOT NULL,
    definition jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, rule_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON recommendation_rules TO personalization_service, personalization_worker;

-- Live counts, about items alone. Each number had halved so often as its half-life has passed since `touched_at`.
CREATE TABLE item_interest (
    tenant_id  text NOT NULL REFERENCES tenants,
    item_id    text COLLATE "C" NOT NULL,
    day        real NOT NULL,
    week       real NOT NULL,
    month      real NOT NULL,
    touched_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
);
CREATE TABLE item_pairs (
    tenant_id  text NOT NULL REFERENCES tenants,
    item_id    text COLLATE "C" NOT NULL,
    other_id   text COLLATE "C" NOT NULL,
    people     real NOT NULL,
    touched_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, item_id, other_id),
    CHECK (item_id < other_id)
);
CREATE INDEX item_pairs_frequent ON item_pairs (tenant_id) WHERE people >= 4.5;
GRANT SELECT ON item_interest, item_pairs TO personalization_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON item_interest, item_pairs TO personalization_worker;

-- Who has been counted there, so that nobody counts twice and everybody can be taken out again.
CREATE TABLE user_interest (
    subject_id uuid NOT NULL,
    item_id    text COLLATE "C" NOT NULL,
    tenant_id  text NOT NULL,
    counted_at timestamptz NOT NULL,
    partners   text[] NOT NULL,
    PRIMARY KEY (subject_id, item_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON user_interest TO personalization_service, personalization_worker;
ALTER TABLE user_interest ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_interest FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_context ON user_interest TO personalization_service, personalization_worker
    USING (tenant_id = (SELECT app_tenant()) AND subject_id = ANY ((SELECT app_subjects())::uuid[]));
