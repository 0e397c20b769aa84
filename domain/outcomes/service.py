"""Use cases of judging: keep the sums up to date, evaluate every hour, let bandits reallocate, and show results."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol

import orjson
import structlog

from domain.clock import Clock
from domain.errors import NotFound
from domain.experiments.model import Policy, Status, Test, TestId
from domain.experiments.plan import BANDITS
from domain.experiments.quantiles import SampleQuantile
from domain.ids import TenantId
from domain.outcomes.cells import Cell
from domain.outcomes.comparing import quantile_places
from domain.outcomes.evaluating import ENGINE_VERSION, evaluate, quantile_of
from domain.outcomes.inputs import Inputs
from domain.outcomes.model import Evaluation, OrderStatistic
from domain.outcomes.proposing import SplitValue, split_value
from domain.outcomes.reallocation import reallocated
from domain.realtime.model import UpdateKind

BATCH: Final = 1000

log = structlog.get_logger(__name__)


class OutcomeStore(Protocol):
    """Where units are counted, and results are kept."""

    async def count_some(self, test: Test, at_most: int) -> int:
        """Count up to so many people anew and bring the cells up to date in one commit; how many."""
        ...

    async def sum_again(self, test: Test) -> bool:
        """Make the cells anew if units have gone since; whether that was so."""
        ...

    async def cells(self, test: Test) -> Sequence[Cell]:
        """The sums."""
        ...

    async def order(
        self, test: Test, phase: int, variation: int, metric: int, places: Sequence[int]
    ) -> Sequence[OrderStatistic]:
        """Values of a metric at places of the order of all units of an arm."""
        ...

    async def keep(self, tenant: TenantId, test_id: TestId, evaluation: Evaluation) -> bool:
        """Keep a result, unless there is one of that time."""
        ...

    async def evaluated(self, tenant: TenantId, until: datetime) -> Mapping[TestId, datetime]:
        """The time of the latest result until then of every experiment that has one."""
        ...

    async def results(self, tenant: TenantId, test_id: TestId, first: int) -> Sequence[Evaluation]:
        """The latest results, the newest first."""
        ...


class Tests(Protocol):
    """Where experiments come from."""

    async def test(self, tenant: TenantId, test_id: TestId) -> Test:
        """One experiment; raises `NotFound`."""
        ...

    async def every(self, tenant: TenantId, statuses: Sequence[Status]) -> Sequence[Test]:
        """All of these states."""
        ...

    async def policies(self, tenant: TenantId, test_id: TestId) -> Sequence[Policy]:
        """Every policy that an experiment has had."""
        ...

    async def reallocate(self, tenant: TenantId, test_id: TestId, expected: str, found: Policy) -> Test:
        """Take over what a bandit found."""
        ...


class Announcer(Protocol):
    """Who tells everybody of a tenant."""

    async def tell_tenant(self, tenant: TenantId, kind: UpdateKind, body: bytes) -> bool:
        """Publish an update after its commit; whether it went out."""
        ...


class OutcomeService:
    """What came of experiments.

    Args:
        store: units, sums and results.
        tests: the experiments.
        announcer: tells of new results.
        clock: the hour of each evaluation.
    """

    def __init__(self, store: OutcomeStore, tests: Tests, announcer: Announcer, clock: Clock) -> None:
        self._store = store
        self._tests = tests
        self._announcer = announcer
        self._clock = clock

    async def count(self, tenant: TenantId) -> int:
        """Bring the sums of every experiment that is not over up to date, and tell of new figures; people counted."""
        counted = 0
        for test in await self._tests.every(tenant, (Status.RUNNING, Status.PAUSED)):
            people = await self._count(test)
            if people:
                await self._announce(test)
            counted += people
        return counted

    async def evaluate_due(self, tenant: TenantId) -> int:
        """Evaluate what has not been evaluated in this hour, and once more what was stopped since; how many.

        Whoever comes first keeps the result of an hour, so that no hour has two, and one that was missed while no
        worker ran is made up for by the next that starts. Results of a clock that was ahead keep none from being made.
        """
        now, done = self._clock.now(), 0
        hour, evaluated = now.replace(minute=0, second=0, microsecond=0), await self._store.evaluated(tenant, now)
        for test in await self._tests.every(tenant, (Status.RUNNING, Status.PAUSED, Status.STOPPED)):
            due = hour if test.stopped_at is None else test.stopped_at
            before = evaluated.get(test.test_id, test.started_at)
            if before is not None and before < due:
                done += await self._evaluate(test, due)
        return done

    async def live(self, tenant: TenantId, test_id: TestId) -> Evaluation:
        """The figures of an experiment as its sums stand. Raises `NotFound`, also before the start."""
        test = await self._started(tenant, test_id)
        return await self._evaluation(test, self._clock.now())

    async def value_of(self, tenant: TenantId, test_id: TestId, split: Sequence[float]) -> SplitValue:
        """What another split would have earned. Raises `NotFound`, and `ValidationFailed` where the log cannot know."""
        return split_value(await self._inputs(await self._started(tenant, test_id), self._clock.now()), split)

    async def results(self, tenant: TenantId, test_id: TestId, first: int = 1) -> Sequence[Evaluation]:
        """The kept results of an experiment, the newest first. Raises `NotFound`."""
        await self._tests.test(tenant, test_id)
        return await self._store.results(tenant, test_id, first)

    async def _started(self, tenant: TenantId, test_id: TestId) -> Test:
        test = await self._tests.test(tenant, test_id)
        if test.started_at is None:
            raise NotFound("This experiment has not started.", field="experimentId")
        return test

    async def _count(self, test: Test) -> int:
        people = 0
        while counted := await self._store.count_some(test, BATCH):
            people += counted
        again = await self._store.sum_again(test)
        return people or int(again)

    async def _evaluate(self, test: Test, due: datetime) -> int:
        await self._count(test)
        evaluation = replace(await self._evaluation(test, self._clock.now()), evaluated_at=due)
        if not await self._store.keep(test.tenant, test.test_id, evaluation):
            return 0
        if test.status is Status.RUNNING and test.plan.allocation.policy in BANDITS:
            await self._reallocate(test)
        await self._announce(test)
        return 1

    async def _evaluation(self, test: Test, at: datetime) -> Evaluation:
        inputs = await self._inputs(test, at)
        inputs = replace(inputs, quantiles=await self._quantiles(test, inputs))
        return Evaluation(inputs.at, ENGINE_VERSION, inputs.to_json(), evaluate(inputs))

    async def _inputs(self, test: Test, at: datetime) -> Inputs:
        assert test.started_at is not None  # noqa: S101  # only what has started is evaluated
        policies = await self._tests.policies(test.tenant, test.test_id)
        return Inputs(
            plan=test.plan,
            started_at=test.started_at,
            at=min(at, test.stopped_at or at),
            weights={policy.version: policy.weights for policy in policies},
            cells=await self._store.cells(test),
            contexts={policy.version: policy.by_context for policy in policies if policy.by_context},
        )

    async def _quantiles(self, test: Test, inputs: Inputs) -> Mapping[tuple[int, int], SampleQuantile]:
        found: dict[tuple[int, int], SampleQuantile] = {}
        for place, metric in enumerate(test.plan.metrics):
            for arm in range(len(test.plan.variations)) if metric.quantile is not None else ():
                units = sum(cell.units for cell in inputs.of(inputs.phase, arm))
                wanted = None if metric.quantile is None or not units else quantile_places(units, metric.quantile)
                if wanted is not None:
                    rows = dict(await self._store.order(test, inputs.phase, arm, place, wanted))
                    if all(at in rows for at in wanted):
                        found[place, arm] = quantile_of(units, *(rows[at] for at in wanted))
        return found

    async def _reallocate(self, test: Test) -> None:
        """Let a bandit split the traffic anew by what its arms earned in this phase."""
        found = reallocated(test, await self._store.cells(test), self._clock.now())
        if found is None or test.policy is None:
            return
        await self._tests.reallocate(test.tenant, test.test_id, test.policy.version, found)
        log.info("traffic_reallocated", tenant=test.tenant, experiment=test.key, policy=found.version)

    async def _announce(self, test: Test) -> None:
        body: dict[str, Any] = {"experimentId": str(test.test_id)}
        await self._announcer.tell_tenant(test.tenant, UpdateKind.EXPERIMENT_UPDATED, orjson.dumps(body))
