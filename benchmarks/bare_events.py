"""The floors of durable events: rows inserted by `unnest`, without consent, order, versions or anybody being told.

`floor_keyed` has the columns and the primary key of the service's log, without its further indexes, row-level security
and sealed payloads; `floor_plain` is a heap of three columns.
"""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

PERSON: Final = UUID(int=1)

TABLES: Final = """
    CREATE TABLE IF NOT EXISTS floor_plain (user_id text, type text, item text, at timestamptz);
    CREATE TABLE IF NOT EXISTS floor_keyed (
        subject_id uuid NOT NULL, event_id uuid NOT NULL, tenant_id text NOT NULL,
        seq bigint GENERATED ALWAYS AS IDENTITY, type text NOT NULL, item_id text, value real, session_id uuid,
        payload_sealed bytea, occurred_at timestamptz NOT NULL, received_at timestamptz NOT NULL,
        attempts smallint NOT NULL DEFAULT 0, processed_at timestamptz, quarantined_at timestamptz,
        quarantine_reason text, PRIMARY KEY (subject_id, event_id))"""
INSERT_KEYED: Final = """
    INSERT INTO floor_keyed (tenant_id, subject_id, received_at, event_id, type, item_id, value, occurred_at)
    SELECT 'bench', $1, $2::timestamptz, *
    FROM unnest($3::uuid[], $4::text[], $5::text[], $6::real[], $7::timestamptz[])"""

INSERT_PLAIN: Final = "INSERT INTO floor_plain SELECT *, now() FROM unnest($1::text[], $2::text[], $3::text[])"


def keyed_columns(rows: int) -> tuple[object, ...]:
    """The arguments of `INSERT_KEYED`."""
    now = datetime.now(UTC)
    ids = [uuid4() for _ in range(rows)]
    return PERSON, now, ids, ["viewed"] * rows, ["item-1"] * rows, [None] * rows, [now] * rows


def plain_columns(rows: int) -> tuple[object, ...]:
    """The arguments of `INSERT_PLAIN`."""
    return [str(PERSON)] * rows, ["viewed"] * rows, ["item-1"] * rows
