"""How often the planned number of units finds the effect that it was planned for."""

from math import ceil, sqrt
from typing import Final

import numpy as np

from domain.experiments.effects import Counts, Estimate, difference, pooled_z, two_sided
from domain.experiments.planning import proportion_size, sequential_power, t_power, units_needed
from domain.experiments.sequential import always_valid_p
from domain.experiments.simulation.study import (
    ALPHA,
    Advance,
    Curve,
    Finding,
    Floats,
    Goal,
    Outcome,
    Picture,
    Study,
    chunks,
    mean_of,
    share_of,
)

PLAN: Final = 0.8
BASELINE: Final = 0.10
CHANGED: Final = 0.12
STANDARDIZED: Final = 0.1
"""The difference of means in standard deviations."""

LOOKS: Final = 20
CHUNK: Final = 1000
WITHIN: Final = Goal(PLAN - 0.02, PLAN + 0.02)


def _measure(rng: np.random.Generator, runs: int, advance: Advance) -> Outcome:
    findings = [_rates(rng, runs, advance), _means(rng, runs, advance)]
    sequential, picture = _sequential(rng, runs, advance)
    return Outcome((*findings, *sequential), (picture,))


def _rates(rng: np.random.Generator, runs: int, advance: Advance) -> Finding:
    n = ceil(proportion_size(BASELINE, CHANGED, ALPHA, PLAN, 1.0, pooled=True))
    found = 0
    for now in chunks(runs, CHUNK, advance, 1.0 / 3.0):
        done = rng.binomial(n, (BASELINE, CHANGED), size=(now, 2)).tolist()
        found += sum(two_sided(pooled_z(Counts(one, n), Counts(other, n))) < ALPHA for one, other in done)
    return share_of(f"rates, fixed size ({n:,} an arm)", found, runs, WITHIN)


def _means(rng: np.random.Generator, runs: int, advance: Advance) -> Finding:
    n = ceil(units_needed(lambda size: t_power(STANDARDIZED, size, 1.0, ALPHA), PLAN))
    found = 0
    for now in chunks(runs, CHUNK, advance, 1.0 / 3.0):
        means, variances = _normal_arms(rng, now, 1, n)
        for mean, variance in zip(means[:, :, 0].tolist(), variances[:, :, 0].tolist(), strict=True):
            base, changed = (Estimate(one, spread, n) for one, spread in zip(mean, variance, strict=True))
            found += difference(base, changed, ALPHA).p < ALPHA
    return share_of(f"means, fixed size ({n:,} an arm)", found, runs, WITHIN)


def sequential_size() -> int:
    """Units an arm with which the confidence sequence, tightest there, finds the effect by its last look as planned."""

    def power_at(size: float) -> float:
        return sequential_power(1.0, STANDARDIZED, 2.0 / size, ALPHA, 2.0 * size, 2.0 * size)

    return ceil(units_needed(power_at, PLAN))


def _sequential(rng: np.random.Generator, runs: int, advance: Advance) -> tuple[tuple[Finding, ...], Picture]:
    step = ceil(sequential_size() / LOOKS)
    n = step * LOOKS
    first, last = np.full(runs, LOOKS), 0
    begun = 0
    for now in chunks(runs, CHUNK, advance, 1.0 / 3.0):
        means, variances = _normal_arms(rng, now, LOOKS, step)
        for run in range(now):
            looks = _found_at(means[run].tolist(), variances[run].tolist(), step)
            first[begun + run] = min(looks, default=LOOKS)
            last += LOOKS - 1 in looks
        begun += now
    found = int((first < LOOKS).sum())
    used = np.minimum(first + 1, LOOKS) / LOOKS
    shares = tuple(float((first <= look).mean()) for look in range(LOOKS))
    picture = Picture(
        f"Experiments that found the effect, confidence sequence of {n:,} units an arm",
        "share of the planned units",
        (Curve("found so far", tuple((look + 1) / LOOKS for look in range(LOOKS)), shares),),
        PLAN,
    )
    return (
        share_of(f"means, sequence, last look ({n:,} an arm)", last, runs, WITHIN),
        share_of(f"means, sequence, any of {LOOKS} looks", found, runs, Goal(low=PLAN)),
        mean_of("the same: share of the units needed", used),
    ), picture


def _found_at(means: list[list[float]], variances: list[list[float]], step: int) -> list[int]:
    found = []
    for look in range(LOOKS):
        units = step * (look + 1)
        base, changed = (Estimate(means[arm][look], variances[arm][look], units) for arm in range(2))
        effect = difference(base, changed, ALPHA)
        if always_valid_p(effect.est, effect.se, 2 * units, 2 * step * LOOKS, ALPHA) < ALPHA:
            found.append(look)
    return found


def _normal_arms(rng: np.random.Generator, runs: int, looks: int, step: int) -> tuple[Floats, Floats]:
    """Means and variances of both arms as they stand at each look, float64[runs, 2, looks].

    Of normal values the sum and the squared deviations of a batch are drawn from their own distributions.
    """
    shift = np.array([0.0, STANDARDIZED])[:, np.newaxis]
    sums = step * shift + sqrt(step) * rng.normal(size=(runs, 2, looks))
    squares = sums**2 / step + rng.chisquare(step - 1, size=(runs, 2, looks))
    n = step * np.arange(1, looks + 1)
    totals = sums.cumsum(axis=2)
    return totals / n, (squares.cumsum(axis=2) - totals**2 / n) / (n - 1)


STUDY: Final = Study(
    "power", f"planned sizes: how often they find what they were planned for ({PLAN:.0%})", 20_000, _measure
)
