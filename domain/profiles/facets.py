"""Learns facets from events: a pure function of the log, so that order, repetition and redelivery change nothing.

Each event speaks for some values of some facets. Its say is the weight of its type, halved for every half-life that it
is older than the person's latest event: someone who comes back after a year finds the tastes they left with. Shares are
smoothed as a Dirichlet posterior whose prior stands for everything unseen (Gelman et al., Bayesian Data Analysis, 3.4).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import exp2, fsum
from typing import Any

from domain.behavior.vocabulary import EventType, event_type
from domain.ids import ItemId
from domain.profiles.model import Facet, FacetValue, ItemFacets, LoggedEvent

PRIOR_WEIGHT = 2.0
"""Evidence that unseen values start with, in units of one fresh event of weight 1."""

CONFIDENCE_AT_HALF = 5.0
"""Decayed evidence at which confidence is one half."""

MAX_VALUES = 20
SECONDS_PER_DAY = 86_400.0
DURATION_BUCKETS = ((15.0, "up to 15 s"), (30.0, "16 to 30 s"), (60.0, "31 to 60 s"), (180.0, "1 to 3 min"))
LONGEST_BUCKET = "over 3 min"

_ITEM_FACET = {"STYLE": "visual_style", "FEATURE": "feature", "TEMPLATE": "template"}


def learn(events: Iterable[LoggedEvent], items: Mapping[ItemId, ItemFacets]) -> tuple[Facet, ...]:
    """The facets that `events` support, by name.

    Args:
        events: a person's events in any order; of two with the same id one counts.
        items: what the catalogue says about the items in them; unknown items say nothing.
    """
    distinct = {event.event_id: event for event in events}.values()
    if not distinct:
        return ()
    latest = max(event.occurred_at for event in distinct)
    says: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for event in distinct:
        kind = event_type(event.type)
        if kind.weight > 0:
            weight = kind.weight * _decay(event.occurred_at, latest, kind)
            for facet, value in set(_statements(event, items)):
                says[facet][value].append(weight)
    return tuple(_facet(name, says[name]) for name in sorted(says))


def duration_bucket(seconds: float) -> str:
    """The bucket of a video's length in seconds."""
    return next((name for limit, name in DURATION_BUCKETS if seconds <= limit), LONGEST_BUCKET)


def _decay(occurred_at: datetime, latest: datetime, kind: EventType) -> float:
    age_days = (latest - occurred_at).total_seconds() / SECONDS_PER_DAY
    return exp2(-age_days / kind.half_life_days)


def _statements(event: LoggedEvent, items: Mapping[ItemId, ItemFacets]) -> Iterator[tuple[str, str]]:
    yield from _from_item(event.item_id, items)
    yield from _from_payload(event.payload)


def _from_item(item_id: ItemId | None, items: Mapping[ItemId, ItemFacets]) -> Iterator[tuple[str, str]]:
    item = items.get(item_id) if item_id is not None else None
    if item is None or item_id is None:
        return
    if item.kind in _ITEM_FACET:
        yield _ITEM_FACET[item.kind], item_id
    if item.category:
        yield "category", item.category
    for tag in item.tags:
        yield "tag", tag


def _from_payload(payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("visual_style", "category", "device", "feature"):
        if payload.get(name):
            yield name, str(payload[name])
    if payload.get("duration_seconds") is not None:
        yield "duration", duration_bucket(float(payload["duration_seconds"]))
    for name, value in payload.get("attributes", {}).items():
        yield name, str(value)


def _facet(name: str, says: Mapping[str, Sequence[float]]) -> Facet:
    # `fsum` rounds once, whatever the order of its terms.
    weights = {value: fsum(parts) for value, parts in says.items()}
    total = fsum(weights.values())
    ranked = sorted(weights, key=lambda value: (-weights[value], value))[:MAX_VALUES]
    return Facet(
        name,
        tuple(
            FacetValue(
                value=value,
                share=round(weights[value] / (total + PRIOR_WEIGHT), 6),
                confidence=round(weights[value] / (weights[value] + CONFIDENCE_AT_HALF), 6),
                evidence=len(says[value]),
            )
            for value in ranked
        ),
    )
