"""What is peculiar to templates: how well each suits purpose, category, duration and shape of what is made."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.behavior.model import require_text
from domain.errors import ValidationFailed
from domain.profiles.naming import DURATION_BUCKETS, LONGEST_BUCKET
from domain.recommendations.circumstances import Fit
from domain.recommendations.columns import Columns

STRENGTH: Final = 1.0
"""A template that suits in every respect gains this many standard deviations over one that suits in none."""

LONGEST_SECONDS: Final = 86_400.0
_HALVES: Final = log(2.0)


@dataclass(frozen=True, slots=True)
class Aspect:
    """One respect in which an item suits.

    Attributes:
        name: such as `duration`.
        value: what the item has.
        match: 0 for not at all, 1 for as well as can be.
    """

    name: str
    value: str
    match: float


@dataclass(frozen=True, slots=True)
class TemplateWish:
    """What a template shall be for; a part that is absent is taken from the person's projects.

    Attributes:
        purpose: such as `social_media`.
        category: such as `business`.
        duration_seconds: length of the video, above 0, up to a day.

    Raises:
        ValidationFailed: a part is out of its range.
    """

    purpose: str | None = None
    category: str | None = None
    duration_seconds: float | None = None

    def __post_init__(self) -> None:
        require_text(self.purpose, "wish.purpose")
        require_text(self.category, "wish.category")
        if self.duration_seconds is not None and not 0 < self.duration_seconds <= LONGEST_SECONDS:
            raise ValidationFailed("is above 0 and at most a day", field="wish.duration")


Shares = Mapping[str, Mapping[str, float]]
"""Facet -> value -> the part of a person's evidence that speaks for it."""


@dataclass(frozen=True, slots=True, eq=False)
class TemplateFit(Fit):
    """How well templates suit: purpose, category, duration and aspect ratio, as far as they are known.

    Attributes:
        matches: name of each respect that is known -> float64[n], how well each item suits in it.
        values: the same names -> answers for a row with what the item has.
    """

    matches: Mapping[str, NDArray[np.float64]]
    values: Mapping[str, Callable[[int], str]]

    def of(self, row: int) -> tuple[Aspect, ...]:
        """The respects of one template, the best first."""
        found = (Aspect(name, self.values[name](row), round(float(m[row]), 4)) for name, m in self.matches.items())
        return tuple(sorted(found, key=lambda aspect: -aspect.match))


def template_fit(columns: Columns, wish: TemplateWish, shares: Shares, purposeful: NDArray[np.bool_]) -> TemplateFit:
    """How well templates suit a wish and, where it says nothing, the person's projects.

    Args:
        columns: the catalogue.
        wish: what is asked for.
        shares: what is known of the person.
        purposeful: bool[n], items that speak of the wished purpose.
    """
    matches: dict[str, NDArray[np.float64]] = {}
    if wish.purpose is not None:
        matches["purpose"] = purposeful.astype(np.float64)
    wanted = {wish.category: 1.0} if wish.category is not None else relative(shares.get("category", {}))
    if wanted:
        matches["category"] = columns.category().weighed(wanted)
    seconds = columns.number("duration_seconds")
    if wish.duration_seconds is not None:
        matches["duration"] = closeness(seconds, wish.duration_seconds)
    elif usual := relative(shares.get("duration", {})):
        matches["duration"] = _usual_duration(seconds, usual)
    if ratios := relative(shares.get("aspect_ratio", {})):
        matches["aspect_ratio"] = columns.text("aspect_ratio").weighed(ratios)
    count = len(columns.category().codes)
    total = np.sum(list(matches.values()), axis=0) / len(matches) if matches else np.zeros(count)
    return TemplateFit((STRENGTH * total).astype(np.float32), matches, _values(columns, wish, matches))


def _values(columns: Columns, wish: TemplateWish, names: Iterable[str]) -> dict[str, Callable[[int], str]]:
    category, ratio, seconds = columns.category(), columns.text("aspect_ratio"), columns.number("duration_seconds")
    made: dict[str, Callable[[int], str]] = {
        "purpose": lambda _row: wish.purpose or "",
        "category": lambda row: category.values[category.codes[row]],
        "duration": lambda row: "" if np.isnan(seconds[row]) else f"{seconds[row]:g} s",
        "aspect_ratio": lambda row: ratio.values[ratio.codes[row]],
    }
    return {name: made[name] for name in names}


def _usual_duration(seconds: NDArray[np.float64], usual: Mapping[str, float]) -> NDArray[np.float64]:
    limits = np.array([limit for limit, _ in DURATION_BUCKETS])
    shares = np.array([usual.get(name, 0.0) for name in (*(name for _, name in DURATION_BUCKETS), LONGEST_BUCKET)])
    return np.where(np.isnan(seconds), 0.0, shares[np.searchsorted(limits, seconds)])


def closeness(values: NDArray[np.float64], wanted: float) -> NDArray[np.float64]:
    """How close positive numbers are to a wanted one, float64[n]: 1 for equal, 1/e for half or twice; NaN is far."""
    ratio = np.abs(np.log(np.maximum(values, 1e-9) / max(wanted, 1e-9))) / _HALVES
    return np.where(np.isnan(values), 0.0, np.exp(-ratio))


def relative(shares: Mapping[str, float]) -> dict[str, float]:
    """Shares relative to the largest."""
    largest = max(shares.values(), default=0.0)
    return {value: share / largest for value, share in shares.items()} if largest > 0 else {}
