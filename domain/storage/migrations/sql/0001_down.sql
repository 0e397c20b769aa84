-- Takes back everything of the first migration but the roles, which other databases of the cluster may share.
DROP FUNCTION lock_behavior_batch(integer);
DROP FUNCTION behavior_backlog();
DROP FUNCTION claim_outbox(timestamptz, integer);
DROP SCHEMA vault CASCADE;
DROP TABLE outbox, ab_test_results, user_ab_tests, ab_tests, video_generation_tracking, user_feedback,
    recommendation_interactions, recommendations, user_segments, user_profiles, user_behavior_events, user_sessions,
    consents, subjects, subject_identities, jobs, ml_models, catalog_items, tenants;
DROP FUNCTION app_subjects();
DROP FUNCTION app_tenant();
REVOKE USAGE ON SCHEMA public
    FROM personalization_service, personalization_worker, personalization_trainer, personalization_dispatcher;
