"""Who finds out what is wrong, put together."""

from domain.bootstrap.experimenting import Experimenting
from domain.bootstrap.ground import Ground
from domain.diagnosis.model import Switches
from domain.diagnosis.service import DiagnosisService, Log
from domain.diagnosis.store import PostgresAndRedis
from domain.settings import DefaultPrivacyLevel


def make_diagnosis(ground: Ground, log: Log, trials: Experimenting) -> DiagnosisService:
    """The diagnosis of one process."""
    settings = ground.settings
    switches = Switches(
        machine_learning=settings.ml_enabled,
        experiments=settings.ab_testing_enabled,
        cache_ttl=settings.cache_ttl,
        pool_size=settings.pool_size,
        collects_by_default=settings.default_privacy_level is not DefaultPrivacyLevel.STRICT,
    )
    facts = PostgresAndRedis(ground.database, ground.redis, ground.clock)
    return DiagnosisService(facts, log, ground.models, trials.experiments, trials.outcomes, switches, ground.clock)
