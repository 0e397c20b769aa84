"""The audit log in Postgres: rows are added and read, and nothing else is allowed to anybody."""

from collections.abc import Callable

import asyncpg

from domain.auditing.model import BEGINNING, Act, Entry
from domain.errors import NotFound, Unavailable
from domain.ids import TenantId
from domain.storage.postgres import Database

_COLUMNS = "entry_id, action, actor, subject, object, outcome, door, correlation, done_at, previous, digest, concludes"
# A lock of its own and not one on the newest row, as nobody may lock rows that nobody may change.
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('audit_log/' || $1, 0))"
_NEWEST = "SELECT entry_id, digest FROM audit_log WHERE tenant_id = $1 ORDER BY entry_id DESC LIMIT 1"
_ADD = f"INSERT INTO audit_log (tenant_id, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"  # noqa: S608 - names of our own
_READ = f"""
    SELECT {_COLUMNS} FROM audit_log
    WHERE tenant_id = $1 AND ($2::bigint IS NULL OR entry_id < $2) AND ($3::bytea IS NULL OR actor = $3 OR subject = $3)
    ORDER BY entry_id DESC LIMIT $4
"""  # noqa: S608 - names of our own


class PostgresAuditStore:
    """The table, as an `AuditStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, tenant: TenantId, place: Callable[[int, bytes], Entry]) -> Entry:
        """Write the entry that `place` makes of its number and the digest before it.

        Raises:
            NotFound: there is no such tenant.
            Unavailable: the database cannot be reached, or refuses the entry.
        """
        try:
            return await self._append(tenant, place)
        except asyncpg.ForeignKeyViolationError as error:
            raise NotFound("There is no such tenant.") from error
        except asyncpg.PostgresError as error:
            raise Unavailable("the audit log cannot be written", retry_after_seconds=1) from error

    async def _append(self, tenant: TenantId, place: Callable[[int, bytes], Entry]) -> Entry:
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_ALONE, tenant)
            newest = await tx.row(_NEWEST, tenant)
            entry = place(1, BEGINNING) if newest is None else place(newest["entry_id"] + 1, newest["digest"])
            act = entry.act
            await tx.execute(
                _ADD,
                tenant,
                entry.number,
                act.action,
                act.actor,
                act.subject,
                act.object,
                act.outcome,
                act.door,
                act.correlation,
                act.done_at,
                entry.previous,
                entry.digest,
                act.concludes,
            )
        return entry

    async def read(self, tenant: TenantId, before: int | None, person: bytes | None, limit: int) -> list[Entry]:
        """Entries below a number, the newest first."""
        async with self._database.transaction(tenant) as tx:
            return [_entry(row) for row in await tx.rows(_READ, tenant, before, person, limit)]


def _entry(row: asyncpg.Record) -> Entry:
    act = Act(
        action=row["action"],
        actor=row["actor"],
        subject=row["subject"],
        object=row["object"],
        outcome=row["outcome"],
        door=row["door"],
        correlation=row["correlation"],
        done_at=row["done_at"],
        concludes=row["concludes"],
    )
    return Entry(row["entry_id"], act, row["previous"], row["digest"])
