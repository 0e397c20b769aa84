"""From the log of one person to what it teaches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.catalog.snapshot import CatalogSnapshot
from domain.errors import DomainError
from domain.ids import EventId, ItemId
from domain.privacy.encryption import SubjectKey
from domain.profiles.facets import item_facets, learn
from domain.profiles.model import ItemFacets, LoggedEvent
from domain.profiles.sealing import seal_learned


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of the log, its payload still sealed."""

    event_id: EventId
    type: str
    item_id: ItemId | None
    value: float | None
    occurred_at: datetime
    payload_sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learned of one person.

    Attributes:
        learned_sealed: the facets.
        announcement: the sealed body of the live update.
        unreadable: events whose payload could not be read, by id, with the reason.
    """

    learned_sealed: bytes
    announcement: bytes
    unreadable: Mapping[EventId, str]


def lesson_of(rows: Sequence[LogRow], key: SubjectKey, catalog: CatalogSnapshot) -> Lesson:
    """What a person's log teaches; an event that cannot be read, or breaks what is done with it, keeps no other out."""
    events: list[LoggedEvent] = []
    unreadable: dict[EventId, str] = {}
    for row in rows:
        try:
            payload = _payload(row, key)
            events.append(LoggedEvent(row.event_id, row.type, row.item_id, row.occurred_at, payload, row.value))
        except (DomainError, ValueError, TypeError) as error:
            unreadable[row.event_id] = type(error).__name__
    items = item_facets({event.item_id for event in events if event.item_id}, catalog)
    try:
        learned = learn(events, items)
    except Exception:  # noqa: BLE001  # whichever event it was is told by its name
        broken = _broken(events, items)
        unreadable |= broken
        learned = learn([event for event in events if event.event_id not in broken], items)
    announcement = key.seal_json("outbox", "body_sealed", {"facets": [facet.name for facet in learned.facets]})
    return Lesson(seal_learned(key, learned), announcement, unreadable)


def _broken(events: Sequence[LoggedEvent], items: Mapping[ItemId, ItemFacets]) -> dict[EventId, str]:
    """The events of which nothing can be learned, with the reason."""
    found: dict[EventId, str] = {}
    for event in events:
        try:
            learn([event], items)
        except Exception as error:  # noqa: BLE001
            found[event.event_id] = type(error).__name__
    return found


def _payload(row: LogRow, key: SubjectKey) -> Mapping[str, Any]:
    if row.payload_sealed is None:
        return {}
    payload = key.open_json("user_behavior_events", "payload_sealed", row.payload_sealed)
    if not isinstance(payload, dict):
        raise TypeError("a payload is an object")
    return payload
