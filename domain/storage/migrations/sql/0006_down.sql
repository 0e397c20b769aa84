-- Takes back the record of merged ids.
DROP TABLE identity_merges;
