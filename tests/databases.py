"""Databases that tests make and throw away, through a connection to another database of the same server."""

import asyncio

import asyncpg

ATTEMPTS = 100
PAUSE_SECONDS = 0.1


async def create_database(elsewhere: str, name: str, template: str = "template1") -> None:
    """Make a database as ``template`` is now; nobody may be connected to that one."""
    connection = await asyncpg.connect(elsewhere)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    finally:
        await connection.close()


async def drop_database(elsewhere: str, name: str) -> None:
    """Drop a database, and end whatever is still connected to it.

    Postgres refuses while autovacuum is at work there, whose process belongs to a superuser; it is gone in moments.
    """
    connection = await asyncpg.connect(elsewhere)
    try:
        for _ in range(ATTEMPTS):
            if await _dropped(connection, name):
                return
            await asyncio.sleep(PAUSE_SECONDS)
        raise TimeoutError(f"{name} is still in use")
    finally:
        await connection.close()


async def _dropped(connection: asyncpg.Connection, name: str) -> bool:
    try:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True
