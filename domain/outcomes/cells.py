"""Sufficient statistics of arms, in whole millionths: exact, so that sums kept up to date equal sums made anew.

For each metric a unit has four numbers: `y`, what it did; `d`, what a ratio divides by; `x` and `z`, both of the time
before its exposure. A cell holds their sums, and those of their squares and products, over the units of one variation
under one policy.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from domain.experiments.metrics import MILLIONTHS, Metric, MetricKind
from domain.experiments.model import NO_CONTEXT
from domain.experiments.moments import Arm, Moments

NUMBERS: Final = ("y", "d", "x", "z")
SUMS: Final = ("y", "d", "x", "z", "yy", "dd", "xx", "zz", "yd", "yx", "yz", "dx", "dz", "xz")
"""What a cell holds of each metric, in this order."""

Counted = tuple[int, ...]
"""The numbers of a unit, four for each metric; empty if all are 0."""


class Place(NamedTuple):
    """Which cell a unit belongs to."""

    phase: int
    policy_version: str
    variation: int
    context: int = NO_CONTEXT


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        units: how many.
        multiples: how many of them were shown more than one variation.
        sums: fourteen for each metric, as `SUMS` names them, in powers of a millionth.
    """

    place: Place
    units: int
    multiples: int
    sums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """What is counted of one unit."""

    place: Place
    counted: Counted
    multiple: bool = False


def shape_of(metric: Metric) -> str:
    """Which sums a metric needs, in the word that the database knows."""
    ratio = metric.kind is MetricKind.RATIO
    if metric.adjusts:
        return "adjusted_ratio" if ratio else "adjusted"
    return "ratio" if ratio else "plain"


def sums_of(counted: Counted, metrics: int) -> list[int]:
    """What one unit adds to the sums of its cell."""
    found: list[int] = []
    for place in range(metrics):
        numbers = dict(zip(NUMBERS, counted[4 * place : 4 * place + 4] or (0, 0, 0, 0), strict=True))
        found += [_product(numbers, name) for name in SUMS]
    return found


def changed(cells: Mapping[Place, Cell], gone: Iterable[Unit], come: Iterable[Unit], metrics: int) -> dict[Place, Cell]:
    """The cells that change if some units are taken out and others are put in, as they are then."""
    found: dict[Place, Cell] = {}
    for sign, units in ((-1, gone), (1, come)):
        for unit in units:
            cell = found.get(unit.place) or cells.get(unit.place) or Cell(unit.place, 0, 0, (0,) * len(SUMS) * metrics)
            added = zip(cell.sums, sums_of(unit.counted, metrics), strict=True)
            sums = tuple(total + sign * one for total, one in added)
            multiples = cell.multiples + sign * unit.multiple
            found[unit.place] = Cell(unit.place, cell.units + sign, multiples, sums)
    return found


def merged(cells: Sequence[Cell], metrics: int) -> Cell | None:
    """Several cells of one variation as one; None for none."""
    if not cells:
        return None
    sums = [0] * len(SUMS) * metrics
    for cell in cells:
        sums = [total + one for total, one in zip(sums, cell.sums, strict=True)]
    units, multiples = sum(cell.units for cell in cells), sum(cell.multiples for cell in cells)
    return Cell(cells[0].place, units, multiples, tuple(sums))


def arm_of(cell: Cell, place: int) -> Arm:
    """One metric of a cell as the engine takes it, exact. Raises `ValidationFailed` for fewer than two units."""
    part = exact_sums(cell, place)
    values = {name: Moments(cell.units, part[name], part[name * 2]) for name in NUMBERS}
    return Arm(values, {f"{name[0]}*{name[1]}": part[name] for name in SUMS if len(set(name)) == 2})


def exact_sums(cell: Cell, place: int) -> dict[str, Fraction]:
    """The sums of one metric of a cell in the metric's own unit, by their names."""
    part = zip(SUMS, cell.sums[len(SUMS) * place : len(SUMS) * (place + 1)], strict=True)
    return {name: Fraction(total, MILLIONTHS ** len(name)) for name, total in part}


def _product(numbers: Mapping[str, int], name: str) -> int:
    return numbers[name] if len(name) == 1 else numbers[name[0]] * numbers[name[1]]
