-- What was set aside is found without naming people, by ids alone; whoever lets it back in names them.
GRANT SELECT (quarantine_reason) ON user_behavior_events TO personalization_dispatcher;

CREATE FUNCTION quarantined_events(of_tenant text, at_most integer)
RETURNS TABLE (subject_id uuid, event_id uuid, received_at timestamptz, quarantined_at timestamptz, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.subject_id, e.event_id, e.received_at, e.quarantined_at, e.quarantine_reason
    FROM user_behavior_events e
    WHERE e.tenant_id = of_tenant AND e.quarantined_at IS NOT NULL
    ORDER BY e.seq
    LIMIT at_most
$$;

GRANT CREATE ON SCHEMA public TO personalization_dispatcher;
ALTER FUNCTION quarantined_events(text, integer) OWNER TO personalization_dispatcher;
REVOKE CREATE ON SCHEMA public FROM personalization_dispatcher;
REVOKE ALL ON FUNCTION quarantined_events(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quarantined_events(text, integer) TO personalization_worker;
