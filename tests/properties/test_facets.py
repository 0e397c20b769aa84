"""What is learned of a person is a function of what they did: not of order, repetition, or when one looks."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.behavior.vocabulary import EVENT_TYPES
from domain.ids import EventId, ItemId
from domain.profiles.facets import MAX_FACETS, learn
from domain.profiles.model import NOTHING_LEARNED, ItemFacets, LoggedEvent

START = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS: Mapping[ItemId, ItemFacets] = {
    ItemId("modern"): ItemFacets("STYLE", "style", ("clean",)),
    ItemId("intro"): ItemFacets("TEMPLATE", "business", ("clean", "short")),
    ItemId("editor"): ItemFacets("FEATURE", "tools", ()),
}
PAYLOADS: list[Mapping[str, Any]] = [{}, {"visual_style": "retro"}, {"category": "business", "duration_seconds": 30.0}]


@st.composite
def logs(draw: st.DrawFn) -> list[LoggedEvent]:
    """Up to thirty different events."""
    numbers = draw(st.sets(st.integers(1, 2**64), min_size=1, max_size=30))
    return [
        LoggedEvent(
            EventId(UUID(int=number)),
            draw(st.sampled_from(sorted(EVENT_TYPES))),
            draw(st.sampled_from([None, ItemId("unknown"), *ITEMS])),
            START + timedelta(minutes=draw(st.integers(0, 500_000))),
            draw(st.sampled_from(PAYLOADS)),
            draw(st.sampled_from([None, 0.5, 2.0, 3.5, 5.0])),
        )
        for number in sorted(numbers)
    ]


@given(logs(), st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_and_repetition_change_nothing(log: list[LoggedEvent], random: Any, times: int) -> None:
    delivered = log * times
    random.shuffle(delivered)
    assert learn(delivered, ITEMS) == learn(log, ITEMS)


def test_however_many_attributes_a_client_names_the_strongest_facets_are_kept() -> None:
    names = [f"attribute {n}" for n in range(3 * MAX_FACETS)]
    once = [LoggedEvent(EventId(UUID(int=n)), "tagged", None, START, {name: 1}) for n, name in enumerate(names)]
    log = [replace(event, payload={"attributes": event.payload}) for event in once]
    often = [replace(event, event_id=EventId(UUID(int=9_999 - n))) for n, event in enumerate(log[-MAX_FACETS:])]
    kept = [facet.name for facet in learn([*log, *often], {}).facets]
    assert kept == sorted(f"attribute_{n}" for n in range(2 * MAX_FACETS, 3 * MAX_FACETS))


@given(logs(), st.integers(-1000, 1000))
def test_only_ages_against_the_latest_event_count(log: list[LoggedEvent], days: int) -> None:
    moved = [replace(event, occurred_at=event.occurred_at + timedelta(days=days)) for event in log]
    assert learn(moved, ITEMS).facets == learn(log, ITEMS).facets


@given(logs())
def test_shares_leave_room_for_what_was_not_seen(log: list[LoggedEvent]) -> None:
    for facet in learn(log, ITEMS).facets:
        shares = [facet.share(value) for value in facet.values]
        assert 0 <= sum(shares) < 1
        assert all(0 <= value.confidence < 1 and value.evidence >= 1 for value in facet.values)
        assert shares == sorted(shares, reverse=True)


@given(logs())
def test_another_event_for_a_value_never_makes_it_less_likely(log: list[LoggedEvent]) -> None:
    latest = max(event.occurred_at for event in log)
    liked = LoggedEvent(EventId(UUID(int=0)), "template_used", ItemId("intro"), latest, {})

    def share(events: list[LoggedEvent]) -> float:
        return sum(
            f.share(v)
            for f in learn(events, ITEMS).facets
            if f.name == "template"
            for v in f.values
            if v.value == "intro"
        )

    assert share([*log, liked]) >= share(log)


def test_a_person_without_events_has_no_facets() -> None:
    assert learn([], ITEMS) == NOTHING_LEARNED


@given(logs())
def test_a_rating_says_less_the_lower_it_is(log: list[LoggedEvent]) -> None:
    """Two people who differ in one rating only: the lower one never speaks more for its item."""
    latest = START + timedelta(minutes=500_000)

    def weight(rating: float) -> float:
        rated = LoggedEvent(EventId(UUID(int=0)), "rated", ItemId("modern"), latest, {}, rating)
        facets = learn([*log, rated], {ItemId("modern"): ITEMS[ItemId("modern")]}).facets
        return sum(v.weight for f in facets if f.name == "visual_style" for v in f.values if v.value == "modern")

    log = [event for event in log if event.type != "rated"]
    assert weight(1.0) <= weight(3.0) <= weight(5.0)
