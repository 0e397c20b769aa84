-- An entry that says what came of an act names the one that told of the attempt.
ALTER TABLE audit_log ADD COLUMN concludes bigint;
