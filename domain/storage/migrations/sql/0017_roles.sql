-- Logins of their own for archives of one person and for sums of many.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['personalization_exporter', 'personalization_analyst',
                                     'personalization_aggregator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS CONNECTION LIMIT %s', role_name,
                               CASE role_name WHEN 'personalization_analyst' THEN 10 ELSE -1 END);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                -- Another database of the cluster is migrated at this moment, and no lock reaches across databases.
                NULL;
            END;
        END IF;
    END LOOP;
    -- Needed to hand the functions below to the aggregator.
    BEGIN
        EXECUTE format('GRANT personalization_aggregator TO %I', current_user);
    EXCEPTION WHEN unique_violation THEN
        NULL;
    END;
END
$$;

-- The exporter reads what a person is told of themselves, of the person it names and nobody else.
GRANT USAGE ON SCHEMA public TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, identity_hash) ON subject_identities TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, external_id_sealed, privacy_level, collects, trains, gpc, created_at, erased_at)
    ON subjects TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, consent_id, purpose, granted, policy_version, source, jurisdiction, legal_basis,
              recorded_at)
    ON consents TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, client_session_sealed, session_id, started_at, last_seen_at, event_count, device,
              context_sealed)
    ON user_sessions TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, event_id, type, item_id, value, session_id, payload_sealed, occurred_at, received_at)
    ON user_behavior_events TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, learned_sealed, event_count, stated_sealed, updated_at)
    ON user_profiles TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, model_version, segment, confidence, assigned_at)
    ON user_segments TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, recommendation_id, kind, surface, item_ids, served_at, purpose, local_hour, weekday,
              model_version, policy_version, scores, propensities, device)
    ON recommendations TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, interaction_id, recommendation_id, item_id, action, position, occurred_at)
    ON recommendation_interactions TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, item_id, counted_at, partners) ON user_interest TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, feedback_id, sentiment, item_id, payload_sealed, occurred_at)
    ON user_feedback TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, generation_id, purpose, outcome, parameters_sealed, created_at, device)
    ON video_generation_tracking TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, choices_sealed, updated_at) ON user_adaptations TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, revision, attributes_sealed, synced_at) ON user_accounts TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, test_id, phase, variation, policy_version, propensity, exposed_at, counted, multiple,
              context)
    ON user_ab_tests TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, kind, body_sealed, created_at) ON outbox TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, merged_subject_id, merged_at, key_destroyed_at)
    ON identity_merges TO personalization_exporter;
GRANT SELECT (tenant_id, subject_id, request_id, made_at, expires_at) ON privacy_exports TO personalization_exporter;

-- What it writes: the sealed archive that was asked for, once, and that the request is done.
GRANT INSERT (tenant_id, subject_id, request_id, archive_sealed, made_at, expires_at)
    ON privacy_exports TO personalization_exporter;
GRANT SELECT, UPDATE (state, finished_at, error, checkpoint) ON privacy_requests TO personalization_exporter;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['subjects', 'consents', 'user_sessions', 'user_behavior_events', 'user_profiles',
        'user_segments', 'recommendations', 'recommendation_interactions', 'user_interest', 'user_feedback',
        'video_generation_tracking', 'user_adaptations', 'user_accounts', 'user_ab_tests', 'outbox', 'identity_merges',
        'privacy_exports'] LOOP
        EXECUTE format(
            'CREATE POLICY export ON %I FOR SELECT TO personalization_exporter '
            'USING (tenant_id = (SELECT app_tenant()) AND subject_id = ANY ((SELECT app_subjects())::uuid[]))',
            table_name);
    END LOOP;
END
$$;
CREATE POLICY export ON subject_identities FOR SELECT TO personalization_exporter
    USING (tenant_id = (SELECT app_tenant()));
CREATE POLICY export_kept ON privacy_exports FOR INSERT TO personalization_exporter
    WITH CHECK (tenant_id = (SELECT app_tenant()) AND subject_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY export ON privacy_requests TO personalization_exporter
    USING (tenant_id = (SELECT app_tenant()) AND kind = 'export');
