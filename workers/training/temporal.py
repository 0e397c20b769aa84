"""What a model would have met after a moment: each first use of an item from then on, with the history right before it.

Histories grow as they do live, so one newcomer stands for lengths 0, 1, 2 and so on. Nothing at or after the moment
reaches a model that is measured; that is why a champion that was trained later is not measured as it stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel
from domain.recommendations.factors import Observations
from workers.training.interactions import TrainingSet

CASES_OF_A_USER: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One first use of an item.

    Attributes:
        user: whose.
        item: its place in the training set.
        history: int64[h], places of the items that the user had touched, the newest first.
        weights: float64[h], summed weights of each.
        acted_at: float64[h], seconds since the epoch of the last action on each.
        at: seconds since the epoch.
        new_item: whether nobody had touched the item before the split.
    """

    user: int
    item: int
    history: NDArray[np.int64]
    weights: NDArray[np.float64]
    acted_at: NDArray[np.float64]
    at: float
    new_item: bool

    @property
    def known(self) -> int:
        """The number of items that the user had taken to."""
        return int(np.count_nonzero(self.weights > 0))

    def observations(self, rows: NDArray[np.int64]) -> Observations:
        """The history as a model sees it, whose row of each place is in `rows`, -1 for none."""
        mapped = rows[self.history]
        kept = (mapped >= 0) & (self.weights != 0)
        latest_at = float(self.acted_at[kept].max()) if kept.any() else None
        return Observations(mapped[kept], self.weights[kept], latest_at)


def split_moment(training_set: TrainingSet, share: float) -> float:
    """The moment after which a share of the liked rows lies, in seconds since the epoch."""
    return float(np.quantile(training_set.occurred_at[training_set.weight > 0], 1.0 - share))


def until(training_set: TrainingSet, moment: float) -> TrainingSet:
    """The rows up to and including `moment`."""
    kept = training_set.occurred_at <= moment
    return replace(
        training_set,
        user_index=training_set.user_index[kept],
        item_index=training_set.item_index[kept],
        weight=training_set.weight[kept],
        occurred_at=training_set.occurred_at[kept],
        served=None if training_set.served is None else training_set.served.until(moment),
    )


def users_after(training_set: TrainingSet, moment: float) -> NDArray[np.int64]:
    """Users who took to something after `moment`, in an order that does not depend on how they are numbered."""
    later = np.flatnonzero((training_set.occurred_at > moment) & (training_set.weight > 0))
    later = later[np.lexsort((training_set.item_index[later], training_set.occurred_at[later]))]
    users, first = np.unique(training_set.user_index[later], return_index=True)
    moments = training_set.occurred_at[later[first]].view(np.uint64)
    # A multiplicative hash mixes early and late comers, should only some of them be taken.
    return users[np.lexsort((moments, moments * np.uint64(0x9E3779B97F4A7C15)))]


def cases(training_set: TrainingSet, moment: float, users: NDArray[np.int64]) -> list[Case]:
    """First uses after `moment` by `users`, a few of each user at most."""
    touched_before = np.unique(training_set.item_index[training_set.occurred_at <= moment])
    new = np.ones(len(training_set.item_ids), dtype=np.bool_)
    new[touched_before] = False
    order = np.lexsort((training_set.item_index, training_set.occurred_at, training_set.user_index))
    bounds = np.searchsorted(training_set.user_index[order], np.stack((users, users + 1)))
    found: list[Case] = []
    for start, stop in bounds.T.tolist():
        found += _cases_of(training_set, order[start:stop], moment, new)
    return found


def rows_of(training_set: TrainingSet, model: FactorModel) -> NDArray[np.int64]:
    """The model's row of each place of the training set, int64[n]; -1 for items that it does not know."""
    rows = (model.rows.get(item_id, -1) for item_id in training_set.item_ids)
    return np.fromiter(rows, dtype=np.int64, count=len(training_set.item_ids))


def history(training_set: TrainingSet, rows: NDArray[np.int64], user: int, item: int, at: float) -> Case:
    """What a user had done by rows that are given in the order of time, when `item` came up."""
    seen = _Seen()
    for row in rows.tolist():
        seen.add(training_set, row)
    return seen.case(user, item, at, new_item=False)


def _cases_of(
    training_set: TrainingSet, rows: NDArray[np.int64], moment: float, new: NDArray[np.bool_]
) -> Iterator[Case]:
    """The cases of one user whose rows are given in the order of time."""
    seen, count = _Seen(), 0
    for row in rows.tolist():
        item, at = int(training_set.item_index[row]), float(training_set.occurred_at[row])
        if at > moment and training_set.weight[row] > 0 and item not in seen.weights:
            yield seen.case(int(training_set.user_index[row]), item, at, new_item=bool(new[item]))
            count += 1
            if count == CASES_OF_A_USER:
                return
        seen.add(training_set, row)


class _Seen:
    """A history while it grows; the item that was touched last is the last key."""

    def __init__(self) -> None:
        self.weights: dict[int, float] = {}
        self._last_at: dict[int, float] = {}

    def add(self, training_set: TrainingSet, row: int) -> None:
        item = int(training_set.item_index[row])
        self.weights[item] = self.weights.get(item, 0.0) + float(training_set.weight[row])
        self._last_at.pop(item, None)
        self._last_at[item] = float(training_set.occurred_at[row])

    def case(self, user: int, item: int, at: float, *, new_item: bool) -> Case:
        places = list(reversed(self._last_at))
        return Case(
            user=user,
            item=item,
            history=np.array(places, dtype=np.int64),
            weights=np.array([self.weights[place] for place in places], dtype=np.float64),
            acted_at=np.array([self._last_at[place] for place in places], dtype=np.float64),
            at=at,
            new_item=new_item,
        )
