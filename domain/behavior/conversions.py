"""A goal that a person reached: something of the client's that an experiment is judged by."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.behavior.events import IdSource
from domain.behavior.model import Event, plausible_moment, require_finite, require_text
from domain.behavior.vocabulary import goal_event
from domain.ids import EventId


@dataclass(frozen=True, slots=True)
class Conversion:
    """One reaching of a goal.

    Attributes:
        goal: what a metric of an experiment names; whoever calls has made sure that one does.
        value: a number that belongs to it, such as an amount.
        event_id: chosen by the client so that a retry adds nothing.
    """

    goal: str
    value: float | None = None
    occurred_at: datetime | None = None
    event_id: UUID | None = None

    def check(self) -> None:
        """Raise `ValidationFailed` unless every part is usable."""
        require_text(self.goal, "goal", required=True)
        require_finite(self.value, "value")

    def event(self, now: datetime, new_id: IdSource) -> Event:
        """The event that it becomes."""
        event_id = EventId(self.event_id) if self.event_id else new_id(0)
        at = plausible_moment(self.occurred_at, now, "occurredAt")
        return Event(event_id, goal_event(self.goal), None, self.value, at, {})
