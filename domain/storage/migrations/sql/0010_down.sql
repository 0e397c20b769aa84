-- Takes back requests and receipts.
ALTER TABLE account_tombstones
    ADD COLUMN unfinished  uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN finished_at timestamptz;
DROP FUNCTION tenants_with_requests(timestamptz);
DROP TABLE privacy_receipts, privacy_requests;
