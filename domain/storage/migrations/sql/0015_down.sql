-- Takes back what rotation asks.
DROP FUNCTION keys_wrapped_otherwise(text, integer);
DROP POLICY dispatch ON vault.data_keys;
REVOKE SELECT (tenant_id, subject_id, kek_id) ON vault.data_keys FROM personalization_dispatcher;
REVOKE USAGE ON SCHEMA vault FROM personalization_dispatcher;
