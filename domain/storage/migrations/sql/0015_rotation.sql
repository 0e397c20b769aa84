-- Rotation looks for data keys that an older key-encryption key wrapped; the dispatcher tells whose, never a key.
GRANT USAGE ON SCHEMA vault TO personalization_dispatcher;
GRANT SELECT (tenant_id, subject_id, kek_id) ON vault.data_keys TO personalization_dispatcher;
CREATE POLICY dispatch ON vault.data_keys FOR SELECT TO personalization_dispatcher
    USING ((SELECT current_user = 'personalization_dispatcher'));
CREATE FUNCTION keys_wrapped_otherwise(kek text, most integer) RETURNS TABLE (tenant_id text, subject_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.tenant_id, k.subject_id FROM vault.data_keys k WHERE k.kek_id <> kek ORDER BY k.subject_id LIMIT most
$$;
GRANT CREATE ON SCHEMA public TO personalization_dispatcher;
ALTER FUNCTION keys_wrapped_otherwise(text, integer) OWNER TO personalization_dispatcher;
REVOKE CREATE ON SCHEMA public FROM personalization_dispatcher;
REVOKE ALL ON FUNCTION keys_wrapped_otherwise(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keys_wrapped_otherwise(text, integer) TO personalization_keys;
