-- Every table keeps tenants apart by itself, those about nobody too: a query that forgets to name the tenant finds the
-- rows of the one whom its transaction names. The owner, who migrates, is not held by it on tables about nobody.
DO $$
DECLARE
    guarded regclass;
BEGIN
    FOR guarded IN
        SELECT c.oid FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relrowsecurity
          AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format(
            'CREATE POLICY tenant_context ON %s TO personalization_service, personalization_worker, '
            'personalization_trainer USING (tenant_id = (SELECT app_tenant()))', guarded);
    END LOOP;
    FOREACH guarded IN ARRAY ARRAY['tenants', 'jobs', 'ab_tests', 'ab_test_cells', 'ab_test_results']::regclass[] LOOP
        EXECUTE format(
            'CREATE POLICY dispatch ON %s TO personalization_dispatcher '
            'USING ((SELECT current_user = ''personalization_dispatcher''))', guarded);
    END LOOP;
END
$$;

-- What looks across tenants, and tells names, ids and sums alone.
GRANT SELECT (tenant_id) ON tenants TO personalization_dispatcher;
GRANT SELECT (job_id, tenant_id, kind, state, attempts, created_at, heartbeat_at), UPDATE (state, error, finished_at)
    ON jobs TO personalization_dispatcher;
GRANT SELECT (tenant_id, test_id, status, started_at) ON ab_tests TO personalization_dispatcher;
GRANT SELECT (tenant_id, test_id, units) ON ab_test_cells TO personalization_dispatcher;
GRANT SELECT (tenant_id, test_id, evaluated_at, outputs) ON ab_test_results TO personalization_dispatcher;

CREATE FUNCTION all_tenants() RETURNS TABLE (tenant_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.tenant_id FROM tenants t ORDER BY t.tenant_id
$$;

CREATE FUNCTION tenant_of_job(of_job uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT j.tenant_id FROM jobs j WHERE j.job_id = of_job
$$;

-- A job that used up its attempts is closed on the way.
CREATE FUNCTION overdue_jobs(queued_before timestamptz, abandoned_before timestamptz, most_attempts integer,
                             besides text[], most integer)
RETURNS TABLE (job_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE jobs SET state = 'failed', error = 'its worker died too often', finished_at = heartbeat_at
    WHERE state = 'running' AND heartbeat_at < abandoned_before AND attempts >= most_attempts;
    SELECT j.job_id FROM jobs j
    WHERE (j.state = 'queued' AND j.created_at < queued_before
           OR j.state = 'running' AND j.heartbeat_at < abandoned_before) AND j.kind <> ALL (besides)
    ORDER BY coalesce(j.heartbeat_at, j.created_at), j.job_id LIMIT most
$$;

CREATE FUNCTION experiments_standing(OUT running bigint, OUT held bigint, OUT units bigint,
                                     OUT evaluated_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*), count(*) FILTER (WHERE r.verdict = 'hold'), coalesce(sum(c.units), 0)::bigint,
           min(coalesce(r.evaluated_at, t.started_at))
    FROM ab_tests t
    LEFT JOIN LATERAL (SELECT sum(o.units) AS units FROM ab_test_cells o
                       WHERE o.tenant_id = t.tenant_id AND o.test_id = t.test_id) AS c ON true
    LEFT JOIN LATERAL (SELECT o.evaluated_at, o.outputs -> 'decision' ->> 'verdict' AS verdict FROM ab_test_results o
                       WHERE o.tenant_id = t.tenant_id AND o.test_id = t.test_id
                       ORDER BY o.evaluated_at DESC LIMIT 1) AS r ON true
    WHERE t.status = 'running'
$$;

-- Functions that are told a tenant answer for the one that the transaction names.
CREATE OR REPLACE FUNCTION people_by_level(tenant text, after uuid, most integer)
RETURNS TABLE (subject_id uuid, privacy_level text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.subject_id, s.privacy_level FROM subjects s
    WHERE s.tenant_id = tenant AND tenant = (SELECT app_tenant()) AND s.erased_at IS NULL
      AND (after IS NULL OR s.subject_id > after)
    ORDER BY s.subject_id LIMIT most
$$;

CREATE OR REPLACE FUNCTION lock_stale_units(of_tenant text, of_test uuid, at_most integer)
RETURNS TABLE (subject_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.subject_id
    FROM user_ab_tests u
    WHERE u.tenant_id = of_tenant AND of_tenant = (SELECT app_tenant()) AND u.test_id = of_test AND u.stale
      AND u.phase > 0
    LIMIT at_most
    FOR UPDATE SKIP LOCKED
$$;

CREATE OR REPLACE FUNCTION quarantined_events(of_tenant text, at_most integer)
RETURNS TABLE (subject_id uuid, event_id uuid, received_at timestamptz, quarantined_at timestamptz, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.subject_id, e.event_id, e.received_at, e.quarantined_at, e.quarantine_reason
    FROM user_behavior_events e
    WHERE e.tenant_id = of_tenant AND of_tenant = (SELECT app_tenant()) AND e.quarantined_at IS NOT NULL
    ORDER BY e.seq
    LIMIT at_most
$$;

CREATE OR REPLACE FUNCTION tenant_backlog(of_tenant text, OUT waiting bigint, OUT oldest_received_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*), min(received_at) FROM user_behavior_events
    WHERE tenant_id = of_tenant AND of_tenant = (SELECT app_tenant()) AND processed_at IS NULL AND quarantined_at IS NULL
$$;

CREATE OR REPLACE FUNCTION unit_order(of_tenant text, of_test uuid, of_phase integer, of_arm integer, place integer,
                                      wanted bigint[])
RETURNS TABLE (at bigint, value bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.at, o.value FROM (
        SELECT row_number() OVER (ORDER BY coalesce(u.counted[4 * place + 1], 0)) AS at,
               coalesce(u.counted[4 * place + 1], 0) AS value
        FROM user_ab_tests u
        WHERE u.tenant_id = of_tenant AND of_tenant = (SELECT app_tenant()) AND u.test_id = of_test
          AND u.phase = of_phase AND u.variation = of_arm AND u.counted IS NOT NULL) AS o
    WHERE o.at = ANY (wanted)
$$;

CREATE OR REPLACE FUNCTION sum_units(of_tenant text, of_test uuid, place integer, shape text)
RETURNS TABLE (phase integer, policy_version text, variation integer, context integer, units bigint, multiples bigint,
               sums numeric[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    y text := format('u.counted[%s]', 4 * place + 1);
    d text := format('u.counted[%s]', 4 * place + 2);
    x text := format('u.counted[%s]', 4 * place + 3);
    z text := format('u.counted[%s]', 4 * place + 4);
    wanted text;
BEGIN
    wanted := format('sum(%1$s)::numeric, sum(%1$s::numeric * %1$s)', y);
    IF shape IN ('ratio', 'adjusted_ratio') THEN
        wanted := wanted || format(', sum(%2$s)::numeric, sum(%2$s::numeric * %2$s), sum(%1$s::numeric * %2$s)', y, d);
    END IF;
    IF shape IN ('adjusted', 'adjusted_ratio') THEN
        wanted := wanted || format(', sum(%2$s)::numeric, sum(%2$s::numeric * %2$s), sum(%1$s::numeric * %2$s)', y, x);
    END IF;
    IF shape = 'adjusted_ratio' THEN
        wanted := wanted || format(', sum(%4$s)::numeric, sum(%4$s::numeric * %4$s), sum(%1$s::numeric * %4$s), '
            'sum(%2$s::numeric * %3$s), sum(%2$s::numeric * %4$s), sum(%3$s::numeric * %4$s)', y, d, x, z);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT u.phase, u.policy_version, u.variation, u.context, count(*), count(*) FILTER (WHERE u.multiple), '
        'ARRAY[%s] FROM user_ab_tests u WHERE u.tenant_id = $1 AND $1 = (SELECT app_tenant()) AND u.test_id = $2 '
        'AND u.phase > 0 AND u.counted IS NOT NULL GROUP BY 1, 2, 3, 4', wanted) USING of_tenant, of_test;
END
$$;

DO $$
DECLARE
    made regprocedure;
BEGIN
    GRANT CREATE ON SCHEMA public TO personalization_dispatcher;
    FOREACH made IN ARRAY ARRAY['all_tenants()', 'tenant_of_job(uuid)', 'experiments_standing()',
                                'overdue_jobs(timestamptz, timestamptz, integer, text[], integer)']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO personalization_dispatcher', made);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO personalization_worker', made);
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM personalization_dispatcher;
END
$$;
GRANT EXECUTE ON FUNCTION all_tenants(), experiments_standing(), tenant_of_job(uuid),
    overdue_jobs(timestamptz, timestamptz, integer, text[], integer) TO personalization_service;
