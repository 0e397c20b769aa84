-- Requests of people and how far each is; whose they are is told by a keyed hash alone, which an erasure leaves behind.
CREATE TABLE privacy_requests (
    tenant_id     text NOT NULL REFERENCES tenants,
    request_id    uuid NOT NULL,
    identity_hash bytea NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('erasure', 'export')),
    state         text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    subjects      uuid[] NOT NULL DEFAULT '{}',
    checkpoint    text,
    evidence      jsonb NOT NULL DEFAULT '{}',
    attempts      integer NOT NULL DEFAULT 0,
    retry_at      timestamptz NOT NULL,
    error         text,
    requested_at  timestamptz NOT NULL,
    taught_since  timestamptz,
    erased_at     timestamptz,
    finished_at   timestamptz,
    PRIMARY KEY (tenant_id, request_id)
);
CREATE UNIQUE INDEX privacy_requests_open ON privacy_requests (tenant_id, identity_hash, kind)
    WHERE state IN ('waiting', 'running');

-- Receipts are added and never changed: each names the hash of the one before it.
CREATE TABLE privacy_receipts (
    tenant_id  text NOT NULL REFERENCES tenants,
    number     bigint NOT NULL,
    request_id uuid NOT NULL,
    document   text NOT NULL,
    PRIMARY KEY (tenant_id, number)
);
CREATE UNIQUE INDEX privacy_receipts_request ON privacy_receipts (tenant_id, request_id);

-- What a deletion of an account left unfinished is a request now; its owner reads it before the table is guarded again.
ALTER TABLE account_tombstones NO FORCE ROW LEVEL SECURITY;
INSERT INTO privacy_requests
    (tenant_id, request_id, identity_hash, kind, state, subjects, checkpoint, retry_at, requested_at, erased_at)
SELECT tenant_id, gen_random_uuid(), identity_hash, 'erasure', 'waiting', unfinished, 'rows', deleted_at, deleted_at,
       deleted_at
FROM account_tombstones WHERE cardinality(unfinished) > 0;
ALTER TABLE account_tombstones FORCE ROW LEVEL SECURITY;
ALTER TABLE account_tombstones DROP COLUMN unfinished, DROP COLUMN finished_at;

GRANT SELECT, INSERT, UPDATE ON privacy_requests TO personalization_service, personalization_worker;
GRANT SELECT, INSERT ON privacy_receipts TO personalization_service, personalization_worker;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['privacy_requests', 'privacy_receipts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY tenant_context ON %I TO personalization_service, personalization_worker '
            'USING (tenant_id = (SELECT app_tenant()))', table_name);
    END LOOP;
END
$$;

-- Finding out which tenants have work is a question across tenants: the dispatcher's, which answers with names alone.
CREATE POLICY dispatch ON privacy_requests FOR SELECT TO personalization_dispatcher
    USING ((SELECT current_user = 'personalization_dispatcher'));
GRANT SELECT (tenant_id, state, retry_at) ON privacy_requests TO personalization_dispatcher;
CREATE FUNCTION tenants_with_requests(by timestamptz) RETURNS TABLE (tenant_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT r.tenant_id FROM privacy_requests r WHERE r.state IN ('waiting', 'running') AND r.retry_at <= by
$$;
GRANT CREATE ON SCHEMA public TO personalization_dispatcher;
ALTER FUNCTION tenants_with_requests(timestamptz) OWNER TO personalization_dispatcher;
REVOKE CREATE ON SCHEMA public FROM personalization_dispatcher;
REVOKE ALL ON FUNCTION tenants_with_requests(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenants_with_requests(timestamptz) TO personalization_worker;

