"""Everything that runs experiments: their definitions, who takes part, and what comes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.adaptation.trial import wrong_setting
from domain.bootstrap.ground import Ground
from domain.experiments.levers import Area
from domain.experiments.service import ExperimentService
from domain.experiments.store import PostgresTestStore
from domain.exposures.service import ExposureService
from domain.exposures.store import PostgresExposureStore, StaleUnits
from domain.exposures.traits import AccountTraits
from domain.generation.trial import wrong_parameter
from domain.ids import EventId, SubjectId, TenantId
from domain.interest.store import InterestCounter
from domain.outcomes.service import OutcomeService
from domain.outcomes.standing import StandingWatch
from domain.outcomes.store import PostgresOutcomeStore
from domain.storage.postgres import Transaction

ELSEWHERE: Final = {Area.UI: wrong_setting, Area.GENERATION: wrong_parameter}


@dataclass(frozen=True, kw_only=True)
class Experimenting:
    """The use cases of experiments."""

    experiments: ExperimentService
    exposures: ExposureService
    outcomes: OutcomeService
    standing: StandingWatch


class Counters:
    """Everybody who counts what is learned from, in the transaction that learns it."""

    def __init__(self) -> None:
        self._interest = InterestCounter()
        self._units = StaleUnits()

    async def count(
        self, tx: Transaction, tenant: TenantId, events: Sequence[tuple[SubjectId, EventId]], now: datetime
    ) -> None:
        """Count the people of these events for the items in them, and mark them in their experiments."""
        await self._interest.count(tx, tenant, events, now)
        await self._units.count(tx, tenant, events)


def make_experiments(ground: Ground) -> Experimenting:
    """The use cases of experiments of one process."""
    experiments = ExperimentService(PostgresTestStore(ground.database), ground.clock, ELSEWHERE)
    store = PostgresExposureStore(ground.database)
    exposures = ExposureService(
        store,
        experiments,
        ground.directory,
        AccountTraits(store, ground.keys),
        ground.clock,
        enabled=ground.settings.ab_testing_enabled,
    )
    results = PostgresOutcomeStore(ground.database)
    outcomes = OutcomeService(results, experiments, ground.publisher, ground.clock)
    standing = StandingWatch(results, ground.registry)
    return Experimenting(experiments=experiments, exposures=exposures, outcomes=outcomes, standing=standing)
