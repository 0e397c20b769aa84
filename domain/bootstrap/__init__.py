"""The composition root: settings become stores, stores become services; the one place that sees every room."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from domain.adaptation.store import CommonWaysStore, WorkflowLog
from domain.behavior.store import PostgresQuarantine
from domain.bootstrap.ground import lay_ground
from domain.bootstrap.secrets import required, role_passwords
from domain.bootstrap.services import Services, assemble
from domain.clock import Clock, SystemClock
from domain.generation.census import GenerationCensus
from domain.generation.store import PostgresCensusStore
from domain.jobs.store import PostgresRuns
from domain.measurement.store import TrainingLog
from domain.settings import Settings
from domain.storage.postgres import Databases
from domain.storage.roles import Role, url_as

__all__ = ["Services", "WorkerServices", "migrate_database", "open_services", "open_worker"]

EXPORT_CONNECTIONS: Final = 2
"""So many archives are read at a time in one process."""


@dataclass(frozen=True)
class WorkerServices:
    """What a worker has beside the services: the logs as the trainer sees them, and where what is found there goes."""

    services: Services
    training_log: TrainingLog
    workflow_log: WorkflowLog
    common_ways: CommonWaysStore
    census: GenerationCensus
    runs: PostgresRuns
    quarantine: PostgresQuarantine


async def migrate_database(
    settings: Settings, *, target: str = "__latest__", report: Callable[[str], None] | None = None
) -> list[str]:
    """Bring the configured database to `target` and give each role its login; the migrations that ran."""
    # Imported here: serving starts sooner without the migration tool.
    from domain.storage.migrate import migrate

    passwords = role_passwords(settings)
    database_url = required(settings.database_url, "PERSONALIZATION_DATABASE_URL")
    return await migrate(database_url, passwords, target=target, report=report or (lambda _step: None))


@asynccontextmanager
async def open_services(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Services]:
    """The services of an API process or a command, closed with the block."""
    async with AsyncExitStack() as stack:
        databases = await _open_databases(stack, settings, (Role.SERVICE, Role.KEYS, Role.EXPORTER))
        ground = lay_ground(stack, settings, databases, Role.SERVICE, clock or SystemClock())
        yield assemble(stack, ground)


@asynccontextmanager
async def open_worker(settings: Settings, clock: Clock | None = None) -> AsyncIterator[WorkerServices]:
    """The services of a worker process, closed with the block."""
    async with AsyncExitStack() as stack:
        databases = await _open_databases(stack, settings, (Role.WORKER, Role.TRAINER, Role.KEYS, Role.EXPORTER))
        ground = lay_ground(stack, settings, databases, Role.WORKER, clock or SystemClock())
        trainer = databases[Role.TRAINER]
        yield WorkerServices(
            assemble(stack, ground),
            TrainingLog(trainer),
            WorkflowLog(trainer),
            CommonWaysStore(ground.database),
            GenerationCensus(PostgresCensusStore(ground.database, trainer), ground.keys, ground.clock),
            PostgresRuns(ground.database),
            PostgresQuarantine(ground.database),
        )


async def _open_databases(stack: AsyncExitStack, settings: Settings, roles: tuple[Role, ...]) -> Databases:
    database_url = required(settings.database_url, "PERSONALIZATION_DATABASE_URL")
    passwords = role_passwords(settings)
    urls = {role: url_as(role.login, database_url, passwords[role]) for role in roles}
    databases = Databases(urls, pool_size=settings.pool_size, pool_sizes={Role.EXPORTER: EXPORT_CONNECTIONS})
    await databases.open()
    stack.push_async_callback(databases.close)
    return databases
