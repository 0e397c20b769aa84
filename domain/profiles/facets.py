"""Learns facets from events: a pure function of the log, so that order, repetition and redelivery change nothing.

Each event speaks for some values of some facets, or against them. Its say is the weight of its type, for a rating times
what the number says, halved for every half-life that it is older than the person's latest event: someone who comes back
after a year finds the tastes they left with. Shares are smoothed as a Dirichlet posterior whose prior stands for
everything unseen (Gelman et al., Bayesian Data Analysis, 3.4).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import exp2, fsum
from operator import attrgetter
from typing import Any, NamedTuple

from domain.behavior.ratings import RATED, rating_strengths
from domain.behavior.vocabulary import EventType, event_type
from domain.catalog.insights import facet_of_tag
from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import EventId, ItemId
from domain.profiles.devices import Counts, differing
from domain.profiles.model import NOTHING_LEARNED, ItemFacets, Learned, LearnedFacet, LearnedValue, LoggedEvent
from domain.profiles.naming import facet_name, facet_value
from domain.profiles.series import settled

MAX_VALUES = 20
MAX_FACETS = 64
"""Those with the most evidence; a client may name any number of attributes."""

SECONDS_PER_DAY = 86_400.0
DEVICE = "device"

_ITEM_FACET = {"STYLE": "visual_style", "FEATURE": "feature", "TEMPLATE": "template"}
_NAMED_BY_ACTION = {"style_applied": "visual_style", "template_used": "template"}

Statement = tuple[str, str]
"""A facet and one of its values."""


class _Say(NamedTuple):
    """One event's say on one value; `device` is empty where the event names none."""

    facet: str
    value: str
    weight: float
    device: str


def learn(events: Iterable[LoggedEvent], items: Mapping[ItemId, ItemFacets]) -> Learned:
    """What `events` support.

    Args:
        events: a person's events in any order; of two with the same id one counts.
        items: what the catalogue says about the items in them; unknown items say nothing.
    """
    distinct = settled({event.event_id: event for event in events}.values())
    if not distinct:
        return NOTHING_LEARNED
    latest = max(event.occurred_at for event in distinct)
    says = list(_says(distinct, items, latest))
    counts: Counts = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for said in says:
        if said.weight > 0 and said.device and said.facet != DEVICE:
            counts[said.facet][said.device][said.value] += 1
    apart = differing(counts)
    devices = {
        device: _facets([said for said in says if said.device == device and said.facet in apart[device]])
        for device in sorted(apart)
    }
    return Learned(
        facets=_facets(says),
        devices={device: facets for device, facets in devices.items() if facets},
        events=len(distinct),
        oldest_at=min(event.occurred_at for event in distinct),
        latest_at=latest,
    )


def item_facets(item_ids: Collection[ItemId], catalog: CatalogSnapshot) -> dict[ItemId, ItemFacets]:
    """What the catalogue says about these items; of unknown and sensitive ones nothing may be learned."""
    facets: dict[ItemId, ItemFacets] = {}
    for item_id in item_ids:
        row = catalog.rows.get(item_id)
        if row is not None and not catalog.sensitive[row]:
            facets[item_id] = ItemFacets(catalog.kind_of(row).value, catalog.category_of(row), catalog.tags[row])
    return facets


def item_statements(item_id: ItemId, item: ItemFacets) -> Iterator[Statement]:
    """The facets and values that using an item speaks for; values as `facet_value` writes them."""
    if item.kind in _ITEM_FACET:
        facet = _ITEM_FACET[item.kind]
        yield facet, facet_value(facet, item_id)
    if item.category:
        yield "category", facet_value("category", item.category)
    for tag in item.tags:
        facet, value = facet_of_tag(tag) or ("tag", tag)
        yield facet, facet_value(facet, value)


def _says(events: Sequence[LoggedEvent], items: Mapping[ItemId, ItemFacets], latest: datetime) -> Iterator[_Say]:
    strengths = _rating_strengths(events)
    for event in events:
        kind = event_type(event.type)
        weight = kind.weight * strengths.get(event.event_id, 1.0) * _decay(event.occurred_at, latest, kind)
        if weight:
            device = facet_value(DEVICE, str(event.payload.get(DEVICE) or ""))
            for facet, value in set(_statements(event, items)):
                yield _Say(facet, value, weight, device)


def _rating_strengths(events: Sequence[LoggedEvent]) -> dict[EventId, float]:
    rated = [(event.event_id, event.value) for event in events if event.type == RATED and event.value is not None]
    strengths = rating_strengths([value for _, value in rated])
    return {event_id: strength for (event_id, _), strength in zip(rated, strengths, strict=True)}


def _decay(occurred_at: datetime, latest: datetime, kind: EventType) -> float:
    age_days = (latest - occurred_at).total_seconds() / SECONDS_PER_DAY
    return exp2(-age_days / kind.half_life_days)


def _statements(event: LoggedEvent, items: Mapping[ItemId, ItemFacets]) -> Iterator[Statement]:
    item = None if event.item_id is None else items.get(event.item_id)
    if item is not None and event.item_id is not None:
        yield from item_statements(event.item_id, item)
    named: dict[str, Any] = {
        name: event.payload[name]
        for name in ("visual_style", "category", DEVICE, "duration_seconds", "aspect")
        if event.payload.get(name) is not None
    }
    if event.payload.get("feature"):
        named[_NAMED_BY_ACTION.get(event.type, "feature")] = event.payload["feature"]
    for name, value in (*named.items(), *event.payload.get("attributes", {}).items()):
        facet = facet_name(name)
        for one in value if isinstance(value, list) else (value,):
            if one != "" and facet:
                yield facet, facet_value(facet, one)


def _facets(says: Iterable[_Say]) -> tuple[LearnedFacet, ...]:
    weights: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for said in says:
        weights[said.facet][said.value].append(said.weight)
    facets = [facet for name, found in weights.items() if (facet := _facet(name, found)).values]
    strongest = sorted(facets, key=lambda facet: (-facet.total, facet.name))[:MAX_FACETS]
    return tuple(sorted(strongest, key=attrgetter("name")))


def _facet(name: str, says: Mapping[str, Sequence[float]]) -> LearnedFacet:
    # `fsum` rounds once, whatever the order of its terms.
    sums = {value: round(fsum(parts), 9) for value, parts in says.items()}
    weights = {value: weight for value, weight in sums.items() if weight > 0}
    ranked = sorted(weights, key=lambda value: (-weights[value], value))[:MAX_VALUES]
    return LearnedFacet(
        name,
        tuple(LearnedValue(value, weights[value], sum(part > 0 for part in says[value])) for value in ranked),
        fsum(weights.values()),
    )
