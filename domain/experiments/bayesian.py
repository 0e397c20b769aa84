"""Posteriors of arms: chance to win and expected loss, by quadrature. Not safe to peek at: a prior is no error rate."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from scipy import stats

from domain.experiments.effects import Interval

TAIL: Final = 1e-17
STEPS: Final = 64
PIECES: Final = 24

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(STEPS)


def beta_posterior(alpha: float, beta: float) -> Any:
    """Of a rate, after a Beta(1, 1) prior has been counted in: alpha - 1 units did it, beta - 1 did not."""
    return stats.beta(alpha, beta)


def normal_posterior(mean: float, se: float) -> Any:
    """Of a mean under a flat prior."""
    return stats.norm(mean, se)


def chance_to_beat(one: Any, other: Any) -> float:
    """The probability that `other` is above `one`."""
    return probability_best((one, other))[1]


def expected_loss(chosen: Any, other: Any) -> float:
    """The expectation of what is lost by choosing `chosen` where `other` is better: E max(other - chosen, 0).

    It is the integral of P(chosen < x < other), which has no cancellation.
    """
    points = _edges((chosen, other))
    total = 0.0
    for low, high in pairwise(points):
        total += _integral(lambda x: chosen.cdf(x) * other.sf(x), low, high)
    return total


def probability_best(arms: Sequence[Any]) -> list[float]:
    """The probability of each arm to be the best: the integral of its density times the others' distributions."""
    points = _edges(arms)
    chances = []
    for number, arm in enumerate(arms):
        others = [other for place, other in enumerate(arms) if place != number]

        def integrand(x: Any, arm: Any = arm, others: Sequence[Any] = tuple(others)) -> Any:
            return arm.pdf(x) * np.prod([other.cdf(x) for other in others], axis=0)

        chances.append(sum(_integral(integrand, low, high) for low, high in pairwise(points)))
    return chances


def credible(posterior: Any, alpha: float = 0.05) -> Interval:
    """The interval with equal tails."""
    low, high = posterior.ppf([alpha / 2.0, 1.0 - alpha / 2.0])
    return Interval(float(low), float(high))


def _edges(arms: Sequence[Any]) -> list[float]:
    """Where to cut the line so that no piece hides a narrow peak: quantiles of every arm."""
    levels = np.concatenate(([TAIL, 1e-12, 1e-8, 1e-5, 1e-3], np.linspace(0.02, 0.98, PIECES)))
    points = np.concatenate([np.concatenate((arm.ppf(levels), arm.isf(levels))) for arm in arms])
    return [float(point) for point in np.unique(points)]


def _integral(function: Any, low: float, high: float) -> float:
    half, centre = (high - low) / 2.0, (high + low) / 2.0
    if half <= 0.0:
        return 0.0
    return float(half * np.sum(_WEIGHTS * function(centre + half * _NODES)))
