"""Who a list is for: what is known of them and may be used, and what that makes of their request."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from domain.catalog.snapshot import CatalogSnapshot
from domain.privacy.model import Subject
from domain.profiles.portrait import NO_TASTE, Taste
from domain.recommendations.history import weighed
from domain.recommendations.model import HistoryEntry, RecommendationQuery
from domain.recommendations.page import RecommendationRequest
from domain.recommendations.wishes import NOTHING_KNOWN, Past


@dataclass(frozen=True, slots=True)
class Reader:
    """The person a list is for; all of it empty for somebody who is not, or does not want to be, known.

    Attributes:
        subject: the person, if their behaviour may be used.
        taste: what they said about themselves.
        past: what they did.
        version: the person's version; 0 for a person nothing is kept of.
    """

    subject: Subject | None = None
    taste: Taste = NO_TASTE
    past: Past = NOTHING_KNOWN
    version: int = 0

    def history(self, catalog: CatalogSnapshot) -> list[HistoryEntry]:
        """What speaks for or against items of a catalogue."""
        return weighed(self.past.actions, self.taste, catalog)

    @property
    def used(self) -> tuple[str, ...]:
        """The categories of personal data that a list for them rests on."""
        said = (("behaviour", self.past.actions), ("stated_preferences", self.taste.preferences))
        return tuple(name for name, held in said if held)


def query_of(
    request: RecommendationRequest, catalog: CatalogSnapshot, reader: Reader, now: datetime
) -> RecommendationQuery:
    """The request as ranking sees it."""
    earlier = request.after.among(catalog.item_ids)
    away = request.exclude | earlier | reader.past.unwanted.keys()
    return RecommendationQuery(
        kinds=None if request.kind is None else frozenset({request.kind}),
        # One more than is shown tells whether there is a next page.
        limit=request.first + 1,
        exclude=away if request.include_seen else away | reader.past.seen,
        include_seen=request.include_seen,
        preferences=reader.taste.preferences,
        device=request.device,
        context=dict(_context(request, now)),
        shown=len(request.after.digests),
    )


def _context(request: RecommendationRequest, now: datetime) -> Iterator[tuple[str, str]]:
    local = request.local_time or now
    yield "hour", str(local.hour)
    yield "weekday", str(local.weekday())
    if request.surface is not None:
        yield "surface", request.surface
    if request.purpose is not None:
        yield "purpose", request.purpose
