"""What many people take to: the answer for a user of whom nothing is known, and evidence for everybody else."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.interest.model import ENOUGH

TREND_LIFT: Final = 1.5
"""An item trends when its share of recent interest is this many times its share of all interest."""


def log_popularity(popularity: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logarithm of popularity around its mean, float32[n]; one unit more is e times the people.

    The logarithm keeps a few blockbusters from drowning every personal score that popularity is added to. It is not
    divided by its spread: where all items are about as popular, popularity has little to say and then says little.

    Args:
        popularity: float32[n], people per item, at least 0.
    """
    logarithm = np.log1p(popularity.astype(np.float64))
    return (logarithm - (logarithm.mean() if len(logarithm) else 0.0)).astype(np.float32)


def trending(popularity: NDArray[np.float32], trend: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which items draw clearly more interest now than over all time, bool[n].

    Args:
        popularity: float32[n], people per item, ever.
        trend: float32[n], the same people faded by time.
    """
    everyone, recently = float(popularity.sum(dtype=np.float64)), float(trend.sum(dtype=np.float64))
    if everyone == 0.0 or recently == 0.0:
        return np.zeros(len(popularity), dtype=np.bool_)
    lifted: NDArray[np.bool_] = trend / recently > TREND_LIFT * popularity / everyone
    return lifted & (trend >= ENOUGH)
