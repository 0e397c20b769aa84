ALTER TABLE subjects DROP COLUMN unannounced;
