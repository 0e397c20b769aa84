"""How good ranked lists are, user by user, so that two models can be compared on the same users.

Full ranking: every item that the user has not touched competes. Discounted gain as in Jarvelin and Kekalainen (2002),
binary relevance, the ideal list as long as there are items to find.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.recommendations.retrieval import top
from workers.evaluation.features import Features
from workers.evaluation.weights import Scores

CUTOFF: Final = 10
DEEP_CUTOFF: Final = 20
RESAMPLES: Final = 2000
DRAWS_AT_ONCE: Final = 1_000_000
CONFIDENCE: Final = 0.95

KNOWN_BOUNDS: Final = (0, 1, 5, 20)
"""People who took to an item in training, from which on it is of another group."""

NDCG: Final = "ndcg_at_10"
DISCOUNTS: Final = 1.0 / np.log2(np.arange(2, CUTOFF + 2))
PER_USER: Final = (NDCG, "recall_at_10", "recall_at_20", "mrr", "hit_rate_at_10", "novelty_at_10")
BY_FEATURES: Final = ("diversity_at_10", "miscalibration_at_10")


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where it lies with 95 % confidence, by the percentile bootstrap over users."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One model's metrics on k users.

    Attributes:
        users: int64[k].
        values: metric -> float64[k].
        coverage: share of all items that are on some user's first ten places.
        items: int64[2, g], for each group of items (`KNOWN_BOUNDS`) how many were to be found, and how many of them
            were on the first twenty places.
    """

    users: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    coverage: float
    items: NDArray[np.int64]


class Tally:
    """Collects lists user by user.

    Args:
        popularity: float64[n], people per item in training; the less known an item, the more novel.
        people: how many people there are.
        features: what items are about, for the metrics that need it.
    """

    def __init__(self, popularity: NDArray[np.float64], people: int, features: Features | None = None) -> None:
        self._information = -np.log2(np.maximum(popularity, 1.0) / max(people, 1))
        self._shown = np.zeros(len(popularity), dtype=np.bool_)
        self._group = np.searchsorted(KNOWN_BOUNDS, popularity, side="right") - 1
        self._items = np.zeros((2, len(KNOWN_BOUNDS)), dtype=np.int64)
        self._features = features
        self._users: list[int] = []
        self._rows: list[tuple[float, ...]] = []

    def add(self, user: int, scores: Scores, history: NDArray[np.int64], wanted: NDArray[np.int64]) -> None:
        """Note what a model says for one user.

        Args:
            user: who.
            scores: float32[n], -inf for items that do not compete.
            history: what the user did before.
            wanted: the items to find, int64[w], at least one.
        """
        ranked = top(scores, DEEP_CUTOFF)
        ranked = ranked[np.isfinite(scores[ranked])]
        found, listed = np.isin(ranked, wanted), ranked[:CUTOFF]
        self._shown[listed] = True
        self._users.append(user)
        for row_of_items, some in enumerate((wanted, ranked[found])):
            self._items[row_of_items] += np.bincount(self._group[some], minlength=len(KNOWN_BOUNDS))
        row: tuple[float, ...] = (
            ndcg(found[:CUTOFF], len(wanted)),
            float(found[:CUTOFF].sum()) / len(wanted),
            float(found.sum()) / len(wanted),
            1.0 / _first_place(scores, wanted),
            float(found[:CUTOFF].any()),
            float(self._information[listed].mean()),
        )
        if self._features is not None:
            row += (self._features.diversity(listed), self._features.miscalibration(listed, history))
        self._rows.append(row)

    def measured(self) -> Measured:
        """The metrics of everybody who was added."""
        names = PER_USER if self._features is None else (*PER_USER, *BY_FEATURES)
        table = np.array(self._rows, dtype=np.float64).reshape(-1, len(names))
        return Measured(
            users=np.array(self._users, dtype=np.int64),
            values={name: table[:, column] for column, name in enumerate(names)},
            coverage=float(self._shown.mean()),
            items=self._items,
        )


def interval(values: NDArray[np.float64], seed: int, users: NDArray[np.int64] | None = None) -> Interval:
    """The mean of `values` with its bootstrap interval.

    Args:
        values: float64[k], at least one.
        seed: of the resampling.
        users: int64[k], whose each is, who then are drawn whole: folds of one person are no independent evidence. None
            when each is of somebody else.
    """
    whose = np.arange(len(values)) if users is None else np.unique(users, return_inverse=True)[1]
    counts = np.bincount(whose).astype(np.float64)
    sums = np.bincount(whose, weights=values).astype(np.float64)
    means = _resampled_means(sums, counts, seed)
    low, high = np.quantile(means, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(
    better: NDArray[np.float64], worse: NDArray[np.float64], seed: int, users: NDArray[np.int64] | None = None
) -> Interval:
    """The mean difference of two models on the same users; a low end above 0 says that the first one is better."""
    return interval(better - worse, seed, users)


def _resampled_means(sums: NDArray[np.float64], counts: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    together = max(1, DRAWS_AT_ONCE // len(sums))
    for first in range(0, RESAMPLES, together):
        part = means[first : first + together]
        picked = random.integers(0, len(sums), size=(len(part), len(sums)))
        part[:] = sums[picked].sum(axis=1) / counts[picked].sum(axis=1)
    return means


def ndcg(found: NDArray[np.bool_], wanted: int) -> float:
    """Normalized discounted cumulative gain of one list.

    Args:
        found: bool[l], whether each place of the list holds a wanted item.
        wanted: how many items there were to find, at least one.
    """
    reached = float(DISCOUNTS[: len(found)][found].sum())
    return reached / float(DISCOUNTS[: min(CUTOFF, wanted)].sum())


def _first_place(scores: Scores, wanted: NDArray[np.int64]) -> int:
    """The place, from 1, of the first wanted item; of equal scores the lower index is first, as in a list."""
    best = scores[wanted].max()
    before = int(wanted[scores[wanted] == best].min())
    return 1 + int(np.count_nonzero(scores > best)) + int(np.count_nonzero(scores[:before] == best))
