-- Roles, row-level security and the few functions that may look across subjects.
-- Roles belong to the cluster and outlive the database, hence the guard; `personalization migrate` gives them their logins.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['personalization_service', 'personalization_worker', 'personalization_trainer',
                                     'personalization_keys', 'personalization_dispatcher'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                -- Another database of the cluster is migrated at this moment, and no lock reaches across databases.
                NULL;
            END;
        END IF;
    END LOOP;
    -- Needed to hand the functions below to the dispatcher.
    BEGIN
        EXECUTE format('GRANT personalization_dispatcher TO %I', current_user);
    EXCEPTION WHEN unique_violation THEN
        NULL;
    END;
END
$$;

GRANT USAGE ON SCHEMA public
    TO personalization_service, personalization_worker, personalization_trainer, personalization_dispatcher;
GRANT USAGE ON SCHEMA vault TO personalization_keys;

GRANT SELECT, INSERT, UPDATE ON tenants, catalog_items, jobs TO personalization_service, personalization_worker;
GRANT SELECT ON ml_models TO personalization_service;
GRANT SELECT, INSERT, UPDATE ON ml_models TO personalization_worker;
GRANT SELECT, INSERT, UPDATE ON ab_tests, ab_test_results TO personalization_service, personalization_worker;
GRANT SELECT ON tenants, catalog_items TO personalization_trainer;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    subject_identities, subjects, consents, user_sessions, user_behavior_events, user_profiles, user_segments,
    recommendations, recommendation_interactions, user_feedback, video_generation_tracking, user_ab_tests, outbox
    TO personalization_service, personalization_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault.data_keys TO personalization_keys;

-- The trainer sees who agreed, what they touched and when; no sealed field.
GRANT SELECT (subject_id, tenant_id, trains) ON subjects TO personalization_trainer;
GRANT SELECT (subject_id, tenant_id, event_id, type, item_id, value, occurred_at)
    ON user_behavior_events TO personalization_trainer;

CREATE FUNCTION app_tenant() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT current_setting('app.tenant', true) $$;
CREATE FUNCTION app_subjects() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.subjects', true), '')::uuid[] $$;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['subjects', 'consents', 'user_sessions', 'user_behavior_events', 'user_profiles',
        'user_segments', 'recommendations', 'recommendation_interactions', 'user_feedback',
        'video_generation_tracking', 'user_ab_tests', 'outbox'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format(
            'CREATE POLICY subject_context ON %I TO personalization_service, personalization_worker '
            'USING (tenant_id = (SELECT app_tenant()) AND subject_id = ANY ((SELECT app_subjects())::uuid[]))',
            table_name);
    END LOOP;
END
$$;

ALTER TABLE subject_identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_identities FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_context ON subject_identities TO personalization_service, personalization_worker
    USING (tenant_id = (SELECT app_tenant()));

ALTER TABLE vault.data_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault.data_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_context ON vault.data_keys TO personalization_keys
    USING (tenant_id = (SELECT app_tenant()) AND subject_id = ANY ((SELECT app_subjects())::uuid[]));

CREATE POLICY consented_rows ON subjects FOR SELECT TO personalization_trainer
    USING (tenant_id = (SELECT app_tenant()) AND trains);
CREATE POLICY consented_rows ON user_behavior_events FOR SELECT TO personalization_trainer
    USING (tenant_id = (SELECT app_tenant())
           AND subject_id IN (SELECT s.subject_id FROM subjects s WHERE s.tenant_id = (SELECT app_tenant()) AND s.trains));

-- Claiming work is the one query without a subject: it runs as the dispatcher, returns ids only, and its row locks
-- last as long as the caller's transaction.
-- A policy reaches the members of its role too, and the tables' owner is one: only the functions are meant.
CREATE POLICY dispatch ON user_behavior_events TO personalization_dispatcher
    USING ((SELECT current_user = 'personalization_dispatcher'));
CREATE POLICY dispatch ON outbox FOR SELECT TO personalization_dispatcher
    USING ((SELECT current_user = 'personalization_dispatcher'));
GRANT SELECT (tenant_id, subject_id, event_id, seq, received_at, processed_at, quarantined_at), UPDATE (attempts)
    ON user_behavior_events TO personalization_dispatcher;
GRANT SELECT (tenant_id, subject_id, version, created_at) ON outbox TO personalization_dispatcher;

CREATE FUNCTION lock_behavior_batch(batch_size integer)
RETURNS TABLE (tenant_id text, subject_id uuid, event_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.tenant_id, e.subject_id, e.event_id
    FROM user_behavior_events e
    WHERE e.processed_at IS NULL AND e.quarantined_at IS NULL
    ORDER BY e.seq
    LIMIT batch_size
    FOR UPDATE SKIP LOCKED
$$;

CREATE FUNCTION behavior_backlog(OUT waiting bigint, OUT oldest_received_at timestamptz, OUT quarantined bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT
        (SELECT count(*) FROM user_behavior_events WHERE processed_at IS NULL AND quarantined_at IS NULL),
        (SELECT min(received_at) FROM user_behavior_events WHERE processed_at IS NULL AND quarantined_at IS NULL),
        (SELECT count(*) FROM user_behavior_events WHERE quarantined_at IS NOT NULL)
$$;

CREATE FUNCTION claim_outbox(older_than timestamptz, max_subjects integer)
RETURNS TABLE (tenant_id text, subject_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.tenant_id, o.subject_id
    FROM outbox o
    WHERE o.created_at < older_than
    GROUP BY o.tenant_id, o.subject_id
    ORDER BY min(o.created_at)
    LIMIT max_subjects
$$;

GRANT CREATE ON SCHEMA public TO personalization_dispatcher;
ALTER FUNCTION lock_behavior_batch(integer) OWNER TO personalization_dispatcher;
ALTER FUNCTION behavior_backlog() OWNER TO personalization_dispatcher;
ALTER FUNCTION claim_outbox(timestamptz, integer) OWNER TO personalization_dispatcher;
REVOKE CREATE ON SCHEMA public FROM personalization_dispatcher;
REVOKE ALL ON FUNCTION lock_behavior_batch(integer), behavior_backlog(), claim_outbox(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_behavior_batch(integer), behavior_backlog(), claim_outbox(timestamptz, integer)
    TO personalization_worker;
GRANT EXECUTE ON FUNCTION behavior_backlog() TO personalization_service;
