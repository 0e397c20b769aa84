"""Analyses of bandits: allocation, and the value of policies."""

from math import sqrt
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from domain.errors import ValidationFailed
from domain.experiments.arm_inputs import Sums
from domain.experiments.bandits import inverse_gap_weights, policy_value, ucb1, with_floor
from domain.experiments.bayesian import beta_posterior, normal_posterior, probability_best
from domain.experiments.case import Case, Chance, Count, Positive, Result
from domain.experiments.contextual import LinearArm, upper_bounds
from domain.experiments.definition import MAX_VARIATIONS

BEST = "the probability to be best, by quadrature"
STATIONARY = "rewards do not change with time"

MAX_ARMS = 1000

Arm = Annotated[int, Field(ge=0, lt=MAX_ARMS)]
Rows = Annotated[list[list[float]], Field(min_length=1)]
Numbers = Annotated[list[float], Field(min_length=1)]


class ThompsonAllocation(Case):
    """How Thompson sampling would share out traffic."""

    kind: ClassVar[str] = "thompson_allocation"
    method: ClassVar[str] = f"{BEST}, of normal posteriors under a flat prior; additive floor"
    assumptions: ClassVar[tuple[str, ...]] = (STATIONARY, "the means are close to normal")

    stats: Annotated[list[Sums], Field(min_length=2, max_length=MAX_VARIATIONS)]
    floor: Chance = 0.01

    def result(self) -> Result:
        """Exact, not drawn."""
        arms = [one.moments() for one in self.stats]
        if not all(arm.variance > 0.0 for arm in arms):
            raise ValidationFailed("the values of each arm vary", field="stats")
        best = probability_best([normal_posterior(arm.mean, sqrt(arm.variance / arm.n)) for arm in arms])
        return {"exact_best_arm": best, "exact_allocation": with_floor(best, self.floor)}


class ProbabilityBestArm(Case):
    """How likely each arm is the best."""

    kind: ClassVar[str] = "probability_best_arm"
    method: ClassVar[str] = BEST
    assumptions: ClassVar[tuple[str, ...]] = ("beta: arms are [alpha, beta]; normal: [mean, standard deviation]",)

    type: Literal["beta", "normal", "gaussian"]
    arms: Annotated[list[tuple[float, Positive]], Field(min_length=2, max_length=MAX_VARIATIONS)]

    def result(self) -> Result:
        """Sums to 1."""
        if self.type == "beta" and not all(alpha > 0.0 for alpha, _ in self.arms):
            raise ValidationFailed("alpha is above 0", field="arms")
        posterior = beta_posterior if self.type == "beta" else normal_posterior
        return {"prob_best": probability_best([posterior(*arm) for arm in self.arms])}


class Ucb1(Case):
    """The index by which UCB1 chooses."""

    kind: ClassVar[str] = "ucb1_index"
    method: ClassVar[str] = "mean + sqrt(2 ln N / n)"
    assumptions: ClassVar[tuple[str, ...]] = (STATIONARY, "rewards are 0 to 1")

    counts: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    rewards: Numbers

    def result(self) -> Result:
        """The arm with the highest is next."""
        return {"ucb1": ucb1(self.counts, self.rewards)}


class MinExplorationFloor(Case):
    """An allocation that explores each arm."""

    kind: ClassVar[str] = "min_exploration_floor"
    method: ClassVar[str] = "f + (1 - K f) w; equal shares if K f >= 1"
    assumptions: ClassVar[tuple[str, ...]] = ("weights are a split",)

    weights: Annotated[list[Chance], Field(min_length=1)]
    floor: Chance

    def result(self) -> Result:
        """No arm gets less than the floor, and none is cut to make room."""
        return {"allocation": with_floor(self.weights, self.floor)}


class InverseGapWeighting(Case):
    """The probabilities of a contextual bandit's actions."""

    kind: ClassVar[str] = "inverse_gap_weighting"
    method: ClassVar[str] = "max(floor / K, 1 / (K + gamma gap)); the best takes the remainder"
    assumptions: ClassVar[tuple[str, ...]] = ("scores are expected rewards",)

    scores: Numbers
    gamma: Annotated[float, Field(ge=0.0)]
    action_probability_floor: Chance = 0.0

    def result(self) -> Result:
        """Sums to 1."""
        return {"probabilities": inverse_gap_weights(self.scores, self.gamma, self.action_probability_floor)}


class LinUcb(Case):
    """The choice of LinUCB for contexts, after rounds that were logged."""

    kind: ClassVar[str] = "linucb_disjoint"
    method: ClassVar[str] = "disjoint ridge regressions; x theta + alpha sqrt(x' A^-1 x)"
    assumptions: ClassVar[tuple[str, ...]] = ("rewards are linear in the context", STATIONARY)

    contexts: Rows
    actions: Annotated[list[Arm], Field(min_length=1)]
    rewards: Numbers
    alpha: Annotated[float, Field(ge=0.0)]
    l2_lambda: Positive = 1.0
    query: Rows

    def result(self) -> Result:
        """One row of bounds for each query, and the arm with the highest."""
        widths = {len(row) for row in (*self.contexts, *self.query)}
        if len(widths) > 1 or not len(self.contexts) == len(self.actions) == len(self.rewards):
            raise ValidationFailed("contexts, actions and rewards are as many, and contexts as wide", field="contexts")
        contexts, actions, rewards = (np.array(self.contexts), np.array(self.actions), np.array(self.rewards))
        shown = [actions == arm for arm in range(int(actions.max()) + 1)]
        arms = [LinearArm.of(contexts[rows], rewards[rows]) for rows in shown]
        bounds = upper_bounds(arms, np.array(self.query), self.alpha, self.l2_lambda)
        return {"ucb": bounds.tolist(), "choice": [int(arm) for arm in bounds.argmax(axis=1)]}


class OffPolicyEvaluation(Case):
    """What a proposed policy would have earned."""

    kind: ClassVar[str] = "off_policy_evaluation"
    method: ClassVar[str] = "IPS, SNIPS, direct method, doubly robust, self-normalized doubly robust"
    assumptions: ClassVar[tuple[str, ...]] = ("pscore is the probability with which the logged action was chosen",)

    n: Annotated[int, Field(ge=2)]
    K: Annotated[int, Field(ge=1)]
    pi_b: Rows | None = None
    pi_e: Rows
    q_hat: Rows
    action: Annotated[list[Count], Field(min_length=2)]
    reward: Numbers
    pscore: Annotated[list[Annotated[float, Field(gt=0.0, le=1.0)]], Field(min_length=2)]

    def result(self) -> Result:
        """A missing propensity is refused; few effective rounds (`ess`) are a reason not to believe the rest."""
        columns = (self.action, self.reward, self.pscore, self.pi_e, self.q_hat)
        widths = {len(row) for row in (*self.pi_e, *self.q_hat)}
        if {len(column) for column in columns} != {self.n} or widths != {self.K} or max(self.action) >= self.K:
            raise ValidationFailed("there are n rounds and K actions throughout", field="n")
        logged = np.array(self.action), np.array(self.reward), np.array(self.pscore)
        value = policy_value(*logged, np.array(self.pi_e), np.array(self.q_hat))
        return {name: getattr(value, name) for name in ("ips", "snips", "dm", "dr", "sndr", "ess", "ips_se")}
