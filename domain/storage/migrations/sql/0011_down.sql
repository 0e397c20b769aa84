-- Takes back the policies and sums of experiments.
DROP FUNCTION unit_order(text, uuid, integer, integer, integer, bigint[]);
DROP FUNCTION sum_units(text, uuid, integer, text);
DROP FUNCTION lock_stale_units(text, uuid, integer);
REVOKE SELECT, UPDATE (stale) ON user_ab_tests FROM personalization_dispatcher;
DROP POLICY dispatch ON user_ab_tests;
DROP TRIGGER units_gone ON user_ab_tests;
DROP FUNCTION note_units_gone();
ALTER TABLE user_ab_tests DROP COLUMN counted, DROP COLUMN multiple, DROP COLUMN stale;
DROP TABLE ab_test_departures, ab_test_cells, ab_test_policies;
ALTER TABLE ab_tests DROP COLUMN revision;
ALTER TABLE tenants DROP COLUMN experiments_version;
