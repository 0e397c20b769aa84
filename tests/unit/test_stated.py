"""What people say about themselves: the latest word counts, retries do nothing, and learning has no say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Conflict, ValidationFailed
from domain.privacy.encryption import SubjectKey
from domain.profiles.model import Correction, FacetSource, Learned, LearnedFacet, LearnedValue, Verdict
from domain.profiles.portrait import portrait, taste_of
from domain.profiles.sealing import open_learned, open_stated, seal_learned, seal_stated
from domain.profiles.stated import (
    MAX_CORRECTIONS,
    MAX_FACETS,
    NOTHING_STATED,
    REMEMBERED_REQUESTS,
    Stated,
    StatedChange,
)
from tests.unit.test_consent import SILENT

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
LEARNED = Learned(
    (LearnedFacet("visual_style", (LearnedValue("retro", 30.0, 40), LearnedValue("modern", 3.0, 4)), 33.0),)
)


def said(*changes: Any) -> Stated:
    stated = NOTHING_STATED
    for minute, facets in enumerate(changes):
        stated = stated.after(StatedChange(facets), NOON + timedelta(minutes=minute))
    return stated


def corrected(stated: Stated, verdict: Verdict, minute: int = 0, value: str = "retro") -> Stated:
    return stated.corrected(Correction("visual_style", value, verdict, NOON + timedelta(minutes=minute)), None)


@pytest.mark.parametrize("spelling", ["visualStyle", "visual_style", "Visual Style", "visual-style", "styles"])
def test_a_facet_has_one_name(spelling: str) -> None:
    assert said({spelling: {"  Modern  Look ": 1}}).wanted == {"visual_style": {"modern look": 1.0}}


@pytest.mark.parametrize(
    ("seconds", "bucket"), [("15", "up to 15 s"), ("30.5", "31 to 60 s"), ("over 3 min", "over 3 min")]
)
def test_a_duration_is_its_bucket(seconds: str, bucket: str) -> None:
    assert said({"duration": {seconds: 1}}).wanted == {"duration": {bucket: 1.0}}


def test_a_named_facet_is_replaced_whole_and_the_others_stay() -> None:
    stated = said({"pace": {"fast": 1}, "tags": {"calm": 0.5}}, {"pace": {"slow": 1}})
    assert stated.wanted == {"pace": {"slow": 1.0}, "tag": {"calm": 0.5}}
    assert said({"pace": {"fast": 1}}, {"pace": None}).wanted == {}
    assert stated.revision == 2


def test_the_same_again_changes_nothing() -> None:
    stated = said({"pace": {"fast": 1}})
    for again in ({"pace": {"fast": 1.0}}, {"colour": None}):
        after = stated.after(StatedChange(again), NOON)
        assert (after.wanted, after.revision) == (stated.wanted, stated.revision)


def test_a_retry_does_not_undo_what_came_between() -> None:
    first = StatedChange({"pace": {"fast": 1}}, request="a")
    stated = NOTHING_STATED.after(first, NOON).after(StatedChange({"pace": {"slow": 1}}), NOON)
    assert stated.after(first, NOON) is stated
    many = stated
    for n in range(REMEMBERED_REQUESTS):
        many = many.after(StatedChange({"pace": {str(n): 1}}, request=str(n)), NOON)
    assert len(many.requests) == REMEMBERED_REQUESTS


def test_an_expected_revision_that_is_gone_is_refused() -> None:
    stated = said({"pace": {"fast": 1}})
    assert stated.after(StatedChange({"pace": None}, expected_revision=1), NOON).wanted == {}
    with pytest.raises(Conflict):
        stated.after(StatedChange({"pace": None}, expected_revision=0), NOON)


@pytest.mark.parametrize(
    ("facets", "field"),
    [
        ({}, "preferences"),
        ({"": {"a": 1}}, "preferences"),
        ({"9lives": {"a": 1}}, "preferences"),
        ({"ünder": {"a": 1}}, "preferences"),
        ({"pace": {"fast": 1}, "Pace": {"slow": 1}}, "preferences"),
        ({"pace": {"fast": 1.1}}, "preferences.pace"),
        ({"pace": {"fast": float("nan")}}, "preferences.pace"),
        ({"pace": {"": 1}}, "preferences.pace"),
        ({"pace": {"x" * 129: 1}}, "preferences.pace"),
        ({"pace": {"a\x07": 1}}, "preferences.pace"),
        ({"pace": {str(n): 1 for n in range(65)}}, "preferences.pace"),
        ({"duration": {"long": 1}}, "preferences.duration"),
        ({f"f{n}": {"a": 1} for n in range(MAX_FACETS + 1)}, "preferences"),
    ],
)
def test_what_means_nothing_is_refused(facets: Any, field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        StatedChange(facets)
    assert refused.value.field == field


def test_there_is_a_bound_to_what_can_be_stated() -> None:
    full = said({f"f{n}": {"a": 1} for n in range(MAX_FACETS)})
    with pytest.raises(ValidationFailed):
        full.after(StatedChange({"more": {"a": 1}}), NOON)
    taken_back = full.after(StatedChange({f"f{n}": None for n in range(MAX_FACETS)}), NOON)
    assert len(taken_back.after(StatedChange({"more": {"a": 1}, "less": None}), NOON).facets) <= 2 * MAX_FACETS


def test_whoever_stated_more_under_two_ids_may_change_it_and_take_it_back() -> None:
    one = said({f"f{n}": {"a": 1} for n in range(MAX_FACETS)})
    both = one.joined(said({f"g{n}": {"a": 1} for n in range(9)}))
    assert both.after(StatedChange({"g1": {"b": 1}}), NOON + timedelta(1)).wanted["g1"] == {"b": 1.0}
    assert "g1" not in both.after(StatedChange({"g1": None}), NOON + timedelta(1)).wanted
    with pytest.raises(ValidationFailed):
        both.after(StatedChange({"more": {"a": 1}}), NOON + timedelta(1))


def test_there_is_a_bound_to_corrections_and_taking_one_back_twice_changes_nothing() -> None:
    full = NOTHING_STATED
    for n in range(MAX_CORRECTIONS):
        full = corrected(full, Verdict.WRONG, value=f"value {n}")
    with pytest.raises(ValidationFailed):
        corrected(full, Verdict.WRONG, value="more")
    assert corrected(full, Verdict.RESTORE, value="more").standing == full.standing


def test_a_statement_wins_over_whatever_was_learned() -> None:
    [facet] = portrait(LEARNED, said({"visual_style": {"modern": 1}}))
    assert [(v.value, v.source, v.weight) for v in facet.values] == [
        ("modern", FacetSource.STATED, 1.0),
        ("retro", FacetSource.LEARNED, None),
    ]
    assert facet.values[0].share > facet.values[1].share
    assert facet.values[0].evidence == 4
    assert sum(value.share for value in facet.values) < 1


def test_what_is_not_wanted_comes_last_without_a_share() -> None:
    [facet] = portrait(LEARNED, said({"visual_style": {"retro": -1}}))
    assert [(v.value, v.weight) for v in facet.values] == [("modern", None), ("retro", -1.0)]
    assert facet.values[-1].share == 0


def test_a_correction_leaves_out_weakens_or_strengthens_and_can_be_undone() -> None:
    def retro(stated: Stated) -> float:
        return sum(v.share for f in portrait(LEARNED, stated) for v in f.values if v.value == "retro")

    wrong, less, more = (corrected(NOTHING_STATED, verdict) for verdict in (Verdict.WRONG, Verdict.LESS, Verdict.MORE))
    assert 0 == retro(wrong) < retro(less) < retro(NOTHING_STATED) < retro(more)
    [facet] = portrait(LEARNED, less)
    assert facet.values[0].source is FacetSource.CORRECTED
    assert [c.verdict for c in wrong.standing] == [Verdict.WRONG]
    restored = corrected(wrong, Verdict.RESTORE, 1)
    assert (retro(restored), restored.standing) == (retro(NOTHING_STATED), [])
    assert corrected(restored, Verdict.RESTORE, 2).revision == restored.revision


def test_ranking_takes_statements_as_wishes_and_corrections_as_factors() -> None:
    taste = taste_of(
        corrected(said({"tag": {"calm": 0.75}, "category": {"calm": 0.75, "sports": -0.5}}), Verdict.WRONG)
    )
    assert taste.preferences == {"calm": 1.0, "sports": -0.5}
    assert taste.factor([("visual_style", "retro"), ("tag", "calm")]) == 0
    assert taste.factor([("tag", "calm")]) == taste.factor([]) == 1


def test_what_is_sealed_is_what_is_opened() -> None:
    key = SubjectKey(SILENT.subject_id, b"k" * 32)
    stated = corrected(said({"pace": {"fast": 1}}, {"pace": None, "tag": {"calm": -0.5}}), Verdict.MORE)
    assert open_stated(key, seal_stated(key, stated)) == stated
    learned = replace(LEARNED, devices={"mobile": LEARNED.facets}, events=44, oldest_at=NOON, latest_at=NOON)
    assert open_learned(key, seal_learned(key, learned)) == learned


FACETS = st.sampled_from(["pace", "tag", "colour"])
VALUES = st.one_of(
    st.none(), st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([-1.0, 0.5, 1.0]), min_size=1)
)
STEP = st.one_of(
    st.dictionaries(FACETS, VALUES, min_size=1, max_size=2),
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(Verdict)),
)


@given(st.lists(st.tuples(st.booleans(), STEP), max_size=12))
def test_two_halves_join_to_what_one_would_have_been(steps: list[tuple[bool, Any]]) -> None:
    def told(only: bool | None) -> Stated:
        stated = NOTHING_STATED
        for minute, (mine, step) in enumerate(steps):
            if only in {None, mine}:
                at = NOON + timedelta(minutes=minute)
                if isinstance(step, dict):
                    stated = stated.after(StatedChange(step), at)
                else:
                    stated = stated.corrected(Correction("tag", *step, corrected_at=at), None)
        return stated

    whole, joined = told(None), told(only=True).joined(told(only=False))

    def held(stated: Stated) -> Any:
        return stated.wanted, sorted((c.value, c.verdict) for c in stated.standing)

    assert held(joined) == held(whole)
