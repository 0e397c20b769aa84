"""Lists from the cache, seen from outside: of every kind, explored as new ones are, overtaken by whatever changes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.behavior.importing import ImportedBehavior
from domain.behavior.model import Interaction, InteractionAction
from domain.bootstrap import open_worker
from domain.clock import SystemClock
from domain.ids import ItemId, UserId
from domain.rules.model import Rule, RuleKind, Selector
from domain.storage.postgres import Database
from tests.api.cache_room import ANNA, PROFILE, STATED, kept, known, status
from tests.api.graphql_room import caller
from tests.api.rest_room import AGREED, ITEMS, RestRoom, application
from tests.storage.test_model_store import artifact


@pytest.fixture
async def anna(room: RestRoom) -> AsyncIterator[httpx.AsyncClient]:
    async with known(room) as client:
        yield client


LISTS: dict[str, dict[str, Any] | None] = {
    "/recommendations": {"userId": ANNA},
    f"/template-recommendations/{ANNA}": None,
    f"/style-recommendations/{ANNA}": None,
    f"/feature-recommendations/{ANNA}": None,
}


async def listed(client: httpx.AsyncClient, path: str = "/recommendations", **options: Any) -> httpx.Response:
    body = LISTS[path]
    if body is None:
        return await client.get(path)
    return await client.post(path, json={**body, "options": options})


def chosen(answer: httpx.Response) -> list[Any]:
    """The places of a list that chance has no part in."""
    assert answer.is_success, answer.text
    return [item for item in answer.json()["recommendations"] if item["propensity"] == 1.0]


def ids(answer: httpx.Response) -> list[str]:
    return [item["itemId"] for item in chosen(answer)]


@pytest.mark.parametrize("path", LISTS)
async def test_every_kind_of_list_is_cached_for_half_an_hour(
    path: str, room: RestRoom, anna: httpx.AsyncClient
) -> None:
    first, second = [await listed(anna, path) for _ in range(2)]
    assert "personalization-recommendations; fwd=miss; stored" in status(first)
    assert status(second) == "personalization-recommendations; hit"
    assert chosen(first) == chosen(second)
    [(value, seconds)] = (await kept(room, "rec:{{{tenant}/*")).values()
    assert 1800 * 0.9 - 5 <= seconds <= 1800
    assert b"template" not in value


async def test_every_serving_of_a_cached_list_is_a_list_of_its_own(
    room: RestRoom, anna: httpx.AsyncClient, database: Database
) -> None:
    """With its own id, its own draws, and an exposure that has their propensities."""
    answers = [(await listed(anna)).json() for _ in range(8)]
    assert (await listed(anna)).headers["Cache-Status"].startswith("personalization-recommendations; hit")
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        noted = {str(row["recommendation_id"]): row for row in await tx.rows("SELECT * FROM recommendations")}
    for answer in answers:
        exposure, items = noted[answer["recommendationId"]], answer["recommendations"]
        assert exposure["item_ids"] == [item["itemId"] for item in items]
        assert exposure["propensities"] == pytest.approx([item["propensity"] for item in items])
        assert exposure["model_version"] == answer["modelVersion"]
    assert len(noted) == 9
    assert len({answer["recommendations"][9]["itemId"] for answer in answers}) > 1


async def test_an_item_sent_away_is_gone_from_the_next_list_of_every_process(
    room: RestRoom, anna: httpx.AsyncClient
) -> None:
    async with application(room.settings) as app, RestRoom(app, room.settings, room.tenant).caller(ANNA) as elsewhere:
        for client in (anna, elsewhere):
            before = ids(await listed(client))
            sent_away = {"userId": ANNA, "itemId": before[0], "action": "dismissed"}
            assert (await anna.post("/track-interaction", json=sent_away)).is_success
            for reader in (elsewhere, anna):
                assert before[0] not in ids(await listed(reader))


async def test_what_the_catalogue_and_the_rules_say_holds_at_once(room: RestRoom, anna: httpx.AsyncClient) -> None:
    first = ids(await listed(anna))[0]
    await room.services.rules.upsert(
        room.tenant, [Rule("away", RuleKind.EXCLUDE, Selector(item_ids=frozenset({ItemId(first)})))]
    )
    without = await listed(anna)
    assert "fwd=miss" in status(without)
    assert first not in ids(without)
    second = ids(without)[0]
    [item] = [item for item in ITEMS if item.item_id == second]
    await room.services.catalog.upsert(room.tenant, [replace(item, title="Renamed")])
    assert chosen(await listed(anna))[0]["title"] == "Renamed"


async def test_another_model_makes_another_list(room: RestRoom, anna: httpx.AsyncClient) -> None:
    versions = []
    for popularity in (1.0, 2.0):
        async with open_worker(room.settings) as worker:
            await worker.services.models.publish(room.tenant, artifact(popularity))
        await room.services.models.refresh(room.tenant)
        versions += [(await listed(anna)).json()["modelVersion"] for _ in range(2)]
    await room.services.models.roll_back(room.tenant, actor="tests")
    versions.append((await listed(anna)).json()["modelVersion"])
    assert versions[0] == versions[1] == versions[4] != versions[2] == versions[3]


async def test_imported_behaviour_is_seen_at_once(room: RestRoom, anna: httpx.AsyncClient) -> None:
    """Before anything is learned from it: nobody is told of an import, and no version is taken."""
    first = ids(await listed(anna))[0]
    event = ImportedBehavior(UserId(ANNA), "template_used", ItemId(first), SystemClock().now())
    assert (await room.services.imports.import_events(room.tenant, [event])).accepted == 1
    assert first not in ids(await listed(anna))
    again = await room.services.imports.import_events(room.tenant, [event])
    assert (again.accepted, status(await listed(anna))) == (0, "personalization-recommendations; hit")


async def test_who_becomes_one_person_has_one_list(room: RestRoom, anna: httpx.AsyncClient) -> None:
    first = ids(await listed(anna))[0]
    await room.agree("visitor")
    async with room.caller("visitor") as visitor:
        used = {"actions": [{"type": "template_used", "feature": first}]}
        assert (await visitor.post("/learn-preferences", json={"userId": "visitor", "behaviorData": used})).is_success
        await room.services.identities.merge(room.tenant, UserId("visitor"), UserId(ANNA))
        assert first not in ids(await listed(anna))
        body = {"userId": "visitor"}
        assert status(await visitor.post("/recommendations", json=body)) == "personalization-recommendations; hit"


async def test_a_list_about_nobody_is_shared_and_names_nobody(room: RestRoom) -> None:
    answers = []
    for user in ("bert", "carl"):
        async with room.caller(user) as client:
            answers.append(await client.post("/recommendations", json={"userId": user}))
    assert [status(answer).split("; ")[1] for answer in answers] == ["fwd=miss", "hit"]
    assert chosen(answers[0]) == chosen(answers[1])
    assert await kept(room, "rec:{{{tenant}/*") == {}
    [(key, (value, _))] = (await kept(room, "all:{tenant}:*")).items()
    assert b"template" not in key + value


async def test_a_withdrawn_person_gets_the_list_about_nobody(room: RestRoom, anna: httpx.AsyncClient) -> None:
    assert (await listed(anna)).json()["personalized"]
    await room.services.privacy.withdraw(room.tenant, UserId(ANNA), evidence=AGREED)
    answer, anonymous = await listed(anna), await listed(anna, personalized=False)
    assert not answer.json()["personalized"]
    assert (chosen(answer), status(anonymous)) == (chosen(anonymous), "personalization-recommendations; hit")


async def test_what_was_said_alone_and_following_pages_are_not_cached(room: RestRoom, anna: httpx.AsyncClient) -> None:
    page = await listed(anna)
    for _ in range(2):
        following = await listed(anna, after=page.json()["next"])
        assert status(following) == "personalization-recommendations; fwd=bypass; detail=uncached"
    async with application(room.settings.model_copy(update={"ml_enabled": False})) as app:
        assert (await anna.put("/profile", json={"userId": ANNA, **STATED})).is_success
        async with RestRoom(app, room.settings, room.tenant).caller(ANNA) as client:
            answer = await listed(client)
    assert status(answer) == "personalization-recommendations; fwd=bypass; detail=uncached"
    assert answer.json()["degraded"]


async def test_a_list_ends_with_what_is_on_it(room: RestRoom, anna: httpx.AsyncClient) -> None:
    """An item that is no longer available and one whose snooze ends, though nothing is written at that moment."""
    soon = SystemClock().now() + timedelta(seconds=1.6)
    first, second = ids(await listed(anna))[:2]
    [item] = [item for item in ITEMS if item.item_id == first]
    await room.services.catalog.upsert(room.tenant, [replace(item, available_until=soon)])
    # Snoozes last for whole minutes.
    since = soon - timedelta(minutes=1)
    snoozed = Interaction(ItemId(second), InteractionAction.SNOOZED, occurred_at=since, snoozed_until=soon)
    await room.services.behavior.track_interaction(room.tenant, UserId(ANNA), snoozed)
    before = [await listed(anna) for _ in range(2)]
    assert [status(answer).split("; ")[1] for answer in before] == ["fwd=miss", "hit"]
    assert first in ids(before[1])
    assert second not in ids(before[1])
    await asyncio.sleep((soon - SystemClock().now()).total_seconds() + 0.05)
    after = await listed(anna)
    assert first not in ids(after)
    assert second in ids(after)


async def test_similar_items_are_cached_for_everybody(room: RestRoom, anna: httpx.AsyncClient) -> None:
    graph = caller(room.app, room.tenant, ANNA)
    asked = '{ similarItems(itemId: "modern_template", first: 5) { itemId title score reasons { features } } }'
    first, second = [await graph.whole(asked) for _ in range(2)]
    assert first["data"] == second["data"]
    assert [answer["extensions"]["cache"][0]["outcome"] for answer in (first, second)] == ["MISS", "HIT"]
    assert (await anna.get(PROFILE)).is_success
