"""What items are about, as columns: how varied a list is, and how far its mix is from what the user took to so far."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SMOOTHING: Final = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Rows of length 1, or of zeros where nothing is known.

    Attributes:
        rows: float32[n, f].
    """

    rows: NDArray[np.float32]

    def diversity(self, listed: NDArray[np.int64]) -> float:
        """Intra-list diversity: 1 less the mean cosine of two different items of the list; 0 for fewer than two."""
        if len(listed) < 2:
            return 0.0
        rows = self.rows[listed]
        pairs = len(listed) * (len(listed) - 1)
        return 1.0 - float((rows @ rows.T).sum() - np.square(rows).sum()) / pairs

    def miscalibration(self, listed: NDArray[np.int64], history: NDArray[np.int64]) -> float:
        """Kullback-Leibler divergence, in nats, of the list's mix from the history's (Steck 2018, equation 4).

        The list's shares are smoothed with 0.01 of the history's; 0 where the history says nothing.
        """
        wanted, found = self._mix(history), self._mix(listed)
        if not wanted.any():
            return 0.0
        smooth = (1.0 - SMOOTHING) * found + SMOOTHING * wanted
        present = wanted > 0
        return float((wanted[present] * np.log(wanted[present] / smooth[present])).sum())

    def _mix(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        total = self.rows[items].sum(axis=0, dtype=np.float64)
        return np.asarray(total / max(float(total.sum()), 1e-12))


def build_features(words: Sequence[Collection[str]]) -> Features | None:
    """Features of items that are described by words; None when no item is.

    Args:
        words: the words of each of n items.
    """
    names = {name: column for column, name in enumerate(sorted({word for item in words for word in item}))}
    if not names:
        return None
    rows = np.zeros((len(words), len(names)), dtype=np.float32)
    for row, item in zip(rows, words, strict=True):
        row[[names[word] for word in item]] = 1.0
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    return Features(rows / np.maximum(lengths, 1.0))
