"""How often an experiment without an effect finds one, when it is looked at a hundred times."""

from collections.abc import Callable
from typing import Final

import numpy as np

from domain.errors import ValidationFailed
from domain.experiments.effects import Effect, Estimate, difference
from domain.experiments.group_sequential import boundaries
from domain.experiments.moments import Moments
from domain.experiments.sequential import DEFAULT_N_STAR, always_valid_p
from domain.experiments.simulation.study import (
    ALPHA,
    Advance,
    Curve,
    Floats,
    Goal,
    Outcome,
    Picture,
    Study,
    chunks,
    share_of,
)

LOOKS: Final = 100
UNITS: Final = 50
"""Units that join each arm between two looks."""

PLANNED: Final = 10
"""Looks of the plan whose boundaries spend the error rate."""

CHUNK: Final = 200
RATE: Final = 0.1
FALSE_POSITIVES: Final = Goal(high=0.055)

RULES: Final = {
    "confidence sequence": FALSE_POSITIVES,
    f"{PLANNED} planned looks": FALSE_POSITIVES,
    "t test at each look": None,
    "t test at the end": None,
}

Draw = Callable[[np.random.Generator, int], tuple[Floats, Floats]]
"""Sums and sums of squares between looks, each float64[runs, arms, looks]."""


def rates(rng: np.random.Generator, runs: int) -> tuple[Floats, Floats]:
    """Units that did it or did not."""
    done = rng.binomial(UNITS, RATE, size=(runs, 2, LOOKS)).astype(np.float64)
    return done, done


def skewed(rng: np.random.Generator, runs: int) -> tuple[Floats, Floats]:
    """Amounts with a long tail, log-normal."""
    amounts = rng.lognormal(0.0, 1.0, size=(runs, 2, LOOKS, UNITS))
    return amounts.sum(axis=3), np.einsum("ralu,ralu->ral", amounts, amounts)


METRICS: Final[dict[str, Draw]] = {"rate": rates, "skewed mean": skewed}


def _measure(rng: np.random.Generator, runs: int, advance: Advance) -> Outcome:
    bounds = boundaries([look / PLANNED for look in range(1, PLANNED + 1)], ALPHA, "obf")
    findings, pictures = [], []
    for metric, draw in METRICS.items():
        found = {rule: np.zeros(LOOKS) for rule in RULES}
        for now in chunks(runs, CHUNK, advance, 1.0 / len(METRICS)):
            sums, squares = (part.cumsum(axis=2).tolist() for part in draw(rng, now))
            for one, other in zip(sums, squares, strict=True):
                for rule, look in _first_looks(one, other, bounds).items():
                    found[rule][look:] += 1
        findings += [share_of(f"{metric}: {rule}", int(found[rule][-1]), runs, goal) for rule, goal in RULES.items()]
        pictures.append(_picture(metric, found, runs))
    return Outcome(tuple(findings), tuple(pictures))


def _picture(metric: str, found: dict[str, Floats], runs: int) -> Picture:
    looks = tuple(float(look) for look in range(1, LOOKS + 1))
    shown = [rule for rule in RULES if rule != "t test at the end"]
    curves = tuple(Curve(rule, looks, tuple(float(share) for share in found[rule] / runs)) for rule in shown)
    return Picture(f"A/A tests that found something, {metric}", "looks", curves, ALPHA)


def _first_looks(sums: list[list[float]], squares: list[list[float]], bounds: list[float]) -> dict[str, int]:
    """The look, from 0 on, at which each rule that finds something finds it first."""
    first: dict[str, int] = {}
    for look in range(LOOKS):
        effect = _effect(look, sums, squares)
        if effect is None:
            continue
        units = 2 * UNITS * (look + 1)
        if effect.p < ALPHA:
            first.setdefault("t test at each look", look)
            if look == LOOKS - 1:
                first["t test at the end"] = look
        if always_valid_p(effect.est, effect.se, units, DEFAULT_N_STAR, ALPHA) < ALPHA:
            first.setdefault("confidence sequence", look)
        planned, rest = divmod((look + 1) * PLANNED, LOOKS)
        if rest == 0 and abs(effect.t) > bounds[planned - 1]:
            first.setdefault(f"{PLANNED} planned looks", look)
    return first


def _effect(look: int, sums: list[list[float]], squares: list[list[float]]) -> Effect | None:
    """The difference at a look; None while nothing varies."""
    units = UNITS * (look + 1)
    arms = [Moments(units, sums[arm][look], squares[arm][look]) for arm in range(2)]
    control, treatment = (Estimate(arm.mean, arm.variance, arm.n) for arm in arms)
    try:
        return difference(control, treatment, ALPHA)
    except ValidationFailed:
        return None


STUDY: Final = Study("peeking", f"A/A tests looked at {LOOKS} times: how often they find something", 10_000, _measure)
