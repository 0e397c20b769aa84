"""The use cases of one process, each made of the stores and rooms below it."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from domain.accounts.service import AccountService
from domain.accounts.store import PostgresAccountStore
from domain.adaptation.service import AdaptationService
from domain.adaptation.store import PostgresAdaptationStore
from domain.auditing.service import AuditLog
from domain.behavior.importing import BehaviorImport
from domain.behavior.service import BehaviorService
from domain.behavior.store import PostgresBehaviorStore, PostgresImportStore
from domain.behavior.waiting import BacklogWatch
from domain.bootstrap.diagnosing import make_diagnosis
from domain.bootstrap.experimenting import Counters, Experimenting, make_experiments
from domain.bootstrap.ground import Ground
from domain.bootstrap.listing import Listing, make_lists
from domain.bootstrap.rights import Righting, make_rights
from domain.bootstrap.secrets import derived
from domain.catalog.service import CatalogService
from domain.clock import Clock
from domain.diagnosis.service import DiagnosisService
from domain.generation.service import GenerationService
from domain.generation.store import PostgresGenerationStore
from domain.health import HealthService, ServingState
from domain.identities.service import IdentityService
from domain.identities.store import PostgresIdentityStore
from domain.ids import TenantId
from domain.insights.service import InsightService
from domain.jobs.service import JobQueue
from domain.jobs.store import ArqWaker, PostgresJobStore
from domain.limiting.service import RateLimiter
from domain.measurement.counters import CountedLog
from domain.measurement.service import MeasurementService
from domain.measurement.store import PostgresMeasurementStore
from domain.models.service import ModelRegistry
from domain.privacy.directory import SubjectDirectory
from domain.privacy.inventory import DATA_MAP
from domain.privacy.service import PrivacyService
from domain.profiles.service import ProfileService
from domain.profiles.stating import StatingService
from domain.profiles.store import PostgresProfileStore
from domain.realtime.bus import Bus
from domain.realtime.service import OutboxPublisher
from domain.recommendations.segmentation import SegmentService
from domain.recommendations.store import PostgresSegmentStore
from domain.retention.store import ObservedRows
from domain.rights.replay import Replay
from domain.rights.service import RightsService
from domain.rules.service import RuleService
from domain.rules.store import PostgresRuleStore
from domain.settings import Settings
from domain.visits.service import SessionService
from domain.visits.store import PostgresSessionStore


@dataclass(frozen=True, kw_only=True)
class Services(Listing, Experimenting, Righting):
    """Every use case of one process; `bus` is None where live updates are switched off."""

    clock: Clock
    privacy: PrivacyService
    directory: SubjectDirectory
    catalog: CatalogService
    behavior: BehaviorService
    sessions: SessionService
    imports: BehaviorImport
    profiles: ProfileService
    stating: StatingService
    identities: IdentityService
    accounts: AccountService
    segments: SegmentService
    rules: RuleService
    adaptation: AdaptationService
    generation: GenerationService
    insights: InsightService
    measurement: MeasurementService
    models: ModelRegistry
    jobs: JobQueue
    job_store: PostgresJobStore
    publisher: OutboxPublisher
    rates: RateLimiter
    audit: AuditLog
    bus: Bus | None
    health: HealthService
    diagnosis: DiagnosisService
    metrics: CollectorRegistry
    backlog: BacklogWatch


def assemble(stack: AsyncExitStack, ground: Ground) -> Services:
    """The services of one process, closed with `stack`."""
    database, clock = ground.database, ground.clock
    behavior, stating, segments = _behavior(ground), _stating(ground), _segments(ground)
    job_store, trials, rules = PostgresJobStore(database), make_experiments(ground), _rules(ground)
    listing = make_lists(ground, stating, rules, profiles := _profiles(ground, segments), trials.exposures)
    righting = make_rights(stack, ground, jobs := JobQueue(job_store, _waker(stack, ground), clock), profiles.lessons)
    return Services(
        **vars(listing),
        **vars(trials),
        **vars(righting),
        clock=clock,
        privacy=ground.privacy,
        directory=ground.directory,
        catalog=ground.catalog,
        behavior=behavior,
        sessions=_sessions(ground),
        imports=BehaviorImport(PostgresImportStore(database), ground.directory, ground.keys, clock),
        profiles=profiles,
        stating=stating,
        identities=_identities(ground, profiles, segments),
        accounts=_accounts(ground, righting.rights),
        segments=segments,
        rules=rules,
        adaptation=_adaptation(ground, trials),
        generation=_generation(ground, stating, trials),
        insights=_insights(ground),
        measurement=_measurement(ground),
        models=ground.models,
        jobs=jobs,
        job_store=job_store,
        publisher=ground.publisher,
        rates=ground.rates,
        audit=ground.audit,
        bus=ground.bus,
        health=_health(ground, behavior, righting.replay),
        diagnosis=make_diagnosis(ground, behavior, trials),
        metrics=ground.registry,
        backlog=BacklogWatch(behavior.backlog, ground.registry),
    )


def _waker(stack: AsyncExitStack, ground: Ground) -> ArqWaker:
    waker = ArqWaker(ground.settings.queue_url or ground.redis_url)
    stack.push_async_callback(waker.close)
    return waker


def _rules(ground: Ground) -> RuleService:
    return RuleService(PostgresRuleStore(ground.database), ground.clock)


def _behavior(ground: Ground) -> BehaviorService:
    return BehaviorService(
        CountedLog(PostgresBehaviorStore(ground.database, ground.outbox), ground.outcomes),
        ground.privacy,
        ground.keys,
        ground.catalog,
        ground.publisher,
        ground.rates,
        derived(ground.settings, "session ids"),
        ground.clock,
    )


def _sessions(ground: Ground) -> SessionService:
    store, key = PostgresSessionStore(ground.database), derived(ground.settings, "session ids")
    return SessionService(store, ground.privacy, ground.keys, key, ground.clock)


def _profiles(ground: Ground, segments: SegmentService) -> ProfileService:
    store = PostgresProfileStore(ground.database, ground.outbox, Counters())
    return ProfileService(
        store, ground.directory, ground.keys, ground.catalog, ground.publisher, segments, ground.cache, ground.clock
    )


def _stating(ground: Ground) -> StatingService:
    store = PostgresProfileStore(ground.database, ground.outbox, Counters())
    return StatingService(store, ground.privacy, ground.keys, ground.publisher, ground.clock)


def _identities(ground: Ground, profiles: ProfileService, segments: SegmentService) -> IdentityService:
    return IdentityService(
        PostgresIdentityStore(ground.database, ground.outbox, ObservedRows(DATA_MAP, ground.clock)),
        ground.directory,
        ground.keys,
        profiles.lessons,
        ground.publisher,
        segments,
        derived(ground.settings, "session ids"),
        ground.privacy.policy_version,
        ground.clock,
    )


def _accounts(ground: Ground, rights: RightsService) -> AccountService:
    store = PostgresAccountStore(ground.database, ground.outbox)
    return AccountService(store, ground.directory, ground.privacy, ground.keys, rights, ground.clock)


def _adaptation(ground: Ground, trials: Experimenting) -> AdaptationService:
    return AdaptationService(
        PostgresAdaptationStore(ground.database, ground.outbox),
        ground.directory,
        ground.keys,
        ground.catalog,
        ground.publisher,
        trials.exposures,
        ground.clock,
        ml_enabled=ground.settings.ml_enabled,
    )


def _generation(ground: Ground, stating: StatingService, trials: Experimenting) -> GenerationService:
    return GenerationService(
        PostgresGenerationStore(ground.database, ground.outbox),
        ground.directory,
        ground.privacy,
        ground.keys,
        ground.catalog,
        stating,
        ground.publisher,
        trials.exposures,
        derived(ground.settings, "generation ids"),
        ground.clock,
        ml_enabled=ground.settings.ml_enabled,
    )


def _measurement(ground: Ground) -> MeasurementService:
    return MeasurementService(PostgresMeasurementStore(ground.database), ground.directory, ground.clock)


def _segments(ground: Ground) -> SegmentService:
    store = PostgresSegmentStore(ground.database)
    return SegmentService(store, ground.models, ground.directory, ground.catalog, ground.clock)


def _insights(ground: Ground) -> InsightService:
    return InsightService(
        ground.catalog,
        PostgresBehaviorStore(ground.database, ground.outbox),
        ground.privacy,
        ground.keys,
        ground.publisher,
        derived(ground.settings, "content ids"),
        ground.clock,
    )


def _health(ground: Ground, behavior: BehaviorService, replay: Replay) -> HealthService:
    async def serving(tenant: TenantId) -> ServingState:
        model, backlog = await ground.models.current(tenant), await behavior.backlog(tenant)
        version = None if model is None else model.record.version
        return ServingState(version, backlog.waiting, backlog.oldest_received_at)

    async def postgres() -> None:
        await ground.database.ping()
        # A database that was restored from an older backup is not fit to serve before what was erased is gone again.
        await replay.run()

    essential, helpful = {"postgres": postgres}, {"redis": ground.redis.ping}
    return HealthService(essential, helpful, serving, ground.clock.now, _switched_off(ground.settings))


def _switched_off(settings: Settings) -> tuple[str, ...]:
    """What the documented switches of the service turn off."""
    switches = {
        "machine_learning": settings.ml_enabled,
        "experiments": settings.ab_testing_enabled,
        "live_updates": settings.realtime_enabled,
        "cache": settings.cache_ttl > 0,
    }
    return tuple(name for name, on in switches.items() if not on)
