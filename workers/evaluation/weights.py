"""Item-to-item weights in the form that is cheapest to keep, all applied to many histories at once."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Scores = NDArray[np.float32]
Lists = Sequence[NDArray[np.int64]]


class Weights(Protocol):
    """What each item says about each item."""

    @property
    def item_count(self) -> int:
        """n."""
        ...

    def applied(self, rows: csr_matrix) -> Scores:
        """`rows`, float32 CSR[k, n], times the weights: float32[k, n]."""
        ...


class Dense:
    """Every weight."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self._weights = weights

    @property
    def item_count(self) -> int:
        """n."""
        return int(self._weights.shape[1])

    def applied(self, rows: csr_matrix) -> Scores:
        """The sum of the rows' weights."""
        return np.asarray(rows @ self._weights, dtype=np.float32)


class Sparse:
    """The weights that are not 0, float32 CSR[n, n]."""

    def __init__(self, weights: csr_matrix) -> None:
        self._weights = weights

    @property
    def item_count(self) -> int:
        """n."""
        return int(self._weights.shape[1])

    def applied(self, rows: csr_matrix) -> Scores:
        """The sum of the rows' weights."""
        return np.asarray((rows @ self._weights).toarray(), dtype=np.float32)


class Factored:
    """A product of CSR[n, r] and float32[r, n]; the diagonal is not 0, so an item speaks for itself as well."""

    def __init__(self, left: csr_matrix, right: NDArray[np.float32]) -> None:
        self._left = left
        self._right = right

    @property
    def item_count(self) -> int:
        """n."""
        return int(self._right.shape[1])

    def applied(self, rows: csr_matrix) -> Scores:
        """The sum of the rows' weights."""
        return np.asarray((rows @ self._left).toarray() @ self._right, dtype=np.float32)


def weighed(histories: Lists, item_count: int, decay: float | None, floor: float) -> csr_matrix:
    """Histories as rows, float32 CSR[k, n].

    Args:
        histories: k users' items, oldest first.
        item_count: n.
        decay: positions after which an item weighs 1/e of the newest; None for equal weights.
        floor: the part of the weight that never fades.
    """
    bounds = np.cumsum([0, *map(len, histories)])
    items = np.concatenate(histories) if len(histories) else np.empty(0, dtype=np.int64)
    values = np.concatenate([_places(len(history), decay, floor) for history in histories]) if len(items) else items
    return csr_matrix((values.astype(np.float32), items, bounds), shape=(len(histories), item_count))


def nearest(weights: csr_matrix, count: int) -> csr_matrix:
    """Keep the `count` largest weights of each row, and those that equal the last of them."""
    kept = np.ones(weights.nnz, dtype=np.bool_)
    for first, last in zip(weights.indptr[:-1].tolist(), weights.indptr[1:].tolist(), strict=True):
        row = weights.data[first:last]
        if len(row) > count:
            kept[first:last] = row >= np.partition(row, -count)[-count]
    bounds = np.concatenate(([0], np.cumsum(kept)))[weights.indptr]
    return csr_matrix((weights.data[kept], weights.indices[kept], bounds), shape=weights.shape)


def _places(count: int, decay: float | None, floor: float) -> Scores:
    if decay is None:
        return np.ones(count, dtype=np.float32)
    age = np.arange(count - 1, -1, -1)
    return (floor + np.exp(-age / decay)).astype(np.float32)
