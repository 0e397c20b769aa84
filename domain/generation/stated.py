"""What a person says about themselves, as far as it is about generation parameters: it wins over all that was learned.

Statements are about facets of a profile, in the words of profiles; a few facets have another name than their parameter.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from domain.generation.parameters import PARAMETERS, Choice, Parameter, Value
from domain.profiles.naming import DURATION_BUCKETS, LONGEST_BUCKET
from domain.profiles.portrait import Taste

_FACET: Final = {"duration_seconds": "duration", "colour_palette": "colour"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """Statements about parameters.

    Attributes:
        values: by parameter, the value that is wanted most.
        bounds: by parameter, within which a number is wanted.
        barred: by parameter, values that are not wanted, as facets spell them.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    barred: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.values or self.bounds or self.barred)


NO_WISHES: Final = Wishes()


def wishes_of(taste: Taste) -> Wishes:
    """What a person said about parameters; what means nothing for one says nothing.

    A value that they called wrong of them is not wanted either.
    """
    values: dict[str, Value] = {}
    bounds: dict[str, tuple[float, float]] = {}
    barred: dict[str, frozenset[str]] = {}
    for name, parameter in PARAMETERS.items():
        facet = _FACET.get(name, name)
        wrong = {value: -1.0 for (named, value), factor in taste.factors.items() if named == facet and not factor}
        said = wrong | dict(taste.wanted.get(facet, {}))
        ranked = sorted(said, key=lambda text: (-said[text], text))
        likes = [text for text in ranked if said[text] > 0]
        meant = [value for value in (_value(parameter, text) for text in likes) if value is not None]
        if meant:
            values[name] = meant[0]
        elif name == "duration_seconds" and likes and likes[0] in _BUCKETS:
            bounds[name] = _BUCKETS[likes[0]]
        if refused := frozenset(text for text in said if said[text] < 0):
            barred[name] = refused
    return Wishes(values, bounds, barred)


def _buckets() -> dict[str, tuple[float, float]]:
    """The bounds of each bucket of lengths in seconds."""
    found: dict[str, tuple[float, float]] = {}
    low = 1.0
    for high, name in DURATION_BUCKETS:
        found[name] = (low, high)
        low = high + 1
    found[LONGEST_BUCKET] = (low, float("inf"))
    return found


def _value(parameter: Parameter, text: str) -> Value | None:
    """The value of `parameter` that a stated text means; None if it means none."""
    if isinstance(parameter, Choice):
        if not parameter.values:
            return text
        return next((value for value in parameter.values if str(value) == text), None)
    with suppress(ValueError):
        number = float(text)
        if parameter.low <= number <= parameter.high:
            return number
    return None


_BUCKETS: Final = _buckets()
