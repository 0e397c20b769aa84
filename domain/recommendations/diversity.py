"""A page of ten near-copies helps nobody: each next item pays for what it repeats of those already chosen.

Source: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
Summaries" (SIGIR 1998).
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

DEFAULT_DIVERSITY: Final = 0.1


def maximal_marginal_relevance(
    relevance: NDArray[np.float32],
    vectors: NDArray[np.float32],
    limit: int,
    diversity: float,
    closing: Callable[[int], NDArray[np.int64]] | None = None,
) -> NDArray[np.int64]:
    """The order in which to show candidates, int64[min(limit, m)] or fewer if `closing` ends it, as indices into them.

    Each step takes the highest `(1 - diversity) relevance - diversity max similarity`, the first of equals.
    Relevance is scaled to [0, 1] over the candidates; similarity is the cosine, opposites counting as unlike.

    Args:
        relevance: float32[m], best first.
        vectors: float32[m, d]; a zero vector is similar to nothing.
        limit: how many to take.
        diversity: 0 keeps the order of relevance, 1 ignores it after the first.
        closing: told of each candidate taken, answers with those that may not be taken any more.
    """
    count = min(limit, len(relevance))
    if closing is None and (diversity == 0.0 or count <= 1):
        return np.arange(count, dtype=np.int64)
    gain = (1.0 - diversity) * _unit_range(relevance)
    directions = _unit_length(vectors)
    repeated = np.zeros(len(relevance), dtype=np.float32)
    order = np.empty(count, dtype=np.int64)
    for position in range(count):
        chosen = int(np.argmax(gain - diversity * repeated))
        if closing is not None:
            if gain[chosen] == -np.inf:
                return order[:position]
            gain[closing(chosen)] = -np.inf
        order[position] = chosen
        gain[chosen] = -np.inf
        np.maximum(repeated, directions @ directions[chosen], out=repeated)
    return order


def _unit_range(values: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = values.min(), values.max()
    if high == low:
        return np.ones(len(values), dtype=np.float32)
    return np.asarray((values - low) / (high - low), dtype=np.float32)


def _unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = np.zeros_like(vectors)
    np.divide(vectors, lengths, out=directions, where=lengths > 0)
    return directions
