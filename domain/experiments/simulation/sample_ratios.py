"""How often the check of the arms' sizes raises an alarm, with a fair split and with a broken one."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.experiments.sample_ratio import ALARM_P, sample_ratio
from domain.experiments.simulation.study import (
    ALPHA,
    Advance,
    Curve,
    Finding,
    Goal,
    Outcome,
    Picture,
    Study,
    chunks,
    share_of,
)

UNITS: Final = 100_000
FAIR: Final = (0.5, 0.5)
THREE: Final = (0.2, 0.3, 0.5)
BROKEN: Final = (0.51, 0.49)
LOOKS: Final = 100
CHUNK: Final = 1000
RARE: Final = Goal(high=2.0 * ALARM_P)
FOUND: Final = Goal(low=0.99)


@dataclass(frozen=True, slots=True)
class Split:
    """Traffic that is checked once: what was promised, what happens, and how often an alarm is due."""

    name: str
    promised: tuple[float, ...]
    truth: tuple[float, ...]
    goal: Goal


SPLITS: Final = (
    Split("fair split of two: alarm", FAIR, FAIR, RARE),
    Split("fair split of three: alarm", THREE, THREE, RARE),
    Split("51 % instead of 50 %: alarm", FAIR, BROKEN, FOUND),
)


def _measure(rng: np.random.Generator, runs: int, advance: Advance) -> Outcome:
    once = [_alarms(split, rng, runs, advance) for split in SPLITS]
    looked, picture = _looks(rng, runs, advance)
    return Outcome((*once, *looked), (picture,))


def _alarms(split: Split, rng: np.random.Generator, runs: int, advance: Advance) -> Finding:
    raised = 0
    for now in chunks(runs, CHUNK, advance, 0.1):
        drawn = rng.multinomial(UNITS, split.truth, size=now).tolist()
        raised += sum(sample_ratio(sizes, split.promised).alarm for sizes in drawn)
    return share_of(split.name, raised, runs, split.goal)


def _looks(rng: np.random.Generator, runs: int, advance: Advance) -> tuple[list[Finding], Picture]:
    """The same fair split at each of a hundred looks."""
    rules = ("100 looks, chi-square", "100 looks, Dirichlet-multinomial")
    first = {(rule, level): np.full(runs, LOOKS) for rule in rules for level in (ALPHA, ALARM_P)}
    begun = 0
    for now in chunks(runs, CHUNK, advance, 0.7):
        joined = rng.multinomial(UNITS // LOOKS, FAIR, size=(now, LOOKS)).cumsum(axis=1).tolist()
        for run, sizes in enumerate(joined, start=begun):
            found = [sample_ratio(one, FAIR) for one in sizes]
            for level in (ALPHA, ALARM_P):
                chi = (look for look, one in enumerate(found) if one.p < level)
                valid = (look for look, one in enumerate(found) if one.always_valid_p < level)
                first[rules[0], level][run] = next(chi, LOOKS)
                first[rules[1], level][run] = next(valid, LOOKS)
        begun += now
    findings = []
    for (rule, level), looks in first.items():
        goal = (RARE if level == ALARM_P else Goal(high=0.055)) if rule == rules[1] else None
        findings.append(share_of(f"{rule}: p < {level:g}", int((looks < LOOKS).sum()), runs, goal))
    axis = tuple(float(look + 1) for look in range(LOOKS))
    curves = tuple(
        Curve(rule, axis, tuple(float((first[rule, ALPHA] <= look).mean()) for look in range(LOOKS))) for rule in rules
    )
    return findings, Picture("Fair splits with p < 0.05 so far", "looks", curves, ALPHA)


STUDY: Final = Study("sample-ratio", "alarms about the arms' sizes, with fair and broken splits", 20_000, _measure)
