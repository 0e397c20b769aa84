DROP FUNCTION tracking(timestamptz);
