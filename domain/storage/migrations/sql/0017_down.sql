-- Takes back what the exporter and the analyst reach; the roles stay, as other databases of the cluster may share them.
DROP SCHEMA analytics CASCADE;
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT p.polname, p.polrelid::regclass AS relation FROM pg_policy p
                WHERE p.polname IN ('aggregate', 'export', 'export_kept') LOOP
        EXECUTE format('DROP POLICY %I ON %s', made.polname, made.relation);
    END LOOP;
    FOR made IN SELECT c.oid::regclass AS relation FROM pg_class c
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('REVOKE ALL ON %s FROM personalization_exporter, personalization_aggregator', made.relation);
    END LOOP;
END
$$;
REVOKE USAGE ON SCHEMA public FROM personalization_exporter, personalization_aggregator, personalization_analyst;
