"""What is kept of a person that adaptation reads: sealed as it is stored, and how it is opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.adaptation.acts import LoggedAct
from domain.adaptation.choices import Choices
from domain.errors import DomainError
from domain.ids import EventId, ItemId
from domain.privacy.encryption import SubjectKey


@dataclass(frozen=True, slots=True)
class SealedAct:
    """One event of the log, its payload still sealed."""

    event_id: EventId
    seq: int
    type: str
    item_id: ItemId | None
    occurred_at: datetime
    session_id: UUID | None
    payload_sealed: bytes | None


@dataclass(frozen=True, slots=True)
class SealedVisit:
    """What is known of one session: its device, and its context, still sealed."""

    device: str | None
    context_sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """What the log and the person say."""

    acts: Sequence[SealedAct] = ()
    visits: Mapping[UUID, SealedVisit] = field(default_factory=dict)
    choices_sealed: bytes | None = None


def choices_of(sealed: bytes | None, key: SubjectKey) -> Choices:
    """What a person said; nothing where nothing is stored."""
    if sealed is None:
        return Choices()
    return Choices.from_json(key.open_json("user_adaptations", "choices_sealed", sealed))


def opened(dossier: Dossier, key: SubjectKey) -> list[LoggedAct]:
    """The events that can be read; the worker sets those aside that cannot."""
    surfaces = {session_id: _surface(visit, key) for session_id, visit in dossier.visits.items()}
    found = []
    for act in dossier.acts:
        try:
            payload = _payload(act, key)
        except (DomainError, ValueError):
            continue
        visit = None if act.session_id is None else dossier.visits.get(act.session_id)
        found.append(
            LoggedAct(
                event_id=act.event_id,
                seq=act.seq,
                type=act.type,
                item_id=act.item_id,
                occurred_at=act.occurred_at,
                session_id=act.session_id,
                device=None if visit is None else visit.device,
                surface=None if act.session_id is None else surfaces.get(act.session_id),
                payload=payload,
            )
        )
    return found


def _payload(act: SealedAct, key: SubjectKey) -> Mapping[str, Any]:
    if act.payload_sealed is None:
        return {}
    payload = key.open_json("user_behavior_events", "payload_sealed", act.payload_sealed)
    return payload if isinstance(payload, dict) else {}


def _surface(visit: SealedVisit, key: SubjectKey) -> str | None:
    if visit.context_sealed is None:
        return None
    surface = key.open_json("user_sessions", "context_sealed", visit.context_sealed).get("surface")
    return surface if isinstance(surface, str) else None


def sealed_choices(choices: Choices, key: SubjectKey) -> bytes:
    """What a person said, as it is stored."""
    return key.seal_json("user_adaptations", "choices_sealed", choices.to_json())
