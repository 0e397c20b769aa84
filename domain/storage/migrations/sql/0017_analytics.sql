-- Sums for analysts: schema `analytics` holds no row of a person. Its functions run as the aggregator, which nobody logs
-- in as, and see one tenant, the one that the caller's setting app.tenant names. What they tell rests on five people at
-- least, of those who agree to being observed; it counts in steps of five, and days and weeks once they are over (UTC).
CREATE SCHEMA analytics;
GRANT USAGE ON SCHEMA public TO personalization_aggregator, personalization_analyst;
GRANT USAGE ON SCHEMA analytics TO personalization_analyst;

GRANT SELECT (tenant_id, subject_id, privacy_level, collects, trains, gpc, erased_at)
    ON subjects TO personalization_aggregator;
GRANT SELECT (tenant_id, subject_id, purpose, granted, recorded_at) ON consents TO personalization_aggregator;
GRANT SELECT (tenant_id, subject_id, type, item_id, occurred_at, quarantined_at)
    ON user_behavior_events TO personalization_aggregator;
GRANT SELECT (tenant_id, subject_id, device, started_at) ON user_sessions TO personalization_aggregator;
GRANT SELECT (tenant_id, subject_id, model_version, segment) ON user_segments TO personalization_aggregator;
GRANT SELECT (tenant_id, subject_id, recommendation_id, kind, model_version, served_at)
    ON recommendations TO personalization_aggregator;
GRANT SELECT (tenant_id, subject_id, recommendation_id, action, occurred_at)
    ON recommendation_interactions TO personalization_aggregator;
GRANT SELECT (tenant_id, subject_id, sentiment, occurred_at) ON user_feedback TO personalization_aggregator;
GRANT SELECT (tenant_id, subject_id, purpose, device, outcome, created_at)
    ON video_generation_tracking TO personalization_aggregator;
GRANT SELECT (tenant_id, subject_id, test_id, phase, variation, exposed_at) ON user_ab_tests TO personalization_aggregator;
GRANT SELECT (tenant_id, test_id, key, status) ON ab_tests TO personalization_aggregator;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['subjects', 'consents', 'user_behavior_events', 'user_sessions', 'user_segments',
        'recommendations', 'recommendation_interactions', 'user_feedback', 'video_generation_tracking',
        'user_ab_tests'] LOOP
        -- A policy reaches the members of its role too, and the tables' owner is one: only the functions are meant.
        EXECUTE format(
            'CREATE POLICY aggregate ON %I FOR SELECT TO personalization_aggregator USING '
            '(tenant_id = (SELECT app_tenant()) AND (SELECT current_user = ''personalization_aggregator''))',
            table_name);
    END LOOP;
END
$$;

-- A total, unless one person makes more than half of it.
CREATE FUNCTION analytics.in_fives(total numeric, largest bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN 2 * largest <= total THEN total::bigint / 5 * 5 END $$;
CREATE FUNCTION analytics.today() RETURNS date LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT (now() AT TIME ZONE 'UTC')::date $$;

CREATE FUNCTION analytics.activity_cells()
RETURNS TABLE (day date, type text, people bigint, events bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.day, p.type, count(*) / 5 * 5, analytics.in_fives(sum(p.n), max(p.n))
    FROM (SELECT (e.occurred_at AT TIME ZONE 'UTC')::date AS day, e.type, e.subject_id, count(*) AS n
          FROM user_behavior_events e JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL AND e.quarantined_at IS NULL
          GROUP BY 1, 2, 3) p
    WHERE p.day < analytics.today()
    GROUP BY 1, 2 HAVING count(*) >= 5
$$;

CREATE FUNCTION analytics.item_cells()
RETURNS TABLE (week date, item_id text, people bigint, events bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.week, p.item_id, count(*) / 5 * 5, analytics.in_fives(sum(p.n), max(p.n))
    FROM (SELECT date_trunc('week', e.occurred_at AT TIME ZONE 'UTC')::date AS week, e.item_id, e.subject_id, count(*) AS n
          FROM user_behavior_events e JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL AND e.quarantined_at IS NULL AND e.item_id IS NOT NULL
          GROUP BY 1, 2, 3) p
    WHERE p.week + 7 <= analytics.today()
    GROUP BY 1, 2 HAVING count(*) >= 5
$$;

CREATE FUNCTION analytics.list_cells()
RETURNS TABLE (day date, kind text, model_version text, people bigint, lists bigint, lists_taken_from bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.day, p.kind, p.model_version, count(*) / 5 * 5, analytics.in_fives(sum(p.n), max(p.n)),
           CASE WHEN count(*) FILTER (WHERE p.taken > 0) >= 5 THEN analytics.in_fives(sum(p.taken), max(p.taken)) END
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

CREATE FUNCTION analytics.visit_cells()
RETURNS TABLE (day date, device text, people bigint, visits bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.day, p.device, count(*) / 5 * 5, analytics.in_fives(sum(p.n), max(p.n))
    FROM (SELECT (v.started_at AT TIME ZONE 'UTC')::date AS day, v.device, v.subject_id, count(*) AS n
          FROM user_sessions v JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL
          GROUP BY 1, 2, 3) p
    WHERE p.day < analytics.today()
    GROUP BY 1, 2 HAVING count(*) >= 5
$$;

CREATE FUNCTION analytics.feedback_cells()
RETURNS TABLE (week date, sentiment text, people bigint, answers bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.week, p.sentiment, count(*) / 5 * 5, analytics.in_fives(sum(p.n), max(p.n))
    FROM (SELECT date_trunc('week', f.occurred_at AT TIME ZONE 'UTC')::date AS week, f.sentiment, f.subject_id,
                 count(*) AS n
          FROM user_feedback f JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL
          GROUP BY 1, 2, 3) p
    WHERE p.week + 7 <= analytics.today()
    GROUP BY 1, 2 HAVING count(*) >= 5
$$;

CREATE FUNCTION analytics.generation_cells()
RETURNS TABLE (week date, purpose text, device text, outcome text, people bigint, videos bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.week, p.purpose, p.device, p.outcome, count(*) / 5 * 5, analytics.in_fives(sum(p.n), max(p.n))
    FROM (SELECT date_trunc('week', g.created_at AT TIME ZONE 'UTC')::date AS week, g.purpose, g.device, g.outcome,
                 g.subject_id, count(*) AS n
          FROM video_generation_tracking g JOIN subjects s USING (tenant_id, subject_id)
          WHERE s.collects AND s.erased_at IS NULL
          GROUP BY 1, 2, 3, 4, 5) p
    WHERE p.week + 7 <= analytics.today()
    GROUP BY 1, 2, 3, 4 HAVING count(*) >= 5
$$;

CREATE FUNCTION analytics.segment_cells()
RETURNS TABLE (model_version text, segment integer, people bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT g.model_version, g.segment, count(*) / 5 * 5
    FROM user_segments g JOIN subjects s USING (tenant_id, subject_id)
    WHERE s.collects AND s.erased_at IS NULL
    GROUP BY 1, 2 HAVING count(*) >= 5
$$;

-- Whoever withdrew from experiments is left out, as from the results.
CREATE FUNCTION analytics.experiment_cells()
RETURNS TABLE (experiment text, status text, phase integer, variation integer, people bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.key, t.status, u.phase, u.variation, count(*) / 5 * 5
    FROM user_ab_tests u JOIN subjects s USING (tenant_id, subject_id) JOIN ab_tests t USING (tenant_id, test_id)
    WHERE s.collects AND s.erased_at IS NULL AND u.phase > 0
      AND coalesce((SELECT c.granted FROM consents c
                    WHERE c.subject_id = u.subject_id AND c.purpose = 'experiments'
                    ORDER BY c.recorded_at DESC LIMIT 1), true)
    GROUP BY 1, 2, 3, 4 HAVING count(*) >= 5
$$;

-- Of everybody: how many decided what, so that the effect of a notice can be seen.
CREATE FUNCTION analytics.choice_cells()
RETURNS TABLE (privacy_level text, observed boolean, trains_models boolean, global_privacy_control boolean, people bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.privacy_level, s.collects, s.trains, s.gpc, count(*) / 5 * 5
    FROM subjects s WHERE s.erased_at IS NULL GROUP BY 1, 2, 3, 4 HAVING count(*) >= 5
$$;
CREATE FUNCTION analytics.consent_cells()
RETURNS TABLE (purpose text, granted boolean, people bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT l.purpose, l.granted, count(*) / 5 * 5
    FROM (SELECT DISTINCT ON (c.subject_id, c.purpose) c.purpose, c.granted
          FROM consents c JOIN subjects s USING (tenant_id, subject_id) WHERE s.erased_at IS NULL
          ORDER BY c.subject_id, c.purpose, c.recorded_at DESC) l
    GROUP BY 1, 2 HAVING count(*) >= 5
$$;

CREATE VIEW analytics.activity AS SELECT * FROM analytics.activity_cells();
CREATE VIEW analytics.items AS SELECT * FROM analytics.item_cells();
CREATE VIEW analytics.lists AS SELECT * FROM analytics.list_cells();
CREATE VIEW analytics.visits AS SELECT * FROM analytics.visit_cells();
CREATE VIEW analytics.feedback AS SELECT * FROM analytics.feedback_cells();
CREATE VIEW analytics.generations AS SELECT * FROM analytics.generation_cells();
CREATE VIEW analytics.segments AS SELECT * FROM analytics.segment_cells();
CREATE VIEW analytics.experiments AS SELECT * FROM analytics.experiment_cells();
CREATE VIEW analytics.choices AS SELECT * FROM analytics.choice_cells();
CREATE VIEW analytics.consents AS SELECT * FROM analytics.consent_cells();

-- What rests on five people by its own table, and what is about nobody.
CREATE VIEW analytics.workflows WITH (security_barrier) AS
    SELECT workflow_id, steps, people / 5 * 5 AS people, of_people / 5 * 5 AS of_people
    FROM common_workflows WHERE tenant_id = (SELECT app_tenant());
CREATE VIEW analytics.catalog WITH (security_barrier) AS
    SELECT item_id, kind, title, category, tags, created_at FROM catalog_items WHERE tenant_id = (SELECT app_tenant());
GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO personalization_analyst;

GRANT USAGE, CREATE ON SCHEMA analytics TO personalization_aggregator;
DO $$
DECLARE
    made regprocedure;
BEGIN
    FOR made IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'analytics'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO personalization_analyst', made);
        EXECUTE format('ALTER FUNCTION %s OWNER TO personalization_aggregator', made);
    END LOOP;
END
$$;
REVOKE CREATE ON SCHEMA analytics FROM personalization_aggregator;
