"""Use case of measuring: what came of personalization for one person, counted from what is logged already."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from domain.clock import Clock
from domain.errors import ValidationFailed
from domain.ids import SubjectId, TenantId, UserId
from domain.measurement.model import DEFAULT_DAYS, MAX_DAYS, Engagement, PersonalMetrics, Satisfaction, Shown
from domain.privacy.model import Subject

BEHAVIOUR: Final = "behaviour"


class MeasurementStore(Protocol):
    """Where exposures, feedback, generations and events are counted."""

    async def of_person(self, tenant: TenantId, subject: SubjectId, since: datetime, now: datetime) -> PersonalMetrics:
        """What one person's rows since a moment say; `days` and `used` are left to the caller."""
        ...


class Directory(Protocol):
    """The part of the directory that measuring needs."""

    async def resolve(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person, or None."""
        ...


class MeasurementService:
    """Metrics of people.

    Args:
        store: counts.
        directory: finds people and what they agreed to.
        clock: the moment of each request.
    """

    def __init__(self, store: MeasurementStore, directory: Directory, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock

    async def metrics(
        self, tenant: TenantId, user_id: UserId, *, days: int = DEFAULT_DAYS, personalized: bool = True
    ) -> PersonalMetrics:
        """The figures of the latest `days` days; zeros for whoever is unknown, has not agreed to their data being
        used, or without `personalized`.

        Raises:
            ValidationFailed: `days` is out of bounds, or `user_id` cannot be a user id.
        """
        if not 1 <= days <= MAX_DAYS:
            raise ValidationFailed(f"is within 1 to {MAX_DAYS}", field="days")
        nothing = PersonalMetrics(days)
        subject = await self._directory.resolve(tenant, user_id)
        if subject is None or not personalized or not subject.personalizes:
            return nothing
        now = self._clock.now()
        found = await self._store.of_person(tenant, subject.subject_id, now - timedelta(days=days), now)
        if (found.shown, found.satisfaction, found.engagement) == (Shown(), Satisfaction(), Engagement()):
            return nothing
        return replace(found, days=days, used=frozenset({BEHAVIOUR}))
