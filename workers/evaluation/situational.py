"""Models that look at the circumstances of a list: what is taken under them, and what was done under the same ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.circumstances import Circumstance
from workers.evaluation.histories import Histories, Pasts, items_of
from workers.evaluation.sources import Candidate, Model, shallow_weights
from workers.evaluation.weights import Scores, Weights, weighed

CIRCUMSTANCES: Final = "circumstances"
LIKE_CIRCUMSTANCES: Final = "like circumstances"
SITUATIONAL: Final = (CIRCUMSTANCES, LIKE_CIRCUMSTANCES)
"""Kinds whose sources a blend takes only where they help for certain."""

ALL: Final = "all"
MOST_VALUES: Final = 200
LEAST_ACTIONS: Final = 20
"""A value of a circumstance counts with so many actions, and at most so many values of each do."""

RIDGE: Final = 100.0
DECAY: Final = 8.0
FLOOR: Final = 0.15
ELSEWHERE: Final = 0.25
"""What an action under other circumstances counts beside one under the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Lifts:
    """How much more often than elsewhere each item is taken under each value of one circumstance.

    Attributes:
        of: the circumstance.
        rows: value -> row of the table.
        table: float32[v, n], logarithms.
    """

    of: Circumstance
    rows: dict[int, int]
    table: NDArray[np.float32]

    def scores(self, pasts: Pasts) -> Scores:
        """The lift of every item at the moment of each list; zeros where nothing is known of it."""
        found = np.zeros((len(pasts), self.table.shape[1]), dtype=np.float32)
        for row, past in zip(found, pasts, strict=True):
            known = self.rows.get(self.of.now(past))
            if known is not None:
                row[:] = self.table[known]
        return found


class Together:
    """Popularity under all circumstances at once, as if they were independent (naive Bayes).

    Args:
        lifts: of each circumstance.
        popularity: float32[n], logarithms.
    """

    def __init__(self, lifts: Sequence[Lifts], popularity: NDArray[np.float32]) -> None:
        self._lifts = lifts
        self._popularity = popularity

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item."""
        start = np.tile(self._popularity, (len(pasts), 1))
        return np.asarray(sum((lifts.scores(pasts) for lifts in self._lifts), start), dtype=np.float32)


class Alike:
    """Item-to-item weights over a history in which actions under other circumstances count less.

    Args:
        weights: what each item says about each.
        of: the circumstance that is compared.
    """

    def __init__(self, weights: Weights, of: Circumstance) -> None:
        self._weights = weights
        self._of = of

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item; zeros where nothing is known of the list's circumstance."""
        rows = weighed(items_of(pasts), self._weights.item_count, DECAY, FLOOR)
        for place, past in enumerate(pasts):
            now, part = self._of.now(past), slice(rows.indptr[place], rows.indptr[place + 1])
            rows.data[part] *= np.where(self._of.before(past) == now, 1.0, ELSEWHERE) if now >= 0 else 0.0
        return self._weights.applied(rows)


def taken_under(circumstances: Sequence[Circumstance], prior: float) -> list[Candidate]:
    """What is taken under each circumstance, and under all of them at once.

    Args:
        circumstances: which.
        prior: actions under a value at which it is believed half as far as what holds everywhere.
    """

    def learn(training: Histories) -> tuple[list[Lifts], NDArray[np.float32]]:
        counts = np.bincount(training.items, minlength=training.item_count).astype(np.float64)
        popularity = np.log((counts + 1.0) / (counts.sum() + len(counts))).astype(np.float32)
        return [_lifts(training, circumstance, prior) for circumstance in circumstances], popularity

    def served(place: int) -> Callable[[Any], Model]:
        return lambda known: known[0][place]

    setting = f"prior {prior:g}"
    single = [
        Candidate(f"{one.name}, {setting}", prior, learn, served(place), one.name)
        for place, one in enumerate(circumstances)
    ]
    return [*single, Candidate(f"{ALL}, {setting}", prior, learn, lambda known: Together(*known), ALL)]


def done_alike(circumstances: Sequence[Circumstance]) -> list[Candidate]:
    """What speaks from actions under the same value of each circumstance that a column tells."""

    def served(circumstance: Circumstance) -> Callable[[Any], Model]:
        return lambda weights: Alike(weights, circumstance)

    def learn(training: Histories) -> Weights:
        return shallow_weights(training, RIDGE)

    told = [one for one in circumstances if one.column is not None]
    return [Candidate(f"{one.name}, lambda {RIDGE:g}", RIDGE, learn, served(one), one.name) for one in told]


def _lifts(training: Histories, circumstance: Circumstance, prior: float) -> Lifts:
    codes = circumstance.of(training)
    values, counts = np.unique(codes[codes >= 0], return_counts=True)
    order = np.lexsort((values, -counts))[:MOST_VALUES]
    values = values[order[counts[order] >= LEAST_ACTIONS]]
    everywhere = np.bincount(training.items, minlength=training.item_count) + 1.0
    usual = everywhere / everywhere.sum()
    table = np.zeros((len(values), training.item_count), dtype=np.float32)
    for row, value in zip(table, values.tolist(), strict=True):
        here = np.bincount(training.items[codes == value], minlength=training.item_count)
        expected = usual * here.sum()
        row[:] = np.log((here + prior) / (expected + prior))
    return Lifts(circumstance, {value: place for place, value in enumerate(values.tolist())}, table)
