"""Questions about a list: why is something not on it, and what of their own past put something there.

Both are answered by ranking again, never by a guess from the weights of the model. Chance is left out: it answers to
nobody's past.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np

from domain.clock import Clock
from domain.ids import ItemId, ModelVersion, TenantId, UserId
from domain.recommendations.circumstances import Circumstances, Ranking
from domain.recommendations.grounds import Grounds, Prepared
from domain.recommendations.model import HistoryEntry, RecommendationQuery
from domain.recommendations.page import RecommendationRequest
from domain.recommendations.reader import Reader, Readers, query_of
from domain.recommendations.selection import Placed
from domain.recommendations.wishes import Wish

MOST_REMOVED: Final = 5
"""A reason of more items than this is none that anybody could follow."""

NEWEST: Final = 12
"""Where no item adds to the score by itself, so many of the newest are tried out."""


class WhyNotCode(StrEnum):
    """Why an item is not on a list."""

    ON_THE_LIST = "ON_THE_LIST"
    RANKED_LOWER = "RANKED_LOWER"
    NOT_IN_CATALOGUE = "NOT_IN_CATALOGUE"
    OTHER_KIND = "OTHER_KIND"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    OTHER_DEVICE = "OTHER_DEVICE"
    EXCLUDED_BY_RULE = "EXCLUDED_BY_RULE"
    CAPPED_BY_RULE = "CAPPED_BY_RULE"
    DISMISSED = "DISMISSED"
    SNOOZED = "SNOOZED"
    SEEN = "SEEN"
    EXCLUDED_BY_REQUEST = "EXCLUDED_BY_REQUEST"


@dataclass(frozen=True, slots=True)
class WhyNot:
    """What keeps an item off a list.

    Attributes:
        codes: everything that keeps it off; what is last is what ranking says once nothing else does.
        place: where it stands by its score among all that may be shown, or would if it might, from 1; None if there
            is no such item.
        of: how many items may be shown.
        rule_id: the rule that keeps it off.
        until: when a snooze ends.
        used: the categories of personal data that the answer rests on.
        model_version: the model that ranked.
    """

    item_id: ItemId
    codes: tuple[WhyNotCode, ...]
    place: int | None = None
    of: int = 0
    rule_id: str | None = None
    until: datetime | None = None
    used: tuple[str, ...] = ()
    model_version: ModelVersion | None = None


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What of a person's past put an item on their list.

    Attributes:
        place: where it stands, from 1.
        without: the items of theirs without which it falls; empty if their past does not hold it there.
        titles: of these items.
        place_without: where it stands without what they did with those, really ranked again; from 1.
        leaves_page: whether it is then no longer on the page.
        used: the categories of personal data that the answer rests on.
        model_version: the model that ranked.
    """

    item_id: ItemId
    place: int
    without: tuple[ItemId, ...]
    titles: tuple[str, ...]
    place_without: int
    leaves_page: bool
    used: tuple[str, ...] = ()
    model_version: ModelVersion | None = None

    @property
    def text(self) -> str:
        """The same as an English sentence."""
        if not self.without:
            return f"Nothing that you did holds this at place {self.place}"
        named = " and ".join(self.titles)
        return f"Without what you did with {named} this would fall from place {self.place} to {self.place_without}"


class QuestionService:
    """Answers questions about lists."""

    def __init__(self, readers: Readers, grounds: Grounds, clock: Clock) -> None:
        self._readers = readers
        self._grounds = grounds
        self._clock = clock

    async def why_not(
        self, tenant: TenantId, user_id: UserId, item_id: ItemId, request: RecommendationRequest
    ) -> WhyNot:
        """What keeps one item off the list that `request` asks for.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
            Unavailable: Postgres cannot be reached.
        """
        asked = await self._asked(tenant, user_id, request)
        row = asked.prepared.catalog.rows.get(item_id)
        if row is None:
            return WhyNot(item_id, (WhyNotCode.NOT_IN_CATALOGUE,))
        ranking, page = asked.listed(asked.history)
        codes = list(asked.obstacles(row, request))
        barring = asked.around.steering.barring(row)
        if barring is not None:
            codes.append(WhyNotCode.EXCLUDED_BY_RULE)
        rule_id = None if barring is None else barring.rule_id
        if not codes:
            rule_id = None if _on(page, row) else asked.capping(page, row)
            codes = [_ranked(page, row, rule_id)]
        sent_away = asked.reader.past.unwanted.get(item_id)
        return WhyNot(
            item_id,
            tuple(codes),
            place=_place(ranking, row),
            of=len(ranking.candidates),
            rule_id=rule_id,
            until=None if sent_away is None else sent_away.until,
            used=asked.reader.used,
            model_version=asked.prepared.version,
        )

    async def counterfactual(
        self, tenant: TenantId, user_id: UserId, item_id: ItemId, request: RecommendationRequest
    ) -> Counterfactual | None:
        """The fewest items of the person's past without which an item leaves the page; None if it is not on it.

        Found greedily by what each adds to the score, then thinned; every step is a ranking without those items. Where
        no `MOST_REMOVED` items are enough, how far it falls without those that hold it most. Raises as `why_not`.
        """
        asked = await self._asked(tenant, user_id, request)
        row = asked.prepared.catalog.rows.get(item_id)
        found = None if row is None else await asyncio.to_thread(asked.counterfactual, row, item_id)
        if found is None:
            return None
        return replace(found, used=asked.reader.used, model_version=asked.prepared.version)

    async def _asked(self, tenant: TenantId, user_id: UserId, request: RecommendationRequest) -> "_Asked":
        reader = await self._readers.of(tenant, user_id, personalized=request.personalized)
        prepared = await self._grounds.of(tenant)
        now = self._clock.now()
        # The page alone, without the place that tells of a next one.
        query = replace(query_of(request, prepared.catalog, reader), limit=request.first)
        around = prepared.circumstances(query, now)
        return _Asked(prepared, reader, reader.history(prepared.catalog), query, around, now)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One list that is asked about."""

    prepared: Prepared
    reader: Reader
    history: Sequence[HistoryEntry]
    query: RecommendationQuery
    around: Circumstances
    at: datetime

    def listed(
        self, history: Sequence[HistoryEntry], without: frozenset[ItemId] = frozenset()
    ) -> tuple[Ranking, list[Placed]]:
        """The list as this history makes it; items in `without` have no part in it and do not come back either."""
        recommender, query = self.prepared.recommender, replace(self.query, exclude=self.query.exclude | without)
        ranking = recommender.ranking(history, query, at=self.at, around=self.around)
        return ranking, recommender.page(ranking, query, self.around)

    def obstacles(self, row: int, request: RecommendationRequest) -> Iterator[WhyNotCode]:
        item_id = self.prepared.catalog.item_ids[row]
        eligibility = self.prepared.recommender.eligibility
        obstacle = eligibility.obstacle(row, self.at, self.query.kinds, self.query.device)
        if obstacle is not None:
            yield WhyNotCode(obstacle.value)
        past = self.reader.past
        if item_id in past.unwanted:
            snoozed = past.unwanted[item_id].wish is Wish.SNOOZED
            yield WhyNotCode.SNOOZED if snoozed else WhyNotCode.DISMISSED
        if item_id in past.seen and not request.include_seen:
            yield WhyNotCode.SEEN
        if item_id in request.exclude or request.after.among((item_id,)):
            yield WhyNotCode.EXCLUDED_BY_REQUEST

    def capping(self, page: Sequence[Placed], row: int) -> str | None:
        """The rule that lets no more items like this one onto the page."""
        rows = np.array([place.row for place in page], dtype=np.int64)
        for cap in self.around.steering.caps:
            group = cap.groups[row]
            if group >= 0 and np.count_nonzero(cap.groups[rows] == group) >= cap.at_most:
                return cap.rule_id
        return None

    def counterfactual(self, row: int, item_id: ItemId) -> Counterfactual | None:
        ranking, page = self.listed(self.history)
        place = _on(page, row)
        if place is None:
            return None
        if page[place - 1].pin is not None:
            return self._answer(item_id, place, (), place)
        removed: list[ItemId] = []
        now_at = place
        while len(removed) < MOST_REMOVED and now_at <= self.query.limit:
            evidence, left_at = self._next(ranking, row, removed)
            if evidence is None:
                break
            removed.append(evidence)
            now_at = left_at
        if now_at <= place:
            return self._answer(item_id, place, (), place)
        for evidence in list(removed):
            fewer = [other for other in removed if other != evidence]
            if fewer and (left_at := self._place_without(fewer, row)) >= min(now_at, self.query.limit + 1):
                removed, now_at = fewer, left_at
        return self._answer(item_id, place, tuple(removed), now_at)

    def _next(self, ranking: Ranking, row: int, removed: Sequence[ItemId]) -> tuple[ItemId | None, int]:
        """The item of the history to remove next, and where the item then stands; None where none is left.

        The one that adds most to the score; where none adds to it, as when a whole segment speaks, the one of the
        newest few whose removal lets it fall furthest.
        """
        added = self.prepared.recommender.contributions(ranking, row)
        holding = [item for item, gain in added.items() if gain > 0 and item not in removed]
        if holding:
            chosen = min(holding, key=lambda item: (-added[item], item))
            return chosen, self._place_without([*removed, chosen], row)
        liked = (entry.item_id for entry in self.history if entry.weight > 0 and entry.item_id not in removed)
        newest = list(dict.fromkeys(liked))[:NEWEST]
        places = {item: self._place_without([*removed, item], row) for item in newest}
        furthest = min(newest, key=lambda item: (-places[item], item), default=None)
        return furthest, 0 if furthest is None else places[furthest]

    def _place_without(self, removed: Sequence[ItemId], row: int) -> int:
        gone = frozenset(removed)
        history = [entry for entry in self.history if entry.item_id not in gone]
        ranking, page = self.listed(history, gone)
        return _on(page, row) or max(self.query.limit + 1, _place(ranking, row))

    def _answer(self, item_id: ItemId, place: int, without: tuple[ItemId, ...], place_without: int) -> Counterfactual:
        catalog = self.prepared.catalog
        titles = tuple(catalog.titles[catalog.rows[item]] if item in catalog.rows else item for item in without)
        return Counterfactual(item_id, place, without, titles, place_without, place_without > self.query.limit)


def _on(page: Sequence[Placed], row: int) -> int | None:
    return next((place for place, placed in enumerate(page, 1) if placed.row == row), None)


def _ranked(page: Sequence[Placed], row: int, rule_id: str | None) -> WhyNotCode:
    if _on(page, row):
        return WhyNotCode.ON_THE_LIST
    return WhyNotCode.RANKED_LOWER if rule_id is None else WhyNotCode.CAPPED_BY_RULE


def _place(ranking: Ranking, row: int) -> int:
    """Where an item stands by its score among the candidates, from 1; of equals the lower row stands first."""
    others = ranking.candidates[ranking.candidates != row]
    scores, own = ranking.ranked[others], ranking.ranked[row]
    return 1 + int(np.count_nonzero((scores > own) | ((scores == own) & (others < row))))
