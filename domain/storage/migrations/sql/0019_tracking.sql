-- How much is tracked of a tenant, for whoever looks for the reason why nothing is learned: in steps of five, and nothing
-- of fewer people.
CREATE FUNCTION tracking(since timestamptz, OUT known bigint, OUT observed bigint, OUT events bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN s.known >= 5 THEN s.known / 5 * 5 END,
           CASE WHEN s.observed >= 5 THEN s.observed / 5 * 5 END,
           CASE WHEN e.people >= 5 THEN e.events / 5 * 5 END
    FROM (SELECT count(*) AS known, count(*) FILTER (WHERE collects) AS observed
          FROM subjects WHERE erased_at IS NULL) s,
         (SELECT count(*) AS events, count(DISTINCT subject_id) AS people
          FROM user_behavior_events WHERE occurred_at > since) e
$$;
GRANT CREATE ON SCHEMA public TO personalization_aggregator;
ALTER FUNCTION tracking(timestamptz) OWNER TO personalization_aggregator;
REVOKE CREATE ON SCHEMA public FROM personalization_aggregator;
REVOKE ALL ON FUNCTION tracking(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tracking(timestamptz) TO personalization_service;
