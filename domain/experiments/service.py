"""Use cases of whoever runs experiments: create, start, ramp, pause, resume, stop, and look at them.

Assigning people, and counting what came of it, are rooms of their own above this one.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import uuid4

from domain.clock import Clock
from domain.errors import Conflict, NotFound, Unavailable, ValidationFailed
from domain.experiments.levers import Area, CheckElsewhere
from domain.experiments.model import NO_TESTS, Policy, Status, Test, TestBook, TestId
from domain.experiments.plan import KEY, normalized, parse_plan, require_weights
from domain.ids import TenantId

RECHECK_SECONDS: Final = 1.0
HELD_TENANTS: Final = 64
MOST_RUNNING: Final = 200
MOST_TOLD: Final = 100_000

Change = Callable[[Test, Sequence[Test]], Test]
"""The test as it is to be, given as it is and all that are not stopped; raises to leave everything as it was."""


class TestStore(Protocol):
    """Where experiments are kept; those of one tenant are changed one after another."""

    async def create(self, test: Test) -> Test:
        """Write a new one. Raises `Conflict` if the key is taken."""
        ...

    async def change(self, tenant: TenantId, test_id: TestId, change: Change) -> Test:
        """Replace a test by what `change` makes of it. Raises `NotFound`."""
        ...

    async def test(self, tenant: TenantId, test_id: TestId) -> Test | None:
        """One experiment."""
        ...

    async def find(self, tenant: TenantId, key: str) -> Test | None:
        """The experiment of a key."""
        ...

    async def tests(
        self, tenant: TenantId, statuses: Sequence[Status], after: str | None, limit: int
    ) -> Sequence[Test]:
        """Those in one of these states, by key, from the one after `after` on."""
        ...

    async def policies(self, tenant: TenantId, test_id: TestId) -> Sequence[Policy]:
        """Every policy that a test has had, in order."""
        ...

    async def version(self, tenant: TenantId) -> int:
        """How often experiments were changed."""
        ...


@dataclass(frozen=True, slots=True)
class TestPage:
    """A part of a tenant's experiments."""

    tests: Sequence[Test]
    has_next: bool

    __test__ = False


class ExperimentService:
    """A tenant's experiments.

    Args:
        store: experiments and their policies.
        clock: dates changes.
        elsewhere: knows which parameters the interface and generation have.
    """

    def __init__(self, store: TestStore, clock: Clock, elsewhere: Mapping[Area, CheckElsewhere]) -> None:
        self._store = store
        self._clock = clock
        self._elsewhere = elsewhere
        self._held: OrderedDict[TenantId, _Held] = OrderedDict()

    async def create(self, tenant: TenantId, written: Mapping[str, Any]) -> Test:
        """Keep an experiment as a draft.

        Raises:
            ValidationFailed: the plan means nothing; `field` says where.
            Conflict: there is one of that key.
        """
        plan = parse_plan(written, self._elsewhere)
        return await self._store.create(Test(tenant, TestId(uuid4()), Status.DRAFT, plan, self._clock.now()))

    async def start(self, tenant: TenantId, test_id: TestId) -> Test:
        """Let a draft assign people.

        Raises:
            NotFound: there is no such experiment.
            Conflict: it is no draft, or its range of a group overlaps another's.
        """

        def started(test: Test, others: Sequence[Test]) -> Test:
            _require(test, Status.DRAFT)
            _require_room(test, others)
            policy = self._opened(test, 1, tuple(test.plan.split), test.plan.coverage, "started")
            return replace(test, status=Status.RUNNING, started_at=policy.made_at, policy=policy)

        return await self._change(tenant, test_id, started)

    async def pause(self, tenant: TenantId, test_id: TestId) -> Test:
        """Show everybody the control for a while. Raises `NotFound`, or `Conflict` unless it runs."""

        def paused(test: Test, _others: Sequence[Test]) -> Test:
            _require(test, Status.RUNNING)
            return replace(test, status=Status.PAUSED)

        return await self._change(tenant, test_id, paused)

    async def resume(self, tenant: TenantId, test_id: TestId) -> Test:
        """Go on with a paused experiment; everybody has the variation they had. Raises as `start`."""

        def resumed(test: Test, others: Sequence[Test]) -> Test:
            _require(test, Status.PAUSED)
            _require_room(test, others)
            return replace(test, status=Status.RUNNING)

        return await self._change(tenant, test_id, resumed)

    async def stop(self, tenant: TenantId, test_id: TestId) -> Test:
        """End an experiment for good: everybody has the control. Raises `NotFound`, `Conflict`."""

        def stopped(test: Test, _others: Sequence[Test]) -> Test:
            _require(test, Status.RUNNING, Status.PAUSED)
            return replace(test, status=Status.STOPPED, stopped_at=self._clock.now())

        return await self._change(tenant, test_id, stopped)

    async def ramp(
        self, tenant: TenantId, test_id: TestId, *, coverage: float | None, weights: Sequence[float] | None
    ) -> Test:
        """Let more people in, or split anew.

        More coverage moves nobody. Less coverage, or other weights, open a new phase with a fresh seed, in which
        everybody is assigned, and counted, anew.

        Raises:
            NotFound: there is no such experiment.
            ValidationFailed: neither is given, or one means nothing.
            Conflict: it does not run, or nothing would change.
        """
        if coverage is None and weights is None:
            raise ValidationFailed("name a coverage, or weights", field="coverage")
        if coverage is not None and not 0.0 <= coverage <= 1.0:
            raise ValidationFailed("must be within 0 to 1", field="coverage")

        def ramped(test: Test, _others: Sequence[Test]) -> Test:
            _require(test, Status.RUNNING, Status.PAUSED)
            return replace(test, policy=self._ramped(test, coverage, weights))

        return await self._change(tenant, test_id, ramped)

    async def reallocate(self, tenant: TenantId, test_id: TestId, expected: str, found: Policy) -> Test:
        """Take over what a bandit found; not if the policy is another than `expected` by now. Raises `NotFound`."""

        def reallocated(test: Test, _others: Sequence[Test]) -> Test:
            current = test.policy
            still = test.status is Status.RUNNING and current is not None and current.version == expected
            return replace(test, policy=found) if still else test

        return await self._change(tenant, test_id, reallocated)

    async def test(self, tenant: TenantId, test_id: TestId) -> Test:
        """One experiment. Raises `NotFound`."""
        found = await self._store.test(tenant, test_id)
        if found is None:
            raise NotFound("There is no such experiment.", field="experimentId")
        return found

    async def find(self, tenant: TenantId, key: str) -> Test:
        """The experiment of a key. Raises `NotFound`."""
        found = await self._store.find(tenant, key) if KEY.fullmatch(key) else None
        if found is None:
            raise NotFound("There is no such experiment.", field="experimentKey")
        return found

    async def tests(
        self, tenant: TenantId, statuses: Sequence[Status] = (), after: str | None = None, first: int = 10
    ) -> TestPage:
        """A page of experiments by key; of every state if none is named."""
        found = await self._store.tests(tenant, statuses or tuple(Status), after, first + 1)
        return TestPage(found[:first], len(found) > first)

    async def every(self, tenant: TenantId, statuses: Sequence[Status]) -> Sequence[Test]:
        """All experiments of these states."""
        return await self._store.tests(tenant, statuses, None, MOST_TOLD)

    async def policies(self, tenant: TenantId, test_id: TestId) -> Sequence[Policy]:
        """Every policy that an experiment has had, in order."""
        return await self._store.policies(tenant, test_id)

    async def current(self, tenant: TenantId) -> TestBook:
        """What runs, for assigning; at most `RECHECK_SECONDS` old, the last known while the database is away."""
        now, held = self._clock.now(), self._held.get(tenant)
        if held is not None and 0 <= (now - held.checked_at).total_seconds() < RECHECK_SECONDS:
            return held.book
        try:
            version = await self._store.version(tenant)
            known = held is not None and held.book.version == version
            book = held.book if held is not None and known else await self._read(tenant, version)
        except Unavailable:
            return NO_TESTS if held is None else held.book
        self._held[tenant] = _Held(book, now)
        self._held.move_to_end(tenant)
        if len(self._held) > HELD_TENANTS:
            self._held.popitem(last=False)
        return book

    async def _read(self, tenant: TenantId, version: int) -> TestBook:
        if version == 0:
            return TestBook(0)
        live = await self.every(tenant, (Status.RUNNING, Status.PAUSED))
        goals = frozenset(goal for test in live for goal in test.plan.goals)
        return TestBook(version, tuple(test for test in live if test.status is Status.RUNNING), goals)

    async def _change(self, tenant: TenantId, test_id: TestId, change: Change) -> Test:
        changed = await self._store.change(tenant, test_id, change)
        self._held.pop(tenant, None)
        return changed

    def _opened(self, test: Test, phase: int, weights: tuple[float, ...], coverage: float, reason: str) -> Policy:
        seed = f"{test.key}-{secrets.token_hex(8)}"
        return Policy(phase, 0, seed, weights, coverage, self._clock.now(), {"cause": reason})

    def _ramped(self, test: Test, coverage: float | None, weights: Sequence[float] | None) -> Policy:
        current = test.policy
        assert current is not None  # noqa: S101  # what has started has one
        share = current.coverage if coverage is None else coverage
        split = current.weights if weights is None else _split(weights, len(test.plan.variations))
        if share == current.coverage and split == current.weights:
            raise Conflict("That is how it is already.", field="coverage")
        if split != current.weights or share < current.coverage:
            return self._opened(test, current.phase + 1, split, share, "split anew")
        now = self._clock.now()
        return replace(current, number=current.number + 1, coverage=share, made_at=now, reason={"cause": "ramped"})


@dataclass(frozen=True, slots=True)
class _Held:
    book: TestBook
    checked_at: datetime


def _split(weights: Sequence[float], arms: int) -> tuple[float, ...]:
    given = tuple(weights)
    if any(not 0.0 <= weight <= 1.0 for weight in given):
        raise ValidationFailed("a weight is within 0 to 1", field="weights")
    try:
        require_weights(given, arms)
    except ValueError as error:
        raise ValidationFailed(str(error), field="weights") from None
    return tuple(normalized(given))


def _require(test: Test, *statuses: Status) -> None:
    if test.status not in statuses:
        raise Conflict(f"The experiment is {test.status}, not {' or '.join(statuses)}.", field="experimentId")


def _require_room(test: Test, others: Sequence[Test]) -> None:
    """Refuse a range of a group that another experiment uses."""
    group = test.plan.exclusion_group
    running = [one for one in others if one.status is Status.RUNNING and one.test_id != test.test_id]
    if len(running) >= MOST_RUNNING:
        raise Conflict(f"At most {MOST_RUNNING} experiments of a tenant run at once.", field="experimentId")
    for other in running:
        theirs = other.plan.exclusion_group
        if group is not None and theirs is not None and group.overlaps(theirs):
            raise Conflict(f"Its range of the group {group.name} overlaps that of {other.key}.", field="exclusionGroup")
