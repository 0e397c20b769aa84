"""Posteriors of arms: chance to win and expected loss, by quadrature. Not safe to peek at: a prior is no error rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, pi, sqrt
from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from domain.experiments.effects import Interval
from domain.experiments.later import special, stats

Floats = NDArray[np.float64]

TAIL: Final = 1e-17
STEPS: Final = 16
PIECES: Final = 24

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(STEPS)


class Posterior(Protocol):
    """A distribution of what is believed of an arm: the density, both of its sums, and their inverses."""

    def pdf(self, x: ArrayLike) -> Floats:
        """The density."""
        ...

    def cdf(self, x: ArrayLike) -> Floats:
        """The chance to be at most x."""
        ...

    def sf(self, x: ArrayLike) -> Floats:
        """The chance to be above x."""
        ...

    def ppf(self, q: ArrayLike) -> Floats:
        """What `cdf` is q at."""
        ...

    def isf(self, q: ArrayLike) -> Floats:
        """What `sf` is q at."""
        ...


@dataclass(frozen=True, slots=True)
class _Beta:
    alpha: float
    beta: float

    def pdf(self, x: ArrayLike) -> Floats:
        return np.asarray(stats.beta.pdf(x, self.alpha, self.beta))

    def cdf(self, x: ArrayLike) -> Floats:
        return np.asarray(special.betainc(self.alpha, self.beta, x))

    def sf(self, x: ArrayLike) -> Floats:
        return np.asarray(special.betaincc(self.alpha, self.beta, x))

    def ppf(self, q: ArrayLike) -> Floats:
        return np.asarray(special.betaincinv(self.alpha, self.beta, q))

    def isf(self, q: ArrayLike) -> Floats:
        return np.asarray(special.betainccinv(self.alpha, self.beta, q))


@dataclass(frozen=True, slots=True)
class _Normal:
    mean: float
    se: float

    def pdf(self, x: ArrayLike) -> Floats:
        return np.asarray(np.exp(-(self._z(x) ** 2) / 2.0) / (self.se * sqrt(2.0 * pi)))

    def cdf(self, x: ArrayLike) -> Floats:
        return np.asarray(special.ndtr(self._z(x)))

    def sf(self, x: ArrayLike) -> Floats:
        return np.asarray(special.ndtr(-self._z(x)))

    def ppf(self, q: ArrayLike) -> Floats:
        return np.asarray(self.mean + self.se * special.ndtri(q))

    def isf(self, q: ArrayLike) -> Floats:
        return np.asarray(self.mean - self.se * special.ndtri(q))

    def _z(self, x: ArrayLike) -> Floats:
        return (np.asarray(x, dtype=np.float64) - self.mean) / self.se


def beta_posterior(alpha: float, beta: float) -> Posterior:
    """Of a rate, after a Beta(1, 1) prior has been counted in: alpha - 1 units did it, beta - 1 did not."""
    return _Beta(alpha, beta)


def normal_posterior(mean: float, se: float) -> Posterior:
    """Of a mean under a flat prior."""
    return _Normal(mean, se)


def chance_to_beat(one: Posterior, other: Posterior) -> float:
    """The probability that `other` is above `one`."""
    return probability_best((one, other))[1]


def expected_loss(chosen: Posterior, other: Posterior) -> float:
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


def probability_best(arms: Sequence[Posterior]) -> list[float]:
    """The probability of each arm to be the best: the integral of its density times the others' distributions."""
    x, weights = _line(arms)
    below = np.array([arm.cdf(x) for arm in arms])
    others = (np.delete(below, number, axis=0).prod(axis=0) for number in range(len(arms)))
    return [float(weights @ (arm.pdf(x) * lower)) for arm, lower in zip(arms, others, strict=True)]


def credible(posterior: Posterior, alpha: float = 0.05) -> Interval:
    """The interval with equal tails."""
    low, high = posterior.ppf([alpha / 2.0, 1.0 - alpha / 2.0])
    return Interval(float(low), float(high))


def _line(arms: Sequence[Posterior]) -> tuple[Floats, Floats]:
    """Points of the line and the weights of an integral over it, cut at quantiles of every arm, so no peak hides."""
    levels = np.concatenate(([TAIL, 1e-12, 1e-8, 1e-5, 1e-3], np.linspace(0.02, 0.98, PIECES)))
    edges = np.unique(np.concatenate([np.concatenate((arm.ppf(levels), arm.isf(levels))) for arm in arms]))
    half, centre = np.diff(edges) / 2.0, (edges[1:] + edges[:-1]) / 2.0
    return (centre[:, np.newaxis] + half[:, np.newaxis] * _NODES).ravel(), np.outer(half, _WEIGHTS).ravel()
