"""Adaptation for any log: mining against brute force, settings that no click moves, bounds that always hold."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.adaptation.acts import Act, LoggedAct, acts_of, sessions_of
from domain.adaptation.choices import Choices
from domain.adaptation.hysteresis import CHANGE_DAYS, Ballot, choose, collect
from domain.adaptation.interface import Place, learned_settings
from domain.adaptation.model import BOUNDS, Density, DeviceClass, Panel, SettingChanges, SettingName, UiSettings
from domain.adaptation.routines import routines_of
from domain.adaptation.sequences import MiningLimits, Pattern, mine
from domain.adaptation.shared_ways import CommonWays
from domain.adaptation.workflows import optimizations_of
from domain.catalog.model import ItemKind
from domain.catalog.snapshot import SnapshotRow, build_snapshot
from domain.ids import EventId, ItemId, TenantId

START = datetime(2026, 1, 1, tzinfo=UTC)
TODAY = START + timedelta(days=60, hours=9)
ITEMS = {
    "intro": ItemKind.TEMPLATE,
    "modern": ItemKind.STYLE,
    "retro": ItemKind.STYLE,
    "captions": ItemKind.FEATURE,
    "trim": ItemKind.FEATURE,
    "resize": ItemKind.FEATURE,
    "song": ItemKind.CONTENT,
}
CATALOG = build_snapshot(
    TenantId("t"), 1, [SnapshotRow(ItemId(i), kind, i, (), "", None, None, i == "retro") for i, kind in ITEMS.items()]
)
TYPES = (
    "feature_used",
    "template_used",
    "style_applied",
    "project_exported",
    "project_created",
    "item_viewed",
    "other",
)
PAYLOADS: list[dict[str, Any]] = [
    {},
    {"device": "mobile"},
    {"device": "desktop", "feature": "own_tool"},
    {"type": "theme_chosen", "feature": "dark"},
    {"type": "density_chosen", "feature": "compact"},
    {"type": "panel_opened", "feature": "library"},
    {"type": "help_opened"},
    {"type": "made_up", "feature": "thing"},
]


@st.composite
def logged(draw: st.DrawFn, first: datetime = START, last: datetime = TODAY, least: int = 0) -> list[LoggedAct]:
    """Up to sixty events, dense enough that habits and routines come up."""
    seconds = int((last - first).total_seconds())
    moments = draw(st.lists(st.integers(0, seconds // 600), min_size=least, max_size=60))
    return [
        LoggedAct(
            event_id=EventId(UUID(int=int(first.timestamp()) * 1000 + number)),
            seq=number,
            type=draw(st.sampled_from(TYPES)),
            item_id=draw(st.sampled_from([None, *map(ItemId, ITEMS)])),
            occurred_at=first + timedelta(seconds=600 * moment),
            session_id=draw(st.sampled_from([None, UUID(int=1), UUID(int=2)])),
            device=draw(st.sampled_from([None, "desktop", "phone", "ipad", "fridge"])),
            surface=draw(st.sampled_from([None, "gallery"])),
            payload=draw(st.sampled_from(PAYLOADS)),
        )
        for number, moment in enumerate(moments)
    ]


places = st.builds(Place, st.sampled_from([None, *DeviceClass]), st.sampled_from([None, "gallery"]))


def meaning(log: Sequence[LoggedAct]) -> list[Act]:
    return acts_of(log, CATALOG, sensitive=False)


def settings_of(log: Sequence[LoggedAct], place: Place, now: datetime = TODAY) -> UiSettings:
    acts = meaning(log)
    over = [act for act in acts if act.day < now.date()]
    return learned_settings(acts, routines_of(sessions_of(over)), place, now.date())


# --- PrefixSpan


def embeddings(sequence: Sequence[str], limits: MiningLimits) -> Iterator[tuple[str, ...]]:
    """Every pattern that a sequence contains, by trying all choices of places."""
    for length in range(1, limits.max_length + 1):
        for places in combinations(range(len(sequence)), length):
            if all(after - before - 1 <= limits.max_gap for before, after in pairwise(places)):
                yield tuple(sequence[place] for place in places)


def brute(
    sequences: Sequence[Sequence[str]], limits: MiningLimits, groups: Sequence[int]
) -> dict[tuple[str, ...], tuple[int, tuple[int, ...]]]:
    showing: dict[tuple[str, ...], set[int]] = {}
    for index, sequence in enumerate(sequences):
        for pattern in embeddings(sequence, limits):
            showing.setdefault(pattern, set()).add(index)
    counted = {p: (len({groups[index] for index in found}), tuple(sorted(found))) for p, found in showing.items()}
    return {pattern: found for pattern, found in counted.items() if found[0] >= limits.min_support}


sequences = st.lists(st.lists(st.sampled_from("abcd"), max_size=8), max_size=7)
limits = st.builds(MiningLimits, st.integers(1, 3), st.integers(1, 4), st.integers(0, 3), st.just(10**6))


@given(sequences, limits, st.data())
def test_mining_finds_what_brute_force_finds(seqs: list[list[str]], lim: MiningLimits, data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.integers(0, 3), min_size=len(seqs), max_size=len(seqs)))
    found = mine(seqs, lim, groups)
    assert {p.steps: (p.support, p.sequences) for p in found} == brute(seqs, lim, groups)
    assert [p.support for p in found] == sorted((p.support for p in found), reverse=True)


@given(sequences, limits, st.integers(0, 20))
def test_a_bound_leaves_out_only_the_least_frequent(seqs: list[list[str]], lim: MiningLimits, most: int) -> None:
    everything = mine(seqs, lim)
    bounded = mine(seqs, MiningLimits(lim.min_support, lim.max_length, lim.max_gap, most))
    assert bounded == everything[:most]


@given(sequences, limits)
def test_confidence_and_lift_say_what_they_mean(seqs: list[list[str]], lim: MiningLimits) -> None:
    found = {pattern.steps: pattern for pattern in mine(seqs, lim)}
    for steps, pattern in found.items():
        assert pattern.confidence == pytest.approx(len(pattern.sequences) / len(found[steps[:1]].sequences))
        assert pattern.lift > 0
        if len(steps) == 2:
            assert pattern.lift == pytest.approx(_lift(seqs, steps, lim, found))


def _lift(
    seqs: list[list[str]], steps: tuple[str, ...], lim: MiningLimits, found: dict[tuple[str, ...], Pattern]
) -> float:
    """Observed over expected, counted place by place."""
    everything = [step for sequence in seqs for step in sequence]
    share = everything.count(steps[1]) / len(everything)
    expected = []
    for index in found[steps[:1]].sequences:
        reached = {
            place
            for start, step in enumerate(seqs[index])
            if step == steps[0]
            for place in range(start + 1, min(start + 2 + lim.max_gap, len(seqs[index])))
        }
        expected.append(1 - (1 - share) ** len(reached))
    return len(found[steps].sequences) / sum(expected)


# --- Settings


@given(logged(), places, st.randoms(use_true_random=False), st.integers(1, 3))
def test_delivery_in_any_order_and_twice_gives_the_same_settings(
    log: list[LoggedAct], place: Place, random: Any, times: int
) -> None:
    delivered = log * times
    random.shuffle(delivered)
    assert settings_of(delivered, place) == settings_of(log, place)
    before, after = (optimizations_of(a, sessions_of(a), CommonWays(), ()) for a in map(meaning, (log, delivered)))
    assert before == after


@given(logged(), logged(first=TODAY.replace(hour=0), least=1), places)
def test_nothing_that_is_done_today_changes_a_setting_today(
    log: list[LoggedAct], today: list[LoggedAct], place: Place
) -> None:
    earlier = [act for act in log if act.occurred_at.date() < TODAY.date()]
    assert settings_of([*earlier, *today], place) == settings_of(earlier, place)


@given(logged(first=START, last=START + timedelta(hours=23), least=1), places)
def test_one_day_changes_nothing_ever(log: list[LoggedAct], place: Place) -> None:
    before = settings_of([], place)
    for days in (1, 2, 40):
        assert settings_of(log, place, START + timedelta(days=days)) == before


@given(logged(), places)
def test_settings_stay_within_their_bounds(log: list[LoggedAct], place: Place) -> None:
    found, bounds = settings_of(log, place), BOUNDS[place.device]
    assert found.density.value in bounds.densities
    assert len(found.default_panels.value) <= bounds.panels
    assert len(found.pinned_tools.value) <= bounds.tools
    assert len(found.shortcuts.value) <= bounds.shortcuts
    assert len(set(found.pinned_tools.value)) == len(found.pinned_tools.value)
    for name in SettingName:
        setting = getattr(found, name.value)
        assert 0 <= setting.confidence < 1
        if setting.source == "learned":
            assert setting.evidence.days >= CHANGE_DAYS
            assert setting.evidence.events >= setting.evidence.days
            assert setting.evidence.last_day < TODAY.date()


ballots = st.dictionaries(
    st.integers(0, 120),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([0.25, 1.0]), min_size=1, max_size=3),
    max_size=60,
)


def on_days(drawn: dict[int, dict[str, float]]) -> list[Ballot[str]]:
    days = [(START + timedelta(days=day)).date() for day in sorted(drawn)]
    return [
        Ballot(day, 1.0, said, dict.fromkeys(said, 1))
        for day, (_, said) in zip(days, sorted(drawn.items()), strict=True)
    ]


@given(ballots)
def test_a_change_takes_three_days_since_the_last_one(drawn: dict[int, dict[str, float]]) -> None:
    days = on_days(drawn)
    shown = [choose(days[:count], "a").shown[0] for count in range(len(days) + 1)]
    changes = [place for place in range(1, len(shown)) if shown[place] != shown[place - 1]]
    assert all(after - before >= CHANGE_DAYS for before, after in zip([0, *changes], changes, strict=False))


@given(ballots, st.integers(1, 3))
def test_a_list_keeps_its_order_and_its_length(drawn: dict[int, dict[str, float]], capacity: int) -> None:
    days = on_days(drawn)
    before: tuple[str, ...] = ()
    for count in range(len(days) + 1):
        members = collect(days[:count], (), capacity).shown
        assert len(members) <= capacity
        assert [m for m in members if m in before] == [m for m in before if m in members]
        before = members


changes = st.builds(
    SettingChanges,
    device=st.sampled_from([None, *DeviceClass]),
    density=st.sampled_from([None, Density.COMFORTABLE, Density.REGULAR]),
    default_panels=st.sampled_from([None, (), (Panel.TOOLS,)]),
    pinned_tools=st.sampled_from([None, (), (ItemId("trim"), ItemId("own"))]),
    shortcuts=st.sampled_from([None, (("a", "b"),)]),
    reset=st.frozensets(st.sampled_from(SettingName)),
)


@given(st.lists(changes, max_size=5), logged(), places)
def test_what_was_said_last_holds_and_survives_storage(
    said: list[SettingChanges], log: list[LoggedAct], place: Place
) -> None:
    choices = Choices()
    for change in said:
        change.check()
        choices = Choices.from_json(choices.after(change).to_json())
    learned = settings_of(log, place)
    shown = choices.applied(learned)
    if said and said[-1].density is not None and said[-1].device in {None, place.device}:
        assert (shown.density.value, shown.density.source) == (said[-1].density, "stated")
    reset = choices.after(SettingChanges(reset=frozenset(SettingName)))
    assert reset.applied(learned) == learned


@given(logged(), st.lists(st.integers(0, 20), max_size=5))
def test_what_is_dismissed_is_not_offered(log: list[LoggedAct], picks: list[int]) -> None:
    acts = meaning(log)
    offered = optimizations_of(acts, sessions_of(acts), CommonWays(), ())
    dismissed = {offered[pick].optimization_id for pick in picks if pick < len(offered)}
    left = optimizations_of(acts, sessions_of(acts), CommonWays(), dismissed)
    assert not dismissed & {found.optimization_id for found in left}


@given(logged())
def test_sensitive_items_leave_no_trace(log: list[LoggedAct]) -> None:
    harmless = [act for act in log if act.item_id != "retro"]
    assert meaning(log) == meaning(harmless)


@given(logged())
def test_sessions_hold_every_act_once_and_in_order(log: list[LoggedAct]) -> None:
    acts = meaning(log)
    sessions = sessions_of(acts)
    assert sorted((a.at, a.seq) for s in sessions for a in s.acts) == [(a.at, a.seq) for a in acts]
    for session in sessions:
        assert len({act.session_id for act in session.acts}) == 1
        assert [(a.at, a.seq) for a in session.acts] == sorted((a.at, a.seq) for a in session.acts)
