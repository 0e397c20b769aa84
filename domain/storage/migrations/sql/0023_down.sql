DROP FUNCTION tenant_backlog(text);
UPDATE ab_test_departures SET units = units + merged;
ALTER TABLE ab_test_departures DROP COLUMN merged;
