"""The interval of a share that was counted: rooms that tell shares, or rest decisions on one, agree on it."""

from math import sqrt
from typing import Final

Z_95: Final = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


def score_interval(hits: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """The ends of Wilson's score interval (Probable Inference, JASA 22, 1927), which hold the share.

    Args:
        hits: 0 to `trials`.
        trials: at least 1, independent of each other.
        z: the quantile of the normal distribution; the interval is one of 95 % if it is left out.
    """
    share, weight = hits / trials, trials + z**2
    centre = (hits + z**2 / 2.0) / weight
    half = z / weight * sqrt(trials * share * (1.0 - share) + z**2 / 4.0)
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))
