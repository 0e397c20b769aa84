"""What is noted of a list that was shown: its items, their propensities, and its circumstances."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from domain.behavior.model import Action, BehaviorData, Receipt
from domain.ids import UserId
from domain.privacy.model import OBSERVED_PURPOSES
from domain.recommendations.exploration import POOL, UNIFORM
from domain.recommendations.page import RecommendationList, RecommendationRequest
from domain.storage.postgres import Database
from tests.api.graphql_room import LEARN, Graph, caller
from tests.api.rest_room import AGREED, RestRoom

ANNA = "anna@example.com"
ACTED = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}
PAGE = """query Page($user: String!, $first: Int! = 10, $after: String, $kind: ItemKind,
    $context: RecommendationContextInput, $filter: RecommendationFilterInput) {
  recommendations(userId: $user, first: $first, after: $after, kind: $kind, context: $context, filter: $filter) {
    edges { node { itemId category propensity ruleId position score reasons { code text weight evidence } sources } }
    pageInfo { hasNextPage endCursor } recommendationId policyVersion personalized degraded } }"""


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, ANNA)


async def page(graph: Graph, **asked: Any) -> list[dict[str, Any]]:
    return [edge["node"] for edge in (await graph.ask(PAGE, user=ANNA, **asked))["edges"]]


def ids(nodes: list[dict[str, Any]]) -> list[str]:
    return [node["itemId"] for node in nodes]


async def exposure(room: RestRoom, database: Database, recommendation_id: str) -> Any:
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        return await tx.row("SELECT * FROM recommendations WHERE recommendation_id = $1", UUID(recommendation_id))


async def test_chance_has_a_known_probability_and_leaves_the_rest_alone(
    room: RestRoom, anna: Graph, database: Database
) -> None:
    await room.agree(ANNA)
    await anna.ask(LEARN, input=ACTED)
    ordinary = ids(await page(anna, first=9))
    seen: set[str] = set()
    for _ in range(8):
        answer = await anna.ask(PAGE, user=ANNA)
        nodes = [edge["node"] for edge in answer["edges"]]
        assert ids(nodes)[:9] == ordinary
        assert {node["propensity"] for node in nodes[:9]} == {1.0}
        drawn = nodes[9]
        assert UNIFORM / POOL <= drawn["propensity"] < 1.0
        assert [reason["code"] for reason in drawn["reasons"]] == ["EXPLORATION"]
        assert "explore-1@0.1" in answer["policyVersion"]
        seen.add(drawn["itemId"])
        noted = await exposure(room, database, answer["recommendationId"])
        assert noted["item_ids"] == ids(nodes)
        assert noted["propensities"] == pytest.approx([node["propensity"] for node in nodes])
        assert noted["policy_version"] == answer["policyVersion"]
    assert len(seen) > 1


@pytest.mark.parametrize("withheld", [True, False])
async def test_only_a_list_that_is_shown_is_noted(room: RestRoom, database: Database, withheld: bool) -> None:
    await room.agree(ANNA)
    page = await room.services.recommendations.recommend(
        room.tenant, UserId(ANNA), RecommendationRequest(), withheld=lambda _page: withheld
    )
    noted = await exposure(room, database, str(page.recommendation_id))
    assert (noted is None) == withheld


async def test_the_circumstances_of_a_list_are_kept_with_it(room: RestRoom, anna: Graph, database: Database) -> None:
    await room.agree(ANNA)
    context = {
        "surface": "home", "device": "mobile", "purpose": "social_media", "localTime": "2026-03-10T21:15:00+09:00"
    }  # fmt: skip
    answer = await anna.ask(PAGE, user=ANNA, context=context)
    noted = await exposure(room, database, answer["recommendationId"])
    kept = [noted[name] for name in ("surface", "device", "purpose", "local_hour", "weekday")]
    assert kept == ["home", "mobile", "social_media", 21, 1]


async def test_lists_that_are_served_at_once_are_noted_each_for_its_own_person(
    room: RestRoom, database: Database
) -> None:
    people = [f"visitor-{n}@example.com" for n in range(12)]
    for person in people:
        await room.agree(person)
    await room.services.privacy.record_consent(
        room.tenant, UserId(people[0]), OBSERVED_PURPOSES, granted=False, evidence=AGREED
    )

    async def served(person: str) -> RecommendationList:
        return await room.services.recommendations.recommend(room.tenant, UserId(person), RecommendationRequest())

    lists = await asyncio.gather(*(served(person) for person in people for _ in range(3)))
    noted: dict[str, set[UUID]] = {}
    for person in people:
        subject = await room.services.directory.resolve(room.tenant, UserId(person))
        assert subject is not None
        async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
            rows = await tx.rows("SELECT recommendation_id, item_ids FROM recommendations")
        noted[person] = {row["recommendation_id"] for row in rows}
    assert noted.pop(people[0]) == set()
    expected = {
        person: {found.recommendation_id for found in lists[3 * place : 3 * place + 3]}
        for place, person in enumerate(people)
        if place
    }
    assert noted == expected


async def test_reports_about_one_person_at_once_are_all_kept_and_told_in_order(room: RestRoom) -> None:
    await room.agree(ANNA)
    before = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert before is not None

    async def told(n: int) -> Receipt:
        data = BehaviorData(actions=(Action("viewed", feature=f"template_{n % 3}"),))
        return await room.services.behavior.learn_preferences(room.tenant, UserId(ANNA), data, f"call-{n // 2}")

    receipts = await asyncio.gather(*(told(n) for n in range(16)))
    # Every second call is the retry of the one before it, and adds nothing.
    assert sum(receipt.accepted for receipt in receipts) == 8
    assert sum(receipt.duplicates for receipt in receipts) == 8
    versions = sorted(receipt.version for receipt in receipts if receipt.accepted)
    assert versions == list(range(before.version + 1, before.version + 9))
