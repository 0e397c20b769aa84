"""What a client tells about a person's behaviour, and the events it becomes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any, Final, NamedTuple
from uuid import UUID

from domain.errors import ValidationFailed
from domain.ids import EventId, ItemId, SubjectId

MAX_ENTRIES = 1000
MAX_TEXT = 512
MAX_COMMENT = 4000
MAX_ATTRIBUTES = 32
FUTURE_TOLERANCE = timedelta(minutes=10)
MAX_SNOOZE = timedelta(days=3650)
LARGEST_NUMBER: Final = 3.4028234663852886e38
"""What the log's column of four bytes can hold."""

Scalar = str | float | int | bool

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Sentiment(StrEnum):
    """How feedback was meant."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


class InteractionAction(StrEnum):
    """What a person did with a recommended item."""

    VIEWED = "viewed"
    CLICKED = "clicked"
    USED = "used"
    LIKED = "liked"
    DISMISSED = "dismissed"
    SNOOZED = "snoozed"
    RESTORED = "restored"


TAKEN: Final = (InteractionAction.CLICKED, InteractionAction.USED, InteractionAction.LIKED)
"""What says that somebody took an item of a list."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that was done.

    Attributes:
        type: what was done; see the vocabulary.
        feature: what it was done with, as the client names it; a catalogue id counts as that item.
        item_id: the catalogue item, where the client knows it.
        value: a number that belongs to it, such as a rating.
        event_id: chosen by the client so that a retry adds nothing.
    """

    type: str
    feature: str | None = None
    item_id: ItemId | None = None
    value: float | None = None
    device: str | None = None
    occurred_at: datetime | None = None
    event_id: UUID | None = None

    def check(self, place: str) -> None:
        """Raise `ValidationFailed`, naming the field below `place`, unless every part is usable."""
        require_text(self.type, f"{place}.type", required=True)
        require_text(self.feature, f"{place}.feature")
        require_text(self.item_id, f"{place}.itemId")
        require_text(self.device, f"{place}.device")
        require_finite(self.value, f"{place}.value")


@dataclass(frozen=True, slots=True)
class Project:
    """A project as its maker described it; duration in seconds."""

    visual_style: str | None = None
    category: str | None = None
    duration_seconds: float | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)

    def check(self, place: str) -> None:
        """Raise `ValidationFailed`, naming the field below `place`, unless every part is usable."""
        require_text(self.visual_style, f"{place}.visualStyle")
        require_text(self.category, f"{place}.category")
        require_finite(self.duration_seconds, f"{place}.duration")
        require_scalars(self.attributes, f"{place}.attributes")


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said about the product or an item of it."""

    type: str
    sentiment: Sentiment
    aspect: str | None = None
    item_id: ItemId | None = None
    rating: float | None = None
    comment: str | None = None

    def check(self, place: str) -> None:
        """Raise `ValidationFailed`, naming the field below `place`, unless every part is usable."""
        require_text(self.type, f"{place}.type", required=True)
        require_text(self.aspect, f"{place}.aspect")
        require_text(self.item_id, f"{place}.itemId")
        require_finite(self.rating, f"{place}.rating")
        if self.comment is not None and (len(self.comment) > MAX_COMMENT or "\x00" in self.comment):
            raise ValidationFailed(f"at most {MAX_COMMENT} characters, no NUL", field=f"{place}.comment")


@dataclass(frozen=True, slots=True)
class BehaviorData:
    """One report of behaviour: the documented payload of `learn-preferences`."""

    actions: tuple[Action, ...] = ()
    projects: tuple[Project, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    session_id: str | None = None
    device: str | None = None

    def check(self) -> None:
        """Raise `ValidationFailed` unless the whole report is usable."""
        entries = len(self.actions) + len(self.projects) + len(self.feedback)
        if not 1 <= entries <= MAX_ENTRIES:
            raise ValidationFailed(f"1 to {MAX_ENTRIES} actions, projects and feedback together", field="behaviorData")
        require_text(self.session_id, "behaviorData.sessionId")
        require_text(self.device, "behaviorData.device")
        for index, action in enumerate(self.actions):
            action.check(f"behaviorData.actions.{index}")
        for index, project in enumerate(self.projects):
            project.check(f"behaviorData.projects.{index}")
        for index, said in enumerate(self.feedback):
            said.check(f"behaviorData.feedback.{index}")


@dataclass(frozen=True, slots=True)
class Interaction:
    """What a person did with an item that was recommended to them.

    Attributes:
        recommendation_id: the list it was on, if the client kept that.
        position: where on the list it stood, from 0.
        snoozed_until: with `SNOOZED`, from when it may be shown again; a week later if the client names no time.
    """

    item_id: ItemId
    action: InteractionAction
    recommendation_id: UUID | None = None
    position: int | None = None
    event_id: UUID | None = None
    occurred_at: datetime | None = None
    snoozed_until: datetime | None = None

    def check(self) -> None:
        """Raise `ValidationFailed` unless every part is usable."""
        require_text(self.item_id, "itemId", required=True)
        if self.position is not None and not 0 <= self.position < 10_000:
            raise ValidationFailed("a position is within 0 to 9999", field="position")
        if self.snoozed_until is not None:
            if self.action is not InteractionAction.SNOOZED:
                raise ValidationFailed("belongs to the action `snoozed`", field="snoozedUntil")
            if self.snoozed_until.tzinfo is None:
                raise ValidationFailed("a time needs a time zone", field="snoozedUntil")

    def snooze_minutes(self, since: datetime) -> float | None:
        """How long a snooze lasts, in whole minutes; None if it is none, or the client named no time.

        Raises:
            ValidationFailed: it would end before it starts, or in more than `MAX_SNOOZE`.
        """
        if self.snoozed_until is None:
            return None
        lasts = self.snoozed_until - since
        if not timedelta(0) < lasts <= MAX_SNOOZE:
            raise ValidationFailed("lies in the future, by at most ten years", field="snoozedUntil")
        return float(ceil(lasts / timedelta(minutes=1)))


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the log, before its payload is sealed.

    Attributes:
        type: a name of the vocabulary.
        payload: what else the client said, by field; empty for nothing.
    """

    event_id: EventId
    type: str
    item_id: ItemId | None
    value: float | None
    occurred_at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a report.

    Attributes:
        accepted: events written by this call.
        duplicates: events that were there already.
        version: the person's version after this call; unchanged if nothing was new.
        event_ids: the id of every event of the report, in its order.
    """

    accepted: int
    duplicates: int
    version: int
    event_ids: tuple[EventId, ...]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be learned from; `quarantined` is told over all tenants alone."""

    waiting: int
    oldest_received_at: datetime | None
    quarantined: int = 0


class TrainingRow(NamedTuple):
    """What a training sees of one event."""

    subject_id: SubjectId
    item_id: ItemId
    type: str
    occurred_at: datetime


def plausible_moment(moment: datetime | None, now: datetime, place: str) -> datetime:
    """`moment`, or `now` if the client gave none.

    Raises:
        ValidationFailed: it has no time zone, or lies in the future by more than clocks differ.
    """
    if moment is None:
        return now
    if moment.tzinfo is None:
        raise ValidationFailed("a time needs a time zone", field=place)
    if moment > now + FUTURE_TOLERANCE or moment.year < 1970:
        raise ValidationFailed("a time lies between 1970 and now", field=place)
    return min(moment, now)


def require_text(text: str | None, place: str, *, required: bool = False) -> None:
    """Raise `ValidationFailed` if `text` is too long, has control characters, or is missing where required."""
    if text is None:
        if required:
            raise ValidationFailed("is required", field=place)
        return
    if len(text) > MAX_TEXT or _CONTROL.search(text) or (required and not text.strip()):
        raise ValidationFailed(f"1 to {MAX_TEXT} characters without control characters", field=place)


def require_finite(number: float | None, place: str) -> None:
    """Raise `ValidationFailed` if `number` is not a number, or beyond `LARGEST_NUMBER`."""
    if number is not None and not -LARGEST_NUMBER <= number <= LARGEST_NUMBER:
        raise ValidationFailed("is not a number within ±3.4e38", field=place)


def require_scalars(named: Mapping[str, Scalar], place: str) -> None:
    """Raise `ValidationFailed` unless these are at most `MAX_ATTRIBUTES` usable names with usable values."""
    if len(named) > MAX_ATTRIBUTES:
        raise ValidationFailed(f"at most {MAX_ATTRIBUTES} names", field=place)
    for name, value in named.items():
        require_text(name, place, required=True)
        if isinstance(value, str):
            require_text(value, f"{place}.{name}")
        else:
            require_finite(value, f"{place}.{name}")


def texts_of(data: BehaviorData) -> Iterator[str]:
    """Every string of the report that may name a catalogue item."""
    for action in data.actions:
        yield from (text for text in (action.item_id, action.feature) if text)
    for project in data.projects:
        if project.visual_style:
            yield project.visual_style
    for said in data.feedback:
        if said.item_id:
            yield said.item_id
