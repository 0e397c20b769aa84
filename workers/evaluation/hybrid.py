"""The blend of several models: standardized scores, weighed by what a validation split says.

Scores are compared in standard deviations over the items that compete, which depend on no model's units. Weights are
found by coordinate ascent on NDCG@10 of the validation users, from the best single model on, so that on that split the
blend is no worse than any of its parts. Short histories get weights of their own, learned on those who have one and
on others as if they had done no more than that: few data sets hold enough newcomers to learn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.recommendations.retrieval import top
from workers.evaluation.metrics import CUTOFF, DISCOUNTS
from workers.evaluation.protocols import Split
from workers.evaluation.sources import Model
from workers.evaluation.weights import Lists, Scores

STEPS: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
ROUNDS: Final = 2
HISTORY_BOUNDS: Final = (0, 1, 3, 11)
"""Lengths of history from which on other weights hold; the last ones are those of everybody."""

TABLE_BYTES: Final = 200_000_000
"""Memory for the scores of users who are looked at together."""

DEPTH: Final = 100
"""How many of a user's first items each model brings into the search; what none of them has there never comes first."""

ABSENT: Final = -1e30
"""A score behind all others that stays finite in a sum."""

EXAMPLES: Final = 2_000
NEWCOMERS: Final = 400


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """Weights for each model.

    Attributes:
        names: the models.
        everybody: float64[s].
        by_history: lower bound of the history's length -> float64[s], for short histories.
    """

    names: tuple[str, ...]
    everybody: NDArray[np.float64]
    by_history: dict[int, NDArray[np.float64]]

    def weights(self, length: int) -> NDArray[np.float64]:
        """The weights for a user with a history of this length, float64[s]."""
        bound = max(bound for bound in HISTORY_BOUNDS if bound <= length)
        return self.by_history.get(bound, self.everybody)


@dataclass(frozen=True, slots=True, eq=False)
class _Examples:
    """What to search weights on: for each of k users, c items that may come first.

    Attributes:
        table: float32[s, k, c], each model's standardized scores; `ABSENT` where a user has fewer items than c.
        wanted: bool[k, c], what is to be found.
        ideal: float64[k], the gain of the best list.
        speaking: bool[s], the models that tell items apart.
    """

    table: NDArray[np.float32]
    wanted: NDArray[np.bool_]
    ideal: NDArray[np.float64]
    speaking: NDArray[np.bool_]

    def value(self, weights: NDArray[np.float64]) -> float:
        """NDCG@10 of a blend."""
        blended = np.zeros(self.table.shape[1:], dtype=np.float32)
        for part, weight in zip(self.table, weights.astype(np.float32), strict=True):
            if weight:
                blended += weight * part
        first = np.argsort(-blended, axis=1, kind="stable")[:, :CUTOFF]
        found = np.take_along_axis(self.wanted, first, axis=1)
        return float(((found * DISCOUNTS[: found.shape[1]]).sum(axis=1) / self.ideal).mean())


class Hybrid:
    """A blend of fitted models."""

    def __init__(self, models: Sequence[Model], blend: Blend) -> None:
        self._models = models
        self._blend = blend

    def scores(self, histories: Lists) -> Scores:
        """The score of every item, float32[k, n]."""
        weights = np.array([self._blend.weights(len(history)) for history in histories], dtype=np.float32)
        total: Scores | None = None
        for model, column in zip(self._models, weights.T, strict=True):
            if column.any():
                part = column[:, np.newaxis] * standardized(model.scores(histories), histories)
                total = part if total is None else total + part
        if total is None:
            raise ValueError("a blend needs a weight that is not 0")
        return total


def standardized(scores: Scores, histories: Lists) -> Scores:
    """Scores in standard deviations above the mean of what is not in the history; zeros where they say nothing."""
    for row, history in zip(scores, histories, strict=True):
        competing = max(len(row) - len(history), 1)
        row[history] = 0.0
        row -= row.sum(dtype=np.float64) / competing
        row[history] = 0.0
        spread = float(np.sqrt(np.square(row).sum(dtype=np.float64) / competing))
        row *= 0.0 if spread < 1e-9 else 1.0 / spread
    return scores


def learn_blend(names: Sequence[str], models: Sequence[Model], split: Split) -> Blend:
    """The weights that rank the held-out items of `split` best.

    Args:
        names: of the models.
        models: fitted on `split.training`.
        split: the validation split.
    """
    users = _some(split.measured, EXAMPLES)
    everybody = _ascend(_examples(models, split, users, [split.training.of(int(user)) for user in users]))
    by_history = {}
    for low, high in pairwise(HISTORY_BOUNDS):
        few, short = _newcomers(split, users, low, high)
        by_history[low] = _ascend(_examples(models, split, few, short), everybody)
    return Blend(tuple(names), everybody, by_history)


def newest(history: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The last `count` items of a history."""
    return history[max(0, len(history) - count) :]


def _some(users: NDArray[np.int64], room: int) -> NDArray[np.int64]:
    """At most so many users, evenly spread."""
    if len(users) <= room:
        return users
    return users[:0] if room <= 0 else users[np.linspace(0, len(users) - 1, room).astype(np.int64)]


def _newcomers(
    split: Split, users: NDArray[np.int64], low: int, high: int
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Users with a history of `low` to `high` - 1 items: those who have one first, then others as if they had."""
    lengths = np.diff(split.training.offsets)[users]
    real = (lengths >= low) & (lengths < high)
    chosen = _some(users[real], NEWCOMERS)
    chosen = np.concatenate((chosen, _some(users[lengths >= high], NEWCOMERS - len(chosen))))
    if len(chosen) == 0:
        chosen = users
    histories = [split.training.of(int(user)) for user in chosen]
    wished = [low + place % (high - low) for place in range(len(chosen))]
    return chosen, [
        history if len(history) < high else newest(history, wish)
        for history, wish in zip(histories, wished, strict=True)
    ]


def _examples(models: Sequence[Model], split: Split, users: NDArray[np.int64], histories: Lists) -> _Examples:
    """The scores that matter, read in parts so that the full ones never stand in memory together."""
    together = max(1, TABLE_BYTES // (4 * len(models) * split.training.item_count))
    parts: list[NDArray[np.float32]] = []
    wanted: list[NDArray[np.bool_]] = []
    speaking = np.zeros(len(models), dtype=np.bool_)
    for first in range(0, len(users), together):
        told = histories[first : first + together]
        table = np.stack([standardized(model.scores(told), told) for model in models], axis=1)
        speaking |= table.any(axis=(0, 2))
        for user, scores in zip(users[first : first + together].tolist(), table, strict=True):
            targets = split.held_out.of(user)
            scores[:, split.training.of(user)] = ABSENT
            kept = np.unique(np.concatenate([targets, *(top(row, DEPTH) for row in scores)]))
            parts.append(scores[:, kept])
            wanted.append(np.isin(kept, targets))
    return _Examples(_padded(parts, np.float32(ABSENT)), _padded(wanted, np.False_), _ideal(wanted), speaking)


def _padded(rows: Sequence[NDArray[Any]], filling: Any) -> NDArray[Any]:
    """Arrays whose last axis differs as one, users before it."""
    width = max(row.shape[-1] for row in rows)
    table = np.full((len(rows), *rows[0].shape[:-1], width), filling)
    for place, row in zip(table, rows, strict=True):
        place[..., : row.shape[-1]] = row
    return np.ascontiguousarray(np.moveaxis(table, 0, -2))


def _ideal(wanted: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    return np.array([DISCOUNTS[: min(CUTOFF, int(row.sum()))].sum() for row in wanted])


def _ascend(examples: _Examples, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Coordinate ascent from the best single model, or from `start` if that is better.

    A model that says nothing takes no part: what it seems to find is the chance order of equal scores.
    """
    speaking = np.flatnonzero(examples.speaking).tolist() or [0]
    starts = list(np.eye(len(examples.table))[speaking])
    if start is not None and start[speaking].any():
        starts.append(np.where(examples.speaking, start, 0.0))
    values = [examples.value(weights) for weights in starts]
    weights, best = starts[int(np.argmax(values))].copy(), max(values)
    for _ in range(ROUNDS):
        before = best
        for column in speaking:
            for step in STEPS:
                tried = weights.copy()
                tried[column] = step
                if step != weights[column] and tried.any() and (value := examples.value(tried)) > best:
                    weights, best = tried, value
        if best == before:
            break
    return np.asarray(weights, dtype=np.float64)
