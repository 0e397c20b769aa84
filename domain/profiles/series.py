"""Events that tell of one thing again and again: of each such thing only what was told last counts.

A generated video is accepted, edited, perhaps thrown away in the end. All of that stays in the log; taste is learned
from how it ended.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from domain.profiles.model import LoggedEvent

SERIES: Final = "series"
"""The field of a payload that names the thing."""

OUTCOME: Final = "outcome"
"""The field that says what came of it; an event without one gives way to any that has one."""

REPORT: Final = "report"
"""The field that orders what was told of one moment."""

REVISION: Final = "revision"
"""The field that grows as more becomes known of what was told last."""


def settled(events: Iterable[LoggedEvent]) -> list[LoggedEvent]:
    """`events` without those that a later one of their series replaces; a function of the set, not of its order."""
    alone: list[LoggedEvent] = []
    series: dict[str, list[LoggedEvent]] = {}
    for event in events:
        name = event.payload.get(SERIES)
        if name is None:
            alone.append(event)
        else:
            series.setdefault(str(name), []).append(event)
    return alone + [event for found in series.values() for event in _last(found)]


def _last(events: list[LoggedEvent]) -> list[LoggedEvent]:
    moment = max(map(_place, events))
    told = [event for event in events if _place(event) == moment]
    about_items = [event for event in told if event.item_id is not None]
    others = [event for event in told if event.item_id is None]
    newest = max(others, key=lambda event: (event.payload.get(REVISION, 0), event.event_id), default=None)
    return about_items if newest is None else [*about_items, newest]


def _place(event: LoggedEvent) -> tuple[bool, datetime, str]:
    return OUTCOME in event.payload, event.occurred_at, str(event.payload.get(REPORT, ""))
