"""The composition root: settings become stores, stores become services; the one place that sees every room."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry

from domain.behavior.importing import BehaviorImport
from domain.behavior.service import BehaviorService
from domain.behavior.store import PostgresBehaviorStore, PostgresImportStore, TrainingLog
from domain.catalog.service import CatalogService
from domain.catalog.store import PostgresCatalogStore
from domain.clock import Clock, SystemClock
from domain.errors import ValidationFailed
from domain.health import HealthService, ServingState
from domain.ids import SubjectId, TenantId
from domain.jobs.service import JobQueue
from domain.jobs.store import ArqWaker, PostgresJobStore
from domain.models.service import ModelRegistry
from domain.models.store import PostgresModelStore
from domain.privacy.data_keys import DataKeys
from domain.privacy.directory import SubjectDirectory
from domain.privacy.keys import LocalKeyManagement, derive
from domain.privacy.model import PrivacyLevel
from domain.privacy.receipts import PrivacyPolicy
from domain.privacy.service import PrivacyService
from domain.privacy.store import PostgresDirectory, PostgresPrivacyStore, PostgresVault
from domain.profiles.service import ProfileService
from domain.profiles.store import PostgresProfileStore
from domain.realtime.bus import Bus
from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.service import OutboxPublisher
from domain.realtime.store import Outbox, RedisLink, RedisStreams
from domain.recommendations.service import RecommendationService
from domain.recommendations.store import PostgresRecommendationStore
from domain.settings import Settings
from domain.storage.postgres import Database, Databases
from domain.storage.redis import RedisStore
from domain.storage.roles import Role, url_as

LOGINS = (Role.SERVICE, Role.WORKER, Role.TRAINER, Role.KEYS)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Services:
    """Every use case of one process; `bus` is None where live updates are switched off."""

    clock: Clock
    privacy: PrivacyService
    directory: SubjectDirectory
    catalog: CatalogService
    behavior: BehaviorService
    imports: BehaviorImport
    profiles: ProfileService
    recommendations: RecommendationService
    models: ModelRegistry
    jobs: JobQueue
    job_store: PostgresJobStore
    publisher: OutboxPublisher
    bus: Bus | None
    health: HealthService
    metrics: CollectorRegistry


@dataclass(frozen=True)
class WorkerServices:
    """What a worker has beside the services: the log as the trainer may see it."""

    services: Services
    training_log: TrainingLog


async def migrate_database(
    settings: Settings, *, target: str = "__latest__", report: Callable[[str], None] | None = None
) -> list[str]:
    """Bring the configured database to `target` and give each role its login; the migrations that ran."""
    # Imported here: serving starts sooner without the migration tool.
    from domain.storage.migrate import migrate

    passwords = role_passwords(settings)
    database_url = _required(settings.database_url, "PERSONALIZATION_DATABASE_URL")
    return await migrate(database_url, passwords, target=target, report=report or (lambda _step: None))


def role_passwords(settings: Settings) -> dict[Role, str]:
    """What each role logs in with: hexadecimal, derived from the master secret."""
    return {role: _derived(settings, f"database role {role.login}").hex() for role in LOGINS}


@asynccontextmanager
async def open_services(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Services]:
    """The services of an API process or a command, closed with the block."""
    async with AsyncExitStack() as stack:
        databases = await _open_databases(stack, settings, (Role.SERVICE, Role.KEYS))
        yield await _assemble(stack, settings, databases[Role.SERVICE], databases[Role.KEYS], clock or SystemClock())


@asynccontextmanager
async def open_worker(settings: Settings, clock: Clock | None = None) -> AsyncIterator[WorkerServices]:
    """The services of a worker process, closed with the block."""
    async with AsyncExitStack() as stack:
        databases = await _open_databases(stack, settings, (Role.WORKER, Role.TRAINER, Role.KEYS))
        services = await _assemble(
            stack, settings, databases[Role.WORKER], databases[Role.KEYS], clock or SystemClock()
        )
        yield WorkerServices(services, TrainingLog(databases[Role.TRAINER]))


async def _open_databases(stack: AsyncExitStack, settings: Settings, roles: tuple[Role, ...]) -> Databases:
    database_url = _required(settings.database_url, "PERSONALIZATION_DATABASE_URL")
    passwords = role_passwords(settings)
    databases = Databases(
        {role: url_as(role, database_url, passwords[role]) for role in roles}, pool_size=settings.pool_size
    )
    await databases.open()
    stack.push_async_callback(databases.close)
    return databases


@dataclass(frozen=True)
class _Ground:
    """What the use cases stand on."""

    settings: Settings
    clock: Clock
    database: Database
    redis: RedisStore
    redis_url: str
    registry: CollectorRegistry
    outbox: Outbox
    publisher: OutboxPublisher
    directory: SubjectDirectory
    keys: DataKeys
    privacy: PrivacyService
    catalog: CatalogService
    models: ModelRegistry
    bus: Bus | None


async def _assemble(
    stack: AsyncExitStack, settings: Settings, database: Database, vault: Database, clock: Clock
) -> Services:
    ground = _ground(stack, settings, database, vault, clock)
    waker = ArqWaker(settings.queue_url or ground.redis_url)
    stack.push_async_callback(waker.close)
    job_store = PostgresJobStore(database)
    behavior = _behavior(ground)
    return Services(
        clock=clock,
        privacy=ground.privacy,
        directory=ground.directory,
        catalog=ground.catalog,
        behavior=behavior,
        imports=BehaviorImport(PostgresImportStore(database), ground.directory, ground.keys, clock),
        profiles=_profiles(ground),
        recommendations=_recommendations(ground),
        models=ground.models,
        jobs=JobQueue(job_store, waker, clock),
        job_store=job_store,
        publisher=ground.publisher,
        bus=ground.bus,
        health=_health(ground, behavior),
        metrics=ground.registry,
    )


def _ground(stack: AsyncExitStack, settings: Settings, database: Database, vault: Database, clock: Clock) -> _Ground:
    registry = CollectorRegistry()
    redis_url = _required(settings.redis_url, "PERSONALIZATION_REDIS_URL")
    redis = RedisStore(redis_url, name="personalization")
    stack.push_async_callback(redis.close)
    outbox, streams, metrics = Outbox(database, clock), RedisStreams(redis), RealtimeMetrics(registry)
    publisher = OutboxPublisher(outbox, streams, metrics)
    policy = _policy(settings)
    keys = DataKeys(PostgresVault(vault), _key_management(settings), clock)
    directory = SubjectDirectory(
        PostgresDirectory(database), keys, _derived(settings, "identity hash"), clock, policy.beginning
    )
    bus = _bus(settings, redis, streams, outbox, keys, metrics)
    if bus is not None:
        stack.push_async_callback(bus.close)
    return _Ground(
        settings=settings,
        clock=clock,
        database=database,
        redis=redis,
        redis_url=redis_url,
        registry=registry,
        outbox=outbox,
        publisher=publisher,
        directory=directory,
        keys=keys,
        privacy=PrivacyService(PostgresPrivacyStore(database, outbox), directory, keys, publisher, clock, policy),
        catalog=CatalogService(PostgresCatalogStore(database, clock), clock),
        models=ModelRegistry(PostgresModelStore(database, clock), settings.data_dir / "models", clock),
        bus=bus,
    )


def _behavior(ground: _Ground) -> BehaviorService:
    return BehaviorService(
        PostgresBehaviorStore(ground.database, ground.outbox),
        ground.privacy,
        ground.keys,
        ground.catalog,
        ground.publisher,
        _derived(ground.settings, "session ids"),
        ground.clock,
    )


def _profiles(ground: _Ground) -> ProfileService:
    store = PostgresProfileStore(ground.database, ground.outbox)
    return ProfileService(store, ground.directory, ground.keys, ground.catalog, ground.publisher, ground.clock)


def _recommendations(ground: _Ground) -> RecommendationService:
    return RecommendationService(
        PostgresRecommendationStore(ground.database),
        ground.directory,
        ground.catalog,
        ground.models,
        ground.clock,
        ml_enabled=ground.settings.ml_enabled,
    )


def _policy(settings: Settings) -> PrivacyPolicy:
    policy = PrivacyPolicy(
        default_level=PrivacyLevel(settings.default_privacy_level.value), legal_basis=settings.legal_basis or ""
    )
    if policy.default_level is not PrivacyLevel.STRICT:
        log.warning("collecting_by_default", level=policy.default_level, legal_basis=policy.legal_basis)
    return policy


def _key_management(settings: Settings) -> LocalKeyManagement:
    return LocalKeyManagement.from_file(settings.kek_file or settings.data_dir / "keys" / "kek.txt")


class _SealedBodies:
    """Opens the bodies of live updates with their people's keys."""

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    async def open(self, tenant: TenantId, subject: SubjectId, sealed: bytes) -> bytes:
        key = await self._keys.key_for(tenant, subject)
        return key.open("outbox", "body_sealed", sealed)


def _bus(
    settings: Settings,
    redis: RedisStore,
    streams: RedisStreams,
    outbox: Outbox,
    keys: DataKeys,
    metrics: RealtimeMetrics,
) -> Bus | None:
    if not settings.realtime_enabled:
        return None
    return Bus(link=RedisLink(redis), window=streams, versions=outbox, opener=_SealedBodies(keys), metrics=metrics)


def _health(ground: _Ground, behavior: BehaviorService) -> HealthService:
    async def serving(tenant: TenantId) -> ServingState:
        model, backlog = await ground.models.current(tenant), await behavior.backlog()
        version = None if model is None else model.record.version
        return ServingState(version, backlog.waiting, backlog.oldest_received_at)

    essential, helpful = {"postgres": ground.database.ping}, {"redis": ground.redis.ping}
    return HealthService(essential, helpful, serving, ground.clock.now)


def _derived(settings: Settings, purpose: str) -> bytes:
    if settings.secret is None:
        raise ValidationFailed("PERSONALIZATION_SECRET is required", field="PERSONALIZATION_SECRET")
    return derive(settings.secret.get_secret_value(), purpose)


def _required(value: str | None, variable: str) -> str:
    if value is None:
        raise ValidationFailed(f"{variable} is required", field=variable)
    return value
