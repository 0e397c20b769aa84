-- Takes back what retention asks.
DROP FUNCTION people_by_level(text, uuid, integer);
REVOKE SELECT (tenant_id, subject_id, privacy_level, erased_at) ON subjects FROM personalization_dispatcher;
DROP POLICY dispatch ON subjects;
