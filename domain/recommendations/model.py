"""The words of recommending: what is known of a user, what is asked, and an item with the reasons it is shown for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.catalog.model import ItemKind
from domain.errors import ValidationFailed
from domain.ids import ItemId

LIMIT: Final = 500


class Source(StrEnum):
    """The part of the path that put an item on the page."""

    FACTORS = "factors"
    CONTENT = "content"
    PREFERENCES = "preferences"
    POPULARITY = "popularity"
    TREND = "trend"
    SEGMENT = "segment"
    CATALOGUE = "catalogue"
    FIT = "fit"
    SITUATION = "situation"
    RULES = "rules"
    EXPLORATION = "exploration"


class ReasonCode(StrEnum):
    """Why an item is shown, in words that a product can translate."""

    SIMILAR_TO_YOUR_ACTIONS = "SIMILAR_TO_YOUR_ACTIONS"
    SIMILAR_CONTENT = "SIMILAR_CONTENT"
    MATCHES_PREFERENCE = "MATCHES_PREFERENCE"
    SEGMENT_FAVOURITE = "SEGMENT_FAVOURITE"
    """People of like taste took to it."""
    TRENDING = "TRENDING"
    POPULAR = "POPULAR"
    DISCOVERY = "DISCOVERY"
    """Little is known of the item yet; it completes the page."""
    FITS_YOUR_WORK = "FITS_YOUR_WORK"
    """It suits what the person makes or uses; the answer says in which respects."""
    FITS_SITUATION = "FITS_SITUATION"
    """It is taken more than elsewhere on this device, at this place or for this purpose."""
    PINNED = "PINNED"
    """A rule of the provider put it there; nothing about the person did."""
    PROMOTED = "PROMOTED"
    """A rule of the provider moved it up."""
    EXPLORATION = "EXPLORATION"
    """Chance chose it among promising items, to find out whether it pleases."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """Something a user did with an item; a negative weight says that they did not want it."""

    item_id: ItemId
    weight: float
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for an item.

    Attributes:
        code: what kind of reason.
        weight: its share of the item's reasons, in (0, 1]; the shares of an item sum to 1.
        evidence: items from the user's history that speak for this one, strongest first.
        preferences: facets the item matches, strongest first.
        features: tags, attributes and words that the item has in common with the evidence.
    """

    code: ReasonCode
    weight: float
    evidence: tuple[ItemId, ...] = ()
    preferences: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item of a page.

    Attributes:
        score: blended score, around 0 for the model's average item; higher is better.
        reasons: at least one, the heaviest first.
        sources: the parts of the path behind the reasons, in the same order.
        propensity: the probability with which it was put at this place, in (0, 1].
        rule_id: the rule that pinned it there; None if none did.
    """

    item_id: ItemId
    score: float
    reasons: tuple[Reason, ...]
    sources: tuple[Source, ...]
    propensity: float = 1.0
    rule_id: str | None = None


@dataclass(frozen=True, slots=True)
class RecommendationQuery:
    """What is asked for.

    Attributes:
        kinds: which kinds of items; None for all.
        limit: page length, 1 to 500.
        exclude: items that must not appear: dismissed, snoozed or named by the caller.
        include_seen: whether items of the history may appear again.
        diversity: weight of novelty against relevance within the page, 0 to 1; None for the default.
        preferences: tag or category -> how much it is wanted (above 0) or not (below 0), -1 to 1.
        device: what the page is shown on.
        context: `surface` and `purpose`, where they are known.
        shown: places of the list that earlier pages had.

    Raises:
        ValidationFailed: a value is out of its range.
    """

    kinds: frozenset[ItemKind] | None = None
    limit: int = 10
    exclude: frozenset[ItemId] = frozenset()
    include_seen: bool = False
    diversity: float | None = None
    preferences: Mapping[str, float] = field(default_factory=dict)
    device: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)
    shown: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= LIMIT:
            raise ValidationFailed(f"must be within 1 to {LIMIT}", field="limit")
        if self.diversity is not None and not 0 <= self.diversity <= 1:
            raise ValidationFailed("must be within 0 to 1", field="diversity")
        for name, weight in self.preferences.items():
            if not -1 <= weight <= 1:
                raise ValidationFailed("must be within -1 to 1", field=f"preferences.{name}")
