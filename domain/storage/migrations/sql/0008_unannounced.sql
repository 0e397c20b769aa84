-- Changes of what a person's answers rest on that nobody is told of, so that they take no version: imported events, and
-- events set aside. Cached answers are kept for this number beside the version.
ALTER TABLE subjects ADD COLUMN unannounced bigint NOT NULL DEFAULT 0;
