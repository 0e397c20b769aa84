"""Posteriors of arms: chance to win and expected loss, by quadrature. Not safe to peek at: a prior is no error rate."""

from collections.abc import Sequence
from math import exp, pi, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.experiments.effects import Interval
from domain.experiments.later import special, stats

Floats = NDArray[np.float64]

TAIL: Final = 1e-17
STEPS: Final = 16
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
    x, weights = _line((chosen, other))
    return float(weights @ (chosen.cdf(x) * other.sf(x)))


def chance_above_zero(mean: float, se: float) -> float:
    """The probability that a normal is above 0: of the difference of two arms, that the one is above the other.

    Unlike `chance_to_beat` it asks nothing of the arms themselves, of which one may not vary.
    """
    return float(special.ndtr(mean / se))


def expected_shortfall(mean: float, se: float) -> float:
    """E max(-x, 0) of a normal x: what is lost on average by choosing what is better by x."""
    z = mean / se
    return max(0.0, se * exp(-(z**2) / 2.0) / sqrt(2.0 * pi) - mean * float(special.ndtr(-z)))


def probability_best(arms: Sequence[Any]) -> list[float]:
    """The probability of each arm to be the best: the integral of its density times the others' distributions."""
    x, weights = _line(arms)
    below = np.array([arm.cdf(x) for arm in arms])
    others = (np.delete(below, number, axis=0).prod(axis=0) for number in range(len(arms)))
    return [float(weights @ (arm.pdf(x) * lower)) for arm, lower in zip(arms, others, strict=True)]


def credible(posterior: Any, alpha: float = 0.05) -> Interval:
    """The interval with equal tails."""
    low, high = posterior.ppf([alpha / 2.0, 1.0 - alpha / 2.0])
    return Interval(float(low), float(high))


def _line(arms: Sequence[Any]) -> tuple[Floats, Floats]:
    """Points of the line and the weights of an integral over it, cut at quantiles of every arm, so no peak hides."""
    levels = np.concatenate(([TAIL, 1e-12, 1e-8, 1e-5, 1e-3], np.linspace(0.02, 0.98, PIECES)))
    edges = np.unique(np.concatenate([np.concatenate((arm.ppf(levels), arm.isf(levels))) for arm in arms]))
    half, centre = np.diff(edges) / 2.0, (edges[1:] + edges[:-1]) / 2.0
    return (centre[:, np.newaxis] + half[:, np.newaxis] * _NODES).ravel(), np.outer(half, _WEIGHTS).ravel()
