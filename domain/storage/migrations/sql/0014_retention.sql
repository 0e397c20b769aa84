-- Retention looks at everybody of a tenant: who they are at which level, and nothing else, is told by the dispatcher.
CREATE POLICY dispatch ON subjects FOR SELECT TO personalization_dispatcher
    USING ((SELECT current_user = 'personalization_dispatcher'));
GRANT SELECT (tenant_id, subject_id, privacy_level, erased_at) ON subjects TO personalization_dispatcher;
CREATE FUNCTION people_by_level(tenant text, after uuid, most integer) RETURNS TABLE (subject_id uuid, privacy_level text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.subject_id, s.privacy_level FROM subjects s
    WHERE s.tenant_id = tenant AND s.erased_at IS NULL AND (after IS NULL OR s.subject_id > after)
    ORDER BY s.subject_id LIMIT most
$$;
GRANT CREATE ON SCHEMA public TO personalization_dispatcher;
ALTER FUNCTION people_by_level(text, uuid, integer) OWNER TO personalization_dispatcher;
REVOKE CREATE ON SCHEMA public FROM personalization_dispatcher;
REVOKE ALL ON FUNCTION people_by_level(text, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION people_by_level(text, uuid, integer) TO personalization_service, personalization_worker;
