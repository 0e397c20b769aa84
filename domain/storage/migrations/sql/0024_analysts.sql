-- Each tenant's analysts log in as a role of their own. Whose sums are seen follows from who is logged in, which nobody
-- can change in a session; the names of the logins say nothing, as every role of the server can read them.
CREATE TABLE analyst_logins (
    tenant_id text PRIMARY KEY REFERENCES tenants,
    login     text NOT NULL UNIQUE,
    made_at   timestamptz NOT NULL
);
GRANT SELECT ON analyst_logins TO personalization_aggregator;
ALTER TABLE analyst_logins ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_login ON analyst_logins FOR SELECT TO personalization_aggregator
    USING (login = (SELECT session_user) AND (SELECT current_user = 'personalization_aggregator'));

GRANT CREATE ON SCHEMA analytics TO personalization_aggregator;
-- The service alone says itself whom it asks for.
CREATE FUNCTION analytics.tenant() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE session_user WHEN 'personalization_service' THEN app_tenant()
           ELSE (SELECT l.tenant_id FROM analyst_logins l WHERE l.login = session_user) END
$$;

-- A total of what people did, from each person's part, the largest first. Nobody counts for more than the fifth of them
-- did, and the total is told in steps of five such people: how much one of them did does not show when they go.
CREATE FUNCTION analytics.in_fives(parts bigint[]) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sum(least(part, parts[5]))::bigint / step * step
    FROM unnest(parts) AS part,
         (SELECT 5 * max(round) AS step
          FROM (SELECT factor * (10 ^ power)::bigint AS round
                FROM unnest(ARRAY[1, 2, 5]) AS factor, generate_series(0, 15) AS power) AS steps
          WHERE round <= parts[5]) AS s
    GROUP BY step
$$;
DO $$
DECLARE
    made regprocedure;
    guarded regclass;
BEGIN
    FOREACH made IN ARRAY ARRAY['analytics.tenant()', 'analytics.in_fives(bigint[])']::regprocedure[] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO personalization_analyst', made);
        EXECUTE format('ALTER FUNCTION %s OWNER TO personalization_aggregator', made);
    END LOOP;
    FOR guarded IN SELECT p.polrelid FROM pg_policy p WHERE p.polname = 'aggregate' LOOP
        EXECUTE format(
            'ALTER POLICY aggregate ON %s USING '
            '(tenant_id = (SELECT analytics.tenant()) AND (SELECT current_user = ''personalization_aggregator''))',
            guarded);
    END LOOP;
    -- The one login of all tenants is no more: it holds what those of the tenants share.
    IF (SELECT rolcanlogin FROM pg_roles WHERE rolname = 'personalization_analyst') THEN
        BEGIN
            ALTER ROLE personalization_analyst NOLOGIN PASSWORD NULL;
        EXCEPTION WHEN internal_error THEN
            -- Another database of the cluster is migrated at this moment, and does the same.
            NULL;
        END;
    END IF;
END
$$;
REVOKE CREATE ON SCHEMA analytics FROM personalization_aggregator;

CREATE OR REPLACE FUNCTION analytics.activity_cells()
RETURNS TABLE (day date, type text, people bigint, events bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.day, p.type, count(*) / 5 * 5, analytics.in_fives(array_agg(p.n ORDER BY p.n DESC))
    FROM (SELECT (e.occurred_at AT TIME ZONE 'UTC')::date AS day, e.type, e.subject_id, count(*) AS n
          FROM user_behavior_events e JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL AND e.quarantined_at IS NULL
          GROUP BY 1, 2, 3) p
    WHERE p.day < analytics.today()
    GROUP BY 1, 2 HAVING count(*) >= 5
$$;

CREATE OR REPLACE FUNCTION analytics.item_cells()
RETURNS TABLE (week date, item_id text, people bigint, events bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.week, p.item_id, count(*) / 5 * 5, analytics.in_fives(array_agg(p.n ORDER BY p.n DESC))
    FROM (SELECT date_trunc('week', e.occurred_at AT TIME ZONE 'UTC')::date AS week, e.item_id, e.subject_id,
                 count(*) AS n
          FROM user_behavior_events e JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL AND e.quarantined_at IS NULL AND e.item_id IS NOT NULL
          GROUP BY 1, 2, 3) p
    WHERE p.week + 7 <= analytics.today()
    GROUP BY 1, 2 HAVING count(*) >= 5
$$;

CREATE OR REPLACE FUNCTION analytics.list_cells()
RETURNS TABLE (day date, kind text, model_version text, people bigint, lists bigint, lists_taken_from bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.day, p.kind, p.model_version, count(*) / 5 * 5, analytics.in_fives(array_agg(p.n ORDER BY p.n DESC)),
           analytics.in_fives(array_agg(p.taken ORDER BY p.taken DESC) FILTER (WHERE p.taken > 0))
    FROM (SELECT (r.served_at AT TIME ZONE 'UTC')::date AS day, r.kind, r.model_version, r.subject_id, count(*) AS n,
                 count(*) FILTER (WHERE EXISTS (
                     SELECT FROM recommendation_interactions i
                     WHERE i.subject_id = r.subject_id AND i.recommendation_id = r.recommendation_id
                       AND i.action IN ('clicked', 'used', 'liked'))) AS taken
          FROM recommendations r JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL
          GROUP BY 1, 2, 3, 4) p
    WHERE p.day < analytics.today()
    GROUP BY 1, 2, 3 HAVING count(*) >= 5
$$;

CREATE OR REPLACE FUNCTION analytics.visit_cells()
RETURNS TABLE (day date, device text, people bigint, visits bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.day, p.device, count(*) / 5 * 5, analytics.in_fives(array_agg(p.n ORDER BY p.n DESC))
    FROM (SELECT (v.started_at AT TIME ZONE 'UTC')::date AS day, v.device, v.subject_id, count(*) AS n
          FROM user_sessions v JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL
          GROUP BY 1, 2, 3) p
    WHERE p.day < analytics.today()
    GROUP BY 1, 2 HAVING count(*) >= 5
$$;

CREATE OR REPLACE FUNCTION analytics.feedback_cells()
RETURNS TABLE (week date, sentiment text, people bigint, answers bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.week, p.sentiment, count(*) / 5 * 5, analytics.in_fives(array_agg(p.n ORDER BY p.n DESC))
    FROM (SELECT date_trunc('week', f.occurred_at AT TIME ZONE 'UTC')::date AS week, f.sentiment, f.subject_id,
                 count(*) AS n
          FROM user_feedback f JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL
          GROUP BY 1, 2, 3) p
    WHERE p.week + 7 <= analytics.today()
    GROUP BY 1, 2 HAVING count(*) >= 5
$$;

CREATE OR REPLACE FUNCTION analytics.generation_cells()
RETURNS TABLE (week date, purpose text, device text, outcome text, people bigint, videos bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.week, p.purpose, p.device, p.outcome, count(*) / 5 * 5,
           analytics.in_fives(array_agg(p.n ORDER BY p.n DESC))
    FROM (SELECT date_trunc('week', g.created_at AT TIME ZONE 'UTC')::date AS week, g.purpose, g.device, g.outcome,
                 g.subject_id, count(*) AS n
          FROM video_generation_tracking g JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL
          GROUP BY 1, 2, 3, 4, 5) p
    WHERE p.week + 7 <= analytics.today()
    GROUP BY 1, 2, 3, 4 HAVING count(*) >= 5
$$;

DROP FUNCTION analytics.in_fives(numeric, bigint);

-- What rests on five people by its own table, and what is about nobody.
CREATE OR REPLACE VIEW analytics.workflows WITH (security_barrier) AS
    SELECT workflow_id, steps, people / 5 * 5 AS people, of_people / 5 * 5 AS of_people
    FROM common_workflows WHERE tenant_id = (SELECT analytics.tenant());
CREATE OR REPLACE VIEW analytics.catalog WITH (security_barrier) AS
    SELECT item_id, kind, title, category, tags, created_at
    FROM catalog_items WHERE tenant_id = (SELECT analytics.tenant());
