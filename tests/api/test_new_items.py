"""Items that came after training, from the catalogue to the page: they stand where their content puts them."""

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from domain.catalog.model import CatalogItem, ItemKind
from domain.ids import ItemId
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
