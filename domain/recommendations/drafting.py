"""Makes pages before chance, or has them from the cache.

A kept page counts for the versions of the person, the catalogue, the model and the rules that it was made from. What
ends by itself, such as an item's availability, a rule or a snooze, ends the page as well.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from pydantic import TypeAdapter

from domain.caching.model import CacheName, Made, Question, Recalled, digest, stamp_of
from domain.caching.service import AnswerCache
from domain.ids import ItemId
from domain.recommendations.circumstances import Fit
from domain.recommendations.draft import Draft
from domain.recommendations.exploration import Chooser, Exploration
from domain.recommendations.grounds import Prepared
from domain.recommendations.model import HistoryEntry
from domain.recommendations.page import RecommendationRequest
from domain.recommendations.reader import Asker, Reader, Readers, local_moment, query_of
from domain.recommendations.tuning import USUAL, Tuning

POLICY_VERSION: Final = "blend-2"
"""Names the rule by which lists are made, chance aside."""

_KEPT: Final = TypeAdapter(Draft)
_NO_LIST: Final = UUID(int=0)


class Fitting(Protocol):
    """Who knows how well items of one kind suit a person's work."""

    @property
    def question(self) -> Sequence[str | float | None]:
        """What it depends on beside the person and the request."""
        ...

    async def fit(self, prepared: Prepared, reader: Reader, history: Sequence[HistoryEntry]) -> Fit:
        """How well each item suits."""
        ...

    def told(self, item_ids: Iterable[ItemId]) -> dict[ItemId, Any]:
        """What is peculiar to each of these items, in JSON; after `fit`."""
        ...


class Drafting:
    """Pages before chance.

    Args:
        readers: what may be used of people.
        cache: where pages are kept.
        exploration_share: the part of personal lists that chance fills.
    """

    def __init__(self, readers: Readers, cache: AnswerCache, exploration_share: float) -> None:
        self._readers = readers
        self._cache = cache
        self._share = exploration_share

    def chance(self, asker: Asker, list_id: UUID, tuning: Tuning) -> Exploration | None:
        """The chance in a list; None for lists that rest on nobody's behaviour, whose answers teach nothing."""
        share = self._share if tuning.exploration_share is None else tuning.exploration_share
        if asker.subject is None or share <= 0:
            return None
        return Exploration(list_id, share, tuning.chooser or Chooser.OPTIMISTIC)

    async def draft(
        self,
        asker: Asker,
        prepared: Prepared,
        request: RecommendationRequest,
        fitting: Fitting | None,
        now: datetime,
        tuning: Tuning = USUAL,
    ) -> Draft:
        """The page that `request` asks for, before chance.

        Following pages are made anew: what was drawn on those before them is part of the question. So are pages that
        rest on what a person said alone, since at their level nothing of them is kept beside that.
        """

        async def made() -> Made[Draft]:
            return await self._made(asker, prepared, request, fitting, now, tuning)

        if request.after.digests or (asker.known is not None and asker.subject is None):
            return await self._cache.uncached(CacheName.RECOMMENDATIONS, made)
        question = self._question(asker, prepared, request, fitting, now, tuning)
        return await self._cache.answer(question, _KEPT, made)

    def recalled(
        self,
        asker: Asker,
        prepared: Prepared,
        request: RecommendationRequest,
        fitting: Fitting | None,
        now: datetime,
        tuning: Tuning = USUAL,
    ) -> Recalled | None:
        """The page as this process had it a moment ago for a person as `asker` tells them, with what came of its
        question; None if it had none.
        """
        return self._cache.recalled(self._question(asker, prepared, request, fitting, now, tuning))

    def shown(self, recalled: Recalled) -> None:
        """Tell that a recalled page was found to hold, and is shown."""
        self._cache.note(recalled.lookup)

    async def _made(
        self,
        asker: Asker,
        prepared: Prepared,
        request: RecommendationRequest,
        fitting: Fitting | None,
        now: datetime,
        tuning: Tuning,
    ) -> Made[Draft]:
        reader = await self._readers.read(asker)
        query = replace(query_of(request, prepared.catalog, reader), diversity=tuning.diversity)
        history = reader.history(prepared.catalog)
        fit = None if fitting is None else await fitting.fit(prepared, reader, history)
        around = prepared.circumstances(query, now, self.chance(asker, _NO_LIST, tuning), fit)
        draft = prepared.recommender.draft(history, query, at=now, around=around)
        fits = {} if fitting is None else fitting.told(draft.item_ids)
        return Made(replace(draft, used=reader.used, fits=fits), _until(prepared, reader, now))

    def _question(
        self,
        asker: Asker,
        prepared: Prepared,
        request: RecommendationRequest,
        fitting: Fitting | None,
        now: datetime,
        tuning: Tuning,
    ) -> Question:
        subject = asker.subject
        asked = digest(
            request.kind,
            request.surface,
            request.device,
            request.purpose,
            *local_moment(request, now),
            request.first,
            sorted(request.exclude),
            request.include_seen,
            None if fitting is None else [type(fitting).__name__, *fitting.question],
        )
        person = None if subject is None else stamp_of(subject).hex()
        tuned = None if tuning == USUAL else repr(tuning)
        stamp = digest(POLICY_VERSION, self._share, *prepared.versions, person, asker.limited, tuned)
        tenant = prepared.catalog.tenant
        return Question(
            CacheName.RECOMMENDATIONS, tenant, None if subject is None else subject.subject_id, asked, stamp
        )


def _until(prepared: Prepared, reader: Reader, now: datetime) -> datetime | None:
    """When a page that is made now stops holding by itself; None for never."""
    snoozes = (unwanted.until for unwanted in reader.past.unwanted.values())
    ends = [end for end in (prepared.next_change(now), *snoozes) if end is not None]
    return min(ends, default=None)
