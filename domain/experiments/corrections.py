"""p-values of many tests at once, each adjusted so that it may be compared with the level for all of them.

Sources: Holm (Scandinavian Journal of Statistics 6, 1979), Hochberg (Biometrika 75, 1988), Benjamini and Hochberg
(JRSS B 57, 1995), Benjamini and Yekutieli (Annals of Statistics 29, 2001).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bonferroni(p: Sequence[float]) -> list[float]:
    """Any error at all, whatever the dependence."""
    return [min(1.0, len(p) * one) for one in p]


def holm(p: Sequence[float]) -> list[float]:
    """Any error at all, whatever the dependence; never more than Bonferroni's."""
    return _in_order(p, lambda rising: np.maximum.accumulate(rising * _left(rising)))


def hochberg(p: Sequence[float]) -> list[float]:
    """Any error at all, for independent tests."""
    return _in_order(p, lambda rising: _least_after(rising * _left(rising)))


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """The expected share of false among the discoveries, for independent or positively dependent tests."""
    return _in_order(p, lambda rising: _least_after(rising * len(rising) / _place(rising)))


def benjamini_yekutieli(p: Sequence[float]) -> list[float]:
    """As `benjamini_hochberg`, whatever the dependence."""
    harmonic = float(np.sum(1.0 / np.arange(1, len(p) + 1)))
    return _in_order(p, lambda rising: _least_after(rising * len(rising) * harmonic / _place(rising)))


def _in_order(p: Sequence[float], adjust: Callable[[Floats], Floats]) -> list[float]:
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(adjust(values[order]), 1.0)
    return [float(one) for one in adjusted]


def _place(rising: Floats) -> Floats:
    return np.arange(1, len(rising) + 1, dtype=np.float64)


def _left(rising: Floats) -> Floats:
    return len(rising) + 1.0 - _place(rising)


def _least_after(values: Floats) -> Floats:
    least: Floats = np.minimum.accumulate(values[::-1])[::-1]
    return least
