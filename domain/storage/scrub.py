"""The physical step after erasures: what plain deletion leaves in a database's files is written over or deleted.

`DELETE` leaves rows in free space, statistics keep values of columns, and the write-ahead log keeps whatever was
written. Tables are rewritten with what lives (`VACUUM FULL`, which locks each of them for as long), statistics are made
anew and their own table is rewritten, and the log goes on in a new file while the old ones are deleted, not reused.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

LOG_DELETED: Final = (
    "ALTER SYSTEM SET wal_recycle = off",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "CHECKPOINT",
    # What one checkpoint needs for a restart, only the next one lets go of.
    "SELECT pg_switch_wal()",
    "CHECKPOINT",
    "ALTER SYSTEM RESET wal_recycle",
    "SELECT pg_reload_conf()",
)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What came of one part.

    Attributes:
        part: which: `tables`, `statistics` or `write-ahead log`.
        refused: why it could not be done; empty if it was.
    """

    part: str
    refused: str = ""


async def scrub(url: str, tables: Sequence[str], report: Callable[[str], None]) -> list[Scrubbed]:
    """Rewrite tables, statistics and the write-ahead log.

    Args:
        url: the database with the credentials of its owner, or of a superuser for the write-ahead log.
        tables: which tables, with their schema unless that is public.
        report: told what is next.

    Raises:
        OSError: the database cannot be reached.
    """
    connection = await asyncpg.connect(url)
    try:
        return [
            await _tried("tables", lambda: _tables(connection, tables, report)),
            await _tried("statistics", lambda: _each(connection, ["VACUUM (FULL) pg_catalog.pg_statistic"], report)),
            await _tried("write-ahead log", lambda: _each(connection, LOG_DELETED, report)),
        ]
    finally:
        await connection.close()


async def _tables(connection: Any, tables: Sequence[str], report: Callable[[str], None]) -> None:
    await _each(connection, [f"VACUUM (FULL, ANALYZE) {table}" for table in tables], report)


async def _each(connection: Any, statements: Sequence[str], report: Callable[[str], None]) -> None:
    for statement in statements:
        report(statement)
        await connection.execute(statement)


async def _tried(part: str, work: Callable[[], Awaitable[None]]) -> Scrubbed:
    try:
        await work()
    except (asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError) as error:
        return Scrubbed(part, f"the database refuses it to this login: {error.args[0]}")
    return Scrubbed(part)
