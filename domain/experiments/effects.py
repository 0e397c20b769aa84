"""How two arms differ: proportions and means, in absolute and in relative terms."""

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Final, NamedTuple

from domain.errors import ValidationFailed
from domain.experiments.later import special, stats
from domain.wilson import score_interval

EXPECTED_CELL: Final = 5
"""Below it in any cell of the table, the normal approximation of a proportion is not to be trusted."""


class Interval(NamedTuple):
    """From `low` to `high`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of one arm.

    Attributes:
        mean: the estimate.
        variance: of one unit; that of the estimate is `variance / n`.
        n: how many units.
    """

    mean: float
    variance: float
    n: int

    @property
    def squared_error(self) -> float:
        """The variance of the estimate."""
        return self.variance / self.n


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference with its uncertainty.

    Attributes:
        est: the estimate.
        se: its standard error.
        df: degrees of freedom of its t distribution.
        p: two-sided.
        ci: with the confidence that was asked for.
    """

    est: float
    se: float
    df: float
    p: float
    ci: Interval

    @property
    def t(self) -> float:
        """The estimate in standard errors."""
        return self.est / self.se


def tested(est: float, squared_error: float, df: float, alpha: float) -> Effect:
    """The t test of an estimate against 0.

    Raises:
        ValidationFailed: nothing varies, so that nothing can be tested.
    """
    se = sqrt(squared_error)
    if not (isfinite(se) and se > 0.0):
        raise ValidationFailed("the values of neither arm vary, so nothing can be tested")
    half = float(special.stdtrit(df, 1.0 - alpha / 2.0)) * se
    return Effect(est, se, df, float(2.0 * special.stdtr(df, -abs(est) / se)), Interval(est - half, est + half))


def welch_df(control: Estimate, treatment: Estimate) -> float:
    """Degrees of freedom by Welch and Satterthwaite (Welch, Biometrika 34, 1947)."""
    one, other = control.squared_error, treatment.squared_error
    spread = one**2 / (control.n - 1) + other**2 / (treatment.n - 1)
    return (one + other) ** 2 / spread if spread > 0.0 else float(control.n + treatment.n - 2)


def difference(control: Estimate, treatment: Estimate, alpha: float) -> Effect:
    """Treatment minus control by Welch's t test."""
    squared = control.squared_error + treatment.squared_error
    return tested(treatment.mean - control.mean, squared, welch_df(control, treatment), alpha)


def fieller_lift(control: Estimate, treatment: Estimate, alpha: float) -> Interval | None:
    """The interval of treatment / control - 1 that leaves out 0 exactly when that of the difference does.

    Normal quantiles (Fieller, JRSS B 16, 1954). None if the control's mean is not clearly different from 0: the set of
    ratios that agree with the data is not an interval then.
    """
    z = float(special.ndtri(1.0 - alpha / 2.0))
    if control.mean == 0.0 or z**2 * control.squared_error >= control.mean**2:
        return None
    one, other = control.squared_error, treatment.squared_error
    g = z**2 * one / control.mean**2
    ratio = treatment.mean / control.mean
    half = z / abs(control.mean) * sqrt(max(other * (1.0 - g) + ratio**2 * one, 0.0))
    return Interval((ratio - half) / (1.0 - g) - 1.0, (ratio + half) / (1.0 - g) - 1.0)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of an arm's `n` units did it: `x`."""

    x: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.x <= self.n or self.n == 0:
            raise ValidationFailed("x is 0 to n, and n at least 1", field="x")

    @property
    def rate(self) -> float:
        """The share that did it."""
        return self.x / self.n

    @property
    def squared_error(self) -> float:
        """The variance of the share."""
        return self.rate * (1.0 - self.rate) / self.n


def pooled_z(control: Counts, treatment: Counts) -> float:
    """The difference in standard errors under equal rates; 0 where nobody or everybody did it."""
    rate = (control.x + treatment.x) / (control.n + treatment.n)
    se = sqrt(rate * (1.0 - rate) * (1.0 / control.n + 1.0 / treatment.n))
    return (treatment.rate - control.rate) / se if se > 0.0 else 0.0


def two_sided(z: float) -> float:
    """The p-value of a standard normal."""
    return float(2.0 * special.ndtr(-abs(z)))


def newcombe(control: Counts, treatment: Counts, alpha: float) -> Interval:
    """The interval of treatment minus control from two Wilson intervals (Newcombe, Statistics in Medicine 17, 1998)."""
    low_c, high_c = wilson(control, alpha)
    low_t, high_t = wilson(treatment, alpha)
    diff = treatment.rate - control.rate
    below = sqrt((treatment.rate - low_t) ** 2 + (high_c - control.rate) ** 2)
    above = sqrt((high_t - treatment.rate) ** 2 + (control.rate - low_c) ** 2)
    return Interval(diff - below, diff + above)


def wilson(counts: Counts, alpha: float) -> Interval:
    """Wilson's score interval of a share."""
    return Interval(*score_interval(counts.x, counts.n, float(special.ndtri(1.0 - alpha / 2.0))))


def fisher(control: Counts, treatment: Counts) -> float:
    """Fisher's exact p-value, two-sided."""
    table = [[treatment.x, treatment.n - treatment.x], [control.x, control.n - control.x]]
    return float(stats.fisher_exact(table).pvalue)


def smallest_expected(control: Counts, treatment: Counts) -> float:
    """The smallest cell of the table that equal rates would give."""
    rate = (control.x + treatment.x) / (control.n + treatment.n)
    return min(control.n, treatment.n) * min(rate, 1.0 - rate)
