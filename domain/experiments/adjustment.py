"""Means and ratios as linear functions of what units did, and CUPED on both.

A ratio R = mean(m) / mean(d) moves as the mean of (m - R d) / mean(d) does (delta method), so its variance, and its
covariance with a ratio of the time before, are those of unit values. CUPED subtracts theta times the metric's value
before the experiment: Deng, Xu, Kohavi, Walker, "Improving the Sensitivity of Online Controlled Experiments by
Utilizing Pre-Experiment Data" (WSDM 2013). theta is one for all arms.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import ValidationFailed
from domain.experiments.effects import Effect, Estimate, difference, tested, welch_df
from domain.experiments.moments import Arm

NONE_BEFORE = ""
"""The covariate of a metric that is not adjusted."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A metric of an arm: its value, and what each value of a unit adds to it."""

    value: float
    slopes: Mapping[str, float]


def linear(arm: Arm, metric: str) -> Linear:
    """A metric, `y` for a mean or `m/d` for a ratio, as a linear function around where the arm is."""
    if metric == NONE_BEFORE:
        return Linear(0.0, {})
    numerator, _, denominator = metric.partition("/")
    if not denominator:
        return Linear(arm.mean(numerator), {numerator: 1.0})
    scale = arm.mean(denominator)
    if scale == 0.0:
        raise ValidationFailed(f"the mean of {denominator} is 0, so there is no ratio", field=denominator)
    ratio = arm.mean(numerator) / scale
    return Linear(ratio, {numerator: 1.0 / scale, denominator: -ratio / scale})


def covariance(arm: Arm, one: Linear, other: Linear) -> float:
    """Of the unit values of two metrics."""
    return sum(a * b * arm.covariance(name, also) for name, a in one.slopes.items() for also, b in other.slopes.items())


@dataclass(frozen=True, slots=True)
class Adjusted:
    """An arm's metric and what was subtracted.

    Attributes:
        plain: the metric as it is.
        estimate: after the adjustment.
        parts: variances and covariance of unit values: metric, covariate, both.
        theta: what the covariate was multiplied with.
    """

    plain: float
    estimate: Estimate
    parts: tuple[float, float, float]
    theta: float


def pooled_theta(control: Arm, treatment: Arm, metric: str, covariate: str) -> float:
    """The slope of the metric on the covariate, one for both arms; 0 if the covariate does not vary.

    For means it is taken over the units of both arms together. Ratios are linear only around where each arm is, so
    there the covariances of the arms are added, and the variances.
    """
    if covariate == NONE_BEFORE:
        return 0.0
    arms = [control, treatment] if "/" in metric else [control + treatment]
    parts = [(arm, linear(arm, metric), linear(arm, covariate)) for arm in arms]
    spread = sum(covariance(arm, before, before) for arm, _, before in parts)
    return sum(covariance(arm, after, before) for arm, after, before in parts) / spread if spread > 0.0 else 0.0


def adjusted(arm: Arm, metric: str, covariate: str, theta: float) -> Adjusted:
    """The metric of an arm minus theta times its covariate."""
    after, before = linear(arm, metric), linear(arm, covariate)
    parts = covariance(arm, after, after), covariance(arm, before, before), covariance(arm, after, before)
    variance = max(parts[0] + theta**2 * parts[1] - 2.0 * theta * parts[2], 0.0)
    return Adjusted(after.value, Estimate(after.value - theta * before.value, variance, arm.n), parts, theta)


def absolute(control: Adjusted, treatment: Adjusted, alpha: float) -> Effect:
    """Treatment minus control."""
    return difference(control.estimate, treatment.estimate, alpha)


def relative(control: Adjusted, treatment: Adjusted, alpha: float, *, ratio: bool) -> Effect | None:
    """The difference as a share of the control as it is, by the delta method; None if the control is 0.

    Its p-value is another than that of the difference; whether there is a difference at all is for `absolute` to say.

    The slope on the control is 1 + the estimate, as for a `ratio`. For means it is treatment / control, not adjusted,
    which is the same but for what chance made of the covariate in the two arms.
    """
    if control.plain == 0.0:
        return None
    est, theta = (treatment.estimate.mean - control.estimate.mean) / control.plain, control.theta
    lift = 1.0 + est if ratio else treatment.plain / control.plain
    after, before, both = control.parts
    of_control = lift**2 * after - 2.0 * theta * lift * both + theta**2 * before
    squared = (of_control / control.estimate.n + treatment.estimate.squared_error) / control.plain**2
    return tested(est, squared, welch_df(control.estimate, treatment.estimate), alpha)
