"""The split of a bandit's traffic from what its arms earned so far; whoever calls it decides how often.

Every arm keeps a share that does not shrink with its luck (`bandits.with_floor`), so each exposure has a propensity
above 0 and what was logged can be weighed afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import fsum, sqrt
from typing import Final

from domain.errors import ValidationFailed
from domain.experiments.bandits import ucb1, ucb1_normal, with_floor
from domain.experiments.bayesian import beta_posterior, normal_posterior, probability_best
from domain.experiments.moments import ROUNDING, Sum

LEAST_EXPOSURES: Final = 100
"""Units that every arm has had before the split follows what they did."""

THOMPSON: Final = "thompson"
UCB1: Final = "ucb1"


@dataclass(frozen=True, slots=True)
class ArmOutcome:
    """What one arm earned.

    Attributes:
        exposures: units that were shown it, those among them whose time to act is not over included.
        total: the sum of what they earned; of a rate, how many of them did it.
        squares: the sum of the squares; of a rate it is `total`.
    """

    exposures: int
    total: Sum
    squares: Sum

    def __post_init__(self) -> None:
        if self.exposures < 0 or self.squares < 0.0:
            raise ValidationFailed("exposures and sums of squares are not negative", field="arms")

    def __add__(self, other: "ArmOutcome") -> "ArmOutcome":
        totals = self.total + other.total, self.squares + other.squares
        return ArmOutcome(self.exposures + other.exposures, *totals)


def reallocate(
    policy: str, arms: Sequence[ArmOutcome], floor: float, *, rate: bool, less: bool = False
) -> tuple[float, ...] | None:
    """The share of each arm from now on, in the sum 1; None while nothing can be said, so that the split stays.

    Nothing can be said before each arm has `LEAST_EXPOSURES`, nor where every unit earned the same.

    Args:
        policy: `thompson`: an arm's chance to be the best, by quadrature, after Beta(1, 1) for rates and a flat prior
            for means; `ucb1`: everything beyond the floors goes to the highest index, UCB1 for rates and UCB1-Normal
            for means.
        arms: those that may be shown, at least two; an arm of weight 0 is left out.
        floor: the share that each arm has at least, 0 to 1; equal shares if that is more than there is.
        rate: units did it or did not; otherwise they earned any amount.
        less: whether earning less is better.

    Raises:
        ValidationFailed: another policy, fewer than two arms, a floor that is no share, or a rate outside 0 to 1.
    """
    if policy not in (THOMPSON, UCB1):
        raise ValidationFailed(f"{policy} does not split traffic by arms alone", field="policy")
    if len(arms) < 2 or not 0.0 <= floor <= 1.0:
        raise ValidationFailed("a split needs two arms and a floor of 0 to 1", field="arms")
    if rate and not all(0.0 <= arm.total <= arm.exposures for arm in arms):
        raise ValidationFailed("of a rate, no more units did it than there are", field="arms")
    if min(arm.exposures for arm in arms) < LEAST_EXPOSURES or _spread(arms) <= 0.0:
        return None
    better = [_reversed(arm, rate=rate) for arm in arms] if less else arms
    weights = _best_chances(better, rate=rate) if policy == THOMPSON else _highest(better, rate=rate)
    return tuple(with_floor(weights, floor))


def _best_chances(arms: Sequence[ArmOutcome], *, rate: bool) -> list[float]:
    if rate:
        chances = probability_best([beta_posterior(*_beta(arm)) for arm in arms])
    else:
        errors = [sqrt(_variance(arm, arms) / arm.exposures) for arm in arms]
        means = [float(arm.total / arm.exposures) for arm in arms]
        chances = probability_best([normal_posterior(*posterior) for posterior in zip(means, errors, strict=True)])
    return [chance / fsum(chances) for chance in chances]


def _beta(arm: ArmOutcome) -> tuple[float, float]:
    return 1.0 + float(arm.total), 1.0 + float(arm.exposures - arm.total)


def _highest(arms: Sequence[ArmOutcome], *, rate: bool) -> list[float]:
    counts, totals = [arm.exposures for arm in arms], [float(arm.total) for arm in arms]
    index = ucb1(counts, totals) if rate else ucb1_normal(counts, totals, [_variance(arm, arms) for arm in arms])
    chosen = [one == max(index) for one in index]
    return [one / sum(chosen) for one in chosen]


def _reversed(arm: ArmOutcome, *, rate: bool) -> ArmOutcome:
    if rate:
        not_done = arm.exposures - arm.total
        return ArmOutcome(arm.exposures, not_done, not_done)
    return ArmOutcome(arm.exposures, -arm.total, arm.squares)


def _variance(arm: ArmOutcome, arms: Sequence[ArmOutcome]) -> float:
    """Of a unit of the arm; that of all units where those of the arm earned the same, as rare gains make them."""
    return _squared_deviations([arm]) / (arm.exposures - 1) or _spread(arms)


def _spread(arms: Sequence[ArmOutcome]) -> float:
    """The variance of all units together."""
    return _squared_deviations(arms) / (sum(arm.exposures for arm in arms) - 1)


def _squared_deviations(arms: Sequence[ArmOutcome]) -> float:
    units = sum(arm.exposures for arm in arms)
    squares, total = _sum([arm.squares for arm in arms]), _sum([arm.total for arm in arms])
    apart = squares - total * total / units
    # Sums that were rounded leave something over where nothing varies.
    least = 0.0 if isinstance(apart, Fraction) else ROUNDING * float(squares)
    return float(apart) if apart > least else 0.0


def _sum(sums: Sequence[Sum]) -> Sum:
    exact = [one for one in sums if isinstance(one, Fraction)]
    return sum(exact, Fraction()) if len(exact) == len(sums) else fsum(sums)
