"""Boundaries for planned looks, each of which spends a part of the error rate (Lan, DeMets, Biometrika 70, 1983)."""

from collections.abc import Sequence
from math import e, log1p, sqrt
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from domain.errors import ValidationFailed
from domain.experiments.later import optimize, stats

Spending = Literal["obf", "pocock"]

NODES: Final = 400
FARTHEST_Z: Final = 38.0
"""Beyond it nothing of a standard normal is left in double precision."""

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(NODES)

Floats = NDArray[np.float64]


def spent(information: float, alpha: float, spending: Spending) -> float:
    """How much of `alpha`, two-sided, may be spent by the time that a share of the information is there, in (0, 1]."""
    if spending == "pocock":
        return alpha * log1p((e - 1.0) * information)
    return float(4.0 * stats.norm.sf(stats.norm.isf(alpha / 4.0) / sqrt(information)))


def boundaries(information: Sequence[float], alpha: float, spending: Spending) -> list[float]:
    """The z value of each look beyond which it ends, two-sided and symmetric.

    The density of those who go on is carried from look to look by quadrature (Armitage, McPherson, Rowe, JRSS A
    132, 1969).

    Args:
        information: the share that is there at each look, rising, at most 1.
        alpha: two-sided level of all looks together.
        spending: how it is spent: `obf` little at first, in the manner of O'Brien and Fleming; `pocock` evenly.
    """
    steps = np.diff(np.concatenate(([0.0], np.asarray(information, dtype=np.float64))))
    if not len(steps) or (steps <= 0.0).any() or information[-1] > 1.0:
        raise ValidationFailed("shares of information rise, from above 0 to at most 1", field="information")
    spending_at = [0.0, *(spent(share, alpha, spending) for share in information)]
    points, density = np.zeros(1), np.ones(1)
    bounds: list[float] = []
    for look, step in enumerate(steps):
        budget, root = spending_at[look + 1] - spending_at[look], sqrt(information[look])
        z = _bound(points, density, sqrt(step), root, budget)
        bounds.append(z)
        ahead = _POINTS * z * root
        kernel = stats.norm.pdf((ahead[:, np.newaxis] - points) / sqrt(step)) / sqrt(step)
        points, density = ahead, (kernel @ density) * _WEIGHTS * z * root
    return bounds


def _bound(points: Floats, density: Floats, deviation: float, root: float, budget: float) -> float:
    """Where the chance to end at this look is `budget`; `density` holds the quadrature's weights."""

    def excess(z: float) -> float:
        above = stats.norm.sf((z * root - points) / deviation) + stats.norm.cdf((-z * root - points) / deviation)
        return float(density @ above) - budget

    if excess(FARTHEST_Z) >= 0.0:
        return FARTHEST_Z
    return float(optimize.brentq(excess, 0.0, FARTHEST_Z, xtol=1e-12))
