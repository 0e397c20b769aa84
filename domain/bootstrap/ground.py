"""What every room stands on: the database, Redis, the directory of people, their keys, the catalogue and the models."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry

from domain.auditing.service import AuditLog
from domain.auditing.store import PostgresAuditStore
from domain.bootstrap.secrets import derived, required
from domain.caching.metrics import CacheMetrics
from domain.caching.service import AnswerCache
from domain.caching.store import RedisAnswers
from domain.catalog.service import CatalogService
from domain.catalog.store import PostgresCatalogStore
from domain.clock import Clock
from domain.ids import SubjectId, TenantId
from domain.keyring.service import KeyRotation
from domain.keyring.store import RotatedVault
from domain.limiting.metrics import LimitMetrics
from domain.limiting.model import CallLimits
from domain.limiting.service import RateLimiter
from domain.limiting.store import RedisCounters
from domain.measurement.counters import OutcomeMetrics
from domain.models.metrics import ModelMetrics
from domain.models.service import ModelRegistry
from domain.models.signature import ModelSigner
from domain.models.store import PostgresModelStore
from domain.privacy.data_keys import DataKeys
from domain.privacy.directory import SubjectDirectory
from domain.privacy.encryption import FieldSealer
from domain.privacy.inventory import DATA_MAP
from domain.privacy.keys import LocalKeyManagement
from domain.privacy.model import PrivacyLevel
from domain.privacy.receipts import PrivacyPolicy
from domain.privacy.service import PrivacyService
from domain.privacy.store import PostgresDirectory, PostgresPrivacyStore
from domain.realtime.bus import Bus
from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.service import OutboxPublisher
from domain.realtime.store import Outbox, RedisLink, RedisStreams
from domain.retention.store import ObservedRows
from domain.settings import Settings
from domain.storage.postgres import Database, Databases
from domain.storage.redis import RedisStore
from domain.storage.roles import Role

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ground:
    """What the use cases stand on."""

    settings: Settings
    clock: Clock
    database: Database
    exporter: Database
    redis: RedisStore
    redis_url: str
    registry: CollectorRegistry
    outcomes: OutcomeMetrics
    outbox: Outbox
    publisher: OutboxPublisher
    directory: SubjectDirectory
    keys: DataKeys
    rotation: KeyRotation
    privacy: PrivacyService
    catalog: CatalogService
    models: ModelRegistry
    cache: AnswerCache
    rates: RateLimiter
    audit: AuditLog
    bus: Bus | None


def lay_ground(stack: AsyncExitStack, settings: Settings, databases: Databases, role: Role, clock: Clock) -> Ground:
    """The ground of one process that works as `role`, closed with `stack`."""
    database, vault = databases[role], databases[Role.KEYS]
    registry = CollectorRegistry()
    redis_url = required(settings.redis_url, "PERSONALIZATION_REDIS_URL")
    redis = RedisStore(redis_url, name="personalization")
    stack.push_async_callback(redis.close)
    outbox, streams, metrics = Outbox(database, clock), RedisStreams(redis), RealtimeMetrics(registry)
    publisher = OutboxPublisher(outbox, streams, metrics)
    wrapping, wrapped = _key_management(settings), RotatedVault(vault)
    keys = DataKeys(wrapped, wrapping, clock)
    policy, hashing = _policy(settings), derived(settings, "identity hash")
    directory = SubjectDirectory(PostgresDirectory(database), keys, hashing, clock, policy.beginning)
    bus = _bus(settings, redis, streams, outbox, keys, metrics)
    if bus is not None:
        stack.push_async_callback(bus.close)
    return Ground(
        settings=settings,
        clock=clock,
        database=database,
        exporter=databases[Role.EXPORTER],
        redis=redis,
        redis_url=redis_url,
        registry=registry,
        outcomes=OutcomeMetrics(registry),
        outbox=outbox,
        publisher=publisher,
        directory=directory,
        keys=keys,
        rotation=KeyRotation(wrapped, wrapping),
        privacy=PrivacyService(_privacy_store(database, outbox, clock), directory, keys, publisher, clock, policy),
        catalog=CatalogService(PostgresCatalogStore(database, clock), clock),
        models=_models(settings, database, publisher, registry, clock),
        cache=_cache(settings, redis, keys, clock, registry),
        audit=_audit(settings, database, clock),
        rates=_rates(stack, settings, redis, registry, clock),
        bus=bus,
    )


def _privacy_store(database: Database, outbox: Outbox, clock: Clock) -> PostgresPrivacyStore:
    return PostgresPrivacyStore(database, outbox, ObservedRows(DATA_MAP, clock))


def _cache(
    settings: Settings, redis: RedisStore, keys: DataKeys, clock: Clock, registry: CollectorRegistry
) -> AnswerCache:
    shared = FieldSealer(b"cache", derived(settings, "answers for everybody"))
    store, metrics = RedisAnswers(redis), CacheMetrics(registry)
    return AnswerCache(store, keys, shared, clock, metrics, ttl_seconds=settings.cache_ttl)


def _models(
    settings: Settings, database: Database, publisher: OutboxPublisher, registry: CollectorRegistry, clock: Clock
) -> ModelRegistry:
    return ModelRegistry(
        PostgresModelStore(database, clock),
        settings.data_dir / "models",
        ModelSigner(derived(settings, "model signatures")),
        publisher,
        clock,
        ModelMetrics(registry),
    )


def _audit(settings: Settings, database: Database, clock: Clock) -> AuditLog:
    key, pseudonyms = derived(settings, "audit seals"), derived(settings, "audit pseudonyms")
    return AuditLog(PostgresAuditStore(database), key, pseudonyms, clock)


def _rates(
    stack: AsyncExitStack, settings: Settings, redis: RedisStore, registry: CollectorRegistry, clock: Clock
) -> RateLimiter:
    limits = CallLimits.parse(
        settings.rate_limit,
        settings.rate_limit_services,
        settings.rate_limits,
        settings.event_limit,
        settings.rate_limit_addresses,
    )
    secret = derived(settings, "rate limits")
    rates = RateLimiter(limits, RedisCounters(redis), LimitMetrics(registry), secret, clock)
    stack.push_async_callback(rates.close)
    return rates


def _policy(settings: Settings) -> PrivacyPolicy:
    policy = PrivacyPolicy(
        default_level=PrivacyLevel(settings.default_privacy_level.value), legal_basis=settings.legal_basis or ""
    )
    if policy.default_level is not PrivacyLevel.STRICT:
        log.warning("collecting_by_default", level=policy.default_level, legal_basis=policy.legal_basis)
    return policy


def _key_management(settings: Settings) -> LocalKeyManagement:
    if settings.kek is not None:
        return LocalKeyManagement.from_text(settings.kek.get_secret_value())
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
