"""Bandits that look at who a unit is: each arm's reward as a linear function of features, learned from sums.

What is kept of an arm (`LinearArm`) grows with the square of the features and not with units, may be added up in any
order, and holds no unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import ValidationFailed
from domain.experiments.allocation import LEAST_EXPOSURES
from domain.experiments.bandits import inverse_gap_weights, with_floor

Floats = NDArray[np.float64]

LINUCB: Final = "linucb"
INVERSE_GAP: Final = "inverse_gap"

OPTIMISM: Final = 1.0
RIDGE: Final = 1.0
GAMMA: Final = 10.0
"""gamma over the square root of exposures, as Vowpal Wabbit's SquareCB has it."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearArm:
    """What one arm has shown of how its reward goes with features.

    Attributes:
        exposures: how many units were shown it.
        gram: float64[features, features], the sum of x x'.
        moment: float64[features], the sum of reward times x.
    """

    exposures: int
    gram: Floats
    moment: Floats

    def __post_init__(self) -> None:
        features = len(self.moment)
        if self.exposures < 0 or self.gram.shape != (features, features) or self.moment.ndim != 1:
            raise ValidationFailed("an arm has as many sums of products as features squared", field="arms")

    @classmethod
    def of(cls, contexts: Floats, rewards: Floats, units: NDArray[np.int64] | None = None) -> "LinearArm":
        """The arm that was shown to units.

        Args:
            contexts: float64[rows, features].
            rewards: float64[rows], what each row earned, in sum where it stands for many units.
            units: int64[rows], how many units each row stands for; one if left out.
        """
        counts = np.ones(len(contexts), dtype=np.int64) if units is None else units
        return cls(int(counts.sum()), (contexts * counts[:, np.newaxis]).T @ contexts, rewards @ contexts)

    def __add__(self, other: "LinearArm") -> "LinearArm":
        return LinearArm(self.exposures + other.exposures, self.gram + other.gram, self.moment + other.moment)

    def expected(self, query: Floats, ridge: float = RIDGE) -> tuple[Floats, Floats]:
        """The reward for each context and its uncertainty sqrt(x' A^-1 x), both float64[queries].

        Args:
            query: float64[queries, features].
            ridge: the penalty on the weights, above 0.
        """
        inverse = np.linalg.inv(ridge * np.eye(len(self.moment)) + self.gram)
        return query @ (inverse @ self.moment), np.sqrt(np.einsum("qf,fg,qg->q", query, inverse, query))


def upper_bounds(arms: Sequence[LinearArm], query: Floats, alpha: float, ridge: float) -> Floats:
    """Of each arm's reward, float64[queries, arms] (Li, Chu, Langford, Schapire, WWW 2010, disjoint)."""
    bounds = [mean + alpha * width for mean, width in (arm.expected(query, ridge) for arm in arms)]
    return np.stack(bounds, axis=1)


def split_by_context(
    policy: str, arms: Sequence[LinearArm], contexts: Floats, floor: float, *, less: bool = False
) -> Floats | None:
    """The share of each arm for each context, float64[contexts, arms]; None before each arm has `LEAST_EXPOSURES`.

    Args:
        policy: `linucb`: everything beyond the floors goes to the highest upper bound; `inverse_gap`: the less an arm
            falls short of the best, the more it gets (SquareCB), sharper as exposures grow.
        arms: those that may be shown, at least two, of the same features.
        contexts: float64[contexts, features], scaled to about 1; one of them constant.
        floor: the share that each arm has at least, 0 to 1; equal shares if that is more than there is.
        less: whether earning less is better.

    Raises:
        ValidationFailed: another policy, fewer than two arms, a floor that is no share, or other features.
    """
    if policy not in (LINUCB, INVERSE_GAP):
        raise ValidationFailed(f"{policy} does not look at contexts", field="policy")
    if len(arms) < 2 or not 0.0 <= floor <= 1.0:
        raise ValidationFailed("a split needs two arms and a floor of 0 to 1", field="arms")
    if contexts.ndim != 2 or {len(arm.moment) for arm in arms} != {contexts.shape[1]}:
        raise ValidationFailed("contexts and arms have the same features", field="contexts")
    if min(arm.exposures for arm in arms) < LEAST_EXPOSURES:
        return None
    better = [LinearArm(arm.exposures, arm.gram, -arm.moment) for arm in arms] if less else arms
    rows = _optimistic(better, contexts) if policy == LINUCB else _by_gap(better, contexts)
    return np.array([with_floor(row, floor) for row in rows])


def _optimistic(arms: Sequence[LinearArm], contexts: Floats) -> list[list[float]]:
    bounds = upper_bounds(arms, contexts, OPTIMISM, RIDGE)
    chosen = (bounds == bounds.max(axis=1, keepdims=True)).astype(np.float64)
    rows: list[list[float]] = (chosen / chosen.sum(axis=1, keepdims=True)).tolist()
    return rows


def _by_gap(arms: Sequence[LinearArm], contexts: Floats) -> list[list[float]]:
    gamma = GAMMA * sqrt(sum(arm.exposures for arm in arms))
    scores = np.stack([arm.expected(contexts)[0] for arm in arms], axis=1)
    return [inverse_gap_weights(row, gamma, 0.0) for row in scores.tolist()]
