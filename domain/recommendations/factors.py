"""A user's vector from live history, so that an action counts at once and no user is stored in a model.

Source: Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets" (ICDM 2008), equations 4 to 7.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.ids import ItemId
from domain.models.factor_model import ServingParameters
from domain.recommendations.model import HistoryEntry

CHUNK_ROWS: Final = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """What a user did, one entry per item, the newest first.

    Attributes:
        rows: int64[h], rows of the model.
        weights: float64[h], summed weights of the actions; below 0 for unwanted items, never 0.
        latest_at: seconds since the epoch of the newest action; None where that is not known.
    """

    rows: NDArray[np.int64]
    weights: NDArray[np.float64]
    latest_at: float | None = None

    @property
    def liked(self) -> int:
        """The number of items that the user took to."""
        return int(np.count_nonzero(self.weights > 0))


def observe(history: Sequence[HistoryEntry], rows: Mapping[ItemId, int]) -> Observations:
    """Sum a history by item, newest item first; of actions at the same moment the later in the sequence is newer.

    Args:
        history: actions in any order.
        rows: item id -> row of the model; other items are left out.
    """
    totals: dict[int, float] = {}
    oldest_first = sorted(history, key=attrgetter("occurred_at"))
    row_of, total_of = rows.get, totals.get
    for entry in reversed(oldest_first):
        row = row_of(entry.item_id)
        if row is not None:
            totals[row] = total_of(row, 0.0) + entry.weight
    known = {row: weight for row, weight in totals.items() if weight != 0}
    return Observations(
        rows=np.fromiter(known.keys(), dtype=np.int64, count=len(known)),
        weights=np.fromiter(known.values(), dtype=np.float64, count=len(known)),
        latest_at=oldest_first[-1].occurred_at.timestamp() if oldest_first else None,
    )


def strength(weights: NDArray[np.float64], weight_scale: float) -> NDArray[np.float64]:
    """Weights relative to the average pair, growing by the logarithm so that a hundred views are not a hundred items.

    The log scheme of Hu, Koren and Volinsky (equation 6), in base 2 so that an average pair has strength 1.

    Args:
        weights: float64[m], summed weights; the sign is kept.
        weight_scale: mean weight of a positive pair, above 0.
    """
    return np.sign(weights) * np.log2(1.0 + np.abs(weights) / weight_scale)


def recency(count: int, decay: float, floor: float) -> NDArray[np.float64]:
    """How much the actions at positions 0 (newest) to count - 1 weigh, float64[count]; 1 for the newest.

    Positions, not days: the decay then fits users of any pace, and does not change while a user is away.

    Args:
        decay: positions after which the fading part has fallen to 1/e.
        floor: weight of the part that never fades, relative to the part that does.
    """
    return (floor + np.exp(-np.arange(count) / decay)) / (1.0 + floor)


def confidence(observations: Observations, parameters: ServingParameters) -> NDArray[np.float64]:
    """Signed confidence of each observation, float64[h]: alpha x strength x recency."""
    scaled = strength(observations.weights, parameters.weight_scale)
    faded = recency(len(scaled), parameters.recency_decay, parameters.recency_floor)
    return parameters.alpha * scaled * faded


@dataclass(frozen=True, slots=True, eq=False)
class FoldedUser:
    """A user's solved system.

    Attributes:
        vector: float64[d].
        system: float64[d, d], the matrix that was solved.
        rows: int64[h], the history behind it.
        confidence: float64[h], signed.
    """

    vector: NDArray[np.float64]
    system: NDArray[np.float64]
    rows: NDArray[np.int64]
    confidence: NDArray[np.float64]


class FoldIn:
    """Solves `(YtY + Yt (Cu - I) Y + reg I) x = Yt Cu p` for users of one model.

    Args:
        factors: float32[n, d], row i the factors of item i.
        regularization: the ridge `reg`.
    """

    def __init__(self, factors: NDArray[np.float32], regularization: float) -> None:
        self._factors = factors
        self.gram = gram(factors)
        """`YtY`, float64[d, d]."""
        self._ridge = self.gram + regularization * np.eye(factors.shape[1])

    def solve(self, rows: NDArray[np.int64], confidence: NDArray[np.float64]) -> FoldedUser:
        """The user who did what is in `rows`.

        Args:
            rows: int64[h], distinct.
            confidence: float64[h]; above 0 is liked (p = 1), below 0 unwanted (p = 0) with the same force.
        """
        seen = self._factors[rows].astype(np.float64)
        system = self._ridge + seen.T @ ((np.abs(confidence) - 1.0)[:, None] * seen)
        return FoldedUser(
            vector=_solved(system, seen.T @ np.maximum(confidence, 0.0)),
            system=system,
            rows=rows,
            confidence=confidence,
        )

    def contributions(self, user: FoldedUser, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How much each history item adds to the score of each item in `rows`, float64[len(rows), h].

        Rows sum to the score `y . x`, because `x = sum_j A^-1 y_j c_j` (Hu, Koren and Volinsky, section 5).
        """
        directions = _solved(user.system, self._factors[rows].T.astype(np.float64))
        shares = directions.T @ self._factors[user.rows].T.astype(np.float64)
        return np.asarray(shares * np.maximum(user.confidence, 0.0), dtype=np.float64)


def _solved(system: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.solve(system, right), dtype=np.float64)


def gram(factors: NDArray[np.float32]) -> NDArray[np.float64]:
    """`YtY` in double precision, float64[d, d], without a double-precision copy of all factors."""
    total = np.zeros((factors.shape[1], factors.shape[1]))
    for start in range(0, len(factors), CHUNK_ROWS):
        chunk = factors[start : start + CHUNK_ROWS].astype(np.float64)
        total += chunk.T @ chunk
    return total
