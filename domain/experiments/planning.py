"""How many units an experiment needs, before it starts and while it runs."""

from collections.abc import Callable
from math import asin, sqrt
from typing import Final

from domain.errors import ValidationFailed
from domain.experiments.later import optimize, stats
from domain.experiments.sequential import multiplier

MOST_UNITS: Final = 1e12
TOLERANCE: Final = 1e-12


def normal_power(effect: float, n_control: float, ratio: float, alpha: float) -> float:
    """The power of a two-sided z test of a standardized effect; `ratio` is treatment to control."""
    shift = effect * sqrt(n_control * ratio / (1.0 + ratio))
    z = stats.norm.ppf(1.0 - alpha / 2.0)
    return float(stats.norm.sf(z - shift) + stats.norm.cdf(-z - shift))


def t_power(effect: float, n_control: float, ratio: float, alpha: float) -> float:
    """As `normal_power` for the t test of equal variances, by the noncentral t distribution."""
    df = n_control * (1.0 + ratio) - 2.0
    shift = effect * sqrt(n_control * ratio / (1.0 + ratio))
    t = stats.t.ppf(1.0 - alpha / 2.0, df)
    return float(stats.nct.sf(t, df, shift) + stats.nct.cdf(-t, df, shift))


def units_needed(power_at: Callable[[float], float], power: float, least: float = 2.0) -> float:
    """The size of the control at which `power_at` reaches `power`.

    Raises:
        ValidationFailed: no size that anybody has does.
    """
    high = least
    while power_at(high) < power:
        high *= 2.0
        if high > MOST_UNITS:
            raise ValidationFailed("the effect is too small to be found by any number of units")
    if high == least:
        return least
    return float(optimize.brentq(lambda n: power_at(n) - power, high / 2.0, high, xtol=1e-9, rtol=TOLERANCE))


def detectable_effect(n_control: float, ratio: float, alpha: float, power: float) -> float:
    """The standardized effect that the t test finds with `power`."""
    return float(optimize.brentq(lambda d: t_power(d, n_control, ratio, alpha) - power, 1e-6, 10.0, xtol=TOLERANCE))


def proportion_size(
    baseline: float, changed: float, alpha: float, power: float, ratio: float, *, pooled: bool
) -> float:
    """The size of the control that a z test of two rates needs (Fleiss, Levin, Paik, 2003, section 4.2).

    Args:
        baseline: the control's rate.
        changed: the treatment's.
        alpha: two-sided level.
        power: chance to find the difference.
        ratio: treatment to control.
        pooled: whether the test takes its variance under equal rates.
    """
    if baseline == changed:
        raise ValidationFailed("the rates are equal, so there is nothing to find", field="relative_mde")
    z_alpha, z_power = float(stats.norm.ppf(1.0 - alpha / 2.0)), float(stats.norm.ppf(power))
    apart = baseline * (1.0 - baseline) + changed * (1.0 - changed) / ratio
    mean = (baseline + ratio * changed) / (1.0 + ratio)
    under_null = mean * (1.0 - mean) * (1.0 + 1.0 / ratio) if pooled else apart
    return (z_alpha * sqrt(under_null) + z_power * sqrt(apart)) ** 2 / (changed - baseline) ** 2


def arcsine_effect(baseline: float, changed: float) -> float:
    """Cohen's h of two rates."""
    return 2.0 * (asin(sqrt(changed)) - asin(sqrt(baseline)))


def fixed_power(scale: float, effect: float, squared_error: float, alpha: float) -> float:
    """The power of a z test with `scale` times the units that gave `squared_error`."""
    se = sqrt(squared_error / scale)
    return _power(effect, se, float(stats.norm.ppf(1.0 - alpha / 2.0)) * se)


def sequential_power(scale: float, effect: float, squared_error: float, alpha: float, n: float, n_star: float) -> float:
    """As `fixed_power`, of one look with the confidence sequence at `scale * n` units."""
    se = sqrt(squared_error / scale)
    return _power(effect, se, multiplier(scale * n, n_star, alpha) * se)


def bayes_power(scale: float, effect: float, squared_error: float, alpha: float, prior: tuple[float, float]) -> float:
    """The chance that the posterior's interval leaves out 0; `prior` is mean and variance of a normal."""
    information, held = scale / squared_error, 1.0 / prior[1]
    half = float(stats.norm.ppf(1.0 - alpha / 2.0)) * sqrt(held + information)
    centre, spread = prior[0] * held + effect * information, sqrt(information)
    return float(stats.norm.sf((half - centre) / spread) + stats.norm.cdf((-half - centre) / spread))


def _power(effect: float, se: float, half: float) -> float:
    return float(stats.norm.sf((half - effect) / se) + stats.norm.cdf((-half - effect) / se))
