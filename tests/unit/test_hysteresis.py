"""Thresholds of settings: how many days, by what margin, and how a list changes."""

from datetime import date, timedelta

import pytest

from domain.adaptation.hysteresis import HALF_LIFE_DAYS, MARGIN, Ballot, choose, collect

MONDAY = date(2026, 3, 2)


def day(number: int, **shares: float) -> Ballot[str]:
    return Ballot(MONDAY + timedelta(days=number), 1.0, shares, dict.fromkeys(shares, 2))


def test_the_third_day_changes_it_and_the_evidence_says_so() -> None:
    days = [day(n, new=1.0) for n in range(3)]
    assert [choose(days[:count], "old").shown for count in range(4)] == [("old",), ("old",), ("old",), ("new",)]
    standing = choose(days, "old")
    assert (standing.learned, standing.evidence.events, standing.evidence.days) == (True, 6, 3)
    assert standing.evidence.since == standing.evidence.last_day == MONDAY + timedelta(days=2)
    score = sum(2 ** (-age / HALF_LIFE_DAYS) for age in range(3))
    assert standing.confidence == pytest.approx(score / (score + 1))


def test_three_days_far_apart_are_not_enough() -> None:
    assert choose([day(n, new=1.0) for n in (0, 20, 40)], "old").shown == ("old",)
    assert choose([day(n, new=1.0) for n in (0, 20, 27)], "old").shown == ("new",)


def test_a_lead_without_margin_changes_nothing() -> None:
    before = [day(n, old=1.0) for n in range(10)]
    after = [day(n, new=1.0) for n in range(10, 30)]
    shown = [choose([*before, *after[:count]], "old") for count in range(21)]
    first = next(count for count, standing in enumerate(shown) if standing.shown == ("new",))

    def shares(count: int) -> tuple[float, float]:
        now = 9 + count
        new = sum(2 ** (-(now - n) / HALF_LIFE_DAYS) for n in range(10, 10 + count))
        old = sum(2 ** (-(now - n) / HALF_LIFE_DAYS) for n in range(10))
        return new / (new + old + 1), old / (new + old + 1)

    for count in (first - 1, first):
        new, old = shares(count)
        assert (new - old >= MARGIN) is (count == first)


def test_after_a_change_three_more_days_are_needed() -> None:
    days = [day(1, b=1.0, c=0.25), day(2, c=1.0), day(3, b=1.0, c=0.25), day(4, c=1.0), day(5, b=1.0, c=0.25)]
    days += [day(n, c=1.0) for n in (6, 7, 8)]
    assert [choose(days[:count], "a").shown[0] for count in range(4, 9)] == ["a", "b", "b", "b", "c"]


def test_who_comes_back_after_years_finds_what_they_left() -> None:
    days = [day(n, new=1.0) for n in range(5)]
    assert choose(days, "old").shown == choose([*days, day(2000, old=1.0)], "old").shown == ("new",)


def test_a_draw_leads_nobody() -> None:
    assert day(0, a=1.0, b=1.0).leader is None
    assert day(0).leader is None
    assert choose([day(n, a=1.0, b=1.0) for n in range(9)], "old").shown == ("old",)


def test_a_full_list_takes_in_only_what_is_used_clearly_more() -> None:
    days = [day(n, a=1.0, b=1.0) for n in range(6)]
    assert collect(days, (), 2).shown == ("a", "b")
    as_often = [*days, *(day(n, c=1.0) for n in range(6, 9))]
    assert collect(as_often, (), 2).shown == ("a", "b")
    more = [*days, *(day(n, a=1.0, c=1.0) for n in range(6, 12))]
    assert collect(more, (), 2).shown == ("a", "c")


def test_what_is_no_longer_used_leaves_in_the_end() -> None:
    days = [day(n, a=1.0) for n in range(3)]
    used_otherwise = [day(n, b=1.0) for n in range(3, 60)]
    assert collect([*days, *used_otherwise[:20]], (), 3).shown == ("a", "b")
    assert collect([*days, *used_otherwise], (), 3).shown == ("b",)


def test_a_list_begins_with_its_default_until_something_is_learned() -> None:
    assert collect([day(0, a=1.0)], ("x", "y"), 1) == collect([], ("x", "y"), 1)
    assert collect([], ("x", "y"), 1).shown == ("x",)
