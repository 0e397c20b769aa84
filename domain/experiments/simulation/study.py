"""What every study is: seeded, told how many experiments to draw, and answering with figures beside their goals."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import ValidationFailed
from domain.experiments.effects import Counts, Interval, wilson

Floats = NDArray[np.float64]
Advance = Callable[[float], None]
"""Told how much more of the study is done, 1 in sum."""

ALPHA: Final = 0.05
NORMAL_95: Final = 1.959963984540054
LEAST_RUNS: Final = 20
MOST_RUNS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a figure is to lie; both ends belong to it, None is no end."""

    low: float | None = None
    high: float | None = None

    def met(self, value: float) -> bool:
        """Whether it lies there."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure.

    Attributes:
        name: what it is of.
        value: what was measured.
        interval: 95 %, of the simulation's own chance.
        goal: where it is to lie; None for what stands beside for comparison.
        share: whether it is a share of 1, and not an amount.
    """

    name: str
    value: float
    interval: Interval
    goal: Goal | None = None
    share: bool = True

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        return None if self.goal is None else self.goal.met(self.value)


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a picture: y over x, as many of both."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Curves over one axis, and the level that they are to be compared with, if there is one."""

    title: str
    x_label: str
    curves: tuple[Curve, ...]
    level: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a study found."""

    findings: tuple[Finding, ...]
    pictures: tuple[Picture, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Study:
    """A question that simulation answers.

    Attributes:
        name: in one word or two.
        about: one line.
        runs: how many experiments are drawn unless another number is asked for.
        measure: draws and measures; the same generator and runs give the same figures.
    """

    name: str
    about: str
    runs: int
    measure: Callable[[np.random.Generator, int, Advance], Outcome]


def share_of(name: str, happened: int, runs: int, goal: Goal | None = None) -> Finding:
    """How often something happened, with Wilson's interval."""
    counts = Counts(happened, runs)
    return Finding(name, counts.rate, wilson(counts, ALPHA), goal)


def mean_of(name: str, values: Floats, goal: Goal | None = None) -> Finding:
    """A mean amount, with its normal interval."""
    half = NORMAL_95 * float(values.std(ddof=1)) / float(np.sqrt(len(values)))
    mean = float(values.mean())
    return Finding(name, mean, Interval(mean - half, mean + half), goal, share=False)


def chunks(runs: int, size: int, advance: Advance, weight: float = 1.0) -> Iterator[int]:
    """Numbers of runs, `size` at most, that make `runs`: what is drawn at once stays small, and progress is told."""
    done = 0
    while done < runs:
        now = min(size, runs - done)
        yield now
        done += now
        advance(weight * now / runs)


def require_runs(runs: int) -> None:
    """Refuse a number of runs that says nothing, or takes forever."""
    if not LEAST_RUNS <= runs <= MOST_RUNS:
        raise ValidationFailed(f"runs are {LEAST_RUNS} to {MOST_RUNS}", field="--runs")
