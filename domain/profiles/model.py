"""What a profile is: per facet a distribution over values, each with how sure we are and how much it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.ids import EventId, ItemId, UserId
from domain.privacy.model import PrivacyLevel


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a facet.

    Attributes:
        value: such as `modern` for the facet `visual_style`.
        share: the part of the person's decayed evidence that speaks for it, 0 to 1; the shares of a facet add up to
            less than 1, since some is left for what has not been seen.
        confidence: 0 without evidence, towards 1 with much.
        evidence: how many events it rests on.
    """

    value: str
    share: float
    confidence: float
    evidence: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One respect in which tastes differ; values with the largest share first."""

    name: str
    values: tuple[FacetValue, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as they may see themselves.

    Attributes:
        event_count: how many events were learned from.
        version: the number of the latest user-visible change.
    """

    user_id: UserId
    privacy_level: PrivacyLevel
    facets: tuple[Facet, ...]
    event_count: int
    updated_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as learning sees it, its payload opened."""

    event_id: EventId
    type: str
    item_id: ItemId | None
    occurred_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemFacets:
    """What one catalogue item says about whoever used it."""

    kind: str
    category: str
    tags: tuple[str, ...]


def facets_to_json(facets: tuple[Facet, ...]) -> dict[str, list[list[Any]]]:
    """The compact form that is sealed and stored."""
    return {f.name: [[v.value, v.share, v.confidence, v.evidence] for v in f.values] for f in facets}


def facets_from_json(stored: Mapping[str, list[list[Any]]]) -> tuple[Facet, ...]:
    """The facets that `facets_to_json` wrote."""
    return tuple(Facet(name, tuple(FacetValue(*value) for value in values)) for name, values in stored.items())
