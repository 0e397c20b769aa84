"""Logins of analysts, one for each tenant: Postgres tells by who is logged in whose sums they see.

Making and ending them is the owner's work, as a role of Postgres is made; nobody else can write whose a login is.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg

from domain.errors import NotFound, Unavailable
from domain.ids import TenantId
from domain.storage.postgres import CONNECT_TIMEOUT_SECONDS

GROUP: Final = "personalization_analyst"
"""What analysts may do, whosever they are; nobody logs in as it."""

CONNECTIONS: Final = 10
END_MILLISECONDS: Final = 5000

_TAKE_TURNS: Final = "LOCK TABLE analyst_logins IN SHARE ROW EXCLUSIVE MODE"
_TENANT: Final = "SELECT 1 FROM tenants WHERE tenant_id = $1"
_LOGIN: Final = "SELECT login FROM analyst_logins WHERE tenant_id = $1"
_KEEP: Final = """
    INSERT INTO analyst_logins (tenant_id, login, made_at) VALUES ($1, $2, now())
    ON CONFLICT (tenant_id) DO UPDATE SET made_at = excluded.made_at"""
_FORGET: Final = "DELETE FROM analyst_logins WHERE tenant_id = $1 RETURNING login"
_EXISTS: Final = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
_END_SESSIONS: Final = "SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity WHERE usename = $1"


async def give_login(owner_url: str, tenant: TenantId) -> tuple[str, str]:
    """The name and a new password of the tenant's login, which is made if there is none.

    A password from before is good no more, and sessions that it opened are ended.

    Raises:
        NotFound: there is no such tenant.
        Unavailable: the database cannot be reached as its owner, or its owner may make no roles.
    """
    password = secrets.token_hex(32)
    async with _owner(owner_url) as owner:
        async with owner.transaction():
            await owner.execute(_TAKE_TURNS)
            if await owner.fetchval(_TENANT, tenant) is None:
                raise NotFound("There is no such tenant.", field="tenant")
            login = await owner.fetchval(_LOGIN, tenant) or f"{GROUP}_{secrets.token_hex(8)}"
            if not await owner.fetchval(_EXISTS, login):
                await owner.execute(f"CREATE ROLE {login} NOSUPERUSER NOBYPASSRLS IN ROLE {GROUP}")
                # Only members may end a role's sessions, and drop what it owns.
                await owner.execute(f"GRANT {login} TO CURRENT_USER")
            # Neither statement takes parameters; name and password are hexadecimal and need no quoting.
            await owner.execute(f"ALTER ROLE {login} LOGIN CONNECTION LIMIT {CONNECTIONS} PASSWORD '{password}'")
            await owner.execute(_KEEP, tenant, login)
        await owner.execute(_END_SESSIONS, login, END_MILLISECONDS)
    return login, password


async def take_login(owner_url: str, tenant: TenantId) -> bool:
    """End the tenant's login and its sessions; whether it had one. Raises `Unavailable` as `give_login` does."""
    async with _owner(owner_url) as owner:
        async with owner.transaction():
            login = await owner.fetchval(_FORGET, tenant)
            present = login is not None and await owner.fetchval(_EXISTS, login)
            if present:
                await owner.execute(f"ALTER ROLE {login} NOLOGIN PASSWORD NULL")
        if present:
            await owner.execute(_END_SESSIONS, login, END_MILLISECONDS)
            await owner.execute(f"DROP OWNED BY {login}")
            # What owns something in another database of the server stays, without a way in.
            with suppress(asyncpg.DependentObjectsStillExistError):
                await owner.execute(f"DROP ROLE {login}")
    return login is not None


@asynccontextmanager
async def _owner(owner_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    try:
        connection = await asyncpg.connect(owner_url, timeout=CONNECT_TIMEOUT_SECONDS)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise Unavailable(f"the database cannot be reached as its owner: {type(error).__name__}") from error
    try:
        yield connection
    except asyncpg.InsufficientPrivilegeError as error:
        raise Unavailable("PERSONALIZATION_DATABASE_URL needs the owner's credentials, who may make roles") from error
    finally:
        await connection.close()
