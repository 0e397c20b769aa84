"""What people saw and took of it, as examples: the best negatives there are, where enough lists were served."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.recommendations.factors import Observations
from workers.training.interactions import ServedLists, TrainingSet, item_order

ENOUGH_LISTS: Final = 500
"""Fewer lists with something taken and something passed over say less than sampled negatives."""


class Impression(NamedTuple):
    """A list with something taken and something passed over.

    Attributes:
        observations: what its reader had done when it was served.
        at: seconds since the epoch when it was served.
        taken: int64[t], rows of the model.
        passed: int64[p], rows of the model.
        reader: whose list it was, in the numbering of the training set.
        situations: where it was served.
    """

    observations: Observations
    at: float
    taken: NDArray[np.int64]
    passed: NDArray[np.int64]
    reader: int = 0
    situations: tuple[str, ...] = ()


def impressions(training_set: TrainingSet) -> list[Impression]:
    """The usable lists in the order of time; none if there are too few.

    Lists are told apart by when and what they showed, so that the numbering of people and items changes nothing.
    """
    served = training_set.served
    if served is None or len(served) < ENOUGH_LISTS:
        return []
    found = list(_impressions(training_set, served))
    if len(found) < ENOUGH_LISTS:
        return []
    return sorted(found, key=lambda shown: (shown.at, shown.taken.tolist(), shown.passed.tolist()))


def _impressions(training_set: TrainingSet, served: ServedLists) -> Iterator[Impression]:
    row_of_item = np.empty(len(training_set.item_ids), dtype=np.int64)
    row_of_item[item_order(training_set)] = np.arange(len(row_of_item))
    by_time = np.lexsort((row_of_item[training_set.item_index], training_set.occurred_at, training_set.user_index))
    people = training_set.user_index[by_time]
    for number, user in enumerate(served.users.tolist()):
        first, last = served.offsets[number], served.offsets[number + 1]
        rows, taken = row_of_item[served.items[first:last]], served.taken[first:last]
        if user < 0 or not taken.any() or taken.all():
            continue
        at = float(served.served_at[number])
        done = by_time[np.searchsorted(people, user) : np.searchsorted(people, user, side="right")]
        done = done[training_set.occurred_at[done] < at]
        known = _observed(row_of_item[training_set.item_index[done]], training_set.weight[done])
        latest_at = float(training_set.occurred_at[done[-1]]) if len(done) else None
        situations = served.situations[number] if served.situations else ()
        yield Impression(Observations(*known, latest_at), at, rows[taken], rows[~taken], user, situations)


def _observed(rows: NDArray[np.int64], weights: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows of actions, the oldest first, as items with summed weights, the newest first."""
    items, newest, place = np.unique(rows[::-1], return_index=True, return_inverse=True)
    totals = np.bincount(place, weights=weights[::-1], minlength=len(items))
    order = np.argsort(newest, kind="stable")
    order = order[totals[order] != 0]
    return items[order], totals[order]
