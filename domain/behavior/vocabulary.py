"""What each type of event says: how strongly it speaks for its item, how fast that fades, and what it may be used for.

A client may send any type; one that is not listed here is kept as `other` with its own name sealed, because a free
string could name a person.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Purpose(StrEnum):
    """What an event may be used for."""

    PREFERENCE = "preference"
    MEASUREMENT = "measurement"


@dataclass(frozen=True, slots=True)
class EventType:
    """One entry of the vocabulary.

    Attributes:
        name: as sent by clients and stored.
        weight: how strongly one event speaks for its item; negative speaks against it, 0 says nothing.
        half_life_days: after how long an event counts half as much as a new one.
        purpose: what it may be used for.
    """

    name: str
    weight: float
    half_life_days: float = 90.0
    purpose: Purpose = Purpose.PREFERENCE


SNOOZED = "recommendation_snoozed"
RESTORED = "recommendation_restored"

OTHER = EventType("other", weight=0.2, half_life_days=30)

GOAL = "goal:"
CONVERTED = EventType(GOAL, weight=0.0, purpose=Purpose.MEASUREMENT)
"""Stands for every goal of an experiment: such events are measured by and say nothing of their person's taste."""

_TYPES = (
    EventType("template_used", weight=1.0),
    EventType("style_applied", weight=1.0),
    EventType("feature_used", weight=0.6, half_life_days=45),
    EventType("project_created", weight=0.6),
    EventType("project_exported", weight=1.2),
    EventType("project_described", weight=1.0),
    EventType("item_viewed", weight=0.3, half_life_days=14),
    EventType("rated", weight=1.0, half_life_days=365),
    EventType("tagged", weight=1.0, half_life_days=365),
    EventType("liked", weight=2.0, half_life_days=180),
    EventType("dismissed", weight=-1.0, half_life_days=180),
    EventType("feedback_positive", weight=1.5, half_life_days=180),
    EventType("feedback_neutral", weight=0.2, half_life_days=180),
    EventType("feedback_negative", weight=-1.0, half_life_days=180),
    EventType("recommendation_viewed", weight=0.0, purpose=Purpose.MEASUREMENT),
    EventType("recommendation_clicked", weight=0.6, half_life_days=30),
    EventType("recommendation_used", weight=1.2),
    EventType("recommendation_liked", weight=2.0, half_life_days=180),
    EventType("recommendation_dismissed", weight=-1.0, half_life_days=180),
    EventType(SNOOZED, weight=0.0),
    EventType(RESTORED, weight=0.0),
    EventType("generation_started", weight=0.3, half_life_days=45),
    EventType("generation_accepted", weight=1.2, half_life_days=120),
    EventType("generation_edited", weight=1.0, half_life_days=120),
    # What sent a video back may be its parameters; it says nothing against the template and style it was made with.
    EventType("generation_regenerated", weight=0.0, half_life_days=60),
    EventType("generation_discarded", weight=0.0, half_life_days=60),
    EventType("generation_failed", weight=0.0, purpose=Purpose.MEASUREMENT),
    EventType("content_analysed", weight=0.6, half_life_days=120),
    OTHER,
)

EVENT_TYPES = MappingProxyType({event_type.name: event_type for event_type in _TYPES})


def event_type(name: str) -> EventType:
    """The entry of `name`, or `OTHER` if it is not in the vocabulary."""
    return CONVERTED if name.startswith(GOAL) else EVENT_TYPES.get(name, OTHER)


def goal_event(goal: str) -> str:
    """The type under which reaching a goal of an experiment is logged; the goal is an operator's word, no client's."""
    return GOAL + goal
