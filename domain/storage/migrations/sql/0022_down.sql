DROP FUNCTION quarantined_events(text, integer);
REVOKE SELECT (quarantine_reason) ON user_behavior_events FROM personalization_dispatcher;
