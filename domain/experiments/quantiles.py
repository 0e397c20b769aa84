"""Quantiles of an arm's values, with the error that their neighbours in order give: no density has to be guessed."""

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import ValidationFailed
from domain.experiments.adjustment import covariance, linear
from domain.experiments.effects import Estimate
from domain.experiments.moments import Arm, Moments

Floats = NDArray[np.float64]

Z: Final = 1.959963984540054
"""Of the 95 % interval whose ends are order statistics."""


@dataclass(frozen=True, slots=True)
class SampleQuantile:
    """A quantile and its 95 % interval.

    Attributes:
        n: how many independent units it rests on: values, or clusters of them.
        q: the quantile.
        lo: where the interval begins.
        hi: where it ends.
    """

    n: int
    q: float
    lo: float
    hi: float

    def __post_init__(self) -> None:
        if not self.lo <= self.q <= self.hi:
            raise ValidationFailed("a quantile lies between lo and hi", field="q")

    def estimate(self) -> Estimate:
        """As a comparison of two arms takes it, by the normal approximation."""
        se = (self.hi - self.lo) / (2.0 * Z)
        return Estimate(self.q, se**2 * self.n, self.n)


def interval_levels(nu: float, squared_error: float) -> tuple[float, float]:
    """The levels of the order statistics between which the quantile lies with 95 %.

    Args:
        nu: which quantile, in (0, 1).
        squared_error: the variance of the share of values up to it: nu (1 - nu) / n if values are independent.

    Raises:
        ValidationFailed: there are too few values for a quantile so far out.
    """
    half = Z * sqrt(squared_error)
    if not 0.0 < nu - half <= nu + half < 1.0:
        raise ValidationFailed(f"there are too few values to say where the quantile {nu:g} is", field="nu")
    return nu - half, nu + half


def sample_quantile(values: Floats, nu: float, clusters: NDArray[np.int64] | None = None) -> SampleQuantile:
    """The quantile of values and its interval.

    With clusters, such as people with several values each, the share of values up to the quantile is a ratio of sums
    over clusters, and its variance that of the delta method (Deng, Knoblich, Lu, "Applying the Delta Method in Metric
    Analytics", KDD 2018, section 4).

    Args:
        values: float64[n].
        nu: which quantile, in (0, 1).
        clusters: int64[n], from 0 on, to which each value belongs; None if all are independent.

    Raises:
        ValidationFailed: columns of different lengths, or too few values.
    """
    if clusters is not None and len(clusters) != len(values):
        raise ValidationFailed("there are as many clusters as values", field="clusters")
    if len(values) < 2:
        raise ValidationFailed("a quantile needs at least two values", field="values")
    q = float(np.quantile(values, nu))
    units, squared = (len(values), nu * (1.0 - nu) / len(values)) if clusters is None else _of(values <= q, clusters)
    low, high = np.quantile(values, interval_levels(nu, squared))
    return SampleQuantile(units, q, float(low), float(high))


def _of(below: NDArray[np.bool_], clusters: NDArray[np.int64]) -> tuple[int, float]:
    """The number of clusters, and the variance of the share of values that are `below`."""
    names, place = np.unique(clusters, return_inverse=True)
    size = np.bincount(place).astype(np.float64)
    some = np.bincount(place, weights=below.astype(np.float64))
    sums = {"below": some, "values": size}
    moments = {name: Moments(len(names), float(one.sum()), float(one @ one)) for name, one in sums.items()}
    arm = Arm(moments, {"below*values": float(some @ size)})
    share = linear(arm, "below/values")
    return len(names), max(covariance(arm, share, share), 0.0) / len(names)
