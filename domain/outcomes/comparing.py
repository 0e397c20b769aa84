"""One metric of two arms, by every way of inference at once: one look, any number of looks, and a posterior.

Whoever looks at the interval of one look more often than once is wrong more often than it says; so is whoever stops
when the posterior pleases. Only the sequential interval may be looked at at any time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

from domain.errors import ValidationFailed
from domain.experiments.adjustment import NONE_BEFORE, Adjusted, adjusted, pooled_theta
from domain.experiments.bayesian import (
    beta_posterior,
    chance_above_zero,
    chance_to_beat,
    credible,
    expected_loss,
    expected_shortfall,
    normal_posterior,
)
from domain.experiments.effects import (
    EXPECTED_CELL,
    Counts,
    Estimate,
    Interval,
    difference,
    fieller_lift,
    fisher,
    newcombe,
    pooled_z,
    smallest_expected,
    two_sided,
)
from domain.experiments.metrics import Metric, MetricKind
from domain.experiments.moments import Arm
from domain.experiments.plan import Analysis
from domain.experiments.quantiles import SampleQuantile, interval_levels
from domain.experiments.sequential import always_valid_interval, always_valid_p


@dataclass(frozen=True, slots=True)
class Compared:
    """How a variation differs from the control in one metric; intervals are of variation minus control.

    Attributes:
        control: the control's mean as it is, which lifts are shares of.
        difference: the estimate.
        se: its standard error.
        lift: the difference as a share of the control; None if that is 0.
        fixed: the interval and `fixed_p` the p-value of one look that was chosen beforehand.
        relative: the interval of the lift that agrees with `fixed`; None if the control is not clearly other than 0.
        sequential: the interval and `sequential_p` the p-value that hold at any number of looks.
        chance_to_win: posterior probability that the variation is better.
        expected_loss: what is lost on average by shipping the variation.
        credible: the posterior's interval.
        method: how `fixed` was computed.
        theta: what CUPED multiplied the time before with; 0 without it.
    """

    control: float
    difference: float
    se: float
    lift: float | None
    fixed: Interval
    fixed_p: float
    relative: Interval | None
    sequential: Interval
    sequential_p: float
    chance_to_win: float
    expected_loss: float
    credible: Interval
    method: str
    theta: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """In camel case."""
        return {
            "difference": self.difference,
            "standardError": self.se,
            "lift": self.lift,
            "fixed": {"low": self.fixed.low, "high": self.fixed.high, "p": self.fixed_p},
            "relative": None if self.relative is None else {"low": self.relative.low, "high": self.relative.high},
            "sequential": {"low": self.sequential.low, "high": self.sequential.high, "p": self.sequential_p},
            "bayesian": {
                "chanceToWin": self.chance_to_win,
                "expectedLoss": self.expected_loss,
                "low": self.credible.low,
                "high": self.credible.high,
            },
            "method": self.method,
            "theta": self.theta,
        }


def compare(metric: Metric, control: Arm, treatment: Arm, theta: float, analysis: Analysis) -> Compared | None:
    """A metric that is no quantile; None where nothing varies, so that nothing can be said."""
    try:
        if metric.kind is MetricKind.PROPORTION:
            return _proportions(_counts(control), _counts(treatment), metric, analysis)
        return _means(_adjusted(metric, control, theta), _adjusted(metric, treatment, theta), metric, analysis, theta)
    except ValidationFailed:
        return None


def compare_within_splits(
    metric: Metric, control: Estimate | None, treatment: Estimate | None, analysis: Analysis
) -> Compared | None:
    """A proportion or a mean of a bandit, by means taken within times of one split; None if nothing varies."""
    if control is None or treatment is None:
        return None
    try:
        effect = difference(control, treatment, analysis.alpha)
    except ValidationFailed:
        return None
    given = (effect.est, effect.se, effect.ci, effect.p)
    return _compared(control, treatment, given, metric, analysis, "Welch's t test of means within each split")


def compare_quantiles(
    metric: Metric, control: SampleQuantile, treatment: SampleQuantile, analysis: Analysis
) -> Compared | None:
    """A quantile metric; None where the order statistics of both arms fall together."""
    base, changed = control.estimate(), treatment.estimate()
    try:
        effect = difference(base, changed, analysis.alpha)
    except ValidationFailed:
        return None
    given = (effect.est, effect.se, effect.ci, effect.p)
    return _compared(base, changed, given, metric, analysis, "order statistics, Welch's t test")


def quantile_places(units: int, quantile: float) -> list[int] | None:
    """The places, from 1 on, of the estimate and of its interval at the level 0.05, among so many units in order.

    None where there are too few units for such an interval.
    """
    try:
        levels = (quantile, *interval_levels(quantile, quantile * (1.0 - quantile) / units))
    except ValidationFailed:
        return None
    return [min(max(ceil(units * level), 1), units) for level in levels]


def value_of(metric: Metric, arm: Arm) -> float | None:
    """The metric of one arm as it is; None for a ratio to nothing."""
    if metric.kind is not MetricKind.RATIO:
        return arm.mean("y")
    per = arm.mean("d")
    return arm.mean("y") / per if per else None


def estimate(metric: Metric, arm: Arm, theta: float) -> Estimate | None:
    """An arm's mean as it is, with the variance that CUPED leaves; None where there is none."""
    try:
        return _as_it_is(_adjusted(metric, arm, theta))
    except ValidationFailed:
        return None


def theta_of(metric: Metric, control: Arm, rest: Arm) -> float:
    """The slope on the time before, over the units of all arms; 0 without CUPED, or where that time tells nothing."""
    if not metric.adjusts:
        return 0.0
    try:
        return pooled_theta(control, rest, *_names(metric))
    except ValidationFailed:
        return 0.0


def _names(metric: Metric) -> tuple[str, str]:
    """What the engine calls a metric, and the same of the time before."""
    return ("y/d", "x/z") if metric.kind is MetricKind.RATIO else ("y", "x")


def _adjusted(metric: Metric, arm: Arm, theta: float) -> Adjusted:
    name, before = _names(metric)
    return adjusted(arm, name, before if theta else NONE_BEFORE, theta)


def _as_it_is(arm: Adjusted) -> Estimate:
    """The mean before the adjustment, which takes away a part of it that both arms share, and the variance after."""
    return Estimate(arm.plain, arm.estimate.variance, arm.estimate.n)


def _counts(arm: Arm) -> Counts:
    return Counts(round(arm.values["y"].sum), arm.n)


def _proportions(control: Counts, treatment: Counts, metric: Metric, analysis: Analysis) -> Compared | None:
    est, se = treatment.rate - control.rate, sqrt(control.squared_error + treatment.squared_error)
    if se <= 0.0:
        return None
    few = smallest_expected(control, treatment) < EXPECTED_CELL
    p = fisher(control, treatment) if few else two_sided(pooled_z(control, treatment))
    base, changed = (Estimate(one.rate, one.rate * (1.0 - one.rate), one.n) for one in (control, treatment))
    given = (est, se, newcombe(control, treatment, analysis.alpha), p)
    method = "Fisher's exact test, Newcombe's interval" if few else "pooled z test, Newcombe's interval"
    posteriors = [beta_posterior(1.0 + one.x, 1.0 + one.n - one.x) for one in (control, treatment)]
    return _compared(base, changed, given, metric, analysis, method, posteriors=posteriors)


def _means(control: Adjusted, treatment: Adjusted, metric: Metric, analysis: Analysis, theta: float) -> Compared:
    effect = difference(control.estimate, treatment.estimate, analysis.alpha)
    method = "delta method" if metric.kind is MetricKind.RATIO else "Welch's t test"
    given = (effect.est, effect.se, effect.ci, effect.p)
    told = f"{method}, CUPED" if theta else method
    base = _as_it_is(control)
    changed = Estimate(base.mean + effect.est, treatment.estimate.variance, treatment.estimate.n)
    return _compared(base, changed, given, metric, analysis, told, theta)


def _compared(
    control: Estimate,
    treatment: Estimate,
    given: tuple[float, float, Interval, float],
    metric: Metric,
    analysis: Analysis,
    method: str,
    theta: float = 0.0,
    posteriors: Sequence[Any] = (),
) -> Compared:
    est, se, fixed, p = given
    n, at = control.n + treatment.n, analysis.tightest_at
    chance, loss = _believed(est, se, metric, posteriors)
    return Compared(
        control=control.mean,
        difference=est,
        se=se,
        lift=est / control.mean if control.mean else None,
        fixed=fixed,
        fixed_p=p,
        relative=fieller_lift(control, treatment, analysis.alpha),
        sequential=always_valid_interval(est, se, n, at, analysis.alpha),
        sequential_p=always_valid_p(est, se, n, at, analysis.alpha),
        chance_to_win=chance,
        expected_loss=loss,
        credible=credible(normal_posterior(est, se), analysis.alpha),
        method=method,
        theta=theta,
    )


def _believed(est: float, se: float, metric: Metric, posteriors: Sequence[Any]) -> tuple[float, float]:
    """The chance that the variation is better, and the loss of choosing it; normal without `posteriors` of the arms."""
    more = metric.better == "more"
    if not posteriors:
        better_by = est if more else -est
        return chance_above_zero(better_by, se), expected_shortfall(better_by, se)
    base, changed = posteriors
    if more:
        return chance_to_beat(base, changed), expected_loss(changed, base)
    return chance_to_beat(changed, base), expected_loss(base, changed)
