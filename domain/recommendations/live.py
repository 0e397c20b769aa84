"""What live counts add to scores between two trainings: popularity of new items, bursts, items that go together.

Nothing counts here before it is true of enough people. The popularity of items that the model knows is the model's
business; of those that came later, live counts are all there is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import ItemId
from domain.interest.model import ENOUGH, LiveInterest, Window
from domain.recommendations.popularity import TREND_LIFT

LARGEST_BURST: Final = 1.0
"""A burst counts at most as if e times as many people had ever taken to the item."""

TOGETHER_STRENGTH: Final = 1.0
"""An item that everybody takes together with the whole history gains this many standard deviations."""


class LiveSignals:
    """The counts of one moment over a catalogue of n items.

    Args:
        interest: the counts.
        catalog: the items.
        trained: float32[n], people that the model knows of; 0 for items that came later.
        unknown: bool[n], items that the model does not know.
    """

    def __init__(
        self,
        interest: LiveInterest,
        catalog: CatalogSnapshot,
        trained: NDArray[np.float32],
        unknown: NDArray[np.bool_],
    ) -> None:
        self._trained = trained
        held = catalog.rows_of(interest.item_ids)
        self._people = {window: _on_rows(counts, held, len(catalog)) for window, counts in interest.people.items()}
        self._pairs = _Pairs(interest, catalog.rows, self._people[Window.MONTH])
        month = self._people[Window.MONTH]
        arrived = np.where(unknown & (month >= ENOUGH), np.log1p(month), 0.0)
        self.bursts = np.clip(np.log(np.maximum(self._lift(Window.DAY), 1.0)), 0.0, LARGEST_BURST)
        self.bursts[~self._rising(Window.DAY)] = 0.0
        self._rows = np.flatnonzero((arrived > 0) | (self.bursts > 0))
        self._gain = (arrived + self.bursts)[self._rows].astype(np.float32)
        self._arrived = arrived
        self.people: NDArray[np.float32] = (trained + month).astype(np.float32)
        """Everybody who took to each item, before the training and lately, float32[n]."""

    def add_to(self, ranked: NDArray[np.float32], popularity_weight: float) -> None:
        """Add to scores, float32[n], in place, what live popularity is worth beside personal scores."""
        ranked[self._rows] += np.float32(popularity_weight) * self._gain

    def gains(self, row: int, popularity_weight: float) -> tuple[float, float]:
        """What popularity since the training, and a burst, added to the score of an item."""
        return popularity_weight * float(self._arrived[row]), popularity_weight * float(self.bursts[row])

    def together(self, history: NDArray[np.int64], strengths: NDArray[np.float64], share: float) -> "Together":
        """What people take to together with a history.

        Args:
            history: int64[h], rows of the catalogue.
            strengths: float64[h], how much each counts; they are taken relative to their sum.
            share: the part that personal evidence has in the score.
        """
        rows, places, cosines = self._pairs.beside(history, strengths)
        return Together(rows, history[places], TOGETHER_STRENGTH * share * cosines)

    def trending(self, window: Window) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Items that draw more interest than usual: rows, best first; their counts; how many times the usual.

        Ordered by how surprising the interest is: `count * log(count / expected)`, an item's part of the G statistic
        (Dunning, "Accurate Methods for the Statistics of Surprise and Coincidence", 1993).
        """
        lift, counts = self._lift(window), self._people[window]
        rows = np.flatnonzero(self._rising(window))
        surprise = counts[rows] * np.log(np.maximum(lift[rows], 1.0))
        rows = rows[np.lexsort((rows, -surprise))]
        return rows, counts[rows], lift[rows]

    def _rising(self, window: Window) -> NDArray[np.bool_]:
        rising: NDArray[np.bool_] = (self._people[window] >= ENOUGH) & (self._lift(window) > TREND_LIFT)
        return rising

    def _lift(self, window: Window) -> NDArray[np.float64]:
        """Interest in the window over what the item's share of all interest so far would have it expect."""
        counts, usual = self._people[window], self._trained + self._people[Window.MONTH] + 1.0
        expected = counts.sum() * usual / max(float(usual.sum()), 1.0)
        lift: NDArray[np.float64] = np.divide(counts, expected, out=np.ones_like(counts), where=expected > 0)
        return lift


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """What live pairs add to scores: each of p entries speaks for one item because of one of the history.

    Attributes:
        rows: int64[p], the items spoken for.
        because: int64[p], items of the history.
        gains: float64[p], what each adds to the score.
    """

    rows: NDArray[np.int64]
    because: NDArray[np.int64]
    gains: NDArray[np.float64]

    def reason(self, row: int) -> tuple[float, list[int]]:
        """What is added to the score of one item, and because of which items, the strongest first."""
        if not len(self.rows):
            return 0.0, []
        about = np.flatnonzero(self.rows == row)
        strongest = about[np.argsort(-self.gains[about], kind="stable")]
        return float(self.gains[about].sum()), self.because[strongest].tolist()


NOT_TOGETHER: Final = Together(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))


class _Pairs:
    """Pairs of items with their cosine: people who took to both, over the mean of who took to either."""

    def __init__(self, interest: LiveInterest, rows: Mapping[ItemId, int], people: NDArray[np.float64]) -> None:
        kept = [
            (rows[a], rows[b], count)
            for (a, b), count in zip(interest.pairs, interest.together.tolist(), strict=True)
            if count >= ENOUGH and a in rows and b in rows
        ]
        first, second, counts = (np.array(column) for column in zip(*kept, strict=True)) if kept else ((), (), ())
        self._from = np.concatenate((first, second)).astype(np.int64)
        self._to = np.concatenate((second, first)).astype(np.int64)
        sizes = np.sqrt(people[self._from] * people[self._to])
        both = np.concatenate((counts, counts)).astype(np.float64)
        self._cosine = np.minimum(np.divide(both, sizes, out=np.zeros_like(both), where=sizes > 0), 1.0)

    def beside(
        self, history: NDArray[np.int64], strengths: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        nothing = np.empty(0, dtype=np.int64)
        total = float(strengths.sum())
        if len(self._from) == 0 or total <= 0:
            return nothing, nothing, np.empty(0)
        order = np.argsort(history)
        place = np.searchsorted(history, self._from, sorter=order)
        place = order[np.minimum(place, len(history) - 1)]
        found = np.flatnonzero(history[place] == self._from)
        return self._to[found], place[found], self._cosine[found] * strengths[place[found]] / total


def _on_rows(counts: NDArray[np.float64], rows: NDArray[np.int32], length: int) -> NDArray[np.float64]:
    spread = np.zeros(length)
    known = rows >= 0
    spread[rows[known]] = counts[known]
    return spread
