"""Who a list is for: what is known of them and may be used, and what that makes of their request."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from domain.catalog.snapshot import CatalogSnapshot
from domain.clock import Clock
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.model import Subject
from domain.profiles.portrait import NO_TASTE, Taste
from domain.recommendations.history import weighed
from domain.recommendations.model import HistoryEntry, RecommendationQuery
from domain.recommendations.page import PastAction, RecommendationRequest
from domain.recommendations.wishes import NOTHING_KNOWN, Past, past_of

HISTORY_LIMIT: Final = 5000
"""The latest actions that lists are made from; of older ones only the items count."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who a list is for, before anything of them is read.

    Attributes:
        known: the person, if anything of them may be used; None for somebody who is not, or wants not to be, known.
        subject: the person, if their behaviour may be used.
        version: the person's version; 0 for a person nothing is kept of.
        limited: whether learned recommendations are switched off for everybody.
    """

    known: Subject | None = None
    subject: Subject | None = None
    version: int = 0
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """The person a list is for; all of it empty for somebody who is not, or does not want to be, known.

    Attributes:
        subject: the person, if their behaviour may be used.
        taste: what they said about themselves.
        past: what they did.
    """

    subject: Subject | None = None
    taste: Taste = NO_TASTE
    past: Past = NOTHING_KNOWN

    def history(self, catalog: CatalogSnapshot) -> list[HistoryEntry]:
        """What speaks for or against items of a catalogue."""
        return weighed(self.past.actions, self.taste, catalog)

    @property
    def used(self) -> tuple[str, ...]:
        """The categories of personal data that a list for them rests on."""
        said = (("behaviour", self.past.actions), ("stated_preferences", self.taste.preferences))
        return tuple(name for name, held in said if held)


class History(Protocol):
    """Where people's past is read."""

    async def history(self, tenant: TenantId, subject: SubjectId, limit: int) -> list[PastAction]:
        """What a person did with catalogue items, latest first."""


class Directory(Protocol):
    """The part of the directory that recommending needs."""

    async def resolve(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person, or None."""

    def seen(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person as they were when they were resolved last; None if that is too long ago."""


class Tastes(Protocol):
    """Who knows what people said about themselves."""

    async def taste(self, subject: Subject) -> Taste:
        """What recommending may take from what this person said."""


class Readers:
    """Finds out what may be used of whoever a list is for.

    Args:
        history: their past.
        directory: finds people and what they agreed to.
        tastes: knows what people said about themselves.
        clock: the moment of each request.
        ml_enabled: False uses nobody's behaviour.
    """

    def __init__(
        self, history: History, directory: Directory, tastes: Tastes, clock: Clock, *, ml_enabled: bool = True
    ) -> None:
        self._history = history
        self._directory = directory
        self._tastes = tastes
        self._clock = clock
        self._ml_enabled = ml_enabled

    async def of(self, tenant: TenantId, user_id: UserId, *, personalized: bool = True) -> Reader:
        """The reader; nobody in particular unless they agreed and `personalized` is asked for. Raises as `asker`."""
        return await self.read(await self.asker(tenant, user_id, personalized=personalized))

    async def asker(self, tenant: TenantId, user_id: UserId, *, personalized: bool = True) -> Asker:
        """Who asks, with their consent at this moment, and nothing else.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
            Unavailable: Postgres cannot be reached.
        """
        return self._asker(await self._directory.resolve(tenant, user_id), personalized=personalized)

    def recalled(self, tenant: TenantId, user_id: UserId) -> Asker | None:
        """Who asks as they were a moment ago, if their behaviour could be used then; to be checked before it is told.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
        """
        person = self._directory.seen(tenant, user_id)
        asker = None if person is None else self._asker(person, personalized=True)
        return None if asker is None or asker.subject is None else asker

    def _asker(self, person: Subject | None, *, personalized: bool) -> Asker:
        version, limited = (0 if person is None else person.version), not self._ml_enabled
        if person is None or not personalized:
            return Asker(version=version, limited=limited)
        subject = person if person.personalizes and self._ml_enabled else None
        return Asker(person if subject or person.uses_stated else None, subject, version, limited)

    async def read(self, asker: Asker) -> Reader:
        """What may be used of whoever asks."""
        if asker.known is None:
            return Reader()
        taste = await self._tastes.taste(asker.known)
        if asker.subject is None:
            return Reader(taste=taste)
        actions = await self._history.history(asker.subject.tenant, asker.subject.subject_id, HISTORY_LIMIT)
        return Reader(asker.subject, taste, past_of(actions, self._clock.now()))


def query_of(request: RecommendationRequest, catalog: CatalogSnapshot, reader: Reader) -> RecommendationQuery:
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
        context=dict(_context(request)),
        shown=len(request.after.digests),
    )


def _context(request: RecommendationRequest) -> Iterator[tuple[str, str]]:
    if request.surface is not None:
        yield "surface", request.surface
    if request.purpose is not None:
        yield "purpose", request.purpose


def local_moment(request: RecommendationRequest, now: datetime) -> tuple[int, int]:
    """The person's hour, 0 to 23, and weekday, 0 for Monday."""
    local = request.local_time or now
    return local.hour, local.weekday()
