"""A bandit's arms, by what came of each of its splits: plain means would compare the hours in which arms were shown."""

from collections.abc import Sequence
from fractions import Fraction

from domain.errors import ValidationFailed
from domain.experiments.allocation import ArmOutcome
from domain.experiments.effects import Estimate
from domain.experiments.metrics import MetricKind
from domain.experiments.model import NO_CONTEXT
from domain.experiments.plan import BANDITS
from domain.experiments.stratification import over_versions
from domain.outcomes.cells import Cell, exact_sums
from domain.outcomes.inputs import Inputs


def within_splits(inputs: Inputs, place: int) -> list[Estimate | None] | None:
    """The mean of each variation in the latest phase, taken within each split; None where that is not called for.

    It is called for where a bandit moved the traffic of everybody alike, for proportions and means, once every
    variation that has a share was shown often enough. One without a share has no mean.
    """
    plan = inputs.plan
    kinds = (MetricKind.PROPORTION, MetricKind.MEAN)
    if plan.allocation.policy not in BANDITS or plan.metrics[place].kind not in kinds:
        return None
    arms = [arm for arm, used in enumerate(inputs.in_use) if used]
    found = [cell for cell in inputs.cells if cell.place.phase == inputs.phase]
    if any(cell.place.context != NO_CONTEXT for cell in found):
        return None
    splits = sorted({c.place.policy_version for c in found}, key=number_of)
    try:
        means = over_versions([[earned(_of(found, split, arm), place) for arm in arms] for split in splits])
    except ValidationFailed:
        return None
    told = dict(zip(arms, means, strict=True))
    return [told.get(arm) for arm in range(len(plan.variations))]


def number_of(policy_version: str) -> int:
    """The number of a policy within its phase."""
    return int(policy_version.partition(".")[2])


def _of(cells: Sequence[Cell], split: str, arm: int) -> list[Cell]:
    return [cell for cell in cells if (cell.place.policy_version, cell.place.variation) == (split, arm)]


def outcome_of(cell: Cell, place: int) -> ArmOutcome:
    """What the units of a cell earned of a metric."""
    sums = exact_sums(cell, place)
    return ArmOutcome(cell.units, sums["y"], sums["yy"])


def earned(cells: Sequence[Cell], place: int) -> ArmOutcome:
    """What the units of several cells of one variation earned together."""
    total = ArmOutcome(0, Fraction(), Fraction())
    for cell in cells:
        total += outcome_of(cell, place)
    return total
