"""Means of a bandit's arms, taken within times of one split and then together.

A bandit shows an arm more in some hours than in others. Where rewards differ by hour, the plain mean of an arm tells
the hours that it was shown in as well, and comparing plain means compares hours. Within one split the arms share every
hour alike, so means are taken there, and are put together by the traffic of all arms.
"""

from collections.abc import Sequence
from math import fsum
from typing import Final

from domain.errors import ValidationFailed
from domain.experiments.allocation import ArmOutcome
from domain.experiments.effects import Estimate
from domain.experiments.moments import Moments

LEAST_IN_STRATUM: Final = 20
"""Exposures of each arm, below which a time is taken together with the next."""


def over_versions(versions: Sequence[Sequence[ArmOutcome]]) -> list[Estimate]:
    """The mean of each arm over all times, for `effects.difference` and `effects.fieller_lift`.

    Args:
        versions: what came of each split in the order of time, the same arms in each.

    Raises:
        ValidationFailed: other arms in one of them, or an arm was shown fewer than `LEAST_IN_STRATUM` times in all.
    """
    strata = _strata(versions)
    traffic = [sum(arm.exposures for arm in stratum) for stratum in strata]
    shares = [units / sum(traffic) for units in traffic]
    return [_mean(arm, shares) for arm in zip(*strata, strict=True)]


def _mean(parts: Sequence[ArmOutcome], shares: Sequence[float]) -> Estimate:
    moments = [Moments(part.exposures, part.total, part.squares) for part in parts]
    mean = fsum(share * one.mean for share, one in zip(shares, moments, strict=True))
    squared = fsum(share**2 * one.variance / one.n for share, one in zip(shares, moments, strict=True))
    units = sum(one.n for one in moments)
    return Estimate(mean, squared * units, units)


def _strata(versions: Sequence[Sequence[ArmOutcome]]) -> list[list[ArmOutcome]]:
    """Times in which every arm was shown often enough; what is left at the end goes to the last of them."""
    if len({len(version) for version in versions}) != 1:
        raise ValidationFailed("every split has the same arms", field="versions")
    strata: list[list[ArmOutcome]] = []
    open_one: list[ArmOutcome] = []
    for version in versions:
        open_one = _together(open_one, version)
        if min(arm.exposures for arm in open_one) >= LEAST_IN_STRATUM:
            strata.append(open_one)
            open_one = []
    if not strata:
        raise ValidationFailed(f"an arm was shown fewer than {LEAST_IN_STRATUM} times", field="versions")
    if open_one:
        strata[-1] = _together(strata[-1], open_one)
    return strata


def _together(one: Sequence[ArmOutcome], other: Sequence[ArmOutcome]) -> list[ArmOutcome]:
    if not one:
        return list(other)
    return [a + b for a, b in zip(one, other, strict=True)]
