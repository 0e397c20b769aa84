"""What a proposed policy would have earned, from exposures that were logged with their propensities.

Refuses to answer where the log cannot know: a propensity is missing, an arm was never shown, or the exposures that
speak of the policy are too few.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import ValidationFailed
from domain.experiments.bandits import policy_value
from domain.experiments.contextual import LinearArm
from domain.experiments.effects import Interval
from domain.experiments.later import special

Floats = NDArray[np.float64]

LEAST_EFFECTIVE: Final = 100.0
"""Exposures that the weights must be worth; below it intervals are not to be trusted."""

FOLDS: Final = 5
SUM_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """n exposures, each of another unit.

    Attributes:
        contexts: float64[n, features], what was known of the unit; one feature is constant.
        arms: int64[n], what it was shown, from 0 on.
        rewards: float64[n], what it earned.
        propensities: float64[n], how likely it was shown that; NaN where that is not known.
    """

    contexts: Floats
    arms: NDArray[np.int64]
    rewards: Floats
    propensities: Floats

    def __post_init__(self) -> None:
        n = len(self.arms)
        if self.contexts.ndim != 2 or {len(self.contexts), len(self.rewards), len(self.propensities)} != {n}:
            raise ValidationFailed("the columns of a log are as many", field="log")
        if n and self.arms.min() < 0:
            raise ValidationFailed("arms are counted from 0", field="arm")
        unknown = int((~((self.propensities > 0.0) & (self.propensities <= 1.0))).sum())
        if unknown:
            raise ValidationFailed(f"{unknown} of {n} exposures have no propensity above 0", field="propensity")


@dataclass(frozen=True, slots=True)
class Value:
    """What is earned an exposure, with its standard error and interval; None where there is no honest one."""

    est: float
    se: float | None
    ci: Interval | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """By four estimators; `dr` is the one to believe.

    Attributes:
        ips: inverse propensity scores.
        snips: the same, divided by the sum of weights.
        dm: by the reward model alone, whose own error is not in it.
        dr: doubly robust: right if either the propensities or the model are.
        effective: how many exposures the weights are worth.
        exposures: how many there are.
    """

    ips: Value
    snips: Value
    dm: Value
    dr: Value
    effective: float
    exposures: int


def evaluate(logged: Logged, policy: Floats, alpha: float = 0.05, least: float = LEAST_EFFECTIVE) -> Evaluation:
    """The value of a policy (Dudik, Langford, Li, ICML 2011; Swaminathan, Joachims, NeurIPS 2015).

    The reward model is a ridge regression for each arm, fitted on the folds that an exposure is not in.

    Args:
        logged: exposures with their propensities.
        policy: float64[n, arms], how likely the policy shows each arm to each of the units.
        alpha: two-sided level of the intervals.
        least: the effective exposures that are asked for.

    Raises:
        ValidationFailed: the policy is no split, shows what was never logged, or the log says too little of it.
    """
    _check(logged, policy)
    value = policy_value(logged.arms, logged.rewards, logged.propensities, policy, _model(logged, policy.shape[1]))
    if value.ess < least:
        raise ValidationFailed(
            f"the log is worth {value.ess:.0f} exposures of this policy, and {least:.0f} are needed", field="policy"
        )
    z = float(special.ndtri(1.0 - alpha / 2.0))
    return Evaluation(
        ips=_value(value.ips, value.ips_se, z),
        snips=_value(value.snips, value.snips_se, z),
        dm=Value(value.dm, None, None),
        dr=_value(value.dr, value.dr_se, z),
        effective=value.ess,
        exposures=len(logged.arms),
    )


def _check(logged: Logged, policy: Floats) -> None:
    n = len(logged.arms)
    if policy.ndim != 2 or len(policy) != n or n < FOLDS or policy.shape[1] <= logged.arms.max():
        raise ValidationFailed("a policy has a share for each exposure and arm", field="policy")
    if policy.min() < 0.0 or np.abs(policy.sum(axis=1) - 1.0).max() > SUM_TOLERANCE:
        raise ValidationFailed("the shares of a policy are not negative and 1 in sum", field="policy")
    never = sorted(set(np.flatnonzero(policy.sum(axis=0) > 0.0).tolist()) - set(logged.arms.tolist()))
    if never:
        raise ValidationFailed(f"the policy shows arm {never[0]}, which was never logged", field="policy")


def _model(logged: Logged, arms: int) -> Floats:
    """The expected reward of each arm, float64[n, arms], by those who are in other folds."""
    fold = np.arange(len(logged.arms)) % FOLDS
    parts = [[_fitted(logged, (fold == part) & (logged.arms == arm)) for arm in range(arms)] for part in range(FOLDS)]
    expected = np.empty((len(fold), arms))
    for part in range(FOLDS):
        for arm in range(arms):
            seen = [parts[other][arm] for other in range(FOLDS) if other != part]
            learned = sum(seen[1:], start=seen[0])
            expected[fold == part, arm] = learned.expected(logged.contexts[fold == part])[0]
    return expected


def _fitted(logged: Logged, rows: NDArray[np.bool_]) -> LinearArm:
    return LinearArm.of(logged.contexts[rows], logged.rewards[rows])


def _value(est: float, se: float, z: float) -> Value:
    return Value(est, se, Interval(est - z * se, est + z * se))
