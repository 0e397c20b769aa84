"""Workflows: what is offered, on what evidence, and that no session can make mining expensive."""

import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.adaptation.acts import Act, LoggedAct, Session, acts_of, sessions_of
from domain.adaptation.automations import habits_of
from domain.adaptation.optimization import OptimizationKind, OptimizationSource
from domain.adaptation.routines import LIMITS, LONGEST_SESSION, MOST_SESSIONS, routines_of
from domain.adaptation.sequences import MiningLimits, mine
from domain.adaptation.shared_ways import SESSIONS_EACH, CommonMiner, CommonWay, CommonWays, Companion
from domain.adaptation.workflows import optimizations_of
from domain.behavior.model import TrainingRow
from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot, SnapshotRow, build_snapshot
from domain.disclosure import FEWEST_PEOPLE
from domain.ids import EventId, ItemId, SubjectId, TenantId

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOOLS = {f"tool{n}": ItemKind.FEATURE for n in range(40)}
ITEMS = {
    "intro": ItemKind.TEMPLATE,
    "modern": ItemKind.STYLE,
    "retro": ItemKind.STYLE,
    "secret": ItemKind.FEATURE,
    **TOOLS,
}


def acts(day: int, *steps: str, minutes: int = 1, items: Sequence[str | None] = ()) -> list[Act]:
    """Acts on a day, one each minute."""
    chosen = [*items, *[None] * len(steps)]
    return [
        Act(NOON + timedelta(days=day, minutes=n * minutes), n, step=step, item_id=None if c is None else ItemId(c))
        for n, (step, c) in enumerate(zip(steps, chosen, strict=False))
    ]


def sessions(*days: list[Act]) -> list[Session]:
    return sessions_of([act for day in days for act in day])


def catalog() -> CatalogSnapshot:
    rows = [SnapshotRow(ItemId(i), kind, i, (), "", None, None, i == "secret") for i, kind in ITEMS.items()]
    return build_snapshot(TenantId("t"), 1, rows)


def test_a_sequence_done_on_three_days_is_a_routine() -> None:
    [routine] = routines_of(sessions(*(acts(day, "a", "b", "c") for day in range(3)), acts(4, "x", "y")))
    assert (routine.steps, len(routine.sessions), routine.days, routine.steps_saved) == (("a", "b", "c"), 3, 3, 6)
    assert (routine.support, routine.confidence) == (0.75, 1.0)
    # Of 11 steps three are b: within reach of a are two places; then c, within reach of b, one.
    assert routine.lift == pytest.approx(1 / (1 - (8 / 11) ** 2) / (3 / 11))


def test_twice_is_no_routine_and_neither_is_one_busy_day() -> None:
    assert routines_of(sessions(*(acts(day, "a", "b") for day in range(2)))) == []
    busy = [act for n in range(9) for act in acts(0, "a", "b")]
    moved = [Act(act.at + timedelta(hours=n // 2), n, step=act.step) for n, act in enumerate(busy)]
    assert len(sessions_of(moved)) == 9
    assert routines_of(sessions_of(moved)) == []


def test_what_happens_anyway_is_no_routine() -> None:
    """With only two steps in the world, one follows the other by chance."""
    assert routines_of(sessions(*(acts(day, *"abababab") for day in range(5)))) == []


def test_a_routine_bears_steps_in_between_but_not_many() -> None:
    near = routines_of(sessions(*(acts(day, "a", f"x{day}", f"y{day}", "b") for day in range(3))))
    far = routines_of(sessions(*(acts(day, "a", *(f"{n}{day}" for n in range(3)), "b") for day in range(3))))
    assert [routine.steps for routine in near] == [("a", "b")]
    assert far == []


def test_sessions_without_an_id_end_with_a_pause() -> None:
    assert len(sessions(acts(0, "a", "b", minutes=29))) == 1
    assert len(sessions(acts(0, "a", "b", minutes=31))) == 2


def test_a_session_id_holds_over_a_pause_but_not_for_ever() -> None:
    named = [Act(NOON + timedelta(hours=hours), 0, UUID(int=1), step="a") for hours in (0, 11, 24)]
    assert [len(session.acts) for session in sessions_of(named)] == [2, 1]


def test_acts_of_one_second_keep_the_order_of_the_log() -> None:
    same = [
        LoggedAct(EventId(UUID(int=9 - seq)), seq, "feature_used", ItemId(tool), NOON)
        for seq, tool in enumerate(("tool3", "tool1", "tool2"))
    ]
    done = acts_of(reversed(same), catalog(), sensitive=False)
    assert [act.tool for act in done] == ["tool3", "tool1", "tool2"]


ADVERSARIAL = {
    "all different": [[f"s{n}" for n in range(5000)]] * 300,
    "two for ever": [["a", "b"] * 2500] * 300,
    "one for ever": [["a"] * 5000] * 300,
    "a few mixed": [[f"s{(n * n + k) % 7}" for n in range(5000)] for k in range(300)],
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_no_session_makes_mining_expensive(name: str) -> None:
    day = [
        Session(tuple(Act(NOON + timedelta(days=k), n, step=step) for n, step in enumerate(steps[:1000])))
        for k, steps in enumerate(ADVERSARIAL[name])
    ]
    looked_at: list[int] = []

    class Counted(tuple[str, ...]):
        __slots__ = ()

        def __getitem__(self, place: object) -> object:  # type: ignore[override]
            looked_at.append(1)
            return super().__getitem__(place)  # type: ignore[index]

    cut = [Counted(session.steps(LONGEST_SESSION)) for session in day[-MOST_SESSIONS:]]
    found = mine(cut, LIMITS)
    assert len(found) <= LIMITS.max_patterns
    # Each pattern is looked for within reach of where its prefix ends: at most three places for each of thirty.
    assert len(looked_at) <= 2 * LIMITS.max_patterns * MOST_SESSIONS * LONGEST_SESSION
    tracemalloc.start()
    routines_of(day)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_a_choice_that_is_always_the_same_is_a_habit() -> None:
    days = [acts(day, "template_used", "style_applied", items=("intro", "modern")) for day in range(6)]
    style = next(habit for habit in habits_of(sessions(*days)) if habit.step == "style_applied")
    assert (style.item_id, style.after, len(style.acts), style.share, style.lift) == ("modern", None, 6, 1.0, 1.0)


def test_a_choice_that_belongs_to_a_template_is_a_habit_after_it() -> None:
    days = [acts(day, "template_used", "style_applied", items=("intro", "modern")) for day in range(6)]
    others = [acts(day, "template_used", "style_applied", items=(f"t{day}", "retro")) for day in range(10, 20)]
    found = [habit for habit in habits_of(sessions(*days, *others)) if habit.step == "style_applied"]
    assert [(habit.item_id, habit.after) for habit in found] == [("modern", "intro")]
    assert found[0].lift == pytest.approx(16 / 6)


@pytest.mark.parametrize("others", [4, 6])
def test_a_bare_majority_is_no_habit(others: int) -> None:
    days = [acts(day, "style_applied", items=("modern",)) for day in range(6)]
    mixed = [acts(day, "style_applied", items=(f"style{day}",)) for day in range(10, 10 + others)]
    assert habits_of(sessions(*days, *mixed)) == []


def rows(person: int, *days: Sequence[str]) -> list[TrainingRow]:
    subject = SubjectId(UUID(int=person))
    return [
        TrainingRow(
            subject,
            ItemId(item),
            "style_applied" if item == "modern" else "feature_used",
            NOON + timedelta(days=day, minutes=n),
        )
        for day, items in enumerate(days)
        for n, item in enumerate(items)
    ]


def mined(people: int, others: int = 20) -> CommonWays:
    miner = CommonMiner(catalog())
    for person in range(people):
        miner.add(rows(person, *[["tool1", "tool2", "modern", "secret"]] * 3))
    for person in range(100, 100 + others):
        miner.add(rows(person, [f"tool{3 + person % 30}", f"tool{4 + person % 30}"]))
    return miner.found(NOON)


def test_what_five_people_do_is_common_and_what_four_do_is_not_told() -> None:
    assert FEWEST_PEOPLE == 5
    [way] = mined(5).ways
    assert (way.steps, way.people, way.sessions) == (
        ("feature_used:tool1", "feature_used:tool2", "style_applied"),
        5,
        15,
    )
    assert mined(4).ways == ()
    assert mined(4).companions == ()


def test_companions_are_used_and_kept_by_people_who_work_alike() -> None:
    found = {(c.step, c.feature): c for c in mined(5).companions}
    companion = found["feature_used:tool1", ItemId("tool2")]
    assert (companion.people, companion.confidence, companion.share) == (5, 1.0, 0.2)
    assert companion.kept == pytest.approx(6 / 7)
    assert not any("secret" in (step + feature) for step, feature in found)


def test_mining_many_people_stays_within_its_bounds() -> None:
    miner = CommonMiner(catalog(), most_sessions=1000)
    people = 0
    while not miner.full:
        miner.add(rows(people, *[[f"tool{n}" for n in range(40)]] * (SESSIONS_EACH + 5)))
        people += 1
        assert people <= 1000 / SESSIONS_EACH
    found = miner.found(NOON)
    assert people == 1000 / SESSIONS_EACH
    assert all(way.people == people for way in found.ways)


def test_people_without_a_session_of_two_steps_fill_it_as_well() -> None:
    miner = CommonMiner(catalog(), most_sessions=10)
    for person in range(10):
        assert not miner.full
        miner.add(rows(person, ["tool1"]))
    assert miner.full


WAY = CommonWay(("a", "b", "c"), 30, 70, 0.3, 0.6, 2.0, NOON)
COMPANION = Companion("a", ItemId("tool1"), 25, 0.8, 0.2, 0.5, NOON)


def test_a_stranger_is_offered_what_is_common() -> None:
    [offer] = optimizations_of([], [], CommonWays((WAY,), (COMPANION,), 100, NOON), ())
    assert (offer.kind, offer.source, offer.steps) == (OptimizationKind.SHORTCUT, OptimizationSource.COMMON, WAY.steps)
    assert (offer.evidence.people, offer.steps_saved) == (30, 2.0)


def test_common_ways_fill_up_where_they_fit_and_are_new() -> None:
    common = CommonWays((WAY, CommonWay(("x", "y"), 9, 9, 0.1, 0.5, 2.0, NOON)), (COMPANION,), 100, NOON)
    done = acts(0, "a", "q")
    kinds = [(o.kind, o.steps, o.item_id) for o in optimizations_of(done, sessions_of(done), common, ())]
    assert kinds == [(OptimizationKind.SHORTCUT, WAY.steps, None), (OptimizationKind.FEATURE, ("a",), "tool1")]
    tried = [*done, *acts(1, "feature_used:tool1")]
    assert OptimizationKind.FEATURE not in {o.kind for o in optimizations_of(tried, sessions_of(tried), common, ())}
    own = [act for day in range(3) for act in acts(day, "a", "b", f"z{day}", f"w{day}")]
    steps = [
        o.steps for o in optimizations_of(own, sessions_of(own), common, ()) if o.kind is OptimizationKind.SHORTCUT
    ]
    assert steps == [("a", "b")]


def test_savings_are_for_thirty_days() -> None:
    daily = [act for day in range(60) for act in acts(day, "a", "b", f"z{day}")]
    [offer] = optimizations_of(daily, sessions_of(daily), CommonWays(), ())
    assert offer.steps_saved == pytest.approx(60 * 30 / 59, abs=0.1)
    assert offer.evidence.times_seen == offer.evidence.sessions == 60


def test_the_same_steps_have_the_same_id_for_everybody() -> None:
    own = [act for day in range(3) for act in acts(day, "a", "b", "c")]
    mine_, theirs = (
        optimizations_of(a, sessions_of(a), c, ()) for a, c in ((own, CommonWays()), ([], CommonWays((WAY,))))
    )
    assert mine_[0].optimization_id == theirs[0].optimization_id


def test_nothing_is_mined_from_nothing() -> None:
    assert mine([], MiningLimits()) == mine([[], []], MiningLimits()) == []
    assert CommonMiner(catalog()).found(NOON).ways == ()
