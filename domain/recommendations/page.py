"""A page as it is asked for, served, and noted for later learning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.behavior.model import require_text
from domain.catalog.model import ItemKind
from domain.errors import ValidationFailed
from domain.ids import ItemId, ModelVersion
from domain.recommendations.model import Reason, Recommendation, Source
from domain.recommendations.paging import NOTHING_SHOWN, Shown

PAGE_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """What a client asks for.

    Attributes:
        kind: which kind of items; None for all.
        surface: where the list will be shown, such as `video_creation`.
        device: what it will be shown on; items made for other devices stay away.
        purpose: what the person is about to do, such as `social_media`.
        local_time: the person's own time of day, with their time zone; the server's if absent.
        first: page length, 1 to 100.
        after: what earlier pages showed.
        exclude: items that must not appear.
        personalized: False asks for the answer without the person's data.
    """

    kind: ItemKind | None = None
    surface: str | None = None
    device: str | None = None
    purpose: str | None = None
    local_time: datetime | None = None
    first: int = 10
    after: Shown = NOTHING_SHOWN
    exclude: frozenset[ItemId] = frozenset()
    include_seen: bool = False
    personalized: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.first <= PAGE_LIMIT:
            raise ValidationFailed(f"must be within 1 to {PAGE_LIMIT}", field="first")
        require_text(self.surface, "surface")
        require_text(self.device, "device")
        require_text(self.purpose, "purpose")
        if self.local_time is not None and self.local_time.tzinfo is None:
            raise ValidationFailed("a time needs a time zone", field="localTime")


@dataclass(frozen=True, slots=True)
class WordedReason:
    """A reason with a sentence that says it."""

    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class RecommendedItem:
    """One place of a list.

    Attributes:
        position: from 0.
        score: in standard deviations above the model's average item.
        propensity: the probability with which it was put at this place, in (0, 1].
        rule_id: the rule that pinned it there; None if none did.
        told: what doors made of it, to be told again where the same place is served again.
    """

    item_id: ItemId
    kind: ItemKind
    title: str
    category: str
    tags: tuple[str, ...]
    position: int
    score: float
    reasons: tuple[WordedReason, ...]
    sources: tuple[Source, ...]
    propensity: float
    rule_id: str | None
    told: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RecommendationList:
    """A served page.

    Attributes:
        recommendation_id: name it when telling what the person did with its items.
        shown: this page and the ones before it; the cursor of the next page.
        model_version: None before the first training.
        personalized: what the person did or stated had a part in it.
        used: the categories of personal data that it rests on.
        degraded: it would be better if everything were well and on: no model could be used, or learning is off.
        version: the person's version that the list reflects; 0 for a person nothing is kept of.
        fits: what is peculiar to each item, where the kind of list has such; JSON.
    """

    recommendation_id: UUID
    items: tuple[RecommendedItem, ...]
    has_next: bool
    shown: Shown
    model_version: ModelVersion | None
    policy_version: str
    personalized: bool
    used: tuple[str, ...]
    degraded: bool
    version: int
    fits: Mapping[ItemId, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PastAction:
    """One row of a person's history.

    Attributes:
        value: of a snooze, its length in minutes.
        recent: False for what is too long ago to say more than that the item was seen or sent away.
    """

    item_id: ItemId
    type: str
    occurred_at: datetime
    value: float | None = None
    recent: bool = True


@dataclass(frozen=True, slots=True)
class Exposure:
    """A list as it is noted for later learning: who could have seen what, where, by which rule and how likely."""

    recommendation_id: UUID
    kind: ItemKind | None
    surface: str | None
    device: str | None
    purpose: str | None
    local_hour: int
    weekday: int
    model_version: ModelVersion | None
    policy_version: str
    items: Sequence[Recommendation]
    served_at: datetime
