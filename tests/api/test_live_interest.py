"""What people take to shows within seconds of being learned, without a training and without naming anybody."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette

from domain.bootstrap import open_worker
from domain.catalog.model import CatalogItem, ItemKind
from domain.clock import FixedClock, SystemClock
from domain.ids import ItemId, TenantId
from domain.interest.model import FADED_AWAY
from domain.models.factor_model import FactorModel, ServingParameters
from domain.settings import Settings
from tests.api.graphql_room import LEARN, Graph, caller
from tests.api.rest_room import ITEMS, RestRoom, application
from workers import main

PATIENCE_SECONDS = 15.0
TRENDS = """query T($kind: ItemKind, $window: TrendWindow! = DAY) {
  trendingItems(kind: $kind, window: $window, first: 5) {
    countedAt items { itemId kind title people lift item { tags } } } }"""
PAGE = """query P($user: String!, $first: Int! = 10, $kind: ItemKind) {
  recommendations(userId: $user, first: $first, kind: $kind) {
    modelVersion edges { node { itemId reasons { code evidence } } } } }"""
COUNTERFACTUAL = """query C($user: String!, $item: String!) { counterfactual(userId: $user, itemId: $item, first: 3) {
  place without placeWithout leavesPage text } }"""


@pytest.fixture(scope="module")
async def uncached(rest_settings: Settings) -> AsyncIterator[Starlette]:
    async with application(rest_settings.model_copy(update={"cache_ttl": 0})) as app:
        yield app


@pytest.fixture
async def room(uncached: Starlette, rest_settings: Settings, tenant: TenantId) -> RestRoom:
    """What others do shows in a list when it is made, and lists are cached; so here they are not."""
    return await RestRoom(uncached, rest_settings, tenant).furnish()


async def use(room: RestRoom, people: Iterable[str], *items: str) -> None:
    """Let each of these people use the items, and learn from it as a worker does."""
    actions = [{"type": "template_used", "feature": item} for item in items]
    for user in people:
        await room.agree(user)
        await caller(room.app, room.tenant, user).ask(LEARN, input={"userId": user, "actions": actions})
    await room.learn()


async def trending(graph: Graph, **asked: Any) -> list[str]:
    return [item["itemId"] for item in (await graph.ask(TRENDS, **asked))["items"]]


async def eventually(graph: Graph, expected: list[str], **asked: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await trending(graph, **asked) != expected:  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.2)


async def listed(graph: Graph, user: str, **asked: Any) -> list[dict[str, Any]]:
    return [edge["node"] for edge in (await graph.ask(PAGE, user=user, **asked))["edges"]]


@pytest.fixture
def reader(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, "reader")


async def trained(room: RestRoom) -> None:
    """Serve a model that knows two tastes among the templates, and every template by 20 to 200 people, and no style."""
    known = sorted(item.item_id for item in ITEMS if item.kind is ItemKind.TEMPLATE)
    taste = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)[np.arange(len(known)) % 2]
    noise = np.random.default_rng(0).normal(scale=0.05, size=taste.shape)
    model = FactorModel(
        algorithm="als",
        item_ids=tuple(known),
        item_kinds=np.zeros(len(known), dtype=np.int8),
        factors=(taste + noise).astype(np.float32),
        popularity=np.linspace(200, 20, len(known), dtype=np.float32),
        trend=np.zeros(len(known), dtype=np.float32),
        parameters=ServingParameters(6.0, 0.1, 1.0, 5.0, 0.2, 2.0),
    )
    async with open_worker(room.settings) as worker:
        await worker.services.models.publish(room.tenant, model.to_artifact({}, {}, {}))


async def test_a_burst_shows_in_trends_and_in_lists_once_five_people_are_in_it(room: RestRoom, reader: Graph) -> None:
    await use(room, [f"user{n}" for n in range(4)], "template_7")
    assert await trending(reader) == []
    await use(room, ["user4", "user5"], "template_7")
    await eventually(reader, ["template_7"])
    [item] = (await reader.ask(TRENDS))["items"]
    assert (item["kind"], item["title"], item["item"]["tags"]) == ("TEMPLATE", "Template 7", ["clean"])
    assert item["people"] == 5
    assert item["lift"] > 1.5
    assert await trending(reader, kind="STYLE") == []
    assert await trending(reader, window="MONTH") == ["template_7"]
    first = (await listed(reader, "reader"))[0]
    assert first["itemId"] == "template_7"
    assert {reason["code"] for reason in first["reasons"]} == {"POPULAR", "TRENDING"}


async def test_one_busy_person_is_no_trend(room: RestRoom, reader: Graph) -> None:
    for _ in range(8):
        await use(room, ["busy"], "template_7")
    assert await trending(reader) == []


async def test_an_item_that_the_model_does_not_know_rises_by_live_counts(room: RestRoom, reader: Graph) -> None:
    await trained(room)
    new = CatalogItem(ItemId("brand_new"), ItemKind.TEMPLATE, "Brand new", "", ("clean",), "business")
    await room.services.catalog.upsert(room.tenant, [new])
    before = [node["itemId"] for node in await listed(reader, "reader", first=40)]
    await use(room, [f"user{n}" for n in range(9)], "brand_new")
    await eventually(reader, ["brand_new"])
    after = [node["itemId"] for node in await listed(reader, "reader", first=40)]
    assert after.index("brand_new") < before.index("brand_new")


async def test_items_that_people_take_together_follow_from_one_another(room: RestRoom, reader: Graph) -> None:
    await use(room, [f"user{n}" for n in range(6)], "template_20", "modern")
    await use(room, ["fan"], "template_20")
    await use(room, ["other"], "template_3")
    await eventually(reader, ["template_20", "modern"])
    styles = await listed(caller(room.app, room.tenant, "fan"), "fan", kind="STYLE")
    [reason] = [r for r in styles[0]["reasons"] if r["code"] == "SIMILAR_TO_YOUR_ACTIONS"]
    assert (styles[0]["itemId"], reason["evidence"]) == ("modern", ["template_20"])
    unrelated = await listed(caller(room.app, room.tenant, "other"), "other", kind="STYLE")
    assert "SIMILAR_TO_YOUR_ACTIONS" not in [r["code"] for r in unrelated[0]["reasons"]]


async def test_a_counterfactual_names_what_holds_an_item_and_where_it_falls(room: RestRoom) -> None:
    await trained(room)
    await use(room, ["anna"], "template_10", "template_12")
    anna = caller(room.app, room.tenant, "anna")
    first = (await listed(anna, "anna", first=3))[0]["itemId"]
    said = await anna.ask(COUNTERFACTUAL, user="anna", item=first)
    assert said["place"] == 1
    assert set(said["without"]) <= {"template_10", "template_12"}
    assert said["without"]
    assert said["leavesPage"] is (said["placeWithout"] > 3)
    assert said["placeWithout"] > 1
    assert f"would fall from place 1 to {said['placeWithout']}" in said["text"]


async def test_what_has_faded_away_is_swept_by_the_worker(room: RestRoom, reader: Graph) -> None:
    await use(room, [f"user{n}" for n in range(5)], "template_7")
    await eventually(reader, ["template_7"])
    later = FixedClock(SystemClock().now() + FADED_AWAY + timedelta(minutes=1))
    async with open_worker(room.settings, later) as parts:
        await main.sweep_interest({"parts": parts})
        assert (await parts.services.interest.current(room.tenant)).item_ids == ()
    await eventually(reader, [])
