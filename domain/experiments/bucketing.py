"""Ranges of the line from 0 to 1, and which of them a unit lies in."""

from collections.abc import Sequence
from itertools import accumulate
from math import fsum, isfinite
from typing import Final, NamedTuple

from domain.experiments.hashing import THOUSANDTHS, bucket_of

OUTSIDE: Final = -1
"""The variation of a unit that lies in no range."""

SUM_TOLERANCE: Final = 0.01


class Range(NamedTuple):
    """A part of the line; `start` belongs to it, `end` does not."""

    start: float
    end: float

    def holds(self, bucket: float) -> bool:
        """Whether a unit that lies at `bucket` is in it."""
        return self.start <= bucket < self.end


class Namespace(NamedTuple):
    """The part of a group of experiments that exclude each other which one of them may use."""

    name: str
    start: float
    end: float


def equal_weights(variations: int) -> list[float]:
    """The same share for each of so many variations."""
    return [1.0 / variations] * variations if variations > 0 else []


def sound_weights(weights: Sequence[float] | None, variations: int) -> list[float]:
    """The weights, or equal ones if they are not a split: wrong in number, negative, no numbers, or not 1 in sum."""
    if weights is None or len(weights) != variations:
        return equal_weights(variations)
    if not all(isfinite(weight) and weight >= 0.0 for weight in weights):
        return equal_weights(variations)
    off = abs(fsum(weights) - 1.0) > SUM_TOLERANCE
    return equal_weights(variations) if off else list(weights)


def bucket_ranges(variations: int, coverage: float, weights: Sequence[float] | None) -> list[Range]:
    """The range of each variation.

    A range starts where it would with full coverage and ends sooner, so that coverage grows without moving anyone.

    Args:
        variations: how many there are.
        coverage: the share of each variation's part that takes part; outside [0, 1] it counts as the nearer end.
        weights: the share of each variation; see `sound_weights`.
    """
    share = min(max(coverage, 0.0), 1.0)
    sound = sound_weights(weights, variations)
    starts = accumulate(sound, initial=0.0)
    return [Range(start, start + share * weight) for start, weight in zip(starts, sound, strict=False)]


def choose_variation(bucket: float, ranges: Sequence[Range]) -> int:
    """The first range that holds `bucket`, counted from 0; `OUTSIDE` if none does."""
    return next((number for number, part in enumerate(ranges) if part.holds(bucket)), OUTSIDE)


def in_namespace(unit: str, namespace: Namespace) -> bool:
    """Whether a unit lies in the part of the group that an experiment may use (hash version 1, seed `__` and name)."""
    return Range(namespace.start, namespace.end).holds(bucket_of(f"__{namespace.name}", unit, THOUSANDTHS))
