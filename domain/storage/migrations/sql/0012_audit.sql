-- Who did what to whom, and when. People are pseudonyms; every entry is sealed together with the digest before it.
CREATE TABLE audit_log (
    tenant_id   text NOT NULL REFERENCES tenants,
    entry_id    bigint NOT NULL,
    action      text NOT NULL,
    actor       bytea NOT NULL,
    subject     bytea,
    object      text,
    outcome     text NOT NULL,
    door        text NOT NULL,
    correlation text NOT NULL,
    done_at     timestamptz NOT NULL,
    previous    bytea NOT NULL,
    digest      bytea NOT NULL,
    PRIMARY KEY (tenant_id, entry_id)
);
GRANT SELECT, INSERT ON audit_log TO personalization_service, personalization_worker;
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_context ON audit_log TO personalization_service, personalization_worker
    USING (tenant_id = (SELECT app_tenant()));
-- Not even the owner changes a row by accident.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege'; END$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
