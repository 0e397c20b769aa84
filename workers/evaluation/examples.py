"""What blends learn from: for users of a validation split, the items that may come first and what each source says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.recommendations.retrieval import top
from workers.evaluation.histories import Pasts, items_of
from workers.evaluation.metrics import CUTOFF, DISCOUNTS
from workers.evaluation.protocols import Case
from workers.evaluation.sources import Model
from workers.evaluation.weights import Lists, Scores

TABLE_BYTES: Final = 200_000_000
"""Memory for the scores of users who are looked at together."""

DEPTH: Final = 100
"""How many of a user's first items each source brings in; what none of them has there never comes first."""

ABSENT: Final = -1e30
"""A score behind all others that stays finite in a sum."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """For each of k lists to make, c items that may come first.

    Attributes:
        table: float32[s, k, c], each source's standardized scores; `ABSENT` where a list has fewer items than c.
        wanted: bool[k, c], what is to be found.
        ideal: float64[k], the gain of the best list.
        users: int64[k], for whom each list is.
        lengths: int64[k], how many actions are known.
        speaking: bool[s], the sources that tell items apart.
    """

    table: NDArray[np.float32]
    wanted: NDArray[np.bool_]
    ideal: NDArray[np.float64]
    users: NDArray[np.int64]
    lengths: NDArray[np.int64]
    speaking: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: NDArray[np.int64]) -> "Examples":
        """Only some of the lists."""
        return replace(
            self,
            table=self.table[:, rows],
            wanted=self.wanted[rows],
            ideal=self.ideal[rows],
            users=self.users[rows],
            lengths=self.lengths[rows],
        )

    def only(self, sources: NDArray[np.int64]) -> "Examples":
        """The same lists by some of the sources."""
        return replace(self, table=self.table[sources], speaking=self.speaking[sources])

    def blended(self, weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """The weighed sum of the sources, float32[k, c]."""
        total = np.zeros(self.table.shape[1:], dtype=np.float32)
        for part, weight in zip(self.table, weights.astype(np.float32), strict=True):
            if weight:
                total += weight * part
        return total

    def values(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """NDCG@10 of each list under some scores, float32[k, c]: float64[k]."""
        reach = min(CUTOFF, scores.shape[1])
        first = np.argpartition(-scores, reach - 1, axis=1)[:, :reach]
        order = np.argsort(-np.take_along_axis(scores, first, axis=1), axis=1, kind="stable")
        found = np.take_along_axis(self.wanted, np.take_along_axis(first, order, axis=1), axis=1)
        return np.asarray((found * DISCOUNTS[:reach]).sum(axis=1) / self.ideal)


def build_examples(models: Sequence[Model], cases: Sequence[Case], told: Pasts) -> Examples:
    """The scores that matter, read in parts so that the full ones never stand in memory together.

    Args:
        models: the sources.
        cases: the lists to make, at least one.
        told: what the models are told of each user, who may have done more: none of that competes.
    """
    together = max(1, TABLE_BYTES // (4 * len(models) * len(models[0].scores(told[:1])[0])))
    parts: list[NDArray[np.float32]] = []
    wanted: list[NDArray[np.bool_]] = []
    speaking = np.zeros(len(models), dtype=np.bool_)
    for first in range(0, len(cases), together):
        table = said(models, told[first : first + together])
        speaking |= table.any(axis=(1, 2))
        for case, scores in zip(cases[first : first + together], np.moveaxis(table, 1, 0), strict=True):
            scores[:, case.past.items] = ABSENT
            kept = candidates(scores)
            parts.append(scores[:, kept])
            wanted.append(np.isin(kept, case.wanted))
    return Examples(
        np.ascontiguousarray(np.moveaxis(_padded(parts, np.float32(ABSENT)), 1, 0)),
        _padded(wanted, np.False_),
        np.array([DISCOUNTS[: min(CUTOFF, len(case.wanted))].sum() for case in cases]),
        np.array([case.user for case in cases], dtype=np.int64),
        np.array([len(past) for past in told], dtype=np.int64),
        speaking,
    )


def said(models: Sequence[Model], pasts: Pasts) -> NDArray[np.float32]:
    """What each of s models says of each item for each of k users, standardized, float32[s, k, n]."""
    return np.stack([standardized(model.scores(pasts), items_of(pasts)) for model in models])


def candidates(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """The items that may come first for one user: the best of each source that tells items apart, ascending.

    Args:
        scores: float32[s, n], `ABSENT` for what does not compete.
    """
    speaking = [row for row in scores if ((row != 0.0) & (row > ABSENT)).any()] or list(scores[:1])
    found = np.unique(np.concatenate([top(row, DEPTH) for row in speaking]))
    return np.asarray(found[scores[0, found] > ABSENT])


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


def _padded(rows: Sequence[NDArray[Any]], filling: Any) -> NDArray[Any]:
    """Arrays whose last axis differs as one, users before it."""
    width = max(1, *(row.shape[-1] for row in rows))
    table = np.full((len(rows), *rows[0].shape[:-1], width), filling)
    for place, row in zip(table, rows, strict=True):
        place[..., : row.shape[-1]] = row
    return table
