-- Takes the logins of tenants back; the sums are then made anew as they were before.
DO $$
DECLARE
    given text;
    guarded regclass;
BEGIN
    FOR given IN SELECT l.login FROM analyst_logins l JOIN pg_roles r ON r.rolname = l.login LOOP
        EXECUTE format('ALTER ROLE %I NOLOGIN', given);
    END LOOP;
    FOR guarded IN SELECT p.polrelid FROM pg_policy p WHERE p.polname = 'aggregate' LOOP
        EXECUTE format('DROP POLICY aggregate ON %s', guarded);
    END LOOP;
END
$$;
DROP SCHEMA analytics CASCADE;
DROP TABLE analyst_logins;
