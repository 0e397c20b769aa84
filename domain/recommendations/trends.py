"""What more people than usual take to at this moment, for everybody alike: no person has a part in the answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.catalog.model import ItemKind
from domain.clock import Clock
from domain.disclosure import in_steps, multiple_in_steps
from domain.errors import ValidationFailed
from domain.ids import ItemId, TenantId
from domain.interest.model import Window
from domain.recommendations.grounds import Grounds
from domain.recommendations.model import RecommendationQuery

TREND_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class TrendingItem:
    """An item that draws more interest than usual.

    Attributes:
        people: how many took to it, earlier ones counting less, in steps of five; fewer are not told of.
        lift: how many times what its share of all interest so far would have it expect, in coarse steps.
    """

    item_id: ItemId
    kind: ItemKind
    title: str
    people: float
    lift: float


@dataclass(frozen=True, slots=True)
class Trends:
    """Trending items, the most surprising first.

    Attributes:
        counted_at: the moment to which the counts have faded; None before anything was counted.
    """

    items: tuple[TrendingItem, ...]
    counted_at: datetime | None


class TrendService:
    """What is rising."""

    def __init__(self, grounds: Grounds, clock: Clock) -> None:
        self._grounds = grounds
        self._clock = clock

    async def trending(self, tenant: TenantId, kind: ItemKind | None, window: Window, first: int) -> Trends:
        """Up to `first` items that may be recommended to everybody; excluded ones and other kinds left out.

        Raises:
            ValidationFailed: `first` is not within 1 to 100.
            Unavailable: the catalogue cannot be read.
        """
        if not 1 <= first <= TREND_LIMIT:
            raise ValidationFailed(f"must be within 1 to {TREND_LIMIT}", field="first")
        prepared = await self._grounds.of(tenant)
        if prepared.live is None:
            return Trends((), prepared.interest.counted_at)
        now, kinds = self._clock.now(), None if kind is None else frozenset({kind})
        allowed = prepared.recommender.eligibility.mask(now, kinds, None, ())
        steering = prepared.circumstances(RecommendationQuery(kinds=kinds), now).steering
        if steering.allowed is not None:
            allowed &= steering.allowed
        rows, people, lift = prepared.live.trending(window)
        shown = allowed[rows]
        catalog = prepared.catalog
        return Trends(
            tuple(
                TrendingItem(
                    item_id=catalog.item_ids[row],
                    kind=catalog.kind_of(row),
                    title=catalog.titles[row],
                    people=float(in_steps(count)),
                    lift=multiple_in_steps(times),
                )
                for row, count, times in zip(
                    rows[shown][:first].tolist(), people[shown].tolist(), lift[shown].tolist(), strict=False
                )
            ),
            prepared.interest.counted_at,
        )
