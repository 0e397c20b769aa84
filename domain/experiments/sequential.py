"""Inference that may be looked at any number of times.

The asymptotic confidence sequence of a mean, by a normal mixture: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas,
"Time-uniform central limit theory and asymptotic confidence sequences" (Annals of Statistics 52, 2024).
`n` counts the units of both arms; `n_star` is the count at which the sequence is tightest, chosen before the start.
"""

from math import exp, log, log1p, sqrt
from typing import Final

from domain.experiments.effects import Interval
from domain.experiments.later import optimize, stats

DEFAULT_N_STAR: Final = 5000.0


def mixing(n_star: float, alpha: float) -> float:
    """rho squared, the variance of the mixture that is tightest at `n_star` units."""
    return (-2.0 * log(alpha) + log1p(-2.0 * log(alpha))) / n_star


def multiplier(n: float, n_star: float, alpha: float) -> float:
    """The half-width of the sequence in standard errors, two-sided."""
    k = n * mixing(n_star, alpha)
    return sqrt(2.0 * (k + 1.0) / k * (0.5 * log1p(k) - log(alpha)))


def one_sided_multiplier(n: float, n_star: float, alpha: float) -> float:
    """As `multiplier` for a bound on one side, with rho for 2 alpha: a closed form slightly too wide."""
    k = n * mixing(n_star, 2.0 * alpha)
    return sqrt(2.0 * (k + 1.0) / k * log1p(sqrt(k + 1.0) / (2.0 * alpha)))


def exact_one_sided_multiplier(n: float, n_star: float, alpha: float) -> float:
    """As `one_sided_multiplier`, from the mixture over half a normal itself.

    Source: Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences"
    (Annals of Statistics 49, 2021), proposition 6.
    """
    k = n * mixing(n_star, 2.0 * alpha)
    shrunk = k / (k + 1.0)

    def excess(z: float) -> float:
        tail = float(stats.norm.logcdf(z * sqrt(shrunk)))
        return log(2.0) - 0.5 * log1p(k) + z**2 * shrunk / 2.0 + tail + log(alpha)

    return float(optimize.brentq(excess, 0.0, one_sided_multiplier(n, n_star, alpha) + 1.0, xtol=1e-13))


def always_valid_interval(est: float, se: float, n: float, n_star: float, alpha: float) -> Interval:
    """The sequence's interval at `n` units."""
    half = multiplier(n, n_star, alpha) * se
    return Interval(est - half, est + half)


def always_valid_p(est: float, se: float, n: float, n_star: float, alpha: float) -> float:
    """The p-value that belongs to the sequence: below `alpha` exactly when the interval leaves out 0."""
    k = n * mixing(n_star, alpha)
    return exp(min(0.0, 0.5 * log1p(k) - k * (est / se) ** 2 / (2.0 * (k + 1.0))))
