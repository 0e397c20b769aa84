-- Tables about nobody keep tenants apart by what queries name alone again.
DROP FUNCTION all_tenants(), tenant_of_job(uuid), experiments_standing(),
    overdue_jobs(timestamptz, timestamptz, integer, text[], integer);
DO $$
DECLARE
    guarded regclass;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['tenants', 'jobs', 'ab_tests', 'ab_test_cells', 'ab_test_results']::regclass[] LOOP
        EXECUTE format('DROP POLICY dispatch ON %s', guarded);
        EXECUTE format('REVOKE ALL ON %s FROM personalization_dispatcher', guarded);
    END LOOP;
    FOR guarded IN
        SELECT p.polrelid FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE p.polname = 'tenant_context' AND NOT c.relforcerowsecurity
    LOOP
        EXECUTE format('DROP POLICY tenant_context ON %s', guarded);
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', guarded);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION people_by_level(tenant text, after uuid, most integer)
RETURNS TABLE (subject_id uuid, privacy_level text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.subject_id, s.privacy_level FROM subjects s
    WHERE s.tenant_id = tenant AND s.erased_at IS NULL AND (after IS NULL OR s.subject_id > after)
    ORDER BY s.subject_id LIMIT most
$$;

CREATE OR REPLACE FUNCTION lock_stale_units(of_tenant text, of_test uuid, at_most integer)
RETURNS TABLE (subject_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.subject_id
    FROM user_ab_tests u
    WHERE u.tenant_id = of_tenant AND u.test_id = of_test AND u.stale AND u.phase > 0
    LIMIT at_most
    FOR UPDATE SKIP LOCKED
$$;

CREATE OR REPLACE FUNCTION quarantined_events(of_tenant text, at_most integer)
RETURNS TABLE (subject_id uuid, event_id uuid, received_at timestamptz, quarantined_at timestamptz, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.subject_id, e.event_id, e.received_at, e.quarantined_at, e.quarantine_reason
    FROM user_behavior_events e
    WHERE e.tenant_id = of_tenant AND e.quarantined_at IS NOT NULL
    ORDER BY e.seq
    LIMIT at_most
$$;

CREATE OR REPLACE FUNCTION tenant_backlog(of_tenant text, OUT waiting bigint, OUT oldest_received_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*), min(received_at) FROM user_behavior_events
    WHERE tenant_id = of_tenant AND processed_at IS NULL AND quarantined_at IS NULL
$$;

CREATE OR REPLACE FUNCTION unit_order(of_tenant text, of_test uuid, of_phase integer, of_arm integer, place integer,
                           wanted bigint[])
RETURNS TABLE (at bigint, value bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.at, o.value FROM (
        SELECT row_number() OVER (ORDER BY coalesce(u.counted[4 * place + 1], 0)) AS at,
               coalesce(u.counted[4 * place + 1], 0) AS value
        FROM user_ab_tests u
        WHERE u.tenant_id = of_tenant AND u.test_id = of_test AND u.phase = of_phase AND u.variation = of_arm
          AND u.counted IS NOT NULL) AS o
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
        'ARRAY[%s] FROM user_ab_tests u WHERE u.tenant_id = $1 AND u.test_id = $2 AND u.phase > 0 '
        'AND u.counted IS NOT NULL GROUP BY 1, 2, 3, 4', wanted) USING of_tenant, of_test;
END
$$;
