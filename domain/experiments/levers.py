"""What a variation may change: parameters of recommending, of the interface, of generation, and a client's own.

The names of the service's own begin with `recommendations.`, `ui.` or `generation.`; each has a check, so that a typing
error is found when an experiment is created and not by the people in it. Any other name is the client's and may have
any JSON scalar.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from math import isfinite
from typing import Any, Final

from domain.errors import ValidationFailed
from domain.models.blend import POPULARITY


class Area(StrEnum):
    """Where a parameter takes effect."""

    RECOMMENDATIONS = "recommendations"
    UI = "ui"
    GENERATION = "generation"
    CLIENT = "client"


MODEL_VERSION: Final = "recommendations.modelVersion"
BLEND: Final = "recommendations.blend"
DIVERSITY: Final = "recommendations.diversity"
EXPLORATION_SHARE: Final = "recommendations.explorationShare"
EXPLORATION_POLICY: Final = "recommendations.explorationPolicy"

BLEND_SOURCES: Final = frozenset({POPULARITY, "factors", "together", "following", "segment", "trend"})
EXPLORATION_POLICIES: Final = frozenset({"optimistic", "thompson", "uniform"})
MAX_TEXT: Final = 256
LARGEST_SHARE: Final = 0.5

Check = Callable[[Any], str | None]
"""What is wrong with a value, or None."""


def _between(low: float, high: float) -> Check:
    def check(value: Any) -> str | None:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return None if fits else f"must be a number within {low:g} to {high:g}"

    return check


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and 1 <= len(value) <= MAX_TEXT else f"must be a text of 1 to {MAX_TEXT}"


def _one_of(options: frozenset[str]) -> Check:
    def check(value: Any) -> str | None:
        return None if value in options else f"must be one of {', '.join(sorted(options))}"

    return check


def _blend(value: Any) -> str | None:
    if not isinstance(value, Mapping) or not value or not set(value) <= BLEND_SOURCES:
        return f"must map sources ({', '.join(sorted(BLEND_SOURCES))}) to weights"
    sound = all(isinstance(w, int | float) and not isinstance(w, bool) and 0 <= w <= 1 for w in value.values())
    return None if sound and sum(value.values()) > 0 else "must have weights within 0 to 1, one of them above 0"


LEVERS: Final[Mapping[str, Check]] = {
    MODEL_VERSION: _text,
    BLEND: _blend,
    DIVERSITY: _between(0.0, 1.0),
    EXPLORATION_SHARE: _between(0.0, LARGEST_SHARE),
    EXPLORATION_POLICY: _one_of(EXPLORATION_POLICIES),
}
"""The parameters of recommending; those of the interface and of generation are known to their own rooms."""

CheckElsewhere = Callable[[str, Any], str | None]
"""What is wrong with a parameter of an area, given its name within it; None if nothing is."""


def area_of(name: str) -> Area:
    """Where the parameter takes effect."""
    prefix = name.partition(".")[0]
    return Area(prefix) if prefix in set(Area) - {Area.CLIENT} else Area.CLIENT


def check_parameter(name: str, value: Any, others: Mapping[Area, CheckElsewhere], field: str) -> None:
    """Refuse a parameter that the service would not understand.

    Raises:
        ValidationFailed: there is no such parameter, or the value is none that it can have.
    """
    area = area_of(name)
    if area is Area.RECOMMENDATIONS:
        wrong = LEVERS[name](value) if name in LEVERS else f"there are {', '.join(LEVERS)}"
    elif area is Area.CLIENT:
        wrong = _scalar(name, value)
    else:
        wrong = others[area](name.partition(".")[2], value) if area in others else "there is no such parameter"
    if wrong is not None:
        raise ValidationFailed(f"{name}: {wrong}", field=field)


def _scalar(name: str, value: Any) -> str | None:
    if _text(name) is not None:
        return "a name has 1 to 256 characters"
    if isinstance(value, float) and not isfinite(value):
        return "must be a finite number"
    if isinstance(value, str):
        return None if len(value) <= MAX_TEXT else f"must have at most {MAX_TEXT} characters"
    return None if value is None or isinstance(value, bool | int | float) else "must be a text, a number or a boolean"
