"""How often an interval holds the truth where a bandit moved the split, with rewards that stay and that change."""

from typing import Final

import numpy as np

from domain.experiments.allocation import THOMPSON, ArmOutcome, reallocate
from domain.experiments.effects import Effect, Estimate, difference
from domain.experiments.moments import Moments
from domain.experiments.simulation.study import (
    ALPHA,
    Advance,
    Finding,
    Floats,
    Goal,
    Outcome,
    Study,
    chunks,
    mean_of,
    share_of,
)
from domain.experiments.stratification import over_versions

BATCH: Final = 2000
BATCHES: Final = 10
FLOOR: Final = 0.1
RATES: Final = np.array([0.10, 0.12])
NOMINAL: Final = Goal(0.94, 0.96)
STEADY: Final = np.ones(BATCHES)
RISING: Final = np.linspace(0.6, 1.4, BATCHES)
"""What all rates are multiplied with, batch by batch; 1 on average."""

TRUTH: Final = float(RATES[1] - RATES[0])


def _run(rng: np.random.Generator, season: Floats) -> list[list[ArmOutcome]]:
    """What came of each batch, whose split follows from those before it."""
    split: tuple[float, ...] = (0.5, 0.5)
    versions: list[list[ArmOutcome]] = []
    so_far = [ArmOutcome(0, 0.0, 0.0)] * len(RATES)
    for level in season:
        shown = rng.multinomial(BATCH, split)
        done = rng.binomial(shown, RATES * level).tolist()
        versions.append([ArmOutcome(n, float(x), float(x)) for n, x in zip(shown.tolist(), done, strict=True)])
        so_far = [one + other for one, other in zip(so_far, versions[-1], strict=True)]
        split = reallocate(THOMPSON, so_far, FLOOR, rate=False) or split
    return versions


def _plain(versions: list[list[ArmOutcome]]) -> Effect:
    """The difference of means over all time, as if the split had never moved."""
    arms = [sum(arm[1:], start=arm[0]) for arm in zip(*versions, strict=True)]
    moments = [Moments(arm.exposures, arm.total, arm.squares) for arm in arms]
    control, treatment = (Estimate(one.mean, one.variance, one.n) for one in moments)
    return difference(control, treatment, ALPHA)


def _measure(rng: np.random.Generator, runs: int, advance: Advance) -> Outcome:
    findings: list[Finding] = []
    for name, season in (("steady rates", STEADY), ("rising rates", RISING)):
        plain, within = [], []
        for _ in chunks(runs, 1, advance, 0.5):
            versions = _run(rng, season)
            plain.append(_plain(versions))
            control, treatment = over_versions(versions)
            within.append(difference(control, treatment, ALPHA))
        goals = (("plain means", plain, None), ("means within splits", within, NOMINAL))
        for way, effects, goal in goals:
            held = sum(one.ci.low <= TRUTH <= one.ci.high for one in effects)
            findings.append(share_of(f"{name}, {way}: intervals that hold the truth", held, runs, goal))
            errors = np.array([one.est for one in effects]) - TRUTH
            findings.append(mean_of(f"{name}, {way}: bias of a difference of {TRUTH:.2f}", errors))
    return Outcome(tuple(findings))


STUDY: Final = Study("adaptive", "intervals of a difference where a bandit moved the split", 2000, _measure)
