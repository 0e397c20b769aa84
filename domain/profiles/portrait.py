"""What a person sees of themselves, and what recommending uses: statements over corrections over what was learned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from domain.profiles.facets import Statement
from domain.profiles.model import (
    PRIOR_WEIGHT,
    Correction,
    DeviceFacets,
    Facet,
    FacetSource,
    FacetValue,
    Learned,
    LearnedFacet,
    LearnedValue,
    Verdict,
)
from domain.profiles.stated import Stated, Wanted

LEAST_STATEMENT: Final = 10.0
"""A full statement counts as much as everything learned in its facet, and at least as so many fresh events."""

FACTORS: Final[Mapping[Verdict, float]] = MappingProxyType(
    {Verdict.WRONG: 0.0, Verdict.LESS: 0.5, Verdict.MORE: 2.0, Verdict.RESTORE: 1.0}
)
"""By how much a correction multiplies the evidence for a value."""


@dataclass(frozen=True, slots=True)
class Taste:
    """What recommending takes from what a person said.

    Attributes:
        preferences: tag, category or item -> how much it is wanted, -1 to 1.
        factors: facet and value -> by how much it multiplies what actions say for it, where the person corrected it.
        wanted: facet -> value -> how much it is wanted, -1 to 1.
    """

    preferences: Mapping[str, float]
    factors: Mapping[Statement, float]
    wanted: Mapping[str, Wanted] = field(default_factory=dict)

    def factor(self, statements: Iterable[Statement]) -> float:
        """By how much to multiply the weight of an action that speaks for `statements`: the smallest correction."""
        found = [self.factors[statement] for statement in statements if statement in self.factors]
        return min(found, default=1.0)


NO_TASTE: Final = Taste(MappingProxyType({}), MappingProxyType({}))


def taste_of(stated: Stated) -> Taste:
    """What recommending takes from what a person said."""
    preferences: dict[str, float] = {}
    for wanted in stated.wanted.values():
        for value, weight in wanted.items():
            preferences[value] = max(-1.0, min(1.0, preferences.get(value, 0.0) + weight))
    return Taste(preferences, _factors(stated.standing), stated.wanted)


def portrait(learned: Learned, stated: Stated) -> tuple[Facet, ...]:
    """The facets of a person, by name."""
    by_name = {facet.name: facet for facet in learned.facets}
    factors, wanted = _factors(stated.standing), stated.wanted
    facets = (
        _facet(by_name.get(name, LearnedFacet(name, (), 0.0)), wanted.get(name, {}), factors)
        for name in sorted({*by_name, *wanted})
    )
    return tuple(facet for facet in facets if facet.values)


def device_portraits(learned: Learned, stated: Stated) -> tuple[DeviceFacets, ...]:
    """Where a person differs on one device; what was corrected is corrected there, too."""
    corrected = Stated(corrections=stated.corrections)
    found = (
        DeviceFacets(device, portrait(Learned(facets), corrected)) for device, facets in sorted(learned.devices.items())
    )
    return tuple(device for device in found if device.facets)


def _factors(corrections: Sequence[Correction]) -> dict[Statement, float]:
    return {(c.facet, c.value): FACTORS[c.verdict] for c in corrections}


def _facet(learned: LearnedFacet, wanted: Wanted, factors: Mapping[Statement, float]) -> Facet:
    known = {value.value: value for value in learned.values}
    kept = [
        (value, value.weight * factors.get((learned.name, value.value), 1.0))
        for value in learned.values
        if value.value not in wanted
    ]
    left_out = learned.total - sum(value.weight for value in learned.values)
    others = max(left_out, 0.0) + sum(weight for _, weight in kept)
    masses = {
        value: weight * max(LEAST_STATEMENT, others) + (known[value].weight if value in known else 0.0)
        for value, weight in wanted.items()
        if weight > 0
    }
    total = PRIOR_WEIGHT + others + sum(masses.values())
    stated = [
        FacetValue(
            value,
            share=round(masses.get(value, 0.0) / total, 6),
            confidence=1.0,
            evidence=known[value].evidence if value in known else 0,
            source=FacetSource.STATED,
            weight=weight,
        )
        for value, weight in sorted(wanted.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    said = [_learned(value, weight, total) for value, weight in kept if weight > 0]
    said.sort(key=lambda value: (-value.share, value.value))
    return Facet(learned.name, (*(v for v in stated if _positive(v)), *said, *(v for v in stated if not _positive(v))))


def _learned(value: LearnedValue, weight: float, total: float) -> FacetValue:
    corrected = weight != value.weight
    return FacetValue(
        value.value,
        share=round(weight / total, 6),
        confidence=value.confidence,
        evidence=value.evidence,
        source=FacetSource.CORRECTED if corrected else FacetSource.LEARNED,
    )


def _positive(value: FacetValue) -> bool:
    return value.weight is not None and value.weight > 0
