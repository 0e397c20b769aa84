"""The best few of many, in an order that never depends on chance."""

import numpy as np
from numpy.typing import NDArray


def top(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Indices of the highest scores, int64[min(count, n)], best first; of equal scores the lower index is first.

    Args:
        scores: float32[n], without NaN.
        count: how many; the cost is linear in n whatever it is.
    """
    count = min(count, len(scores))
    if count == 0:
        return np.empty(0, dtype=np.int64)
    threshold = scores[np.argpartition(scores, len(scores) - count)[len(scores) - count]]
    above = np.flatnonzero(scores > threshold)
    level = np.flatnonzero(scores == threshold)[: count - len(above)]
    chosen = np.concatenate((above, level))
    return chosen[np.lexsort((chosen, -scores[chosen]))]
