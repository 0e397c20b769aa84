"""What another split would have earned, from exposures whose propensities are known; from sums alone.

Units of a variation that were exposed with propensity p speak of a split that gives it the share w by w / p. Refuses to
answer where the log cannot know: a variation that the split shows was never shown, or too few units speak of it.
Sources: Dudik, Langford, Li (ICML 2011); Swaminathan, Joachims (NeurIPS 2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import fsum, sqrt

from domain.errors import ValidationFailed
from domain.experiments.bucketing import SUM_TOLERANCE
from domain.experiments.effects import Interval
from domain.experiments.later import special
from domain.experiments.off_policy import LEAST_EFFECTIVE
from domain.experiments.plan import normalized
from domain.outcomes.cells import Cell, exact_sums
from domain.outcomes.inputs import Inputs


@dataclass(frozen=True, slots=True)
class SplitValue:
    """What a person earns under a split, on average, in the primary metric.

    Attributes:
        ips: by inverse propensity scores, with its interval.
        snips: the same, divided by the sum of weights.
        dm: by the means of the variations alone.
        dr: doubly robust, with its interval; the one to believe.
        effective: how many units the weights are worth.
        units: how many there are.
    """

    ips: float
    ips_interval: Interval
    snips: float
    dm: float
    dr: float
    dr_interval: Interval
    effective: float
    units: int


@dataclass(frozen=True, slots=True)
class _Part:
    """Units of one variation under one policy: how many, sum and sum of squares of what they earned, w / p."""

    variation: int
    units: int
    total: Fraction
    squares: Fraction
    weight: float


def split_value(inputs: Inputs, split: Sequence[float]) -> SplitValue:
    """The value of a split in the latest phase.

    Args:
        inputs: the log.
        split: the share of each variation; a sum that is nearly 1 counts as 1, as where an experiment is split.

    Raises:
        ValidationFailed: it is no split, or the log does not know.
    """
    arms = len(inputs.plan.variations)
    if len(split) != arms or any(not 0.0 <= share <= 1.0 for share in split) or abs(fsum(split) - 1) > SUM_TOLERANCE:
        raise ValidationFailed(f"{arms} shares within 0 to 1 with the sum 1", field="weights")
    split = normalized(split)
    parts = [_part(inputs, cell, split) for cell in inputs.cells if cell.place.phase == inputs.phase and cell.units]
    seen = {part.variation for part in parts}
    unseen = [inputs.plan.variations[arm].key for arm in range(arms) if split[arm] > 0 and arm not in seen]
    if unseen:
        raise ValidationFailed(f"{', '.join(unseen)} was shown to nobody, so nothing is known of it", field="weights")
    units, weights = sum(part.units for part in parts), fsum(part.weight * part.units for part in parts)
    effective = weights**2 / fsum(part.weight**2 * part.units for part in parts)
    if effective < LEAST_EFFECTIVE:
        raise ValidationFailed(
            f"the people that speak of it are worth {effective:.0f}, fewer than {LEAST_EFFECTIVE:.0f}", field="weights"
        )
    means = [_mean([part for part in parts if part.variation == arm]) for arm in range(arms)]
    dm = fsum(share * mean for share, mean in zip(split, means, strict=True))
    ips, ips_interval = _weighed(parts, units, [0.0] * arms, 0.0, inputs)
    dr, dr_interval = _weighed(parts, units, means, dm, inputs)
    return SplitValue(ips, ips_interval, ips * units / weights, dm, dr, dr_interval, effective, units)


def _part(inputs: Inputs, cell: Cell, split: Sequence[float]) -> _Part:
    variation, chances = cell.place.variation, inputs.split(cell.place)
    chance = chances[variation] / fsum(chances)
    if chance <= 0.0:
        raise ValidationFailed("people were shown a variation without a share: their propensity is not known")
    sums = exact_sums(cell, 0)
    return _Part(variation, cell.units, sums["y"], sums["yy"], split[variation] / chance)


def _mean(parts: Sequence[_Part]) -> float:
    units = sum(part.units for part in parts)
    return float(sum(part.total for part in parts) / units) if units else 0.0


def _weighed(
    parts: Sequence[_Part], units: int, model: Sequence[float], base: float, inputs: Inputs
) -> tuple[float, Interval]:
    """`base` plus the mean of w / p times what is beyond the model, with its interval."""
    said = [(Fraction(p.weight), p, Fraction(model[p.variation])) for p in parts]
    mean = sum((weight * (p.total - p.units * m) for weight, p, m in said), Fraction()) / units
    squares = sum((weight**2 * (p.squares - 2 * m * p.total + p.units * m**2) for weight, p, m in said), Fraction())
    first, se = float(mean), sqrt(max(float(squares / units - mean**2), 0.0) / max(units - 1, 1))
    half = float(special.ndtri(1.0 - inputs.plan.analysis.alpha / 2.0)) * se
    return base + first, Interval(base + first - half, base + first + half)
