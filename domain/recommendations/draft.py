"""A page before chance, told item by item: all that one serving of it needs, so that it can be kept and served again.

The draws are made for each serving anew, by the id of that serving's list: a kept page is explored as much as a new
one, and what is noted of each serving has the propensities of its own draws.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from domain.ids import ItemId
from domain.recommendations.exploration import Exploration, Lottery
from domain.recommendations.model import Reason, ReasonCode, Recommendation, Source
from domain.recommendations.selection import NO_LOTTERY, laid_out

_CHANCE: Final = (Reason(ReasonCode.EXPLORATION, 1.0),)


@dataclass(frozen=True, slots=True)
class Draft:
    """A page before chance.

    Attributes:
        length: of the page.
        ordinary: items, best first.
        fixed: place -> what a rule put there; places beyond the page are for what a short list leaves room for.
        places: where draws go.
        pool: items that are drawn from, with their scores.
        lottery: their chances.
        used: the categories of personal data that it rests on.
        fits: what is peculiar to each item, where the kind of list has such; JSON.
    """

    length: int
    ordinary: tuple[Recommendation, ...]
    fixed: Mapping[int, Recommendation]
    places: tuple[int, ...] = ()
    pool: tuple[tuple[ItemId, float], ...] = ()
    lottery: Lottery = NO_LOTTERY
    used: tuple[str, ...] = ()
    fits: Mapping[ItemId, Any] = field(default_factory=dict)

    @property
    def item_ids(self) -> Iterator[ItemId]:
        """Every item that may be on the page."""
        yield from (entry.item_id for entry in self.ordinary)
        yield from (entry.item_id for entry in self.fixed.values())
        yield from (item_id for item_id, _ in self.pool)

    def page(self, exploration: Exploration | None) -> list[Recommendation]:
        """The page, by one chance."""
        draws = [] if exploration is None else self.lottery.draw(exploration, len(self.places))
        chosen = [self._drawn(index, chance) for index, chance in draws]
        return laid_out(self.length, self.ordinary, self.fixed, self.places, chosen)

    def _drawn(self, index: int, chance: float) -> Recommendation:
        item_id, score = self.pool[index]
        return Recommendation(item_id, score, _CHANCE, (Source.EXPLORATION,), chance)
