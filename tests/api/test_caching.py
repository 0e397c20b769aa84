"""What is cached, seen from outside: it saves work, says so, and never shows what has been overtaken."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from domain.ids import UserId
from domain.privacy.model import OBSERVED_PURPOSES
from domain.settings import Settings
from domain.storage.embedded import EmbeddedValkey
from tests.api.cache_room import ANNA, PROFILE, STATED, kept, known, status
from tests.api.graphql_room import Graph, begun, caller, served
from tests.api.rest_room import AGREED, RestRoom, application, token
from tests.api.test_live_outage import outage

SHOWN = "recommendations { edges { node { itemId } } }"


@pytest.fixture
async def anna(room: RestRoom) -> AsyncIterator[httpx.AsyncClient]:
    async with known(room) as client:
        yield client


async def test_a_profile_is_cached_for_an_hour_and_the_answer_says_so(room: RestRoom, anna: httpx.AsyncClient) -> None:
    first, second = await anna.get(PROFILE), await anna.get(PROFILE)
    assert status(first) == "personalization-profiles; fwd=miss; stored"
    assert status(second) == "personalization-profiles; hit"
    assert first.json() == second.json()
    [(_, seconds)] = (await kept(room, "prof:{{{tenant}/*")).values()
    assert 3600 * 0.9 - 5 <= seconds <= 3600


async def test_what_lies_in_redis_says_nothing(room: RestRoom, anna: httpx.AsyncClient) -> None:
    await anna.get(PROFILE)
    [(key, (value, _))] = (await kept(room, "prof:{{{tenant}/*")).items()
    assert not any(word in key + value for word in (b"modern", b"business", b"facets", ANNA.encode()))


async def test_an_own_action_is_seen_at_once_by_every_process(room: RestRoom, anna: httpx.AsyncClient) -> None:
    async with application(room.settings) as app:
        other = RestRoom(app, room.settings, room.tenant)
        async with other.caller(ANNA) as elsewhere:
            assert status(await anna.get(PROFILE)).endswith("stored")
            assert status(await elsewhere.get(PROFILE)).endswith("hit")
            stated = await anna.put("/profile", json={"userId": ANNA, **STATED})
            assert stated.is_success, stated.text
            seen = (await elsewhere.get(PROFILE)).json()
            assert "pace" in [facet["name"] for facet in seen["profile"]["facets"]]


async def test_a_withdrawal_leaves_nothing_cached_to_be_seen(room: RestRoom, anna: httpx.AsyncClient) -> None:
    assert (await anna.get(PROFILE)).json()["profile"]["facets"]
    await room.services.privacy.record_consent(
        room.tenant, UserId(ANNA), OBSERVED_PURPOSES, granted=False, evidence=AGREED
    )
    answer = await anna.get(PROFILE)
    assert status(answer) == "personalization-profiles; fwd=bypass; detail=uncached"
    assert answer.json()["profile"]["facets"] == []


async def test_nothing_is_cached_of_a_person_who_is_not_personalised(room: RestRoom) -> None:
    await room.services.directory.ensure(room.tenant, UserId(ANNA))
    async with room.caller(ANNA) as client:
        for _ in range(2):
            assert status(await client.get(PROFILE)) == "personalization-profiles; fwd=bypass; detail=uncached"
    assert await kept(room, "*{tenant}*") == {}


@pytest.fixture
async def uncached(rest_settings: Settings) -> AsyncIterator[Starlette]:
    async with application(rest_settings.model_copy(update={"cache_ttl": 0})) as app:
        yield app


async def test_a_ttl_of_nothing_turns_caching_off(room: RestRoom, anna: httpx.AsyncClient, uncached: Starlette) -> None:
    async with RestRoom(uncached, room.settings, room.tenant).caller(ANNA) as client:
        for _ in range(2):
            assert status(await client.get(PROFILE)) == "personalization-profiles; fwd=bypass; detail=off"
    assert await kept(room, "prof:{{{tenant}/*") == {}
    assert (await anna.get(PROFILE)).is_success


async def test_the_ttl_is_the_configured_one(room: RestRoom, anna: httpx.AsyncClient) -> None:
    settings = room.settings.model_copy(update={"cache_ttl": 100})
    async with application(settings) as app, RestRoom(app, settings, room.tenant).caller(ANNA) as client:
        answer = await client.get(PROFILE)
    assert "ttl=100" in answer.headers["Cache-Status"]
    [(_, seconds)] = (await kept(room, "prof:{{{tenant}/*")).values()
    assert 80 <= seconds <= 100
    assert (await anna.get(PROFILE)).is_success


async def test_without_redis_answers_are_made_anew_and_say_so(
    room: RestRoom, anna: httpx.AsyncClient, tmp_path: Path
) -> None:
    valkey = EmbeddedValkey(tmp_path)
    valkey.start()
    try:
        settings = room.settings.model_copy(update={"redis_url": valkey.address.url})
        async with application(settings) as app, RestRoom(app, settings, room.tenant).caller(ANNA) as client:
            before = await client.get(PROFILE)
            await outage(valkey)
            away = await client.get(PROFILE)
            metrics = (await client.get("http://test/metrics")).text
    finally:
        valkey.stop()
    assert status(away) == "personalization-profiles; fwd=bypass; detail=unavailable"
    assert away.json() == before.json() == (await anna.get(PROFILE)).json()
    lookups = 'personalization_cache_lookups_total{bypass="unavailable",cache="profiles",outcome="bypass"} 1.0'
    assert lookups in metrics


async def test_graphql_says_it_of_every_operation(room: RestRoom, anna: httpx.AsyncClient) -> None:
    graph: Graph = caller(room.app, room.tenant, ANNA)
    asked = f'{{ a: profile(userId: "{ANNA}") {{ version }} b: catalogItem(itemId: "modern") {{ title }} }}'
    told: list[dict[str, Any]] = []
    for _ in range(2):
        told += (await graph.whole(asked))["extensions"]["cache"]
    assert [report["outcome"] for report in told] == ["MISS", "HIT"]
    assert {report["cache"] for report in told} == {"profiles"}
    assert 3500 < told[1]["ttlSeconds"] <= 3600
    assert (await anna.get(PROFILE)).is_success


async def test_a_socket_says_it_of_each_event(room: RestRoom, anna: httpx.AsyncClient) -> None:
    live = f'subscription {{ recommendationUpdates(userId: "{ANNA}", first: 5) {{ {SHOWN} }} }}'
    async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
        await opened.subscribe(live)
        events = [(await opened.receive())["payload"]]
        first = events[0]["data"]["recommendationUpdates"]["recommendations"]["edges"][0]["node"]["itemId"]
        sent_away = {"userId": ANNA, "itemId": first, "action": "dismissed"}
        assert (await anna.post("/track-interaction", json=sent_away)).is_success
        events.append((await opened.receive())["payload"])
    told = [{(report["cache"], report["outcome"]) for report in event["extensions"]["cache"]} for event in events]
    assert told == [{("recommendations", "MISS")}] * 2
