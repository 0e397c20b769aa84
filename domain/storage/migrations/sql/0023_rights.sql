-- Of an experiment that is over, whoever was erased and whoever turned out to be somebody else are told apart.
ALTER TABLE ab_test_departures ADD COLUMN merged bigint NOT NULL DEFAULT 0;

-- A tenant is told what waits of its own events; what waits of all is for whoever looks after the service.
CREATE FUNCTION tenant_backlog(of_tenant text, OUT waiting bigint, OUT oldest_received_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*), min(received_at) FROM user_behavior_events
    WHERE tenant_id = of_tenant AND processed_at IS NULL AND quarantined_at IS NULL
$$;
GRANT CREATE ON SCHEMA public TO personalization_dispatcher;
ALTER FUNCTION tenant_backlog(text) OWNER TO personalization_dispatcher;
REVOKE CREATE ON SCHEMA public FROM personalization_dispatcher;
REVOKE ALL ON FUNCTION tenant_backlog(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenant_backlog(text) TO personalization_service, personalization_worker;
