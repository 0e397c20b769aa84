"""Postgres as each role sees it: a pool, and transactions that carry the tenant and subjects they are about.

Row-level security hides every row about a person unless its subject is named in the transaction. Naming them costs no
round trip of its own: the settings travel with `BEGIN`, or are made by a function that looks at the rows after them.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any, cast

import asyncpg

from domain.errors import Unavailable, ValidationFailed
from domain.ids import SubjectId, TenantId
from domain.storage.roles import Role

CONNECT_TIMEOUT_SECONDS = 5.0
STATEMENT_TIMEOUT_SECONDS = 30.0
ACQUIRE_TIMEOUT_SECONDS = 5.0
CLOSE_TIMEOUT_SECONDS = 10.0

_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_UNREACHABLE = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.InterfaceError)
_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)

statements_run: ContextVar[list[str] | None] = ContextVar("statements_run", default=None)
"""When set to a list, every statement sent in this context is appended to it (for SQL counts and debug timings)."""


class Isolation(StrEnum):
    """What a transaction sees of others that commit while it runs."""

    READ_COMMITTED = "READ COMMITTED"
    REPEATABLE_READ = "REPEATABLE READ"


class Transaction:
    """One open transaction of one role, on one connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Every row that `sql` answers with."""
        _note(sql)
        return list(await self._connection.fetch(sql, *arguments))

    async def row(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        """The first row, or None."""
        _note(sql)
        return await self._connection.fetchrow(sql, *arguments)

    async def value(self, sql: str, *arguments: object) -> Any:
        """The first column of the first row, or None."""
        _note(sql)
        return await self._connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: object) -> None:
        """Run `sql` and ignore its answer."""
        _note(sql)
        await self._connection.execute(sql, *arguments)

    async def execute_for_each(self, sql: str, arguments: Sequence[Sequence[object]]) -> None:
        """Run `sql` once with each row of `arguments`, in one round trip; counts as one statement."""
        _note(sql)
        await self._connection.executemany(sql, arguments)

    async def see(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> None:
        """Change what this transaction is about to `tenant` and `subjects`."""
        await self._connection.execute(_context_sql(tenant, subjects))

    async def stream(self, sql: str, *arguments: object, chunk: int = 5000) -> AsyncIterator[list[asyncpg.Record]]:
        """Rows in chunks of at most `chunk`, so that a large answer is never whole in memory."""
        _note(sql)
        cursor = await self._connection.cursor(sql, *arguments)
        while rows := await cursor.fetch(chunk):
            yield list(rows)


class Database:
    """A pool of connections that log in as one role.

    Raises `Unavailable` where Postgres cannot be reached or no connection becomes free in time.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(
        self,
        tenant: TenantId,
        subjects: Iterable[SubjectId] = (),
        *,
        isolation: Isolation = Isolation.READ_COMMITTED,
        durable: bool = True,
    ) -> AsyncIterator[Transaction]:
        """A transaction about `subjects` of `tenant`; commits when the block ends, rolls back when it raises.

        Args:
            tenant: whose rows.
            subjects: the people whose rows can be seen and written.
            isolation: what it sees of concurrent commits.
            durable: False does not wait for the disk: a crash of Postgres may lose it, whole.
        """
        opening = f"BEGIN ISOLATION LEVEL {isolation.value}; {_context_sql(tenant, subjects)}"
        if not durable:
            opening += "; SET LOCAL synchronous_commit = off"
        async with self._connection() as connection:
            await connection.execute(opening)
            try:
                yield Transaction(connection)
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")

    async def call(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """The rows of one statement that is its own transaction, in one round trip.

        For functions of the database that name themselves the people whose rows they are about.
        """
        _note(sql)
        async with self._connection() as connection:
            return list(await connection.fetch(sql, *arguments))

    @asynccontextmanager
    async def dispatch(self) -> AsyncIterator[Transaction]:
        """A transaction about nobody yet, for the functions that find work across tenants."""
        async with self._connection() as connection, connection.transaction():
            yield Transaction(connection)

    async def ping(self) -> None:
        """Raise `Unavailable` unless Postgres answers."""
        async with self._connection() as connection:
            await connection.fetchval("SELECT 1")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
                yield cast("asyncpg.Connection", connection)
        except (*_UNREACHABLE, TimeoutError) as error:
            raise Unavailable("the database cannot be reached", retry_after_seconds=1) from error
        except _REFUSED as error:
            message = "the database refuses the login; was it migrated with another PERSONALIZATION_SECRET, or never?"
            raise Unavailable(message, retry_after_seconds=1) from error


class Databases:
    """The pools of one process, opened and closed together.

    Args:
        urls: where each role logs in.
        pool_size: how many connections each may have at once.
        pool_sizes: other numbers for single roles.
    """

    def __init__(
        self, urls: Mapping[Role, str], *, pool_size: int = 10, pool_sizes: Mapping[Role, int] | None = None
    ) -> None:
        self._urls = dict(urls)
        self._sizes = dict.fromkeys(urls, pool_size) | dict(pool_sizes or {})
        self._pools: dict[Role, asyncpg.Pool] = {}

    async def open(self) -> None:
        """Prepare every pool; connections are made when first needed."""
        for role, url in self._urls.items():
            self._pools[role] = await asyncpg.create_pool(
                url,
                min_size=0,
                max_size=self._sizes[role],
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=STATEMENT_TIMEOUT_SECONDS,
                reset=_nothing_to_reset,
                server_settings={"timezone": "UTC"},
            )

    async def close(self) -> None:
        """Close every pool, after what runs in it has ended, or has had its time."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    def __getitem__(self, role: Role) -> Database:
        return Database(self._pools[role])


async def _nothing_to_reset(_connection: object) -> None:
    """What a transaction sets ends with it, so that the library's own reset would only be one more round trip."""


def _context_sql(tenant: TenantId, subjects: Iterable[SubjectId]) -> str:
    # Both are checked here, as `SET` takes no parameters: a tenant is a slug, and only a UUID has its digits as `hex`.
    if not _TENANT.fullmatch(tenant):
        raise ValidationFailed("a tenant is 1 to 63 lower-case letters, digits and hyphens", field="tenant")
    names = ",".join([subject.hex for subject in subjects])
    return f"SET LOCAL app.tenant = '{tenant}'; SET LOCAL app.subjects = '{{{names}}}'"


def _note(sql: str) -> None:
    noted = statements_run.get()
    if noted is not None:
        noted.append(sql)
