-- What groups of people chose for their videos: a segment, or everybody under the empty name. Purpose and device are
-- empty for any. No row stands on fewer than five people, and none names one.
CREATE TABLE generation_pools (
    tenant_id   text NOT NULL REFERENCES tenants,
    segment     text NOT NULL,
    purpose     text NOT NULL,
    device      text NOT NULL,
    parameter   text NOT NULL,
    value       text NOT NULL,
    weight      real NOT NULL,
    people      integer NOT NULL CHECK (people >= 5),
    computed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, segment, purpose, device, parameter, value)
);
GRANT SELECT ON generation_pools TO personalization_service;
GRANT SELECT, INSERT, DELETE ON generation_pools TO personalization_worker;

-- What an analysis found in an item, beside what its editors say of it: neither overwrites the other.
CREATE TABLE catalog_insights (
    tenant_id   text NOT NULL,
    item_id     text COLLATE "C" NOT NULL,
    source      text NOT NULL,
    insights    jsonb NOT NULL,
    analysed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, item_id, source),
    FOREIGN KEY (tenant_id, item_id) REFERENCES catalog_items
);
GRANT SELECT, INSERT, UPDATE ON catalog_insights TO personalization_service, personalization_worker;
GRANT SELECT ON catalog_insights TO personalization_trainer;

-- The trainer learns who has generations and agreed to training; what they are is sealed, and not for its eyes.
GRANT SELECT (subject_id, tenant_id) ON video_generation_tracking TO personalization_trainer;
CREATE POLICY consented_rows ON video_generation_tracking FOR SELECT TO personalization_trainer
    USING (tenant_id = (SELECT app_tenant())
           AND subject_id IN (SELECT s.subject_id FROM subjects s WHERE s.tenant_id = (SELECT app_tenant()) AND s.trains));
