"""Neighbours of items and of users: who shares how much with whom, the oldest kind of collaborative filtering."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from workers.evaluation.histories import Histories, Pasts, items_of
from workers.evaluation.sources import Candidate, ItemToItem
from workers.evaluation.weights import Scores, Sparse, Weights, nearest, weighed

USERS_AT_ONCE: Final = 256


class UserNeighbours:
    """What the users with the most similar histories took to; rare items say more of likeness than popular ones.

    The similarity is the cosine of histories with inverse document frequencies, shrunk towards 0.

    Args:
        training: whose histories are compared.
        neighbours: users who count.
        shrink: added to the denominator of the cosine.
    """

    def __init__(self, training: Histories, neighbours: int, shrink: float) -> None:
        self._matrix = training.matrix()
        people = np.maximum(np.bincount(training.items, minlength=training.item_count), 1)
        self._information = np.square(np.log1p(training.user_count / people)).astype(np.float32)
        self._lengths = np.sqrt(self._matrix @ self._information)
        self._neighbours = min(neighbours, training.user_count)
        self._shrink = np.float32(shrink)

    def scores(self, pasts: Pasts) -> Scores:
        """The summed similarity of the neighbours who took to each item."""
        rows = weighed(items_of(pasts), self._matrix.shape[1], None, 0.0)
        parts = [self._part(rows[first : first + USERS_AT_ONCE]) for first in range(0, len(pasts), USERS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros((0, self._matrix.shape[1]), dtype=np.float32)

    def _part(self, rows: csr_matrix) -> Scores:
        shared = (rows.multiply(self._information).tocsr() @ self._matrix.T).toarray()
        lengths = np.sqrt(rows @ self._information)
        alike = shared / (lengths[:, np.newaxis] * self._lengths + self._shrink + np.float32(1e-9))
        return np.asarray((_largest(alike, self._neighbours) @ self._matrix).toarray(), dtype=np.float32)


def _largest(rows: NDArray[np.float32], count: int) -> csr_matrix:
    """The `count` largest of each row, and those that equal the last of them; zeros are left out."""
    bounds = np.partition(rows, -count, axis=1)[:, -count]
    return csr_matrix(np.where(rows >= bounds[:, np.newaxis], rows, np.float32(0.0)))


def user_knn(neighbours: int, shrink: float) -> Candidate:
    """What similar users took to."""
    return Candidate(
        f"{neighbours} neighbours, shrink {shrink:g}",
        (neighbours, shrink),
        lambda training: UserNeighbours(training, neighbours, shrink),
        lambda model: model,
    )


def item_knn(neighbours: int, shrink: float) -> Candidate:
    """Cosine similarity of items, shrunk towards 0, the nearest neighbours of each item kept."""

    def learn(training: Histories) -> Weights:
        together = _without_diagonal(training.matrix())
        counts = np.bincount(training.items, minlength=training.item_count)
        rows = np.repeat(np.arange(len(counts)), np.diff(together.indptr))
        together.data /= (np.sqrt(counts[rows] * counts[together.indices]) + shrink).astype(np.float32)
        return Sparse(nearest(together, neighbours))

    return Candidate(f"{neighbours} neighbours, shrink {shrink:g}", (neighbours, shrink), learn, ItemToItem)


def bm25(neighbours: int, k1: float, b: float) -> Candidate:
    """Co-occurrence of BM25-weighted histories, the nearest neighbours of each item kept."""

    def learn(training: Histories) -> Weights:
        return Sparse(nearest(_without_diagonal(_bm25(training.matrix(), k1, b)), neighbours))

    return Candidate(f"{neighbours} neighbours, k1 {k1:g}, b {b:g}", (neighbours, k1, b), learn, ItemToItem)


def _without_diagonal(matrix: csr_matrix) -> csr_matrix:
    """How much items share, float32 CSR[n, n], themselves aside."""
    together = csr_matrix(matrix.T @ matrix, dtype=np.float32)
    together.setdiag(0.0)
    together.eliminate_zeros()
    return together


def _bm25(matrix: csr_matrix, k1: float, b: float) -> csr_matrix:
    """BM25 with items as terms and users as documents (Robertson and Zaragoza 2009)."""
    lengths = np.asarray(matrix.sum(axis=1)).ravel()
    frequency = np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1.0)
    inverse = np.log(1.0 + matrix.shape[0] / frequency)
    norm = k1 * (1.0 - b + b * lengths / max(float(lengths.mean()), 1e-9))
    return csr_matrix(diags((k1 + 1.0) / (1.0 + norm)) @ matrix @ diags(np.sqrt(inverse)))
