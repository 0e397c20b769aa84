"""Item-to-item weights, sparse: for each item the few items that it speaks most for, or against."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS: Final = 512


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The k strongest weights of each of n items.

    Attributes:
        rows: int32[n, k], the items that each item speaks for.
        weights: float32[n, k], how much; below 0 is against.
    """

    rows: NDArray[np.int32]
    weights: NDArray[np.float32]

    def scores(self, history: NDArray[np.int64], strengths: NDArray[np.float64]) -> NDArray[np.float32]:
        """What a history says of every item, float32[n].

        Args:
            history: int64[h], items.
            strengths: float64[h], how much each of them counts.
        """
        said = strengths[:, np.newaxis] * self.weights[history]
        total = np.bincount(self.rows[history].ravel(), weights=said.ravel(), minlength=len(self.rows))
        return total.astype(np.float32)

    def contributions(
        self, history: NDArray[np.int64], strengths: NDArray[np.float64], wanted: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """How much each item of a history adds to the score of each item in `wanted`, float64[len(wanted), h]."""
        said = strengths[:, np.newaxis] * self.weights[history]
        about = self.rows[history][np.newaxis] == wanted[:, np.newaxis, np.newaxis]
        return np.asarray(np.where(about, said, 0.0).sum(axis=2), dtype=np.float64)


def strongest(weights: NDArray[np.float32], count: int) -> Neighbours:
    """The `count` weights of each row that lie farthest from 0, in the order of the items.

    Args:
        weights: float32[n, n].
        count: k; all of a row if it has fewer.
    """
    count = min(count, weights.shape[1])
    chosen = np.empty((len(weights), count), dtype=np.int64)
    # A block of rows at a time: the magnitudes of all would take as much memory again as the weights.
    for start in range(0, len(weights), BLOCK_ROWS):
        block = -np.abs(weights[start : start + BLOCK_ROWS])
        chosen[start : start + len(block)] = np.argpartition(block, min(count, block.shape[1] - 1), axis=1)[:, :count]
    rows = np.sort(chosen, axis=1)
    return Neighbours(rows.astype(np.int32), np.take_along_axis(weights, rows, axis=1).astype(np.float32))
