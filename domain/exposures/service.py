"""Use cases of taking part: which variation somebody has, that it was shown to them, and what steers an answer.

Whoever has not agreed to experiments, and everybody while they are switched off, has the control, and nothing is noted.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from domain.clock import Clock
from domain.errors import ConsentRequired, Unavailable, ValidationFailed
from domain.experiments.levers import Area
from domain.experiments.model import FORCED_PHASE, Test, TestBook, TestId
from domain.exposures.choosing import choose, looks_at_segments
from domain.exposures.model import CONTROL, Assigned, Exposure, Known, Reason
from domain.exposures.steering import UNSTEERED, Steering
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.model import Subject

FORCED_POLICY: Final = "forced"


class ExposureStore(Protocol):
    """Where it is kept what people were shown."""

    async def exposures(self, tenant: TenantId, subject: SubjectId) -> Sequence[Exposure]:
        """Everything that a person was shown, and what was forced on them."""
        ...

    async def note(self, tenant: TenantId, subject: SubjectId, exposures: Sequence[Exposure], *, durable: bool) -> None:
        """Keep first exposures of a person who agrees to experiments at this moment; those that are there stay."""
        ...

    async def force(self, tenant: TenantId, subject: SubjectId, test_id: TestId, exposure: Exposure | None) -> None:
        """Put a variation before whatever is assigned, or take that back."""
        ...


class Tests(Protocol):
    """Where experiments come from."""

    async def current(self, tenant: TenantId) -> TestBook:
        """What runs."""
        ...

    async def test(self, tenant: TenantId, test_id: TestId) -> Test:
        """One experiment; raises `NotFound`."""
        ...

    async def find(self, tenant: TenantId, key: str) -> Test:
        """The experiment of a key; raises `NotFound`."""
        ...


class Directory(Protocol):
    """The part of the directory that assigning needs."""

    async def resolve(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person, or None."""
        ...


class Traits(Protocol):
    """Who knows what conditions look at."""

    async def traits(self, subject: Subject) -> Mapping[str, Any]:
        """Attributes of the account, and the segment."""
        ...


class ExposureService:
    """Who takes part in what.

    Args:
        store: what people were shown.
        tests: the experiments.
        directory: finds people and what they agreed to.
        traits: knows what conditions look at.
        clock: dates exposures.
        enabled: False: everybody has the control, and nothing is noted.
    """

    def __init__(
        self,
        store: ExposureStore,
        tests: Tests,
        directory: Directory,
        traits: Traits,
        clock: Clock,
        *,
        enabled: bool = True,
    ) -> None:
        self._store = store
        self._tests = tests
        self._directory = directory
        self._traits = traits
        self._clock = clock
        self._enabled = enabled

    async def assignment(self, tenant: TenantId, user_id: UserId, key: str) -> Assigned:
        """What a person has in an experiment, whether it was shown to them or not; nothing is noted.

        Raises:
            NotFound: there is no such experiment.
            ValidationFailed: `user_id` cannot be a user id.
        """
        subject = await self._directory.resolve(tenant, user_id)
        return await self._assigned(tenant, user_id, subject, key)

    async def expose(self, tenant: TenantId, user_id: UserId, key: str) -> Assigned:
        """Note that a person is shown what they have; for differences that the client makes. Raises as `assignment`."""
        subject = await self._directory.resolve(tenant, user_id)
        assigned = await self._assigned(tenant, user_id, subject, key)
        exposure = assigned.exposure(self._clock.now())
        if subject is None or exposure is None:
            return assigned
        await self._store.note(tenant, subject.subject_id, [exposure], durable=True)
        return replace(assigned, exposed_at=exposure.exposed_at)

    async def force(self, tenant: TenantId, user_id: UserId, test_id: TestId, variation: str | None) -> Assigned:
        """Let a person see a variation whatever is assigned, for tests by hand; None takes it back.

        What they do from then on does not count.

        Raises:
            NotFound: there is no such experiment.
            ValidationFailed: it has no such variation.
            ConsentRequired: the person has not agreed to experiments.
        """
        test = await self._tests.test(tenant, test_id)
        subject = await self._directory.resolve(tenant, user_id)
        if subject is None or not subject.experiments:
            raise ConsentRequired("This user has not agreed to experiments.", field="userId")
        place = None if variation is None else test.variation(variation)
        if variation is not None and place is None:
            raise ValidationFailed("the experiment has no such variation", field="variation")
        now = self._clock.now()
        forced = None if place is None else Exposure(test_id, FORCED_PHASE, place, FORCED_POLICY, 1.0, now)
        await self._store.force(tenant, subject.subject_id, test_id, forced)
        return await self._assigned(tenant, user_id, subject, test.key)

    async def steering(self, user_id: UserId, subject: Subject | None, area: Area) -> Steering:
        """What experiments change in an area for a person; nothing while they cannot be looked up.

        Args:
            user_id: the id by which they are asked for, which is hashed.
            subject: the person; None for somebody who is not, or does not want to be, known.
            area: where.
        """
        if subject is None or not subject.experiments or not self._enabled:
            return UNSTEERED
        book = await self._tests.current(subject.tenant)
        tests = [test for test in book.tests if area in test.plan.areas]
        if not tests:
            return UNSTEERED
        try:
            known = await self._known(subject, tests)
        except Unavailable:
            return UNSTEERED
        return Steering([choose(test, user_id, known) for test in tests])

    async def shown(self, subject: Subject | None, steering: Steering) -> None:
        """Note what an answer showed a person for the first time; an answer does not wait for the disk."""
        now = self._clock.now()
        new = [exposure for one in steering.shown if (exposure := one.exposure(now)) is not None]
        if subject is not None and new:
            await self._store.note(subject.tenant, subject.subject_id, new, durable=False)

    async def require_goal(self, tenant: TenantId, goal: str) -> None:
        """Refuse a conversion that no experiment asks about; raises `ValidationFailed`."""
        if goal not in (await self._tests.current(tenant)).goals:
            raise ValidationFailed("no running or paused experiment has a metric with this goal", field="goal")

    async def _assigned(self, tenant: TenantId, user_id: UserId, subject: Subject | None, key: str) -> Assigned:
        test = (await self._tests.current(tenant)).by_key(key) or await self._tests.find(tenant, key)
        if not self._enabled:
            return Assigned(test, CONTROL, Reason.SWITCHED_OFF)
        if subject is None or not subject.experiments:
            return Assigned(test, CONTROL, Reason.NO_CONSENT)
        return choose(test, user_id, await self._known(subject, [test]))

    async def _known(self, subject: Subject, tests: Collection[Test]) -> Known:
        found = await self._store.exposures(subject.tenant, subject.subject_id)
        exposures = {(one.test_id, one.phase): one for one in found}
        asks = [test for test in tests if test.plan.condition or looks_at_segments(test)]
        unmet = [test for test in asks if not _held(test, exposures)]
        return Known(exposures, await self._traits.traits(subject) if unmet else {})


def _held(test: Test, exposures: Mapping[tuple[TestId, int], Exposure]) -> bool:
    return test.policy is not None and (test.test_id, test.policy.phase) in exposures
