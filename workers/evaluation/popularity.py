"""What people take to, ever and lately: models that need no history, and what others fall back on."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.histories import Histories, Pasts
from workers.evaluation.sources import Candidate, Model
from workers.evaluation.weights import Scores

DAY_SECONDS: Final = 86_400.0
SNAPSHOTS: Final = 64
LEAST: Final = 0.1
"""People added to each item before logarithms are taken."""


class Popular:
    """How many people took to each item."""

    def __init__(self, training: Histories) -> None:
        self._counts = np.bincount(training.items, minlength=training.item_count).astype(np.float32)

    def scores(self, pasts: Pasts) -> Scores:
        """The same for everybody."""
        return np.tile(self._counts, (len(pasts), 1))


class OrPopular:
    """A model that needs a history, and popularity for whoever has none: what anybody would serve.

    Args:
        model: asked where there is a history.
        popular: asked where there is none.
    """

    def __init__(self, model: Model, popular: Model) -> None:
        self._model = model
        self._popular = popular

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item."""
        table = self._model.scores(pasts)
        unknown = np.array([len(past) == 0 for past in pasts])
        if unknown.any():
            table[unknown] = self._popular.scores([past for past in pasts if len(past) == 0])
        return table


class Trend:
    """The logarithm of how many people took to each item before a list is asked for, each fading with time.

    Nothing later than that moment counts, and an item that nobody had taken to by then comes last.

    Args:
        training: what to count.
        half_life_days: age at which a person counts half; None for no fading.
    """

    def __init__(self, training: Histories, half_life_days: float | None) -> None:
        order = np.argsort(training.times, kind="stable")
        self._items, self._times = training.items[order], training.times[order]
        self._item_count = training.item_count
        self._half_life = None if half_life_days is None else half_life_days * DAY_SECONDS
        self._step = max(1, -(-len(self._items) // SNAPSHOTS))
        self._snapshots = self._counted()

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item; the same for everybody who asks at one moment."""
        return np.array([self._at(past.at) for past in pasts], dtype=np.float32).reshape(-1, self._item_count)

    def _counted(self) -> list[NDArray[np.float64]]:
        """The counts at every so many actions, so that a later moment needs only what came since."""
        found = [np.zeros(self._item_count)]
        for first in range(0, len(self._items), self._step):
            last = min(first + self._step, len(self._items))
            began = self._times[max(first - 1, 0)]
            found.append(self._since(found[-1], float(began), first, last, float(self._times[last - 1])))
        return found

    def _at(self, moment: float) -> NDArray[np.float64]:
        last = int(np.searchsorted(self._times, moment, side="right"))
        number = last // self._step
        first = number * self._step
        began = min(float(self._times[max(first - 1, 0)]), moment) if len(self._times) else moment
        return np.log(LEAST + self._since(self._snapshots[number], began, first, last, moment))

    def _since(
        self, counts: NDArray[np.float64], began: float, first: int, last: int, moment: float
    ) -> NDArray[np.float64]:
        """The counts of a moment from those of an earlier one and the actions between."""
        ages = moment - self._times[first:last]
        fading = np.ones(len(ages)) if self._half_life is None else np.exp2(-ages / self._half_life)
        kept = 1.0 if self._half_life is None else float(np.exp2(-(moment - began) / self._half_life))
        return kept * counts + np.bincount(self._items[first:last], weights=fading, minlength=self._item_count)


def popularity() -> Candidate:
    """Popularity."""
    return Candidate("", None, Popular, lambda model: model)


def trend(half_life_days: float | None, family: str) -> Candidate:
    """Popularity at the moment that a list is asked for."""
    setting = "no fading" if half_life_days is None else f"half-life {half_life_days:g} days"
    return Candidate(
        setting, half_life_days, lambda training: Trend(training, half_life_days), lambda model: model, family
    )
