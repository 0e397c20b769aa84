"""What a person's past says of a list: what to learn from, what they have seen, and what they do not want to see.

Their latest word on an item holds: never again, not now, or show it again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from domain.behavior.model import MAX_SNOOZE
from domain.behavior.vocabulary import RESTORED, SNOOZED, event_type
from domain.ids import ItemId
from domain.recommendations.page import PastAction

DEFAULT_SNOOZE: Final = timedelta(days=7)


class Wish(StrEnum):
    """Why a person does not want to see an item."""

    DISMISSED = "dismissed"
    SNOOZED = "snoozed"


class Unwanted(NamedTuple):
    """Why an item must not be shown, and until when; None for ever."""

    wish: Wish
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a person for one list.

    Attributes:
        actions: what speaks for or against items, latest first.
        seen: items that the person took to or rated, however long ago.
        unwanted: items that must not be shown.
    """

    actions: tuple[PastAction, ...] = ()
    seen: frozenset[ItemId] = frozenset()
    unwanted: Mapping[ItemId, Unwanted] = field(default_factory=lambda: MappingProxyType({}))


NOTHING_KNOWN: Final = Past()


def past_of(actions: Iterable[PastAction], at: datetime) -> Past:
    """What a person's actions, latest first, mean at `at`. Only restoring an item undoes what sent it away before."""
    kept: list[PastAction] = []
    seen: set[ItemId] = set()
    unwanted: dict[ItemId, Unwanted] = {}
    restored: set[ItemId] = set()
    snoozed: set[ItemId] = set()
    for action in actions:
        item_id, weight = action.item_id, event_type(action.type).weight
        if action.type == RESTORED:
            restored.add(item_id)
        elif action.type == SNOOZED and item_id not in restored and item_id not in snoozed:
            snoozed.add(item_id)
            until = action.occurred_at + _snooze(action)
            if until > at:
                unwanted.setdefault(item_id, Unwanted(Wish.SNOOZED, until))
        elif weight > 0:
            seen.add(item_id)
        elif weight < 0 and item_id not in restored:
            unwanted[item_id] = Unwanted(Wish.DISMISSED)
        if action.recent and (weight > 0 or (weight < 0 and item_id not in restored)):
            kept.append(action)
    return Past(tuple(kept), frozenset(seen), MappingProxyType(unwanted))


def _snooze(action: PastAction) -> timedelta:
    """How long a snooze lasts; one that was reported as any other event, or imported, may say any number."""
    if action.value is None:
        return DEFAULT_SNOOZE
    return timedelta(minutes=min(max(action.value, 0.0), MAX_SNOOZE / timedelta(minutes=1)))
