"""What came of personalization in this process, for everybody together: counted as it is stored, told to Prometheus.

A scrape tells what was counted of several people at once: if each act were told by itself, the difference of two
scrapes would be what one person did, and of ratings even what they said.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter

from domain.behavior.model import TAKEN, Backlog, Feedback
from domain.behavior.service import Appended, BehaviorStore, Report
from domain.disclosure import FEWEST_PEOPLE
from domain.ids import SubjectId, TenantId
from domain.measurement.model import scaled_rating
from domain.privacy.model import Subject


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


class Crowd:
    """Holds what is to be counted until enough different people stand behind it, and then counts all of it at once."""

    def __init__(self) -> None:
        self._people: set[SubjectId] = set()
        self._held: defaultdict[Counter, float] = defaultdict(float)

    def add(self, subject: SubjectId, counts: Iterable[tuple[Counter, float]]) -> None:
        """Count what a person did at once, together with what others do."""
        for counter, amount in counts:
            self._people.add(subject)
            self._held[counter] += amount
        if len(self._people) >= FEWEST_PEOPLE:
            for held, total in self._held.items():
                held.inc(total)
            self._people.clear()
            self._held.clear()


class Placed(Protocol):
    """A list that was served."""

    @property
    def items(self) -> Sequence[object]:
        """Its places."""
        ...


Exposed = TypeVar("Exposed", bound=Placed, contravariant=True)


class Exposures(Protocol[Exposed]):
    """Where what was served is noted."""

    async def note(self, tenant: TenantId, subject: SubjectId, exposure: Exposed, seen: Subject | None = None) -> bool:
        """Keep what was served, and say whether it was."""
        ...


class CountedExposures(Generic[Exposed]):
    """Notes exposures and counts them once they are noted."""

    def __init__(self, store: Exposures[Exposed], metrics: OutcomeMetrics) -> None:
        self._store = store
        self._metrics = metrics
        self._crowd = Crowd()

    async def note(self, tenant: TenantId, subject: SubjectId, exposure: Exposed, seen: Subject | None = None) -> bool:
        """Keep what was served, and say whether it was."""
        noted = await self._store.note(tenant, subject, exposure, seen)
        if noted:
            self._crowd.add(subject, [(self._metrics.shown, len(exposure.items))])
        return noted


class CountedLog:
    """A log that counts what it has stored; a report that was there before, in whole or in part, counts no more."""

    def __init__(self, store: BehaviorStore, metrics: OutcomeMetrics) -> None:
        self._store = store
        self._metrics = metrics
        self._acts, self._sayings = Crowd(), Crowd()

    async def append(self, tenant: TenantId, subject: SubjectId, report: Report) -> Appended:
        """Add a report. Raises `ConsentRequired`."""
        appended = await self._store.append(tenant, subject, report)
        if appended.accepted == len(report.events):
            self._count(subject, report)
        return appended

    async def backlog(self, tenant: TenantId | None = None) -> Backlog:
        """What waits to be learned from, of one tenant or of all."""
        return await self._store.backlog(tenant)

    def _count(self, subject: SubjectId, report: Report) -> None:
        self._acts.add(subject, self._taken(report))
        for said in report.feedback:
            self._sayings.add(subject, self._said(said.feedback))

    def _taken(self, report: Report) -> Iterator[tuple[Counter, float]]:
        for interaction in report.interactions.values():
            if interaction.recommendation_id is not None and interaction.action in TAKEN:
                yield self._metrics.taken.labels(interaction.action.value), 1.0

    def _said(self, feedback: Feedback) -> Iterator[tuple[Counter, float]]:
        yield self._metrics.feedback.labels(feedback.sentiment.value), 1.0
        if feedback.rating is not None and feedback.rating >= 0:
            yield self._metrics.rated, 1.0
            yield self._metrics.ratings, scaled_rating(feedback.rating)
