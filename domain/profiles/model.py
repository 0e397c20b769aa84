"""What a profile is: per facet a distribution over values, each with how sure we are, what it rests on and who said so.

Two layers: what was learned from behaviour, and what the person stated or corrected, which wins and is never touched by
learning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.ids import EventId, ItemId, UserId
from domain.privacy.model import PrivacyLevel

PRIOR_WEIGHT = 2.0
"""Evidence that unseen values start with, in units of one fresh event of weight 1."""

CONFIDENCE_AT_HALF = 5.0
"""Decayed evidence at which confidence is one half."""


class FacetSource(StrEnum):
    """Where a value of a profile comes from."""

    STATED = "stated"
    LEARNED = "learned"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class LearnedValue:
    """The evidence for one value.

    Attributes:
        weight: summed and decayed, above 0; 1 is one fresh event of weight 1.
        evidence: how many events speak for it.
    """

    value: str
    weight: float
    evidence: int

    @property
    def confidence(self) -> float:
        """0 without evidence, towards 1 with much."""
        return round(self.weight / (self.weight + CONFIDENCE_AT_HALF), 6)


@dataclass(frozen=True, slots=True)
class LearnedFacet:
    """What was learned of one facet.

    Attributes:
        values: those with the most weight first.
        total: the weight of all values, those left out included.
    """

    name: str
    values: tuple[LearnedValue, ...]
    total: float

    def share(self, value: LearnedValue) -> float:
        """The part of the evidence that speaks for `value`: the mean of a Dirichlet posterior, in (0, 1)."""
        return round(value.weight / (self.total + PRIOR_WEIGHT), 6)


@dataclass(frozen=True, slots=True)
class Learned:
    """Everything that was learned of a person.

    Attributes:
        facets: by name.
        devices: by device, the facets in which the person differs there from how they are elsewhere.
        events: how many events it rests on.
        oldest_at: of them; None without events.
        latest_at: of them; None without events.
    """

    facets: tuple[LearnedFacet, ...] = ()
    devices: Mapping[str, tuple[LearnedFacet, ...]] = field(default_factory=dict)
    events: int = 0
    oldest_at: datetime | None = None
    latest_at: datetime | None = None


NOTHING_LEARNED = Learned()


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a facet, as the person sees it.

    Attributes:
        value: such as `modern` for the facet `visual_style`.
        share: the part of the person's evidence that speaks for it, 0 to 1; the shares of a facet add up to less than
            1, since some is left for what has not been seen. A statement counts as much as all that was learned.
        confidence: 0 without evidence, towards 1 with much; 1 for what was stated.
        evidence: how many events speak for it.
        source: whether the person stated it, it was learned, or it was learned and the person corrected it.
        weight: how much the person said they want it, -1 to 1; None unless stated.
    """

    value: str
    share: float
    confidence: float
    evidence: int
    source: FacetSource = FacetSource.LEARNED
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Facet:
    """One respect in which tastes differ; what was stated first, then by share, what is unwanted last."""

    name: str
    values: tuple[FacetValue, ...]


@dataclass(frozen=True, slots=True)
class DeviceFacets:
    """The facets in which a person differs on one device from how they are elsewhere."""

    device: str
    facets: tuple[Facet, ...]


class Verdict(StrEnum):
    """What a person says about something that was learned of them."""

    WRONG = "wrong"
    MORE = "more"
    LESS = "less"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Correction:
    """The person's word on one learned value; `RESTORE` takes an earlier one back."""

    facet: str
    value: str
    verdict: Verdict
    corrected_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as they may see themselves.

    Attributes:
        facets: what was stated and learned, together.
        devices: where they differ from one device to another.
        corrections: what they said is wrong, too weak or too strong, latest first.
        stated_revision: grows with every statement and correction; 0 before the first.
        event_count: how many events were learned from.
        learned_from: how many of them the facets rest on: the latest ones.
        oldest_event_at: of those; None without any.
        latest_event_at: of those; None without any.
        updated_at: when something was learned, stated or corrected last.
        version: the number of the latest user-visible change.
    """

    user_id: UserId
    privacy_level: PrivacyLevel
    facets: tuple[Facet, ...]
    devices: tuple[DeviceFacets, ...]
    corrections: tuple[Correction, ...]
    stated_revision: int
    event_count: int
    learned_from: int
    oldest_event_at: datetime | None
    latest_event_at: datetime | None
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
    value: float | None = None


@dataclass(frozen=True, slots=True)
class ItemFacets:
    """What one catalogue item says about whoever used it."""

    kind: str
    category: str
    tags: tuple[str, ...]
