"""How often an interval holds the truth, at the end of an experiment of a size that was fixed beforehand."""

from collections.abc import Callable, Iterable
from math import exp, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from domain.experiments.adjustment import NONE_BEFORE, absolute, adjusted, pooled_theta, relative
from domain.experiments.effects import Counts, Estimate, Interval, difference, fieller_lift, newcombe
from domain.experiments.moments import Arm
from domain.experiments.quantiles import SampleQuantile, sample_quantile
from domain.experiments.sequential import DEFAULT_N_STAR, always_valid_interval
from domain.experiments.simulation.samples import arms_of
from domain.experiments.simulation.study import (
    ALPHA,
    Advance,
    Finding,
    Floats,
    Goal,
    Outcome,
    Study,
    chunks,
    share_of,
)

UNITS: Final = 1000
"""In each arm."""

VALUES: Final = 4
"""That a person has on average, where people have several."""

CHUNK: Final = 500
QUANTILE: Final = 0.9
UNCLUSTERED: Final = "quantile, clusters ignored"
RATES: Final = (0.10, 0.12)
LIFT: Final = 0.05
NOMINAL: Final = Goal(0.94, 0.96)
AT_LEAST: Final = Goal(low=0.95)

Held = dict[str, tuple[float, Interval | None]]
"""Name of an interval -> the truth and the interval of one run."""


def _rates(rng: np.random.Generator, runs: int) -> Iterable[Held]:
    done = np.stack([rng.binomial(UNITS, rate, size=runs) for rate in RATES], axis=1).tolist()
    for one, other in done:
        yield {"proportion, Newcombe": (RATES[1] - RATES[0], newcombe(Counts(one, UNITS), Counts(other, UNITS), ALPHA))}


def _means(rng: np.random.Generator, runs: int) -> Iterable[Held]:
    """Log-normal amounts; the treatment's are larger by `LIFT`."""
    mean = exp(0.5)
    draws = [arms_of({"y": scale * rng.lognormal(size=(runs, UNITS))}) for scale in (1.0, 1.0 + LIFT)]
    for control, treatment in zip(*draws, strict=True):
        base, changed = (Estimate(arm.mean("y"), arm.covariance("y", "y"), arm.n) for arm in (control, treatment))
        effect = difference(base, changed, ALPHA)
        always = always_valid_interval(effect.est, effect.se, 2 * UNITS, DEFAULT_N_STAR, ALPHA)
        yield {
            "mean, Welch": (LIFT * mean, effect.ci),
            "relative lift, Fieller": (LIFT, fieller_lift(base, changed, ALPHA)),
            "mean, confidence sequence": (LIFT * mean, always),
        }


def _person(rng: np.random.Generator, runs: int, lift: float) -> dict[str, Floats]:
    """Clicks and views of people who differ in how much they view and how readily they click, before and after."""
    shape = (runs, UNITS)
    activity, readiness = rng.gamma(2.0, 2.0, size=shape), rng.beta(2.0, 8.0, size=shape)
    views, before = (np.asarray(1 + rng.poisson(activity), dtype=np.float64) for _ in range(2))
    return {
        "clicks": rng.binomial(views.astype(np.int64), readiness * (1.0 + lift)).astype(np.float64),
        "views": views,
        "clicks_before": rng.binomial(before.astype(np.int64), readiness).astype(np.float64),
        "views_before": before,
    }


def _ratios(rng: np.random.Generator, runs: int) -> Iterable[Held]:
    """Clicks a view, where people are the units; readiness does not depend on activity, so the ratio is its mean."""
    control, treatment = arms_of(_person(rng, runs, 0.0)), arms_of(_person(rng, runs, LIFT))
    truth = 0.2 * LIFT
    for one, other in zip(control, treatment, strict=True):
        for name, before in (("ratio", NONE_BEFORE), ("ratio, CUPED", "clicks_before/views_before")):
            theta = pooled_theta(one, other, "clicks/views", before)
            base, changed = (adjusted(arm, "clicks/views", before, theta) for arm in (one, other))
            lift = relative(base, changed, ALPHA, ratio=True)
            held: Held = {f"{name}, delta method": (truth, absolute(base, changed, ALPHA).ci)}
            if before == NONE_BEFORE:
                held["relative lift of a ratio, delta method"] = (LIFT, None if lift is None else lift.ci)
            yield held


def _adjusted_means(rng: np.random.Generator, runs: int) -> Iterable[Held]:
    """Amounts that go with those before (correlation 0.7), with a long tail."""

    def draw(shift: float) -> list[Arm]:
        before = rng.gamma(2.0, 1.0, size=(runs, UNITS))
        return arms_of({"x": before, "y": 1.0 + shift + before + rng.gamma(2.0, 1.0, size=(runs, UNITS))})

    control, treatment = draw(0.0), draw(LIFT)
    for one, other in zip(control, treatment, strict=True):
        theta = pooled_theta(one, other, "y", "x")
        base, changed = (adjusted(arm, "y", "x", theta) for arm in (one, other))
        yield {"mean, CUPED": (LIFT, absolute(base, changed, ALPHA).ci)}


def _quantiles(rng: np.random.Generator, runs: int) -> Iterable[Held]:
    """The 90 % quantile of log-normal values: one a person, or several that go with each other."""
    truth = LIFT * exp(float(special.ndtri(QUANTILE)))
    for _ in range(runs):
        alone = [scale * rng.lognormal(size=UNITS) for scale in (1.0, 1.0 + LIFT)]
        several = [_repeated(rng, scale) for scale in (1.0, 1.0 + LIFT)]
        yield {
            "quantile, order statistics": (truth, _between([sample_quantile(one, QUANTILE) for one in alone])),
            "quantile, clustered": (truth, _between([sample_quantile(one, QUANTILE, who) for one, who in several])),
            UNCLUSTERED: (truth, _between([sample_quantile(one, QUANTILE) for one, _ in several])),
        }


def _repeated(rng: np.random.Generator, scale: float) -> tuple[Floats, NDArray[np.int64]]:
    """Values and whose they are; what is a person's own is half of the variance of their logarithm."""
    who = np.repeat(np.arange(UNITS), 1 + rng.poisson(VALUES - 1, size=UNITS))
    own = rng.normal(scale=sqrt(0.5), size=UNITS)
    return scale * np.exp(own[who] + rng.normal(scale=sqrt(0.5), size=len(who))), who


def _between(arms: list[SampleQuantile]) -> Interval:
    return difference(arms[0].estimate(), arms[1].estimate(), ALPHA).ci


SOURCES: Final[tuple[Callable[[np.random.Generator, int], Iterable[Held]], ...]] = (
    _rates,
    _means,
    _ratios,
    _adjusted_means,
    _quantiles,
)


def _measure(rng: np.random.Generator, runs: int, advance: Advance) -> Outcome:
    findings: list[Finding] = []
    for draw in SOURCES:
        hits: dict[str, int] = {}
        for now in chunks(runs, CHUNK, advance, 1.0 / len(SOURCES)):
            for held in draw(rng, now):
                for name, (truth, interval) in held.items():
                    inside = interval is not None and interval.low <= truth <= interval.high
                    hits[name] = hits.get(name, 0) + inside
        findings += [share_of(name, number, runs, _goal(name)) for name, number in hits.items()]
    return Outcome(tuple(findings))


def _goal(name: str) -> Goal | None:
    """A sequence is wider than one look needs, so it has no upper goal; what ignores clusters stands for comparison."""
    if name == UNCLUSTERED:
        return None
    return AT_LEAST if name.endswith("confidence sequence") else NOMINAL


STUDY: Final = Study(
    "coverage", "95 % intervals at the end of a fixed size: how often they hold the truth", 20_000, _measure
)
