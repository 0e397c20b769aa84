"""Brings a database to the current schema and gives each role its login; the only code that runs as the owner."""

import asyncio
from collections.abc import Callable, Mapping

import asyncpg
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from domain.errors import Unavailable, ValidationFailed
from domain.storage.migration_config import APP, tortoise_config
from domain.storage.postgres import CONNECT_TIMEOUT_SECONDS
from domain.storage.roles import Role

ROLE_ATTEMPTS = 20
ROLE_PAUSE_SECONDS = 0.05

Progress = Callable[[str], None]


def _silent(_step: str) -> None:
    """Report to nobody."""


async def migrate(
    owner_url: str,
    passwords: Mapping[Role, str],
    *,
    target: str = "__latest__",
    report: Progress = _silent,
) -> list[str]:
    """Apply, or take back, migrations until `target` is the last one applied.

    Args:
        owner_url: the database with the credentials of its owner.
        passwords: what each role shall log in with; hexadecimal, as derived from the master secret.
        target: a migration's name, `__latest__`, or `zero` for an empty database.
        report: told the name of each migration as it runs.

    Returns:
        The names of the migrations that ran, in order; a name that was taken back starts with `-`.
    """
    ran: list[str] = []

    def note(event: str, _app: str, name: str) -> None:
        if event in {"apply_start", "rollback_start"}:
            step = name if event == "apply_start" else f"-{name}"
            ran.append(step)
            report(step)

    await _require_reachable(owner_url)
    async with TortoiseContext() as context:
        config = tortoise_config(owner_url)
        await context.init(config=config)
        try:
            executor = MigrationExecutor(context.connections.get(Role.OWNER.value), config["apps"])
            await executor.migrate([MigrationTarget(APP, _target_name(target))], progress=note)
        finally:
            await context.close_connections()
    if target != "zero":
        await _grant_logins(owner_url, passwords)
    return ran


async def pending(owner_url: str) -> list[str]:
    """The names of the migrations that have not been applied yet."""
    await _require_reachable(owner_url)
    async with TortoiseContext() as context:
        config = tortoise_config(owner_url)
        await context.init(config=config)
        try:
            executor = MigrationExecutor(context.connections.get(Role.OWNER.value), config["apps"])
            return [step.migration.name for step in await executor.plan([MigrationTarget(APP, "__latest__")])]
        finally:
            await context.close_connections()


def _target_name(target: str) -> str:
    return "__first__" if target == "zero" else target


async def _require_reachable(owner_url: str) -> None:
    try:
        connection = await asyncpg.connect(owner_url, timeout=CONNECT_TIMEOUT_SECONDS)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise Unavailable(f"the database cannot be reached as its owner: {type(error).__name__}") from error
    await connection.close()


async def _grant_logins(owner_url: str, passwords: Mapping[Role, str]) -> None:
    connection = await asyncpg.connect(owner_url, timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        for role, password in passwords.items():
            # `ALTER ROLE` takes no parameters, and a hexadecimal password needs no quoting.
            if not password or set(password) - set("0123456789abcdef"):
                raise ValidationFailed("a role's password is hexadecimal", field=role.login)
            await _alter_role(connection, f"ALTER ROLE {role.login} LOGIN PASSWORD '{password}'")
    finally:
        await connection.close()


async def _alter_role(connection: asyncpg.Connection, statement: str) -> None:
    # Roles are shared by all databases of a cluster, and no lock reaches across databases: whoever alters one while
    # another migration does is refused ("tuple concurrently updated") and asks again.
    for _ in range(ROLE_ATTEMPTS - 1):
        try:
            await connection.execute(statement)
        except asyncpg.InternalServerError:
            await asyncio.sleep(ROLE_PAUSE_SECONDS)
        else:
            return
    await connection.execute(statement)
