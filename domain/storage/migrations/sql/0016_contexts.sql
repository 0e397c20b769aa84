-- Bandits that look at who a person is: the segment at the first exposure is kept with it, and the sums are split by it.
ALTER TABLE user_ab_tests ADD COLUMN context integer NOT NULL DEFAULT -1;
ALTER TABLE ab_test_cells ADD COLUMN context integer NOT NULL DEFAULT -1;
ALTER TABLE ab_test_cells DROP CONSTRAINT ab_test_cells_pkey;
ALTER TABLE ab_test_cells ADD PRIMARY KEY (tenant_id, test_id, phase, policy_version, variation, context);

DROP FUNCTION sum_units(text, uuid, integer, text);
CREATE FUNCTION sum_units(of_tenant text, of_test uuid, place integer, shape text)
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
GRANT CREATE ON SCHEMA public TO personalization_dispatcher;
ALTER FUNCTION sum_units(text, uuid, integer, text) OWNER TO personalization_dispatcher;
REVOKE CREATE ON SCHEMA public FROM personalization_dispatcher;
REVOKE ALL ON FUNCTION sum_units(text, uuid, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sum_units(text, uuid, integer, text) TO personalization_worker;
