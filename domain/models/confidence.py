"""Confidence sequences for a rate: bounds that hold at every moment at once, so that looking often costs nothing.

A wager against each possible mean gains whenever the values contradict it. If the mean were true, the capital would be
a supermartingale, and by Ville's inequality it would ever reach 1/alpha with probability alpha at most; a mean whose
wager got that far is ruled out for good. Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables
by betting" (Journal of the Royal Statistical Society B 86, 2024), sections 4.1 and 4.3.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

CELLS: Final = 1000
CHUNK: Final = 500
_STAKE: Final = 0.5
"""No wager risks more than this share of what it has."""

MEANS: Final = np.linspace(0.0, 1.0, CELLS + 1) ** 2
"""The means that are wagered against, float64[cells + 1]; closer together where rates are small."""


def upper_bound(values: NDArray[np.float64], error_rate: float) -> float:
    """A bound that the mean is below, at all lengths of the sequence at once but with probability `error_rate`.

    Args:
        values: float64[n], each in [0, 1], in the order in which they came; the mean of each, given those before, is
            the same.
        error_rate: in (0, 1).
    """
    excluded = _excluded(values, error_rate, -1.0, _STAKE / np.maximum(1.0 - MEANS, _STAKE / 1e6))
    return float(MEANS[excluded].min()) if excluded.any() else 1.0


def lower_bound(values: NDArray[np.float64], error_rate: float) -> float:
    """A bound that the mean is above; otherwise as `upper_bound`."""
    excluded = _excluded(values, error_rate, 1.0, _STAKE / np.maximum(MEANS, _STAKE / 1e6))
    return float(MEANS[excluded].max()) if excluded.any() else 0.0


def _excluded(
    values: NDArray[np.float64], error_rate: float, sign: float, highest: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which means are ruled out by values that lie above (sign 1) or below (-1) them, bool[cells + 1]."""
    stakes = _stakes(values, error_rate)
    capital, peak = np.zeros(len(MEANS)), np.zeros(len(MEANS))
    for start in range(0, len(values), CHUNK):
        chunk = slice(start, start + CHUNK)
        wagers = np.minimum(stakes[chunk, np.newaxis], highest)
        path = capital + np.cumsum(np.log1p(wagers * sign * (values[chunk, np.newaxis] - MEANS)), axis=0)
        peak = np.maximum(peak, path.max(axis=0))
        capital = path[-1]
    excluded: NDArray[np.bool_] = peak >= np.log(1.0 / error_rate)
    return excluded


def _stakes(values: NDArray[np.float64], error_rate: float) -> NDArray[np.float64]:
    """How much to wager on each value, from those before it alone, float64[n] (equation 26 of the source)."""
    number = np.arange(1, len(values) + 1)
    means = (0.5 + np.cumsum(values)) / (number + 1)
    variances = (0.25 + np.cumsum((values - means) ** 2)) / (number + 1)
    before = np.concatenate(([0.25], variances[:-1]))
    return np.asarray(np.sqrt(2.0 * np.log(1.0 / error_rate) / (before * number * np.log1p(number))))
