"""The next policy of a bandit, from what its arms earned in the phase that runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

import numpy as np

from domain.experiments.allocation import LEAST_EXPOSURES, ArmOutcome, reallocate
from domain.experiments.contextual import LinearArm, split_by_context
from domain.experiments.effects import Estimate
from domain.experiments.metrics import MetricKind
from domain.experiments.model import NO_CONTEXT, Policy, Test
from domain.experiments.plan import CONTEXTUAL
from domain.experiments.stratification import over_versions
from domain.outcomes.cells import Cell
from domain.outcomes.splits import earned, number_of

MOST_CONTEXTS: Final = 50


def reallocated(test: Test, cells: Sequence[Cell], at: datetime) -> Policy | None:
    """The policy from `at` on; None while nothing can be said, so that the split stays.

    Variations without a share are left out. A bandit that looks at segments has a split for each segment that it has
    seen, and one for people in none, which holds for segments to come as well.
    """
    policy = test.policy
    if policy is None:
        return None
    used = [place for place, weight in enumerate(policy.weights) if weight > 0]
    here = [cell for cell in cells if cell.place.phase == policy.phase]
    of_arms = [[cell for cell in here if cell.place.variation == place] for place in used]
    split_anew = _by_segment if test.plan.allocation.policy in CONTEXTUAL else _for_all
    found = split_anew(test, of_arms)
    if found is None:
        return None
    weights, by_context, seen = found
    spread = {context: _spread(split, used, len(policy.weights)) for context, split in by_context.items()}
    reason = {"cause": test.plan.allocation.policy.value, "arms": seen}
    whole = _spread(weights, used, len(policy.weights))
    return replace(policy, number=policy.number + 1, weights=whole, by_context=spread, made_at=at, reason=reason)


_Found = tuple[Sequence[float], Mapping[int, Sequence[float]], list[Any]]


def _for_all(test: Test, of_arms: Sequence[Sequence[Cell]]) -> _Found | None:
    metric, allocation = test.plan.metrics[0], test.plan.allocation
    arms = [earned(cells, 0) for cells in of_arms]
    rate, less = metric.kind is MetricKind.PROPORTION, metric.better == "less"
    fair = _within_splits(of_arms, rate=rate) or arms
    split = reallocate(allocation.policy.value, fair, allocation.floor, rate=rate, less=less)
    return None if split is None else (split, {}, [_noted(arm) for arm in arms])


def _within_splits(of_arms: Sequence[Sequence[Cell]], *, rate: bool) -> list[ArmOutcome] | None:
    """What the arms would have earned had each been shown in the same hours; None before each was shown enough."""
    versions = sorted({cell.place.policy_version for cells in of_arms for cell in cells}, key=number_of)
    told = [[earned([c for c in cells if c.place.policy_version == one], 0) for cells in of_arms] for one in versions]
    if min((sum(cell.units for cell in cells) for cells in of_arms), default=0) < LEAST_EXPOSURES:
        return None
    return [_outcome(estimate, rate=rate) for estimate in over_versions(told)]


def _outcome(estimate: Estimate, *, rate: bool) -> ArmOutcome:
    """Exposures and sums that give an estimate again; of a rate as many exposures as its error is worth."""
    mean, units = estimate.mean, estimate.n
    if not rate:
        exact = Fraction(mean)
        return ArmOutcome(units, exact * units, Fraction(estimate.variance) * (units - 1) + exact**2 * units)
    spread, error = mean * (1.0 - mean), estimate.squared_error
    worth = min(units, max(LEAST_EXPOSURES, round(spread / error))) if error > 0.0 else units
    return ArmOutcome(worth, mean * worth, mean * worth)


def _noted(arm: ArmOutcome) -> list[float]:
    """What came of an arm, for the reason of a new split."""
    return [arm.exposures, float(arm.total), float(arm.squares)]


def _by_segment(test: Test, of_arms: Sequence[Sequence[Cell]]) -> _Found | None:
    """Each segment is a feature of its own beside a constant, so that what all have in common is learned from all."""
    allocation, less = test.plan.allocation, test.plan.metrics[0].better == "less"
    known = sorted({c.place.context for cells in of_arms for c in cells} - {NO_CONTEXT})[:MOST_CONTEXTS]

    def feature_of(context: int) -> list[float]:
        return [1.0, *(float(context == one) for one in known)]

    arms, seen = [], []
    for cells in of_arms:
        outcomes = [(feature_of(cell.place.context), earned([cell], 0)) for cell in cells]
        rows = np.array([row for row, _ in outcomes]).reshape(len(outcomes), len(known) + 1)
        rewards = np.array([float(outcome.total) for _, outcome in outcomes])
        units = np.array([outcome.exposures for _, outcome in outcomes], dtype=np.int64)
        arms.append(LinearArm.of(rows, rewards, units))
        seen.append(_noted(earned(cells, 0)))
    asked = np.array([feature_of(context) for context in (NO_CONTEXT, *known)])
    splits = split_by_context(allocation.policy.value, arms, asked, allocation.floor, less=less)
    if splits is None:
        return None
    others, *own = splits.tolist()
    return others, dict(zip(known, own, strict=True)), seen


def _spread(split: Sequence[float], used: Sequence[int], variations: int) -> tuple[float, ...]:
    weights = [0.0] * variations
    for place, weight in zip(used, split, strict=True):
        weights[place] = weight
    return tuple(weights)
