REVOKE SELECT (seq) ON user_behavior_events FROM personalization_trainer;
DROP TABLE feature_companions, common_workflows, user_adaptations;
ALTER TABLE user_sessions DROP COLUMN context_sealed;
