"""Live counts of interest: how many people took to an item, or to both of two, fading with time.

A person counts once for an item in `COUNTED_AGAIN`, so however busy one person is, `ENOUGH` cannot be reached by fewer
than five: four who counted again and again stay below it, because what they counted before has nearly faded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.disclosure import FEWEST_PEOPLE
from domain.ids import ItemId

COUNTED_AGAIN: Final = timedelta(days=30)
"""After this long a person counts for the same item once more."""

FADED_AWAY: Final = timedelta(days=90)
"""After so long less than a four-thousandth of a count is left, and its row can go."""

CURRENT: Final = timedelta(days=1)
"""What happened longer ago when it is learned, says nothing about this moment."""

TOGETHER: Final = timedelta(days=7)
"""Items that one person took to within this time belong together."""

PARTNERS: Final = 10
"""With so many of a person's latest items a new one is paired, so that a busy person weighs no more than others."""

ENOUGH: Final = FEWEST_PEOPLE - 0.5
"""The faded count from which interest is told of, so that it never tells of fewer than `FEWEST_PEOPLE` people."""

MIN_WEIGHT: Final = 0.5
"""Events whose type weighs less, such as a view, do not say that somebody took to an item."""


class Window(StrEnum):
    """Over how long interest is looked at; how fast it fades is in `HALF_LIVES`."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def half_life(self) -> timedelta:
        """After how long somebody's interest counts half."""
        return HALF_LIVES[self]


HALF_LIVES: Final[Mapping[Window, timedelta]] = MappingProxyType(
    {Window.DAY: timedelta(hours=8), Window.WEEK: timedelta(days=2.5), Window.MONTH: timedelta(days=7.5)}
)


@dataclass(frozen=True, slots=True, eq=False)
class LiveInterest:
    """The counts of one tenant at one moment; m items and p pairs.

    Attributes:
        counted_at: the moment to which everything has faded; None before anything was counted.
        item_ids: the m items.
        people: float64[m] for each window.
        pairs: p pairs of items.
        together: float64[p], people who took to both, by the half-life of a month.
    """

    counted_at: datetime | None = None
    item_ids: tuple[ItemId, ...] = ()
    people: Mapping[Window, NDArray[np.float64]] = field(
        default_factory=lambda: MappingProxyType({window: np.empty(0) for window in Window})
    )
    pairs: tuple[tuple[ItemId, ItemId], ...] = ()
    together: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


NOTHING_COUNTED: Final = LiveInterest()
