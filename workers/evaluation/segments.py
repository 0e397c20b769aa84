"""Groups of users with like tastes, to see whether a mean hides somebody who is served badly."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from workers.evaluation.histories import Histories

SEGMENTS: Final = 5
DIMENSIONS: Final = 20


def segments(histories: Histories, seed: int) -> NDArray[np.int64]:
    """The segment of each user by everything they did, int64[u]: 0 is the largest one; -1 for who did nothing.

    k-means of the users' left singular vectors, scaled to length 1. They describe a result and take no part in it.

    Args:
        histories: whose.
        seed: of the first centroids.
    """
    found = np.full(histories.user_count, -1, dtype=np.int64)
    active = np.flatnonzero(np.diff(histories.offsets))
    dimensions = min(DIMENSIONS, len(active) - 1, histories.item_count - 1)
    if dimensions < 1 or len(active) < SEGMENTS:
        found[active] = 0
        return found
    with threadpool_limits(limits=1):
        matrix = histories.matrix()[active].astype(np.float64)
        left, weights, _ = svds(matrix, k=dimensions, rng=np.random.default_rng(seed))
        vectors = left * weights
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        labels = KMeans(SEGMENTS, n_init=4, random_state=seed).fit_predict(vectors)
    sizes = np.bincount(labels, minlength=SEGMENTS)
    place = np.empty(SEGMENTS, dtype=np.int64)
    place[np.lexsort((np.arange(SEGMENTS), -sizes))] = np.arange(SEGMENTS)
    found[active] = place[labels]
    return found
