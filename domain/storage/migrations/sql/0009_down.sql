-- Takes back accounts and the record of their deletions.
REVOKE UPDATE ON item_interest, item_pairs FROM personalization_service;
DROP TABLE account_tombstones, user_accounts;
