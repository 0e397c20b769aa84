"""Reports of behaviour as they are stored: whatever a client said is sealed with its person's key."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.behavior.model import BehaviorData, Event, Feedback
from domain.ids import EventId, ItemId
from domain.privacy.encryption import SubjectKey

MAX_ANNOUNCED_ITEMS = 20


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event as it is stored."""

    event: Event
    payload_sealed: bytes | None


@dataclass(frozen=True, slots=True)
class SealedFeedback:
    """Feedback as it is stored, under the id of its event."""

    event_id: EventId
    feedback: Feedback
    item_id: ItemId | None
    payload_sealed: bytes


@dataclass(frozen=True, slots=True)
class SealedSession:
    """The visit that a report belongs to."""

    session_id: UUID
    client_session_sealed: bytes
    device: str | None


def sealed_session(session_key: bytes, client_session: str, device: str | None, key: SubjectKey) -> SealedSession:
    """A visit as it is stored, under an id of ours that the client's id gives again.

    Args:
        session_key: 32-byte secret that turns a client's session id into ours.
        client_session: the client's id.
        device: what the visit takes place on, where that is known.
        key: seals what is the person's.
    """
    name = client_session.encode()
    digest = hmac.digest(session_key, key.subject.bytes + name, hashlib.sha256)
    sealed = key.seal("user_sessions", "client_session_sealed", name)
    return SealedSession(UUID(bytes=digest[:16], version=4), sealed, device)


def sealed_event(event: Event, key: SubjectKey) -> SealedEvent:
    """An event with what its client said sealed."""
    payload = key.seal_json("user_behavior_events", "payload_sealed", dict(event.payload)) if event.payload else None
    return SealedEvent(event, payload)


def sealed_feedback(data: BehaviorData, events: Sequence[Event], key: SubjectKey) -> list[SealedFeedback]:
    """The feedback of a report, under the ids of the last of its events, which are about it."""
    behind = events[len(events) - len(data.feedback) :]
    return [
        SealedFeedback(
            event.event_id,
            said,
            event.item_id,
            key.seal_json("user_feedback", "payload_sealed", _words(said)),
        )
        for said, event in zip(data.feedback, behind, strict=True)
    ]


def _words(said: Feedback) -> dict[str, Any]:
    return {"type": said.type, "aspect": said.aspect, "rating": said.rating, "comment": said.comment}


def announcement(events: Sequence[Event], key: SubjectKey) -> bytes:
    """What subscribers are told of a report, sealed."""
    items = list(dict.fromkeys(event.item_id for event in events if event.item_id))[:MAX_ANNOUNCED_ITEMS]
    return key.seal_json("outbox", "body_sealed", {"events": len(events), "itemIds": items})
