"""A page that was kept and read again is the page that would have been made, whatever rules and chance say."""

from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from domain.recommendations.circumstances import Circumstances
from domain.recommendations.draft import Draft
from domain.recommendations.exploration import Exploration
from domain.recommendations.model import RecommendationQuery
from domain.rules.model import Rule, RuleBook, RuleKind
from domain.rules.steering import RuleSheet
from tests.properties.test_chance_and_rules import CATALOG, NOON, RECOMMENDER, rules

FORM = TypeAdapter(Draft)


def steered(given_rules: list[dict[str, Any]], share: float, seed: int) -> Circumstances:
    made = tuple(Rule(f"r{n}", **rule) for n, rule in enumerate(given_rules))
    pins = {rule.pinned: rule for rule in made if rule.kind is RuleKind.PIN}
    places = {rule.position: rule for rule in pins.values()}
    book = RuleBook(1, tuple(rule for rule in made if rule.kind is not RuleKind.PIN or rule in places.values()))
    steering = RuleSheet(book, CATALOG).steering(None, None, None, NOON)
    return Circumstances(steering, None, Exploration(UUID(int=seed), share) if share else None)


@given(
    given_rules=st.lists(rules, max_size=4),
    share=st.sampled_from([0.0, 0.1, 0.5]),
    limit=st.integers(1, 40),
    shown=st.integers(0, 5),
    servings=st.lists(st.integers(0, 2**64), min_size=1, max_size=4),
)
def test_a_kept_page_is_served_as_a_new_one_would_be(
    given_rules: list[dict[str, Any]], share: float, limit: int, shown: int, servings: list[int]
) -> None:
    query = RecommendationQuery(limit=limit, shown=shown)
    draft = RECOMMENDER.draft([], query, at=NOON, around=steered(given_rules, share, 0))
    kept = FORM.validate_json(FORM.dump_json(draft))
    assert kept == draft
    for seed in servings:
        around = steered(given_rules, share, seed)
        page = kept.page(around.exploration)
        assert page == RECOMMENDER.recommend([], query, at=NOON, around=around)
        drawn = {entry.item_id for entry in page if entry.propensity < 1}
        assert drawn <= {item_id for item_id, _ in kept.pool}
        assert {entry.item_id for entry in page} <= set(kept.item_ids)
