-- Takes back what groups chose and what analyses found.
DROP POLICY consented_rows ON video_generation_tracking;
REVOKE SELECT (subject_id, tenant_id) ON video_generation_tracking FROM personalization_trainer;
DROP TABLE catalog_insights, generation_pools;
