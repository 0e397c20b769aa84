"""Draws have exactly the probabilities they say; pages keep every rule and are never short without cause."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot, SnapshotRow, build_snapshot
from domain.ids import ItemId, TenantId
from domain.recommendations.circumstances import Circumstances
from domain.recommendations.exploration import POOL, UNIFORM, Exploration, chances, optimistic
from domain.recommendations.model import RecommendationQuery
from domain.recommendations.page import PastAction
from domain.recommendations.ranking import Recommender
from domain.recommendations.selection import Quotas, pool_of
from domain.recommendations.wishes import Wish, past_of
from domain.rules.model import CapGroup, Rule, RuleBook, RuleKind, Scope, Selector
from domain.rules.steering import Cap, RuleSheet

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SPACE = UUID(int=7)
DRAWS = 20_000


def seeds(count: int) -> list[UUID]:
    return [uuid5(SPACE, str(number)) for number in range(count)]


def test_draws_come_up_as_often_as_they_say() -> None:
    pool = chances(np.array([2.0, 1.0, 0.0, -3.0], dtype=np.float32))
    assert pool.sum() == pytest.approx(1.0)
    drawn = Counter(Exploration(seed).draw(pool, 1)[0] for seed in seeds(DRAWS))
    for (index, probability), count in drawn.items():
        assert probability == pytest.approx(pool[index])
        assert count / DRAWS == pytest.approx(probability, abs=4 * np.sqrt(probability / DRAWS))
    assert len(drawn) == 4


def test_a_second_draw_is_without_the_first_and_says_so() -> None:
    pool = np.array([0.5, 0.3, 0.2])
    pairs = Counter()
    for seed in seeds(DRAWS):
        (first, one), (second, two) = Exploration(seed).draw(pool, 2)
        assert first != second
        assert two == pytest.approx(pool[second] / (1 - pool[first]))
        pairs[first, second, round(one * two, 12)] += 1
    for (_, _, probability), count in pairs.items():
        assert count / DRAWS == pytest.approx(probability, abs=4 * np.sqrt(probability / DRAWS))
    assert sum(probability for _, _, probability in pairs) == pytest.approx(1.0)


@given(st.integers(0, 2**128 - 1), st.lists(st.floats(-5, 5), min_size=1, max_size=POOL), st.integers(0, 60))
def test_a_draw_can_be_repeated_and_is_never_hopeless(seed: int, promise: list[float], count: int) -> None:
    pool = chances(np.array(promise, dtype=np.float32))
    assert pool.min() >= UNIFORM / len(pool) - 1e-12
    drawn = Exploration(UUID(int=seed)).draw(pool, count)
    assert drawn == Exploration(UUID(int=seed)).draw(pool, count)
    assert len({index for index, _ in drawn}) == len(drawn) == min(count, len(pool))
    assert all(0 < probability <= 1 for _, probability in drawn)


def test_every_tenth_place_of_the_list_is_drawn_however_it_is_paged() -> None:
    chance = Exploration(SPACE, 0.1)
    whole = chance.places(0, 100)
    assert whole == list(range(9, 100, 10))
    assert [shown + place for shown in range(0, 100, 7) for place in chance.places(shown, min(7, 100 - shown))] == whole
    assert Exploration(SPACE, 0.0).places(0, 100) == []


def test_what_few_have_tried_is_promising() -> None:
    same = np.zeros(3, dtype=np.float32)
    promise = optimistic(same, np.array([0, 10, 1000], dtype=np.float32))
    assert promise.tolist() == sorted(promise.tolist(), reverse=True)


def catalog(count: int = 30) -> CatalogSnapshot:
    kinds = list(ItemKind)
    return build_snapshot(
        TenantId("t"),
        1,
        [
            SnapshotRow(
                ItemId(f"i{n:02d}"), kinds[n % 3], f"i{n}", ("even",) if n % 2 == 0 else (), f"c{n % 5}", None, None,
                sensitive=False, attributes={"size": n % 4, "dark": n % 2 == 0},
            )
            for n in range(count)
        ],
    )  # fmt: skip


CATALOG = catalog()
RECOMMENDER = Recommender(CATALOG, None)

selectors = st.builds(
    Selector,
    item_ids=st.frozensets(st.sampled_from(CATALOG.item_ids), max_size=4),
    kinds=st.frozensets(st.sampled_from(list(ItemKind)), max_size=2),
    categories=st.frozensets(st.sampled_from(["C0", "c1", "c9"]), max_size=2),
    tags=st.frozensets(st.just("EVEN"), max_size=1),
)
some = selectors.filter(lambda selector: selector != Selector())
rules = st.one_of(
    st.builds(lambda items: {"kind": RuleKind.EXCLUDE, "items": items}, some),
    st.builds(lambda items: {"kind": RuleKind.INCLUDE, "items": items}, some),
    st.builds(lambda items, n: {"kind": RuleKind.CAP, "items": items, "at_most": n}, selectors, st.integers(1, 4)),
    st.builds(
        lambda items, n, per: {"kind": RuleKind.CAP, "items": items, "at_most": n, "per": per},
        selectors,
        st.integers(1, 4),
        st.sampled_from(CapGroup),
    ),
    st.builds(
        lambda item, place: {
            "kind": RuleKind.PIN, "items": Selector(item_ids=frozenset({item})), "position": place
        },
        st.sampled_from(CATALOG.item_ids),
        st.integers(0, 30),
    ),
    st.builds(lambda items, f: {"kind": RuleKind.BOOST, "items": items, "factor": f}, selectors, st.floats(1.5, 20)),
)  # fmt: skip


def holds(rule: Rule, row: int) -> bool:
    """Whether a rule is about an item, said once more and plainly."""
    items = rule.items
    return (
        (not items.item_ids or CATALOG.item_ids[row] in items.item_ids)
        and (not items.kinds or CATALOG.kind_of(row) in items.kinds)
        and (not items.categories or CATALOG.category_of(row) in {name.casefold() for name in items.categories})
        and (not items.tags or bool(CATALOG.tags[row]))
    )


def group(rule: Rule, row: int) -> object:
    return {CapGroup.CATEGORY: CATALOG.category_of(row), CapGroup.KIND: CATALOG.kind_of(row), None: 0}[rule.per]


@given(st.lists(rules, max_size=5), st.integers(1, 35), st.booleans())
def test_a_page_keeps_every_rule_and_is_full_if_it_can_be(
    parts: list[dict[str, Any]], limit: int, with_chance: bool
) -> None:
    made = [Rule(rule_id=f"r{n}", **part) for n, part in enumerate(parts)]
    places = {rule.position: rule for rule in made if rule.kind is RuleKind.PIN}
    pinned = {rule.pinned: rule for rule in places.values()}
    made = [rule for rule in made if rule.kind is not RuleKind.PIN or pinned.get(rule.pinned) is rule]
    steering = RuleSheet(RuleBook(1, tuple(made)), CATALOG).steering(None, None, None, NOON)
    around = Circumstances(steering, None, Exploration(SPACE) if with_chance else None)
    page = RECOMMENDER.recommend([], RecommendationQuery(limit=limit), at=NOON, around=around)
    rows = [CATALOG.rows[entry.item_id] for entry in page]
    assert len(set(rows)) == len(rows)
    includes = [rule for rule in made if rule.kind is RuleKind.INCLUDE]
    allowed = [
        row
        for row in range(len(CATALOG))
        if not any(rule.kind is RuleKind.EXCLUDE and holds(rule, row) for rule in made)
        and (not includes or any(holds(rule, row) for rule in includes))
    ]
    assert set(rows) <= set(allowed)
    free = [row for row, entry in zip(rows, page, strict=True) if entry.rule_id is None]
    for rule in (rule for rule in made if rule.kind is RuleKind.CAP):
        unpinned = Counter(group(rule, row) for row in free if holds(rule, row))
        assert max(unpinned.values(), default=0) <= (rule.at_most or 0)
    if not any(rule.kind is RuleKind.CAP for rule in made):
        assert len(rows) == min(limit, len(allowed))
    for place, entry in enumerate(page):
        if entry.rule_id is not None and len(page) == limit and any(r.position == place for r in pinned.values()):
            assert {rule.rule_id: rule.position for rule in pinned.values()}[entry.rule_id] in range(place, 31)


def test_what_one_of_several_rules_includes_is_included() -> None:
    made = [Rule(name, RuleKind.INCLUDE, Selector(categories=frozenset({name}))) for name in ("c0", "c1")]
    steering = RuleSheet(RuleBook(1, tuple(made)), CATALOG).steering(None, None, None, NOON)
    page = RECOMMENDER.recommend([], RecommendationQuery(limit=40), at=NOON, around=Circumstances(steering))
    assert {CATALOG.category_of(CATALOG.rows[entry.item_id]) for entry in page} == {"c0", "c1"}


def test_a_page_is_filled_from_beyond_the_pool_where_a_cap_shuts_the_best_out() -> None:
    large = catalog(400)
    first = Selector(categories=frozenset({"c0"}))
    made = (Rule("up", RuleKind.BOOST, first, amount=3.0), Rule("cap", RuleKind.CAP, first, at_most=1))
    steering = RuleSheet(RuleBook(1, made), large).steering(None, None, None, NOON)
    page = Recommender(large, None).recommend(
        [], RecommendationQuery(limit=10), at=NOON, around=Circumstances(steering)
    )
    assert len(page) == 10
    assert [large.category_of(large.rows[entry.item_id]) for entry in page].count("c0") == 1


def test_draws_keep_to_the_caps_as_well() -> None:
    made = (Rule("cap", RuleKind.CAP, at_most=1, per=CapGroup.CATEGORY),)
    large = catalog(400)
    steering = RuleSheet(RuleBook(1, made), large).steering(None, None, None, NOON)
    for seed in seeds(40):
        around = Circumstances(steering, None, Exploration(seed, 0.5))
        page = Recommender(large, None).recommend([], RecommendationQuery(limit=6), at=NOON, around=around)
        categories = [large.category_of(large.rows[entry.item_id]) for entry in page]
        assert sorted(categories) == ["c0", "c1", "c2", "c3", "c4"]
        assert [entry.propensity for entry in page if entry.propensity < 1]


@given(st.integers(0, 4), st.integers(1, 6), st.integers(0, 8))
def test_a_cap_ends_no_draws_while_others_may_be_shown(at_most: int, draws: int, others: int) -> None:
    capped = 60
    groups = np.array([0] * capped + [-1] * others, dtype=np.int32)
    ranked = np.linspace(3.0, 0.0, len(groups), dtype=np.float32)
    quotas = Quotas([Cap(groups, at_most, "cap")])
    pool, lottery = pool_of(ranked, np.zeros_like(ranked), np.arange(len(groups)), draws, quotas)
    for seed in seeds(20):
        drawn = [int(pool[index]) for index, _ in lottery.draw(Exploration(seed), draws)]
        assert len(drawn) == min(draws, at_most + others)
        assert sum(row < capped for row in drawn) <= at_most


def test_attributes_select_by_value_and_type() -> None:
    def selected(**attributes: Any) -> int:
        rule = Rule("r", RuleKind.EXCLUDE, Selector(attributes=attributes))
        allowed = RuleSheet(RuleBook(1, (rule,)), CATALOG).steering(None, None, None, NOON).allowed
        assert allowed is not None
        return int((~allowed).sum())

    assert (selected(size=1), selected(dark=True), selected(dark=1), selected(size=True)) == (8, 15, 0, 0)


def test_a_rule_holds_only_where_and_while_it_is_meant_to() -> None:
    lists = Scope(
        frozenset({ItemKind.STYLE}), frozenset({"home"}), frozenset({"tv"}), NOON, NOON + timedelta(hours=1)
    )  # fmt: skip
    sheet = RuleSheet(RuleBook(1, (Rule("r", RuleKind.BOOST, lists=lists, amount=1.0),)), CATALOG)
    style = frozenset({ItemKind.STYLE})
    assert sheet.steering(style, "home", "tv", NOON).boost is not None
    for kinds, surface, device, at in (
        (None, "home", "tv", NOON),
        (frozenset({ItemKind.STYLE, ItemKind.FEATURE}), "home", "tv", NOON),
        (style, None, "tv", NOON),
        (style, "home", "watch", NOON),
        (style, "home", "tv", NOON - timedelta(seconds=1)),
        (style, "home", "tv", NOON + timedelta(hours=1)),
    ):
        assert sheet.steering(kinds, surface, device, at).boost is None


def act(kind: str, hours: int, item: str = "a", value: float | None = None, *, recent: bool = True) -> PastAction:
    return PastAction(ItemId(item), kind, NOON - timedelta(hours=hours), value, recent)


@pytest.mark.parametrize(
    ("actions", "unwanted"),
    [
        ([act("recommendation_dismissed", 1)], Wish.DISMISSED),
        ([act("recommendation_restored", 1), act("recommendation_dismissed", 2)], None),
        ([act("dismissed", 1), act("recommendation_restored", 2)], Wish.DISMISSED),
        ([act("recommendation_snoozed", 1, value=61)], Wish.SNOOZED),
        ([act("recommendation_snoozed", 1, value=59)], None),
        ([act("recommendation_snoozed", 1)], Wish.SNOOZED),
        ([act("recommendation_snoozed", 24 * 7)], None),
        ([act("recommendation_snoozed", 1, value=30), act("recommendation_snoozed", 2, value=6000)], None),
        ([act("recommendation_snoozed", 1, value=30), act("recommendation_dismissed", 2)], Wish.DISMISSED),
        ([act("recommendation_restored", 0), act("recommendation_snoozed", 1, value=600)], None),
        ([act("liked", 1)], None),
    ],
)
def test_the_latest_word_on_an_item_holds(actions: list[PastAction], unwanted: Wish | None) -> None:
    found = past_of(actions, NOON).unwanted.get(ItemId("a"))
    assert (None if found is None else found.wish) is unwanted


def test_what_is_long_ago_was_still_seen_and_sent_away() -> None:
    past = past_of([act("liked", 1, "b"), act("liked", 9, recent=False), act("dismissed", 9, "c", recent=False)], NOON)
    assert [action.item_id for action in past.actions] == ["b"]
    assert past.seen == {"a", "b"}
    assert set(past.unwanted) == {"c"}


def test_a_restored_item_no_longer_speaks_against_anything() -> None:
    assert past_of([act("recommendation_restored", 1), act("recommendation_dismissed", 2)], NOON).actions == ()
