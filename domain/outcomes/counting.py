"""From what a unit did to the numbers that are counted of it; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.experiments.metrics import LARGEST_VALUE, MILLIONTHS, Measure, Metric, MetricKind, Source
from domain.outcomes.cells import Counted

_MOST: Final = int(LARGEST_VALUE) * MILLIONTHS


@dataclass(frozen=True, slots=True)
class Slot:
    """Events that are looked for.

    Attributes:
        types: as the log has them.
        hours: how long after the exposure.
        looks_back: whether the time before it counts as well.
    """

    types: tuple[str, ...]
    hours: float
    looks_back: bool


@dataclass(frozen=True, slots=True)
class Doings:
    """How many events of a slot a unit has, and the sum of their values in whole millionths.

    Attributes:
        count_after: since the exposure, within the window.
        count_before: before it.
    """

    count_after: int = 0
    count_before: int = 0
    sum_after: int = 0
    sum_before: int = 0


NOTHING: Final = Doings()


def slots_of(metrics: Sequence[Metric]) -> list[Slot]:
    """Two slots for each metric: what counts, and what a ratio divides by."""
    found: list[Slot] = []
    for metric in metrics:
        for source in (metric.source, metric.per):
            types = () if source is None else source.types
            found.append(Slot(types, metric.window_hours, metric.adjusts))
    return found


def counted_of(metrics: Sequence[Metric], doings: Mapping[int, Doings]) -> Counted:
    """The four numbers of each metric; empty where all are 0.

    Args:
        metrics: of the experiment.
        doings: slot -> what the unit did; slots as `slots_of` numbers them.
    """
    found: list[int] = []
    for place, metric in enumerate(metrics):
        did, per = doings.get(2 * place, NOTHING), doings.get(2 * place + 1, NOTHING)
        after, before = _value(metric, metric.source, did)
        per_after, per_before = (0, 0) if metric.per is None else _value(metric, metric.per, per)
        found += [after, per_after, before, per_before]
    return tuple(found) if any(found) else ()


def _value(metric: Metric, source: Source, did: Doings) -> tuple[int, int]:
    """After and before the exposure."""
    if metric.kind is MetricKind.PROPORTION:
        return MILLIONTHS * (did.count_after > 0), 0
    if source.measure is Measure.SUM:
        pair = did.sum_after, did.sum_before
    else:
        pair = did.count_after * MILLIONTHS, did.count_before * MILLIONTHS
    most = _MOST if source.cap is None else min(_MOST, round(source.cap * MILLIONTHS))
    after, before = (max(-_MOST, min(most, one)) for one in pair)
    return after, before if metric.adjusts else 0
