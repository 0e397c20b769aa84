"""Who is shown what while it is being learned: allocation of traffic, and what a proposed policy would have earned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import ValidationFailed

Floats = NDArray[np.float64]


def with_floor(weights: Sequence[float], floor: float) -> list[float]:
    """Explore each arm with `floor` at least, adding to all alike: f + (1 - K f) w; equal shares if K f >= 1."""
    arms = len(weights)
    if arms * floor >= 1.0:
        return [1.0 / arms] * arms
    return [floor + (1.0 - arms * floor) * weight for weight in weights]


def ucb1(counts: Sequence[int], rewards: Sequence[float]) -> list[float]:
    """Mean and optimism of each arm (Auer, Cesa-Bianchi, Fischer, Machine Learning 47, 2002).

    Args:
        counts: how often each arm was shown, at least once.
        rewards: the sum of what each earned, 0 to 1 a time.
    """
    if len(counts) != len(rewards):
        raise ValidationFailed("there are as many rewards as counts", field="rewards")
    shown = np.asarray(counts, dtype=np.float64)
    index = np.asarray(rewards, dtype=np.float64) / shown + np.sqrt(2.0 * np.log(shown.sum()) / shown)
    return [float(one) for one in index]


def ucb1_normal(counts: Sequence[int], rewards: Sequence[float], variances: Sequence[float]) -> list[float]:
    """As `ucb1` for rewards of any size that are close to normal, by the same source (figure 4, UCB1-NORMAL).

    Args:
        counts: how often each arm was shown, at least twice.
        rewards: the sum of what each earned.
        variances: of a single reward of each.
    """
    if not len(counts) == len(rewards) == len(variances):
        raise ValidationFailed("there are as many rewards and variances as counts", field="rewards")
    shown = np.asarray(counts, dtype=np.float64)
    optimism = np.sqrt(16.0 * np.asarray(variances) * np.log(shown.sum() - 1.0) / shown)
    return [float(one) for one in np.asarray(rewards, dtype=np.float64) / shown + optimism]


def inverse_gap_weights(scores: Sequence[float], gamma: float, floor: float) -> list[float]:
    """The less an arm's score falls short of the best, the more it is shown.

    Source: Simchi-Levi, Xu, "Bypassing the Monster" (Mathematics of Operations Research 47, 2022); each arm gets
    `floor` / K at least, and the best what is left.
    """
    arms, best = len(scores), max(range(len(scores)), key=lambda arm: scores[arm])
    shares = [max(floor / arms, 1.0 / (arms + gamma * (scores[best] - score))) for score in scores]
    shares[best] = 1.0 - sum(share for arm, share in enumerate(shares) if arm != best)
    return shares


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """What a policy would have earned a round, by several estimators.

    Attributes:
        ips: inverse propensity scores; `ips_se` its standard error.
        snips: the same, divided by the sum of weights; `snips_se` by the delta method.
        dm: by the reward model alone.
        dr: doubly robust, and `dr_se`; `sndr` with weights divided by their sum.
        ess: how many rounds the weights are worth.
    """

    ips: float
    ips_se: float
    snips: float
    snips_se: float
    dm: float
    dr: float
    dr_se: float
    sndr: float
    ess: float


def policy_value(
    actions: NDArray[np.int64], rewards: Floats, propensities: Floats, policy: Floats, model: Floats
) -> PolicyValue:
    """Off-policy evaluation from logged propensities (Dudik, Langford, Li, ICML 2011; Swaminathan, Joachims, 2015).

    Args:
        actions: int64[rounds].
        rewards: float64[rounds].
        propensities: float64[rounds], in (0, 1]: how likely the logged action was.
        policy: float64[rounds, arms], how likely the proposed policy takes each.
        model: float64[rounds, arms], expected rewards.
    """
    rounds = np.arange(len(actions))
    weights = policy[rounds, actions] / propensities
    if weights.sum() == 0.0:
        raise ValidationFailed("the policy never takes what was logged, so nothing is known of it", field="pi_e")
    earned, by_model = weights * rewards, (policy * model).sum(axis=1)
    beyond = weights * (rewards - model[rounds, actions])
    snips = float(earned.sum() / weights.sum())
    return PolicyValue(
        ips=float(earned.mean()),
        ips_se=_standard_error(earned),
        snips=snips,
        snips_se=_standard_error(weights * (rewards - snips) / weights.mean()),
        dm=float(by_model.mean()),
        dr=float((by_model + beyond).mean()),
        dr_se=_standard_error(by_model + beyond),
        sndr=float(by_model.mean() + beyond.sum() / weights.sum()),
        ess=float(weights.sum() ** 2 / (weights**2).sum()),
    )


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
