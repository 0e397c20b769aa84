"""The first conversation with a started PostgreSQL: is it ready, and does it hold our role and database?

It runs at every start, so that a first start that was interrupted half-way is finished by the next one.
"""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import asyncpg

from domain.errors import Unavailable

SUPERUSER = "postgres"
OWNER = "personalization_owner"
DATABASE = "personalization"
POLL_SECONDS = 0.02
CONNECT_SECONDS = 10.0

NOT_READY = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError)


class Running(Protocol):
    """Something that may end while we wait for it."""

    def exit_status(self) -> int | None:
        """None while it runs."""
        ...


def first_contact(host: str, port: int, passwords: Mapping[str, str], server: Running, seconds: float) -> bool:
    """Wait until the server answers and complete its role and database; False if it ended or stayed silent."""
    # In a thread of its own, because the caller may already be inside an event loop.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, _contact(host, port, passwords, server, seconds)).result()


async def _contact(host: str, port: int, passwords: Mapping[str, str], server: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while server.exit_status() is None and time.monotonic() < deadline:
        try:
            connection = await asyncpg.connect(
                host=host,
                port=port,
                user=SUPERUSER,
                password=passwords[SUPERUSER],
                database="postgres",
                timeout=CONNECT_SECONDS,
            )
        except NOT_READY:
            await asyncio.sleep(POLL_SECONDS)
            continue
        except asyncpg.InvalidPasswordError as error:
            raise Unavailable("the kept passwords do not fit the database; restore passwords.json beside it") from error
        try:
            await _complete(connection, passwords[OWNER])
        finally:
            await connection.close()
        return True
    return False


async def _complete(connection: "asyncpg.Connection[asyncpg.Record]", password: str) -> None:
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", OWNER):
        # Neither statement takes parameters; the password is hexadecimal and needs no quoting.
        await connection.execute(
            f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB NOSUPERUSER NOREPLICATION PASSWORD '{password}'"
        )
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE):
        await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
