-- Experiments that run: the policies by which units were assigned, and what units did, summed by arm.
ALTER TABLE tenants ADD COLUMN experiments_version bigint NOT NULL DEFAULT 0;
ALTER TABLE ab_tests ADD COLUMN revision bigint NOT NULL DEFAULT 0;

-- A new phase is a new split with a fresh seed; within it bandits and growing coverage make new policies.
CREATE TABLE ab_test_policies (
    tenant_id text NOT NULL,
    test_id   uuid NOT NULL,
    phase     integer NOT NULL,
    number    integer NOT NULL,
    seed      text NOT NULL,
    weights   double precision[] NOT NULL,
    coverage  double precision NOT NULL,
    reason    jsonb NOT NULL DEFAULT '{}',
    made_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, test_id, phase, number),
    FOREIGN KEY (tenant_id, test_id) REFERENCES ab_tests
);

-- Sufficient statistics in whole millionths, exact in whatever order they are added and taken out.
CREATE TABLE ab_test_cells (
    tenant_id      text NOT NULL,
    test_id        uuid NOT NULL,
    phase          integer NOT NULL,
    policy_version text NOT NULL,
    variation      integer NOT NULL,
    units          bigint NOT NULL,
    multiples      bigint NOT NULL,
    sums           numeric[] NOT NULL,
    PRIMARY KEY (tenant_id, test_id, phase, policy_version, variation),
    FOREIGN KEY (tenant_id, test_id) REFERENCES ab_tests
);

-- Units whose rows are gone, by erasure or because two ids became one person: the cells are summed anew without them,
-- and a test that is over says how many it was computed with that are no more.
CREATE TABLE ab_test_departures (
    departure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    text NOT NULL,
    test_id      uuid NOT NULL,
    units        bigint NOT NULL
);
CREATE INDEX ab_test_departures_of_test ON ab_test_departures (tenant_id, test_id);

GRANT SELECT, INSERT ON ab_test_policies TO personalization_service, personalization_worker;
GRANT SELECT ON ab_test_cells TO personalization_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON ab_test_cells TO personalization_worker;
GRANT SELECT, INSERT, DELETE ON ab_test_departures TO personalization_service, personalization_worker;

-- `counted` is what the cells hold of a unit: for each metric what it did, what it is divided by, and both before the
-- exposure; empty for nothing, null before it is counted for the first time.
ALTER TABLE user_ab_tests
    ADD COLUMN stale boolean NOT NULL DEFAULT true,
    ADD COLUMN multiple boolean NOT NULL DEFAULT false,
    ADD COLUMN counted bigint[];
CREATE INDEX user_ab_tests_stale ON user_ab_tests (tenant_id, test_id) WHERE stale AND phase > 0;

CREATE FUNCTION note_units_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ab_test_departures (tenant_id, test_id, units)
    SELECT tenant_id, test_id, count(*) FROM gone WHERE counted IS NOT NULL GROUP BY tenant_id, test_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER units_gone AFTER DELETE ON user_ab_tests
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_units_gone();

-- Counting looks across people: it runs as the dispatcher, and what comes out is ids of locked rows, or sums of arms.
CREATE POLICY dispatch ON user_ab_tests TO personalization_dispatcher
    USING ((SELECT current_user = 'personalization_dispatcher'));
GRANT SELECT, UPDATE (stale) ON user_ab_tests TO personalization_dispatcher;

CREATE FUNCTION lock_stale_units(of_tenant text, of_test uuid, at_most integer)
RETURNS TABLE (subject_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.subject_id
    FROM user_ab_tests u
    WHERE u.tenant_id = of_tenant AND u.test_id = of_test AND u.stale AND u.phase > 0
    LIMIT at_most
    FOR UPDATE SKIP LOCKED
$$;

-- The sums of one metric over everything that is counted. `place` is the metric's, from 0; `shape` says which sums it
-- needs: of what units did (y), what that is divided by (d), and both before the exposure (x, z).
CREATE FUNCTION sum_units(of_tenant text, of_test uuid, place integer, shape text)
RETURNS TABLE (phase integer, policy_version text, variation integer, units bigint, multiples bigint, sums numeric[])
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
        'SELECT u.phase, u.policy_version, u.variation, count(*), count(*) FILTER (WHERE u.multiple), ARRAY[%s] '
        'FROM user_ab_tests u WHERE u.tenant_id = $1 AND u.test_id = $2 AND u.phase > 0 AND u.counted IS NOT NULL '
        'GROUP BY 1, 2, 3', wanted) USING of_tenant, of_test;
END
$$;

-- Order statistics of one metric in each arm of a phase: the values at these places, from 1, of all units in order.
CREATE FUNCTION unit_order(of_tenant text, of_test uuid, of_phase integer, of_arm integer, place integer,
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

GRANT CREATE ON SCHEMA public TO personalization_dispatcher;
ALTER FUNCTION lock_stale_units(text, uuid, integer) OWNER TO personalization_dispatcher;
ALTER FUNCTION sum_units(text, uuid, integer, text) OWNER TO personalization_dispatcher;
ALTER FUNCTION unit_order(text, uuid, integer, integer, integer, bigint[]) OWNER TO personalization_dispatcher;
REVOKE CREATE ON SCHEMA public FROM personalization_dispatcher;
REVOKE ALL ON FUNCTION lock_stale_units(text, uuid, integer), sum_units(text, uuid, integer, text),
    unit_order(text, uuid, integer, integer, integer, bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_stale_units(text, uuid, integer), sum_units(text, uuid, integer, text),
    unit_order(text, uuid, integer, integer, integer, bigint[]) TO personalization_worker;
GRANT EXECUTE ON FUNCTION unit_order(text, uuid, integer, integer, integer, bigint[]) TO personalization_service;
