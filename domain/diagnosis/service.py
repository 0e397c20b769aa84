"""Use case of diagnosis: the facts are asked for once, and each check says what it makes of them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Protocol

from domain.behavior.model import Backlog
from domain.clock import Clock
from domain.diagnosis import recommending, serving, testing
from domain.diagnosis.model import (
    Connections,
    Finding,
    Learned,
    RedisCondition,
    Switches,
    Tracking,
    Trial,
)
from domain.errors import Unavailable
from domain.experiments.model import Status, Test, TestId
from domain.ids import TenantId
from domain.models.model import LoadedModel, ModelRecord, ModelStatus
from domain.outcomes.model import Evaluation

DAY: Final = timedelta(days=1)


class Facts(Protocol):
    """What the database and Redis know of themselves and of a tenant as a whole."""

    async def tracking(self, tenant: TenantId, within: timedelta) -> Tracking:
        """How much is tracked. Raises `Unavailable`."""
        ...

    async def failed_training(self, tenant: TenantId) -> str | None:
        """Why the latest training failed; None if it did not. Raises `Unavailable`."""
        ...

    async def connections(self) -> Connections:
        """How many connections there are. Raises `Unavailable`."""
        ...

    async def redis(self) -> RedisCondition:
        """How Redis is. Raises `Unavailable`."""
        ...


class Log(Protocol):
    """The part of behaviour that a diagnosis needs."""

    async def backlog(self) -> Backlog:
        """What waits to be learned from, of all tenants. Raises `Unavailable`."""
        ...


class Models(Protocol):
    """The part of the registry that a diagnosis needs."""

    async def versions(self, tenant: TenantId) -> list[ModelRecord]:
        """Every version, from the newest on."""
        ...

    async def current(self, tenant: TenantId) -> LoadedModel | None:
        """What serves."""
        ...


class Tests(Protocol):
    """The part of experiments that a diagnosis needs."""

    async def every(self, tenant: TenantId, statuses: Sequence[Status]) -> Sequence[Test]:
        """All in one of these states."""
        ...


class Results(Protocol):
    """The part of outcomes that a diagnosis needs."""

    async def results(self, tenant: TenantId, test_id: TestId, first: int = 1) -> Sequence[Evaluation]:
        """The kept results of an experiment, the newest first."""
        ...


class DiagnosisService:
    """Walks the list.

    Args:
        facts: of the database and Redis.
        log: of behaviour.
        models: the registry.
        tests: experiments.
        outcomes: what came of them.
        switches: what the settings say.
        clock: tells what is late.
    """

    def __init__(
        self, facts: Facts, log: Log, models: Models, tests: Tests, outcomes: Results, switches: Switches, clock: Clock
    ) -> None:
        self._facts = facts
        self._log = log
        self._models = models
        self._tests = tests
        self._outcomes = outcomes
        self._switches = switches
        self._clock = clock

    async def findings(self, tenant: TenantId) -> list[Finding]:
        """One finding for each check, in the documented order. Raises `Unavailable` without PostgreSQL."""
        now, switches = self._clock.now(), self._switches
        trials = await self._trials(tenant)
        return [
            recommending.events(await self._facts.tracking(tenant, DAY), switches),
            recommending.models(await self._learned(tenant), switches, now),
            recommending.cache(switches),
            testing.configuration(trials, switches),
            testing.assignment(trials),
            testing.results(trials, now),
            serving.pool(await self._facts.connections(), switches),
            serving.redis(await self._redis()),
            serving.batches(await self._log.backlog(), now),
        ]

    async def _learned(self, tenant: TenantId) -> Learned:
        versions = await self._models.versions(tenant)
        champion = next((one for one in versions if one.status is ModelStatus.CHAMPION), None)
        loaded = await self._models.current(tenant)
        servable = champion is not None and loaded is not None and loaded.record.version == champion.version
        newest = versions[0] if versions else None
        return Learned(newest, champion, servable, await self._facts.failed_training(tenant))

    async def _trials(self, tenant: TenantId) -> list[Trial]:
        trials = []
        for test in await self._tests.every(tenant, (Status.RUNNING,)):
            kept = await self._outcomes.results(tenant, test.test_id)
            trials.append(Trial(test, kept[0] if kept else None))
        return trials

    async def _redis(self) -> RedisCondition | None:
        try:
            return await self._facts.redis()
        except Unavailable:
            return None
