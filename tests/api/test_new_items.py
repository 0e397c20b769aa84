"""Items that came after training, from the catalogue to the page: they stand where their content puts them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from domain.catalog.model import CatalogItem, ItemKind
from domain.clock import SystemClock
from domain.ids import ItemId, TenantId
from domain.jobs.model import JobKind, JobState
from tests.api.graphql_room import LEARN, caller
from tests.api.rest_room import RestRoom
from workers import main

SIMILAR_LIST = """query List($user: String!) { recommendations(userId: $user, first: 12) { edges { node {
  itemId sources reasons { code text evidence features } } } } }"""
PEOPLE = 40


def film(name: str, taste: str, **attributes: str | int) -> CatalogItem:
    return CatalogItem(ItemId(name), ItemKind.CONTENT, f"A {taste} film", "", (taste,), "film", attributes)


@pytest.fixture
async def worker(room: RestRoom) -> AsyncIterator[dict[str, Any]]:
    context: dict[str, Any] = {"settings": room.settings}
    await main.start(context)
    yield context
    await main.stop(context)


async def watched(room: RestRoom, user: str, items: list[str]) -> None:
    await room.agree(user)
    actions = [{"type": "liked", "itemId": item} for item in items]
    await caller(room.app, room.tenant, user).ask(LEARN, input={"userId": user, "actions": actions})


async def trained(room: RestRoom, worker: dict[str, Any]) -> None:
    """A model of people who like either calm or loud films, twelve of each."""
    films = [film(f"{taste}-{n}", taste, year=1990 + n) for taste in ("calm", "loud") for n in range(12)]
    await room.services.catalog.upsert(room.tenant, films)
    random = np.random.default_rng(3)
    for n in range(PEOPLE):
        taste = ("calm", "loud")[n % 2]
        await watched(room, f"user{n}", [f"{taste}-{place}" for place in random.permutation(12)[:7]])
    job_id = await room.services.jobs.enqueue(room.tenant, JobKind.RETRAIN)
    await main.run_job(worker, str(job_id))
    assert (await room.services.jobs.job(room.tenant, job_id)).state is JobState.DONE


async def test_a_new_item_is_recommended_by_its_content_with_the_features_behind_it(
    room: RestRoom, worker: dict[str, Any]
) -> None:
    await trained(room, worker)
    new = [film("fresh", "calm", year=1995), film("noise", "loud", year=1995)]
    await room.services.catalog.upsert(room.tenant, new)
    page = await caller(room.app, room.tenant, "user0").ask(SIMILAR_LIST, user="user0")
    nodes = {edge["node"]["itemId"]: edge["node"] for edge in page["edges"]}
    places = list(nodes)
    assert places.index("fresh") < (places.index("noise") if "noise" in nodes else len(places))
    [reason] = [reason for reason in nodes["fresh"]["reasons"] if reason["code"] == "SIMILAR_CONTENT"]
    assert set(reason["evidence"]) <= {f"calm-{n}" for n in range(12)}
    assert "calm" in reason["features"]
    assert reason["text"].startswith("Like A calm film")
    assert "CONTENT" in nodes["fresh"]["sources"]


async def test_an_attribute_that_an_analysis_writes_moves_a_new_item(room: RestRoom, worker: dict[str, Any]) -> None:
    await trained(room, worker)
    bare = [CatalogItem(ItemId(name), ItemKind.CONTENT, "Untitled") for name in ("one", "two")]
    await room.services.catalog.upsert(room.tenant, bare)
    analysed = [CatalogItem(ItemId("one"), ItemKind.CONTENT, "Untitled", tags=("loud",), category="film")]
    await room.services.catalog.upsert(room.tenant, analysed)
    page = await caller(room.app, room.tenant, "user1").ask(SIMILAR_LIST, user="user1")
    places = [edge["node"]["itemId"] for edge in page["edges"]]
    assert "one" in places
    assert places.index("one") < (places.index("two") if "two" in places else len(places))


SIMILAR = """query Similar($item: String!, $kind: ItemKind, $first: Int! = 10) {
  similarItems(itemId: $item, kind: $kind, first: $first) { itemId kind title score item { title }
    reasons { code weight features } } }"""


async def test_similar_items_of_an_unused_item_share_what_is_said_of_it(room: RestRoom) -> None:
    later = SystemClock().now() + timedelta(days=1)
    await room.services.catalog.upsert(
        room.tenant,
        [
            film("a", "calm", pace="slow"),
            film("b", "calm", pace="slow"),
            film("c", "loud"),
            CatalogItem(ItemId("s"), ItemKind.STYLE, "Calm", tags=("calm",)),
            replace(film("later", "calm", pace="slow"), available_from=later),
        ],
    )
    reader = caller(room.app, room.tenant, "nobody")
    found = await reader.ask(SIMILAR, item="a")
    assert found[0]["itemId"] == "b"
    assert {"a", "later"}.isdisjoint(item["itemId"] for item in found)
    assert [reason["code"] for reason in found[0]["reasons"]] == ["SIMILAR_CONTENT"]
    assert {"pace: slow", "calm"} <= set(found[0]["reasons"][0]["features"])
    assert found[0]["item"] == {"title": "A calm film"}
    assert [item["itemId"] for item in await reader.ask(SIMILAR, item="a", kind="STYLE")] == ["s"]
    assert len(await reader.ask(SIMILAR, item="a", first=1)) == 1


async def test_similar_items_are_used_together_and_the_same_for_everybody(
    room: RestRoom, worker: dict[str, Any]
) -> None:
    await trained(room, worker)
    found = await caller(room.app, room.tenant, "user0").ask(SIMILAR, item="calm-1")
    assert found == await caller(room.app, room.tenant, "user1").ask(SIMILAR, item="calm-1")
    assert found == await caller(room.app, room.tenant, "stranger").ask(SIMILAR, item="calm-1")
    assert all(item["itemId"].startswith("calm") for item in found[:5])
    assert found[0]["reasons"][0]["code"] == "USED_TOGETHER"
    assert [item["score"] for item in found] == sorted((item["score"] for item in found), reverse=True)
    assert all(sum(reason["weight"] for reason in item["reasons"]) == pytest.approx(1) for item in found)


async def test_similar_items_of_what_another_tenant_holds_are_none(room: RestRoom) -> None:
    reader = caller(room.app, TenantId("somebody-else"), "nobody")
    assert await reader.ask(SIMILAR, item="modern_template") is None
    here = caller(room.app, room.tenant, "nobody")
    assert await here.ask(SIMILAR, item="modern_template")
    assert await here.code(SIMILAR, item="modern_template", first=0) == "VALIDATION"
