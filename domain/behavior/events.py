"""From a report of behaviour to events: pure, so that a retry of the same report gives the same events."""

from collections.abc import Callable, Collection
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4, uuid5

from domain.behavior.model import Action, BehaviorData, Event, Feedback, Interaction, Project, plausible_moment
from domain.behavior.vocabulary import EVENT_TYPES, OTHER
from domain.ids import EventId, ItemId

IdSource = Callable[[int], EventId]


def event_ids(identity: UUID, operation: str, idempotency_key: str | None) -> IdSource:
    """Ids for the events of one call: the same for every retry with the same key, otherwise random.

    Args:
        identity: stands for the external id that was named, so that a retry is recognised even if that id has become
            another person's since.
        operation: what is called; the same key means something else for another operation.
        idempotency_key: chosen by the client, if it chose one.
    """
    if idempotency_key is None:
        return lambda _index: EventId(uuid4())
    return lambda index: EventId(uuid5(identity, f"{operation}/{idempotency_key}/{index}"))


def events_of(data: BehaviorData, known: Collection[ItemId], now: datetime, new_id: IdSource) -> list[Event]:
    """The events that a report becomes: one per action, project and feedback, in that order.

    Args:
        data: a checked report.
        known: which of the strings in it are catalogue ids.
        now: when it was received.
        new_id: the id of the n-th event, where the client chose none.

    Raises:
        ValidationFailed: a time is not plausible.
    """
    ids = map(new_id, count())
    actions = [_from_action(a, data, known, now, next(ids), i) for i, a in enumerate(data.actions)]
    projects = [_from_project(project, data, known, now, next(ids)) for project in data.projects]
    feedback = [_from_feedback(said, data, known, now, next(ids)) for said in data.feedback]
    return [*actions, *projects, *feedback]


def event_of(interaction: Interaction, now: datetime, new_id: IdSource) -> Event:
    """The event that an interaction with a recommended item becomes."""
    payload = _present(recommendation=_text(interaction.recommendation_id), position=interaction.position)
    occurred_at = plausible_moment(interaction.occurred_at, now, "occurredAt")
    return Event(
        EventId(interaction.event_id) if interaction.event_id else new_id(0),
        f"recommendation_{interaction.action.value}",
        interaction.item_id,
        interaction.snooze_minutes(occurred_at),
        occurred_at,
        payload,
    )


def _from_action(
    action: Action, data: BehaviorData, known: Collection[ItemId], now: datetime, event_id: EventId, index: int
) -> Event:
    item = _item((action.item_id, action.feature), known)
    listed = action.type in EVENT_TYPES
    payload = _present(
        type=None if listed else action.type,
        feature=None if action.feature == item else action.feature,
        item=None if action.item_id == item else action.item_id,
        device=action.device or data.device,
        session=data.session_id,
    )
    return Event(
        EventId(action.event_id) if action.event_id else event_id,
        action.type if listed else OTHER.name,
        item,
        action.value,
        plausible_moment(action.occurred_at, now, f"behaviorData.actions.{index}.occurredAt"),
        payload,
    )


def _from_project(
    project: Project, data: BehaviorData, known: Collection[ItemId], now: datetime, event_id: EventId
) -> Event:
    payload = _present(
        visual_style=project.visual_style,
        category=project.category,
        duration_seconds=project.duration_seconds,
        attributes=dict(project.attributes) or None,
        device=data.device,
        session=data.session_id,
    )
    return Event(event_id, "project_described", _item((project.visual_style,), known), None, now, payload)


def _from_feedback(
    said: Feedback, data: BehaviorData, known: Collection[ItemId], now: datetime, event_id: EventId
) -> Event:
    item = _item((said.item_id,), known)
    payload = _present(
        type=said.type,
        aspect=said.aspect,
        comment=said.comment,
        item=None if said.item_id == item else said.item_id,
        device=data.device,
        session=data.session_id,
    )
    return Event(event_id, f"feedback_{said.sentiment.value}", item, said.rating, now, payload)


def _item(candidates: tuple[str | None, ...], known: Collection[ItemId]) -> ItemId | None:
    return next((ItemId(text) for text in candidates if text and text in known), None)


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)
