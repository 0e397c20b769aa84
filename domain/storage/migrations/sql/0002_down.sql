-- Takes back the rules, the live counts and the circumstances of served lists.
DROP TABLE user_interest, item_pairs, item_interest, recommendation_rules;
ALTER TABLE tenants DROP COLUMN rules_version;
ALTER TABLE recommendations
    DROP COLUMN device, DROP COLUMN purpose, DROP COLUMN local_hour, DROP COLUMN weekday;
ALTER TABLE catalog_items ALTER COLUMN item_id TYPE text COLLATE "default";
