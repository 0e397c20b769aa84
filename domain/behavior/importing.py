"""Bulk import of past behaviour: many people's events in one statement, only for those who agreed.

Imported events do not wait for the worker: whoever imports has the profiles learned afterwards, once for each person
instead of once for each hundred events.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid5

from domain.behavior.model import Event, plausible_moment, require_finite, require_text
from domain.behavior.sealing import SealedEvent
from domain.behavior.vocabulary import EVENT_TYPES, OTHER
from domain.clock import Clock
from domain.ids import EventId, ItemId, SubjectId, TenantId, UserId
from domain.privacy.encryption import SubjectKey
from domain.privacy.model import Subject


@dataclass(frozen=True, slots=True)
class ImportedBehavior:
    """One past event, as another system recorded it; `context` names what else is known of where and what for."""

    user_id: UserId
    type: str
    item_id: ItemId
    occurred_at: datetime
    value: float | None = None
    device: str | None = None
    session: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raise `ValidationFailed` unless every part is usable."""
        require_text(self.type, "type", required=True)
        require_text(self.item_id, "itemId", required=True)
        require_text(self.device, "device")
        require_text(self.session, "session")
        for name, value in self.context.items():
            require_text(name, "context", required=True)
            require_text(value, f"context.{name}")
        require_finite(self.value, "value")


@dataclass(frozen=True, slots=True)
class ImportReceipt:
    """What came of an import.

    Attributes:
        accepted: events written.
        duplicates: events that were there already.
        refused: events of people who have not agreed.
        refused_users: how many people those are.
    """

    accepted: int
    duplicates: int
    refused: int
    refused_users: int


class ImportStore(Protocol):
    """The log, written for many people at once."""

    async def append_many(
        self, tenant: TenantId, events: Sequence[tuple[SubjectId, SealedEvent]], received_at: datetime
    ) -> int:
        """Add events as already learned from, for those people who agree at this moment; how many were new."""
        ...


class Directory(Protocol):
    """The part of the directory that an import needs."""

    async def resolve_many(self, tenant: TenantId, user_ids: Iterable[UserId]) -> dict[UserId, Subject]:
        """The people among `user_ids` of whom something is kept."""
        ...

    def identity(self, tenant: TenantId, user_id: UserId) -> UUID:
        """What stands for an external id, whoever it leads to."""
        ...


class SubjectKeys(Protocol):
    """Where people's keys come from."""

    async def keys_for(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> dict[SubjectId, SubjectKey]:
        """The sealers of these people; those without a key are left out."""
        ...


class BehaviorImport:
    """Imports past behaviour."""

    def __init__(self, store: ImportStore, directory: Directory, keys: SubjectKeys, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._keys = keys
        self._clock = clock

    async def import_events(self, tenant: TenantId, events: Sequence[ImportedBehavior]) -> ImportReceipt:
        """Add past events; the same event twice is one event, in this import or in a later one.

        Raises:
            ValidationFailed: an event means nothing; nothing was written.
        """
        now = self._clock.now()
        for event in events:
            event.check()
            plausible_moment(event.occurred_at, now, "occurredAt")
        people = await self._directory.resolve_many(tenant, dict.fromkeys(event.user_id for event in events))
        agreed = {user: subject.subject_id for user, subject in people.items() if subject.collects}
        keys = await self._keys.keys_for(tenant, agreed.values())
        places = {
            user: (self._directory.identity(tenant, user), keys[subject])
            for user, subject in agreed.items()
            if subject in keys
        }
        sealed = _distinct(events, places)
        accepted = await self._store.append_many(tenant, sealed, now)
        refused = Counter(event.user_id for event in events if event.user_id not in agreed)
        return ImportReceipt(
            accepted=accepted,
            duplicates=len(events) - refused.total() - accepted,
            refused=refused.total(),
            refused_users=len(refused),
        )


def _distinct(
    events: Sequence[ImportedBehavior], places: Mapping[UserId, tuple[UUID, SubjectKey]]
) -> list[tuple[SubjectId, SealedEvent]]:
    found: dict[EventId, tuple[SubjectId, SealedEvent]] = {}
    for imported in events:
        place = places.get(imported.user_id)
        if place is None:
            continue
        identity, key = place
        name = f"import/{imported.type}/{imported.item_id}/{imported.occurred_at.timestamp()}/{imported.value}"
        event_id = EventId(uuid5(identity, name))
        if event_id not in found:
            found[event_id] = (key.subject, _sealed(imported, event_id, key))
    return list(found.values())


def _sealed(imported: ImportedBehavior, event_id: EventId, key: SubjectKey) -> SealedEvent:
    listed = imported.type in EVENT_TYPES
    payload: dict[str, Any] = {} if listed else {"type": imported.type}
    payload |= {name: value for name, value in _circumstances(imported).items() if value}
    event = Event(
        event_id,
        imported.type if listed else OTHER.name,
        imported.item_id,
        imported.value,
        imported.occurred_at,
        payload,
    )
    sealed = key.seal_json("user_behavior_events", "payload_sealed", payload) if payload else None
    return SealedEvent(event, sealed)


def _circumstances(imported: ImportedBehavior) -> dict[str, Any]:
    """When and where, under the names that events of the API have in their payload."""
    return {"device": imported.device, "session": imported.session, "context": dict(imported.context)}
