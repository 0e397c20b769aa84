"""What came of personalization in this process, for everybody together: counted as it is stored, told to Prometheus."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter

from domain.behavior.model import TAKEN, Backlog
from domain.behavior.service import Appended, BehaviorStore, Report
from domain.ids import SubjectId, TenantId
from domain.measurement.model import scaled_rating


class OutcomeMetrics:
    """Counters of outcomes.

    Args:
        registry: where they appear; one registry holds one set.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.shown = Counter(
            "personalization_recommendation_places_shown",
            "Places of lists that were served to people who agree to it being noted.",
            registry=registry,
        )
        self.taken = Counter(
            "personalization_recommendation_places_taken",
            "Items that were clicked, used or liked and whose list was named.",
            ["action"],
            registry=registry,
        )
        self.feedback = Counter(
            "personalization_feedback", "Feedback by how it was meant.", ["sentiment"], registry=registry
        )
        self.rated = Counter("personalization_feedback_rated", "Feedback with a rating.", registry=registry)
        self.ratings = Counter(
            "personalization_feedback_ratings", "Sum of those ratings, each brought to 0 to 1.", registry=registry
        )


class Placed(Protocol):
    """A list that was served."""

    @property
    def items(self) -> Sequence[object]:
        """Its places."""
        ...


Exposed = TypeVar("Exposed", bound=Placed, contravariant=True)


class Exposures(Protocol[Exposed]):
    """Where what was served is noted."""

    async def note(self, tenant: TenantId, subject: SubjectId, exposure: Exposed) -> None:
        """Keep what was served."""
        ...


class CountedExposures(Generic[Exposed]):
    """Notes exposures and counts them once they are noted."""

    def __init__(self, store: Exposures[Exposed], metrics: OutcomeMetrics) -> None:
        self._store = store
        self._metrics = metrics

    async def note(self, tenant: TenantId, subject: SubjectId, exposure: Exposed) -> None:
        """Keep what was served."""
        await self._store.note(tenant, subject, exposure)
        self._metrics.shown.inc(len(exposure.items))


class CountedLog:
    """A log that counts what it has stored; a report that was there before, in whole or in part, counts no more."""

    def __init__(self, store: BehaviorStore, metrics: OutcomeMetrics) -> None:
        self._store = store
        self._metrics = metrics

    async def append(self, tenant: TenantId, subject: SubjectId, report: Report) -> Appended:
        """Add a report. Raises `ConsentRequired`."""
        appended = await self._store.append(tenant, subject, report)
        if appended.accepted == len(report.events):
            self._count(report)
        return appended

    async def backlog(self) -> Backlog:
        """What waits to be learned from."""
        return await self._store.backlog()

    def _count(self, report: Report) -> None:
        for interaction in report.interactions.values():
            if interaction.recommendation_id is not None and interaction.action in TAKEN:
                self._metrics.taken.labels(interaction.action.value).inc()
        for said in report.feedback:
            self._metrics.feedback.labels(said.feedback.sentiment.value).inc()
            if said.feedback.rating is not None and said.feedback.rating >= 0:
                self._metrics.rated.inc()
                self._metrics.ratings.inc(scaled_rating(said.feedback.rating))
